//! The kinds of failures that clients meet: what `type` of a problem document leads to.

/// A kind of failure.
pub struct ProblemType {
    /// Its name: `type` is `/problems/{name}`. Clients rely on it.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    pub title: &'static str,
    /// What it means and what to do next, in Markdown: the README's table, and the page at `type`.
    pub advice: &'static str,
}

impl ProblemType {
    /// The kind of that name, which there must be.
    pub const fn named(name: &str) -> &'static Self {
        let mut index = 0;
        while !same(PROBLEM_TYPES[index].name, name) {
            index += 1;
        }
        &PROBLEM_TYPES[index]
    }
}

/// `a == b`, which constants cannot say.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

/// Every kind, by status.
pub static PROBLEM_TYPES: [ProblemType; 38] = [
    ProblemType {
        name: "malformed-json",
        status: 400,
        title: "Malformed JSON",
        advice: "The body is not JSON. Send a JSON object; `detail` says where it breaks off.",
    },
    ProblemType {
        name: "malformed-form",
        status: 400,
        title: "Malformed form",
        advice: "The form cannot be read. Send `multipart/form-data` with a boundary in `Content-Type` and whole parts.",
    },
    ProblemType {
        name: "unauthenticated",
        status: 401,
        title: "Sign-in required",
        advice: "The operation is for signed-in callers. Send a token as `Authorization: Bearer`: from `POST /sessions`, or a personal access token.",
    },
    ProblemType {
        name: "invalid-token",
        status: 401,
        title: "Invalid token",
        advice: "The token has expired, was revoked, or is not for this instance. Get a new one.",
    },
    ProblemType {
        name: "unknown-user",
        status: 401,
        title: "No account",
        advice: "The identity provider vouches for somebody without an account here. Ask an administrator for one.",
    },
    ProblemType {
        name: "invalid-credentials",
        status: 401,
        title: "Invalid credentials",
        advice: "The username or the password is wrong. Check both and try again.",
    },
    ProblemType {
        name: "blocked",
        status: 403,
        title: "Account blocked",
        advice: "The account is blocked. Ask an administrator to unblock it.",
    },
    ProblemType {
        name: "role-required",
        status: 403,
        title: "Role required",
        advice: "You may see it, but your role in the namespace does not allow this. Ask one of its owners for the role that `detail` names.",
    },
    ProblemType {
        name: "admin-required",
        status: 403,
        title: "Administrator required",
        advice: "Only an administrator can do this. Ask one.",
    },
    ProblemType {
        name: "namespace-creation-restricted",
        status: 403,
        title: "Namespace creation restricted",
        advice: "The instance lets only administrators create top-level namespaces. Ask one, or create it below another.",
    },
    ProblemType {
        name: "not-recipient",
        status: 403,
        title: "Not the recipient",
        advice: "Only the recipient of the award can do this, not even an administrator. Ask them to.",
    },
    ProblemType {
        name: "fields-forbidden",
        status: 403,
        title: "Fields not yours to change",
        advice: "The request names fields that you may not change; nothing was changed. Leave out those listed in `errors`.",
    },
    ProblemType {
        name: "insufficient-scope",
        status: 403,
        title: "Insufficient scope",
        advice: "The personal access token was not made for this. Use one with the scope that `detail` names.",
    },
    ProblemType {
        name: "not-found",
        status: 404,
        title: "Not found",
        advice: "It does not exist, or you may not see it. Check the address and who you are signed in as.",
    },
    ProblemType {
        name: "feature-disabled",
        status: 404,
        title: "Feature turned off",
        advice: "Achievements are turned off on this instance. An administrator turns them on with `PUT /feature-flags/achievements`.",
    },
    ProblemType {
        name: "method-not-allowed",
        status: 405,
        title: "Method not allowed",
        advice: "The address does not take this method. The `Allow` header lists what it takes.",
    },
    ProblemType {
        name: "body-timeout",
        status: 408,
        title: "Body too slow",
        advice: "The body took more than 20 seconds to arrive. Send it without pauses.",
    },
    ProblemType {
        name: "name-taken",
        status: 409,
        title: "Name taken",
        advice: "The namespace has an achievement of this name, whatever its case. Choose another name.",
    },
    ProblemType {
        name: "username-taken",
        status: 409,
        title: "Username taken",
        advice: "The username is taken, whatever its case. Choose another one.",
    },
    ProblemType {
        name: "path-taken",
        status: 409,
        title: "Path taken",
        advice: "There is a namespace at this path. Choose another path.",
    },
    ProblemType {
        name: "not-pending",
        status: 409,
        title: "Not pending",
        advice: "Only a pending award can be declined, or its mail sent again. Read the award to see where it stands.",
    },
    ProblemType {
        name: "revoked",
        status: 409,
        title: "Award revoked",
        advice: "The award is revoked, which is final. Award the achievement again instead.",
    },
    ProblemType {
        name: "no-mail",
        status: 409,
        title: "Recipient gets no mail",
        advice: "The recipient gets no mail: the account is blocked, or does not display achievements. Tell them in another way.",
    },
    ProblemType {
        name: "link-would-be-expired",
        status: 409,
        title: "Link would be expired",
        advice: "A link is good for 30 days from the award, and these are over. Ask the recipient to sign in and accept, or award again.",
    },
    ProblemType {
        name: "last-owner",
        status: 409,
        title: "Last owner",
        advice: "The namespace would be left without an owner. Make somebody else its owner first.",
    },
    ProblemType {
        name: "own-account",
        status: 409,
        title: "Own account",
        advice: "Administrators cannot block, demote or delete themselves. Ask another one.",
    },
    ProblemType {
        name: "still-running",
        status: 409,
        title: "Still running",
        advice: "The first request with this `Idempotency-Key` has not ended yet. Repeat the request after `Retry-After`.",
    },
    ProblemType {
        name: "conflict",
        status: 409,
        title: "Conflict",
        advice: "Somebody else changed it at the same moment. Read it again and repeat the request.",
    },
    ProblemType {
        name: "link-expired",
        status: 410,
        title: "Link expired",
        advice: "The mailed link was good for 30 days. Sign in and accept the award there.",
    },
    ProblemType {
        name: "stale",
        status: 412,
        title: "Changed meanwhile",
        advice: "`If-Match` names another `ETag` than the object has now: somebody changed it since you read it. Nothing was changed. Read it again and decide anew.",
    },
    ProblemType {
        name: "too-large",
        status: 413,
        title: "Body too large",
        advice: "The body is larger than the bytes that `detail` names. Send less.",
    },
    ProblemType {
        name: "unsupported-media-type",
        status: 415,
        title: "Unsupported media type",
        advice: "The body must be of the media type that `detail` names, and not compressed. Set `Content-Type`.",
    },
    ProblemType {
        name: "validation-failed",
        status: 422,
        title: "Validation failed",
        advice: "Fields are wrong; nothing was changed. `errors` lists every one of them: correct them and send it again.",
    },
    ProblemType {
        name: "idempotency-key-reused",
        status: 422,
        title: "Idempotency-Key reused",
        advice: "The `Idempotency-Key` was used for another request. Send a new key with a new request.",
    },
    ProblemType {
        name: "rate-limited",
        status: 429,
        title: "Too many requests",
        advice: "Too many requests from one caller or address. Wait as many seconds as `Retry-After` says.",
    },
    ProblemType {
        name: "too-soon",
        status: 429,
        title: "Too soon",
        advice: "The mail of the award was sent a short while ago. Wait as many seconds as `Retry-After` says.",
    },
    ProblemType {
        name: "internal",
        status: 500,
        title: "Internal error",
        advice: "Our own fault. Nothing was changed; try again later, or tell the operator the `X-Request-Id`.",
    },
    ProblemType {
        name: "unavailable",
        status: 503,
        title: "Temporarily unavailable",
        advice: "The database or the store of avatars cannot be reached, or too many requests wait. Try again after `Retry-After`.",
    },
];
