//! What can go wrong, and what the client is told: problem documents (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::auth::Role;

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
    #[error("The username or the password is wrong. Check both and try again.")]
    InvalidCredentials,
    #[error("This account is blocked. Ask an administrator to unblock it.")]
    Blocked,
    #[error("You need at least the {0} role in the namespace. Ask one of its owners for it.")]
    RoleRequired(Role),
    #[error("Only an administrator can do this.")]
    AdminRequired,
    #[error("This instance lets only administrators create top-level namespaces. Ask one of them.")]
    NamespaceCreationRestricted,
    #[error("Only the recipient of the award can do this.")]
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
    #[error("The award is {0}. Only a pending one can be declined.")]
    NotPending(&'static str),
    #[error("The award is revoked, which is final. Award the achievement again instead.")]
    Revoked,
    #[error("The recipient gets no mail: the account is blocked or does not display achievements.")]
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
    #[error("Somebody else changed this at the same moment. Read it again and repeat the request.")]
    Conflict,
    #[error("The body is larger than {0} bytes. Send less.")]
    TooLarge(usize),
    #[error("The body must be sent as {0}. Set the Content-Type header, and no Content-Encoding.")]
    UnsupportedMediaType(&'static str),
    #[error("The request is not valid. Correct the fields listed in errors and send it again.")]
    Invalid(Violations),
    /// The database, or the store of avatars, is locked, down or full: logged, worth another try.
    #[error("The service cannot reach its database or its files right now. Try again shortly.")]
    Unavailable(String),
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

    /// An [`Error::Invalid`] with a single violation.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(Violations::of(field, detail))
    }

    /// The status, the stable name in `type`, and the title of each kind of failure.
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedJson(_) => (S::BAD_REQUEST, "malformed-json", "Malformed JSON"),
            Self::MalformedForm(_) => (S::BAD_REQUEST, "malformed-form", "Malformed form"),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "Sign-in required"),
            Self::InvalidToken => (S::UNAUTHORIZED, "invalid-token", "Invalid token"),
            Self::InvalidCredentials => (
                S::UNAUTHORIZED,
                "invalid-credentials",
                "Invalid credentials",
            ),
            Self::Blocked => (S::FORBIDDEN, "blocked", "Account blocked"),
            Self::RoleRequired(_) => (S::FORBIDDEN, "role-required", "Role required"),
            Self::AdminRequired => (S::FORBIDDEN, "admin-required", "Administrator required"),
            Self::NamespaceCreationRestricted => (
                S::FORBIDDEN,
                "namespace-creation-restricted",
                "Namespace creation restricted",
            ),
            Self::NotRecipient => (S::FORBIDDEN, "not-recipient", "Not the recipient"),
            Self::FieldsForbidden(_) => (
                S::FORBIDDEN,
                "fields-forbidden",
                "Fields not yours to change",
            ),
            Self::NotFound => (S::NOT_FOUND, "not-found", "Not found"),
            Self::FeatureDisabled => (S::NOT_FOUND, "feature-disabled", "Feature turned off"),
            Self::MethodNotAllowed(..) => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::NameTaken => (S::CONFLICT, "name-taken", "Name taken"),
            Self::UsernameTaken => (S::CONFLICT, "username-taken", "Username taken"),
            Self::PathTaken => (S::CONFLICT, "path-taken", "Path taken"),
            Self::NotPending(_) => (S::CONFLICT, "not-pending", "Not pending"),
            Self::Revoked => (S::CONFLICT, "revoked", "Award revoked"),
            Self::NoMail => (S::CONFLICT, "no-mail", "Recipient gets no mail"),
            Self::LinkWouldBeExpired => (
                S::CONFLICT,
                "link-would-be-expired",
                "Link would be expired",
            ),
            Self::LinkExpired => (S::GONE, "link-expired", "Link expired"),
            Self::BodyTimeout => (S::REQUEST_TIMEOUT, "body-timeout", "Body too slow"),
            Self::TooSoon(_) => (S::TOO_MANY_REQUESTS, "too-soon", "Too soon"),
            Self::LastOwner => (S::CONFLICT, "last-owner", "Last owner"),
            Self::OwnAccount => (S::CONFLICT, "own-account", "Own account"),
            Self::Conflict => (S::CONFLICT, "conflict", "Conflict"),
            Self::TooLarge(_) => (S::PAYLOAD_TOO_LARGE, "too-large", "Body too large"),
            Self::UnsupportedMediaType(_) => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::Invalid(_) => (
                S::UNPROCESSABLE_ENTITY,
                "validation-failed",
                "Validation failed",
            ),
            Self::Unavailable(_) => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "Temporarily unavailable",
            ),
            Self::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
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
        self.kind().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, name, title) = self.kind();
        let mut response = HttpResponse::build(status);
        match self {
            Self::Internal(source) => tracing::error!(error = %source, "internal error"),
            Self::Unavailable(reason) => {
                tracing::warn!(reason, "unavailable");
                response.insert_header((RETRY_AFTER, "1"));
            }
            Self::TooSoon(seconds) => {
                response.insert_header((RETRY_AFTER, seconds.to_string()));
            }
            Self::Unauthenticated | Self::InvalidCredentials => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer"));
            }
            Self::InvalidToken => {
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
                r#type: format!("/problems/{name}"),
                title,
                status: status.as_u16(),
                detail: self.to_string(),
                errors: self.violations().0,
            })
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
            DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::ForeignKeyViolation => {
                Self::Conflict
            }
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::ReadOnlyTransaction => Self::Unavailable(info.message().into()),
            DatabaseErrorKind::Unknown
                if PASSING_TROUBLE.iter().any(|trouble| mentions(trouble)) =>
            {
                Self::Unavailable(info.message().into())
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
