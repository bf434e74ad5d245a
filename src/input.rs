//! What clients send: bodies and queries, read in full so that every violation is reported at once.

use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::ops::{ControlFlow, Deref};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, ContentEncoding};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::{DateTime, Utc};
use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, Value, ValueKind,
    ValuePointerRef,
};
use serde_json::{Map, Value as JsonValue};
use url::form_urlencoded;

use crate::error::{Error, Result, Violations};

/// The largest JSON body, in bytes: room to reorder some ten thousand awards.
pub const BODY_LIMIT: usize = 256 * 1024;

/// A JSON body.
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Deserr<Violations> + 'static> FromRequest for Json<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let encoded = request
            .headers()
            .get(CONTENT_ENCODING)
            .is_some_and(|e| e != ContentEncoding::Identity.as_str());
        if encoded || request.content_type() != "application/json" {
            return Box::pin(ready(Err(Error::UnsupportedMediaType("application/json"))));
        }
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            let body = body
                .await
                .map_err(|error| match error.as_error::<PayloadError>() {
                    Some(PayloadError::Overflow) => Error::TooLarge(BODY_LIMIT),
                    _ => Error::MalformedJson("it ended early".into()),
                })?;
            let json: JsonValue = serde_json::from_slice(&body)
                .map_err(|error| Error::MalformedJson(error.to_string()))?;
            read(json).map(Self)
        })
    }
}

/// The parameters of the query.
pub struct Query<T>(pub T);

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Deserr<Violations>> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parameters: Map<_, _> = form_urlencoded::parse(request.query_string().as_bytes())
            .map(|(name, value)| (name.into_owned(), JsonValue::String(value.into_owned())))
            .collect();
        ready(read(JsonValue::Object(parameters)).map(Self))
    }
}

fn read<T: Deserr<Violations>>(value: JsonValue) -> Result<T> {
    deserr::deserialize(value).map_err(Error::Invalid)
}

impl DeserializeError for Violations {
    fn error<V: IntoValue>(
        before: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let (field, detail) = match error {
            ErrorKind::MissingField { field } => (member(location, field), "is required".into()),
            ErrorKind::UnknownKey { key, accepted } => (
                member(location, key),
                format!("is not known here: use {}", accepted.join(", ")),
            ),
            ErrorKind::UnknownValue { accepted, .. } => (
                path(location),
                format!("must be one of {}", accepted.join(", ")),
            ),
            // A null stands for an absent member; where that is missed, say so.
            ErrorKind::IncorrectValueKind {
                actual: Value::Null,
                ..
            } => (path(location), "is required".into()),
            ErrorKind::IncorrectValueKind { accepted, .. } => (
                path(location),
                format!(
                    "must be {}",
                    accepted
                        .iter()
                        .copied()
                        .map(kind)
                        .collect::<Vec<_>>()
                        .join(" or ")
                ),
            ),
            ErrorKind::BadSequenceLen { expected, .. } => {
                (path(location), format!("must have {expected} elements"))
            }
            ErrorKind::Unexpected { msg } => (path(location), msg),
        };
        Self::merge(before, Self::of(field, detail), location)
    }
}

impl MergeWithError<Violations> for Violations {
    fn merge(before: Option<Self>, other: Self, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut all = before.unwrap_or_default();
        all.0.extend(other.0);
        ControlFlow::Continue(all)
    }
}

fn kind(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Null => "null",
        ValueKind::Boolean => "true or false",
        ValueKind::Integer | ValueKind::NegativeInteger => "an integer",
        ValueKind::Float => "a number",
        ValueKind::String => "a string",
        ValueKind::Sequence => "an array",
        ValueKind::Map => "an object",
    }
}

fn member(location: ValuePointerRef<'_>, key: &str) -> String {
    match path(location) {
        parent if parent.is_empty() => key.into(),
        parent => format!("{parent}.{key}"),
    }
}

/// What a kind of string must be like.
pub trait Rule {
    /// The string as it is kept; the error says what it must be.
    fn check(text: &str) -> Result<String, String>;
}

/// A string that obeys a rule.
pub struct Checked<R>(String, PhantomData<R>);

impl<R: Rule> Checked<R> {
    /// Checks; the error says what the string must be.
    pub fn new(text: &str) -> Result<Self, String> {
        R::check(text).map(|text| Self(text, PhantomData))
    }
}

impl<R> Deref for Checked<R> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<R: Rule> Deserr<Violations> for Checked<R> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Violations> {
        let text = String::deserialize_from_value(value, location)?;
        Self::new(&text).map_err(|detail| Violations::of(path(location), detail))
    }
}

/// The name of a thing or person.
pub type Name = Checked<Text<1, 255>>;
/// What a thing is about; may be empty.
pub type Description = Checked<Text<0, 1024>>;
/// A username, or one segment of a namespace's path.
pub type Slug = Checked<SlugRule>;
/// A mail address.
pub type Email = Checked<EmailRule>;
/// A password as it is set.
pub type Password = Checked<PasswordRule>;

/// Plain text of `MIN` to `MAX` characters, trimmed, without control characters.
pub struct Text<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Rule for Text<MIN, MAX> {
    fn check(text: &str) -> Result<String, String> {
        let text = text.trim();
        let length = text.chars().count();
        if text.chars().any(char::is_control) {
            Err("must not contain line breaks or other control characters".into())
        } else if length < MIN {
            Err("must not be blank".into())
        } else if length > MAX {
            Err(format!(
                "must be at most {MAX} characters long, and has {length}"
            ))
        } else {
            Ok(text.into())
        }
    }
}

/// Letters, digits, `.`, `_`, `-`; with a non-digit, so that it is no id. `.` and `..` would vanish
/// from addresses, and `-` divides a namespace's address from what belongs to it
/// (`/groups/compilers/-/achievements`).
pub struct SlugRule;

impl Rule for SlugRule {
    fn check(text: &str) -> Result<String, String> {
        if text.is_empty() || text.len() > 255 {
            Err("must be 1 to 255 characters long".into())
        } else if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        {
            Err("must consist of letters, digits, '.', '_' and '-'".into())
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Err("must contain something other than digits".into())
        } else if matches!(text, "." | ".." | "-") {
            Err("must contain a letter, a digit or '_'".into())
        } else {
            Ok(text.into())
        }
    }
}

/// What lettre can send to, of at most 254 characters (RFC 5321).
pub struct EmailRule;

impl Rule for EmailRule {
    fn check(text: &str) -> Result<String, String> {
        match text.trim() {
            text if text.chars().count() <= 254 && text.parse::<lettre::Address>().is_ok() => {
                Ok(text.into())
            }
            _ => Err(
                "must be a mail address such as ada@example.com, of at most 254 characters".into(),
            ),
        }
    }
}

/// 8 to 128 characters, whatever they are: a bound on what argon2 has to hash.
pub struct PasswordRule;

impl Rule for PasswordRule {
    fn check(text: &str) -> Result<String, String> {
        match text.chars().count() {
            8..=128 => Ok(text.into()),
            _ => Err("must be 8 to 128 characters long".into()),
        }
    }
}

/// A moment in RFC 3339.
pub struct Moment(pub DateTime<Utc>);

impl Deserr<Violations> for Moment {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Violations> {
        let text = String::deserialize_from_value(value, location)?;
        DateTime::parse_from_rfc3339(&text)
            .map(|moment| Self(moment.to_utc()))
            .map_err(|_| {
                Violations::of(
                    path(location),
                    "must be a time such as 2030-01-31T12:00:00Z",
                )
            })
    }
}

/// Where in the input the value stands, as `userAchievementIds[3]`.
pub fn path(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => member(*prev, key),
        ValuePointerRef::Index { index, prev } => format!("{}[{index}]", path(*prev)),
    }
}

/// A yes or no in a query: `true` or `false`.
#[derive(Clone, Copy, Default)]
pub struct Switch(pub bool);

impl Deserr<Violations> for Switch {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Violations> {
        let text = String::deserialize_from_value(value, location)?;
        text.parse()
            .map(Self)
            .map_err(|_| Violations::of(path(location), "must be true or false"))
    }
}

/// What a list is searched for: everything where it is left out.
#[derive(Default)]
pub struct Search(String);

impl Search {
    /// The pattern for `LIKE … ESCAPE '\'` on a lower-cased column.
    pub fn pattern(&self) -> String {
        let escaped = self
            .0
            .replace('\\', r"\\")
            .replace('%', r"\%")
            .replace('_', r"\_");
        format!("%{}%", escaped.to_lowercase())
    }
}

impl Deserr<Violations> for Search {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Violations> {
        Checked::<Text<0, 255>>::deserialize_from_value(value, location).map(|text| Self(text.0))
    }
}
