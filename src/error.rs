//! What can go wrong, and what the client is told: problem documents (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::auth::Role;
use crate::problems::ProblemType;
use crate::scopes::Scope;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything a request can fail with: one variant per thing that a client can act on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("The body is not JSON: {0}. Send a JSON object.")]
    MalformedJson(String),
    #[error(
        "The form cannot be read: {0}. Send multipart/form-data with a boundary and whole parts."
    )]
    MalformedForm(String),
    #[error(
        "Sign in first: send a token as Authorization: Bearer, from POST /sessions or a personal access token."
    )]
    Unauthenticated,
    #[error(
        "The token is not valid here: it may have expired or been revoked. Get a new one from POST /sessions."
    )]
    InvalidToken,
    #[error(
        "There is no account for this identity, and none could be made of its username and mail address. Ask an administrator for one."
    )]
    UnknownUser,
    #[error("The username or the password is wrong. Check both and try again.")]
    InvalidCredentials,
    #[error("This account is blocked. Ask an administrator to unblock it.")]
    Blocked,
    #[error("You need at least the {0} role in the namespace. Ask one of its owners for it.")]
    RoleRequired(Role),
    #[error("Only an administrator can do this. Ask one of them.")]
    AdminRequired,
    #[error("This instance lets only administrators create top-level namespaces. Ask one of them.")]
    NamespaceCreationRestricted,
    #[error(
        "Only the recipient of the award can do this. Ask them to, or sign in as them if that is you."
    )]
    NotRecipient,
    #[error(
        "You may not change every field that you sent. Leave out those listed in errors; nothing was changed."
    )]
    FieldsForbidden(Violations),
    #[error(
        "There is nothing here, or you may not see it. Check the address and who you are signed in as."
    )]
    NotFound,
    #[error(
        "Achievements are turned off on this instance. An administrator can turn them on with PUT /feature-flags/achievements."
    )]
    FeatureDisabled,
    #[error("This address does not take {0}. The Allow header lists what it takes.")]
    MethodNotAllowed(String, String),
    #[error("The namespace has an achievement of this name already. Choose another name.")]
    NameTaken,
    #[error("The username is taken. Choose another one.")]
    UsernameTaken,
    #[error("There is a namespace at this path already. Choose another path.")]
    PathTaken,
    #[error(
        "The award is {0}, and only a pending one can be declined or have its mail sent again. Read it to see where it stands."
    )]
    NotPending(&'static str),
    #[error("The award is revoked, which is final. Award the achievement again instead.")]
    Revoked,
    #[error(
        "The recipient gets no mail: the account is blocked or does not display achievements. Tell them in another way."
    )]
    NoMail,
    #[error(
        "A link sent now would have expired: it is good for 30 days from the award. Ask the recipient to sign in and accept, or award again."
    )]
    LinkWouldBeExpired,
    #[error(
        "The link has expired: it was good for 30 days. Sign in and accept the award with POST /user-achievements/{{id}}/accept."
    )]
    LinkExpired,
    #[error("The body took too long to arrive. Send it without pauses.")]
    BodyTimeout,
    #[error(
        "The mail of the award was sent a short while ago. Wait {0} seconds before you resend it."
    )]
    TooSoon(i64),
    #[error("The namespace would be left without an owner. Make somebody else its owner first.")]
    LastOwner,
    #[error("You cannot block, demote or delete your own account. Ask another administrator.")]
    OwnAccount,
    #[error(
        "It has changed since you read it: If-Match names another ETag than it has now. Read it again and decide anew."
    )]
    Stale,
    #[error(
        "This Idempotency-Key was used for another request. Send the first one again, or this one with a new key."
    )]
    KeyReused,
    #[error(
        "The first request with this Idempotency-Key is still running. Repeat this one shortly for its answer."
    )]
    StillRunning,
    #[error(
        "The token was not made for this: it lacks the scope {}. Use one that has it, from POST /personal-access-tokens.",
        .0.name()
    )]
    InsufficientScope(Scope),
    #[error("Too many requests. Wait {0} seconds, and send fewer.")]
    RateLimited(u64),
    #[error("Somebody else changed this at the same moment. Read it again and repeat the request.")]
    Conflict,
    #[error("The body is larger than {0} bytes. Send less.")]
    TooLarge(usize),
    #[error("The body must be sent as {0}. Set the Content-Type header, and no Content-Encoding.")]
    UnsupportedMediaType(&'static str),
    #[error("The request is not valid. Correct the fields listed in errors and send it again.")]
    Invalid(Violations),
    /// The database, or the store of avatars, is locked, down or full: logged, worth another try.
    #[error(
        "The service cannot reach its database, its files or its identity provider right now. Try again shortly."
    )]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Ours to fix: logged in full, never shown to the client.
    #[error(
        "Something went wrong on our side. Try again later, or tell the operator the request id."
    )]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An [`Error::Internal`] from a message.
    pub fn internal(message: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(message.into())
    }

    /// An [`Error::Unavailable`] for this reason.
    pub fn unavailable(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(reason.into())
    }

    /// An [`Error::Invalid`] with a single violation.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(Violations::of(field, detail))
    }

    /// What kind of failure it is. That the table has it is checked when this is compiled.
    pub fn kind(&self) -> &'static ProblemType {
        match self {
            Self::MalformedJson(_) => const { ProblemType::named("malformed-json") },
            Self::MalformedForm(_) => const { ProblemType::named("malformed-form") },
            Self::Unauthenticated => const { ProblemType::named("unauthenticated") },
            Self::InvalidToken => const { ProblemType::named("invalid-token") },
            Self::UnknownUser => const { ProblemType::named("unknown-user") },
            Self::InvalidCredentials => const { ProblemType::named("invalid-credentials") },
            Self::Blocked => const { ProblemType::named("blocked") },
            Self::RoleRequired(_) => const { ProblemType::named("role-required") },
            Self::AdminRequired => const { ProblemType::named("admin-required") },
            Self::NamespaceCreationRestricted => {
                const { ProblemType::named("namespace-creation-restricted") }
            }
            Self::NotRecipient => const { ProblemType::named("not-recipient") },
            Self::FieldsForbidden(_) => const { ProblemType::named("fields-forbidden") },
            Self::NotFound => const { ProblemType::named("not-found") },
            Self::FeatureDisabled => const { ProblemType::named("feature-disabled") },
            Self::MethodNotAllowed(..) => const { ProblemType::named("method-not-allowed") },
            Self::NameTaken => const { ProblemType::named("name-taken") },
            Self::UsernameTaken => const { ProblemType::named("username-taken") },
            Self::PathTaken => const { ProblemType::named("path-taken") },
            Self::NotPending(_) => const { ProblemType::named("not-pending") },
            Self::Revoked => const { ProblemType::named("revoked") },
            Self::NoMail => const { ProblemType::named("no-mail") },
            Self::LinkWouldBeExpired => const { ProblemType::named("link-would-be-expired") },
            Self::LinkExpired => const { ProblemType::named("link-expired") },
            Self::BodyTimeout => const { ProblemType::named("body-timeout") },
            Self::TooSoon(_) => const { ProblemType::named("too-soon") },
            Self::LastOwner => const { ProblemType::named("last-owner") },
            Self::OwnAccount => const { ProblemType::named("own-account") },
            Self::KeyReused => const { ProblemType::named("idempotency-key-reused") },
            Self::StillRunning => const { ProblemType::named("still-running") },
            Self::InsufficientScope(_) => const { ProblemType::named("insufficient-scope") },
            Self::RateLimited(_) => const { ProblemType::named("rate-limited") },
            Self::Stale => const { ProblemType::named("stale") },
            Self::Conflict => const { ProblemType::named("conflict") },
            Self::TooLarge(_) => const { ProblemType::named("too-large") },
            Self::UnsupportedMediaType(_) => const { ProblemType::named("unsupported-media-type") },
            Self::Invalid(_) => const { ProblemType::named("validation-failed") },
            Self::Unavailable(_) => const { ProblemType::named("unavailable") },
            Self::Internal(_) => const { ProblemType::named("internal") },
        }
    }

    /// The violations listed in the problem document. A name that is taken is one of its field.
    fn violations(&self) -> Violations {
        match self {
            Self::Invalid(violations) | Self::FieldsForbidden(violations) => violations.clone(),
            Self::NameTaken => Violations::of("name", "is taken"),
            Self::UsernameTaken => Violations::of("username", "is taken"),
            Self::PathTaken => Violations::of("path", "is taken"),
            _ => Violations::default(),
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let kind = self.kind();
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::Internal(source) => {
                response.extensions_mut().insert(Cause::of(&**source));
            }
            Self::Unavailable(source) => {
                response.extensions_mut().insert(Cause::of(&**source));
                response.insert_header((RETRY_AFTER, "1"));
            }
            Self::StillRunning => {
                response.insert_header((RETRY_AFTER, "1"));
            }
            Self::TooSoon(seconds) => {
                response.insert_header((RETRY_AFTER, seconds.to_string()));
            }
            Self::RateLimited(seconds) => {
                response.insert_header((RETRY_AFTER, seconds.to_string()));
            }
            Self::InsufficientScope(scope) => {
                let scope = scope.name();
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                response.insert_header((WWW_AUTHENTICATE, challenge));
            }
            Self::Unauthenticated | Self::InvalidCredentials => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer"));
            }
            Self::InvalidToken | Self::UnknownUser => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""));
            }
            Self::MethodNotAllowed(_, allowed) => {
                response.insert_header((ALLOW, allowed.as_str()));
            }
            _ => {}
        }
        response
            .content_type("application/problem+json")
            .json(Problem {
                r#type: format!("/problems/{}", kind.name),
                title: kind.title,
                status: kind.status,
                detail: self.to_string(),
                errors: self
                    .violations()
                    .0
                    .into_iter()
                    .take(MOST_VIOLATIONS)
                    .collect(),
            })
    }
}

/// Why a request failed by no fault of its client's: an extension of the answer, for the log alone.
#[derive(Clone, Debug)]
pub struct Cause(pub String);

impl Cause {
    /// The error and all that it comes from. Many errors repeat their source in their own message.
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut chain = error.to_string();
        for source in std::iter::successors(error.source(), |error| error.source()) {
            let source = source.to_string();
            if !chain.contains(&source) {
                chain.push_str(": ");
                chain.push_str(&source);
            }
        }
        Self(chain)
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, info) = &error else {
            return match error {
                DieselError::NotFound => Self::NotFound,
                error => Self::Internal(error.into()),
            };
        };
        let mentions = |word| {
            info.message().contains(word)
                || info.constraint_name().is_some_and(|c| c.contains(word))
        };
        match kind {
            DatabaseErrorKind::UniqueViolation if mentions("username_key") => Self::UsernameTaken,
            DatabaseErrorKind::UniqueViolation if mentions("full_path_key") => Self::PathTaken,
            DatabaseErrorKind::UniqueViolation if mentions("name_key") => Self::NameTaken,
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::SerializationFailure => Self::Conflict,
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ReadOnlyTransaction => Self::unavailable(error),
            DatabaseErrorKind::Unknown
                if PASSING_TROUBLE.iter().any(|trouble| mentions(trouble)) =>
            {
                Self::unavailable(error)
            }
            _ => Self::Internal(error.into()),
        }
    }
}

/// How SQLite and PostgreSQL say that they are locked, full, starting or stopping: diesel has no
/// kind of its own for these.
const PASSING_TROUBLE: [&str; 16] = [
    "database is locked",
    "database table is locked",
    "database or disk is full",
    "disk I/O error",
    "attempt to write a readonly database",
    "unable to open database file",
    "No space left on device",
    "deadlock detected",
    "lock timeout",
    "statement timeout",
    "terminating connection",
    "the database system is",
    "server closed the connection",
    "could not receive data from server",
    "no connection to the server",
    "remaining connection slots are reserved",
];

/// What is wrong with a request, field by field.
#[derive(Clone, Debug, Default)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// A single violation; `detail` continues a sentence that begins with the field.
    pub fn of(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(vec![Violation {
            field: field.into(),
            detail: detail.into(),
        }])
    }

    /// Ok where there are none.
    pub fn check(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self))
        }
    }
}

/// How many are told at most: as many as the longest list of a body has elements.
const MOST_VIOLATIONS: usize = 1000;

/// One field of the request that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Violation {
    /// The member of the body, or the parameter.
    #[schema(examples("name"))]
    pub field: String,
    /// What is wrong with it.
    #[schema(examples("must be at most 255 characters long"))]
    pub detail: String,
}

/// A failure, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// The kind of failure: a stable URI reference.
    #[schema(format = "uri-reference", examples("/problems/validation-failed"))]
    r#type: String,
    /// The kind of failure, for people.
    #[schema(value_type = String, examples("Validation failed"))]
    title: &'static str,
    /// The HTTP status.
    #[schema(value_type = i32, minimum = 400, maximum = 599, examples(422))]
    status: u16,
    /// What happened and what to do next.
    #[schema(examples(
        "The request is not valid. Correct the fields listed in errors and send it again."
    ))]
    detail: String,
    /// Every field that is wrong, where fields are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Violation>,
}

/// The failures that any operation can answer.
#[derive(IntoResponses)]
#[allow(dead_code)] // Only read by the contract.
pub enum Failure {
    #[response(
        status = 400,
        description = "The body is not JSON",
        content_type = "application/problem+json"
    )]
    BadRequest(Problem),
    #[response(
        status = 401,
        description = "A valid token is needed",
        content_type = "application/problem+json"
    )]
    Unauthorized(Problem),
    #[response(
        status = 403,
        description = "You may see it, but not do this",
        content_type = "application/problem+json"
    )]
    Forbidden(Problem),
    #[response(
        status = 404,
        description = "It does not exist, or you may not see it",
        content_type = "application/problem+json"
    )]
    NotFound(Problem),
    #[response(
        status = 408,
        description = "The body arrives too slowly",
        content_type = "application/problem+json"
    )]
    BodyTimeout(Problem),
    #[response(
        status = 409,
        description = "It contradicts the present state",
        content_type = "application/problem+json"
    )]
    Conflict(Problem),
    #[response(
        status = 410,
        description = "The link has expired",
        content_type = "application/problem+json"
    )]
    LinkExpired(Problem),
    #[response(
        status = 412,
        description = "It has changed since you read it",
        content_type = "application/problem+json"
    )]
    Stale(Problem),
    #[response(
        status = 413,
        description = "The body is too large",
        content_type = "application/problem+json"
    )]
    TooLarge(Problem),
    #[response(
        status = 415,
        description = "The body is of another media type",
        content_type = "application/problem+json"
    )]
    UnsupportedMediaType(Problem),
    #[response(
        status = 422,
        description = "The request is not valid",
        content_type = "application/problem+json"
    )]
    Invalid(Problem),
    #[response(
        status = 429,
        description = "Too soon: wait as long as Retry-After says",
        content_type = "application/problem+json"
    )]
    TooSoon(Problem),
    #[response(
        status = 500,
        description = "Our own fault",
        content_type = "application/problem+json"
    )]
    Internal(Problem),
    #[response(
        status = 503,
        description = "Try again shortly",
        content_type = "application/problem+json"
    )]
    Unavailable(Problem),
}
