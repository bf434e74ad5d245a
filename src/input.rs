//! What clients send: bodies and queries, read in full so that every violation is reported at once.

use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::ops::{ControlFlow, Deref};
use std::pin::Pin;
use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest, rt};
use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, Value, ValueKind,
    ValuePointerRef,
};
use futures_util::TryStreamExt;
use serde_json::{Map, Value as JsonValue};
use unicode_normalization::UnicodeNormalization;
use url::form_urlencoded;

use crate::config::Config;
use crate::error::{Error, Result, Violations};
use crate::idempotency::Fingerprint;

/// The largest JSON body, in bytes: ten times what the longest one of the contract needs.
pub const BODY_LIMIT: usize = 256 * 1024;

/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(20);

/// How many parts of a form are read: more than any form of ours has.
const MOST_PARTS: usize = 16;

/// A JSON body, with what tells it from another one.
pub struct Json<T>(pub T, pub Fingerprint);

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
            .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
        if encoded
            || !request
                .content_type()
                .eq_ignore_ascii_case("application/json")
        {
            return Box::pin(ready(Err(Error::UnsupportedMediaType("application/json"))));
        }
        let body = Bytes::from_request(request, payload);
        let request = request.clone();
        Box::pin(in_time(async move {
            let body = body
                .await
                .map_err(|error| match error.as_error::<PayloadError>() {
                    Some(PayloadError::Overflow) => Error::TooLarge(BODY_LIMIT),
                    _ => Error::MalformedJson("it ended early".into()),
                })?;
            let json: JsonValue = serde_json::from_slice(&body)
                .map_err(|error| Error::MalformedJson(error.to_string()))?;
            let fingerprint = Fingerprint::of(&request, &json, None);
            Ok(Self(read(json)?, fingerprint))
        }))
    }
}

/// A JSON body, or a form (multipart/form-data) with the same members and an avatar.
pub struct JsonOrForm<T> {
    pub input: T,
    pub avatar: Option<Bytes>,
    pub fingerprint: Fingerprint,
}

impl<T: Deserr<Violations> + 'static> FromRequest for JsonOrForm<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if request
            .content_type()
            .eq_ignore_ascii_case("application/json")
        {
            let json = Json::from_request(request, payload);
            return Box::pin(async {
                let Json(input, fingerprint) = json.await?;
                Ok(Self {
                    input,
                    avatar: None,
                    fingerprint,
                })
            });
        }
        if !request
            .content_type()
            .eq_ignore_ascii_case("multipart/form-data")
        {
            return Box::pin(ready(Err(Error::UnsupportedMediaType(
                "application/json or multipart/form-data",
            ))));
        }
        let limit = request
            .app_data::<Data<Config>>()
            .map_or(0, |config| config.avatar_limit);
        let form = Multipart::new(request.headers(), payload.take());
        let request = request.clone();
        Box::pin(in_time(async move {
            let (members, avatar) = read_form(form, limit).await?;
            let json = JsonValue::Object(members);
            let fingerprint = Fingerprint::of(&request, &json, avatar.as_deref());
            Ok(Self {
                input: read(json)?,
                avatar,
                fingerprint,
            })
        }))
    }
}

/// The text parts of a form, and its avatar. Reads no further than what is too large.
async fn read_form(
    mut form: Multipart,
    limit: usize,
) -> Result<(Map<String, JsonValue>, Option<Bytes>)> {
    let (mut members, mut avatar) = (Map::new(), None);
    while let Some(mut part) = form
        .try_next()
        .await
        .map_err(|error| Error::MalformedForm(error.to_string()))?
    {
        let name = part.name().unwrap_or_default().to_owned();
        let is_avatar = name == "avatar";
        let most = if is_avatar { limit } else { BODY_LIMIT };
        let mut content = BytesMut::new();
        // Not Field::bytes, which reads what is too large to its end.
        while let Some(chunk) = part
            .try_next()
            .await
            .map_err(|error| Error::MalformedForm(error.to_string()))?
        {
            if content.len() + chunk.len() > most {
                return Err(Error::TooLarge(most));
            }
            content.extend_from_slice(&chunk);
        }
        // What browsers send for a file that was not chosen.
        let unchosen = content.is_empty()
            && part
                .content_disposition()
                .and_then(|disposition| disposition.get_filename())
                == Some("");
        if members.contains_key(&name) || is_avatar && avatar.is_some() {
            return Err(Error::invalid(name, "must stand once"));
        } else if members.len() == MOST_PARTS {
            return Err(Error::invalid(
                name,
                format!("is one part too many: at most {MOST_PARTS} are read"),
            ));
        } else if is_avatar {
            avatar = Some(content.freeze()).filter(|_| !unchosen);
        } else {
            let text = String::from_utf8(content.to_vec());
            members.insert(
                name.clone(),
                text.map_err(|_| Error::invalid(name, "must be text in UTF-8"))?
                    .into(),
            );
        }
    }
    Ok((members, avatar))
}

/// Cuts off a body that stalls or drips.
async fn in_time<T>(reading: impl Future<Output = Result<T>>) -> Result<T> {
    rt::time::timeout(BODY_PATIENCE, reading)
        .await
        .unwrap_or(Err(Error::BodyTimeout))
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
        let mut parameters = Map::new();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            let value = JsonValue::String(value.into_owned());
            if parameters.insert(name.to_string(), value).is_some() {
                let name = member(ValuePointerRef::Origin, &name);
                return ready(Err(Error::invalid(name, "must stand once")));
            }
        }
        ready(read(JsonValue::Object(parameters)).map(Self))
    }
}

fn read<T: Deserr<Violations>>(mut value: JsonValue) -> Result<T> {
    whole_numbers(&mut value);
    deserr::deserialize(value).map_err(Error::Invalid)
}

/// `1.0` is an integer, as JSON Schema counts.
fn whole_numbers(value: &mut JsonValue) {
    const EXACT: f64 = (1_u64 << 53) as f64;
    match value {
        JsonValue::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0);
            if let Some(whole) = whole.filter(|whole| whole.abs() < EXACT) {
                *number = (whole as i64).into();
            }
        }
        JsonValue::Array(elements) => elements.iter_mut().for_each(whole_numbers),
        JsonValue::Object(members) => members.values_mut().for_each(whole_numbers),
        _ => {}
    }
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
                match accepted {
                    [] => "is not known here".into(),
                    accepted => format!("is not known here: use {}", accepted.join(", ")),
                },
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
            ErrorKind::IncorrectValueKind { accepted, .. } => (path(location), {
                let mut kinds: Vec<_> = accepted.iter().copied().map(kind).collect();
                kinds.dedup();
                format!("must be {}", kinds.join(" or "))
            }),
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
    // What a client made up is repeated so far that it knows it again.
    let shortened: String = key.chars().take(100).collect();
    let key = shortened.as_str();
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

/// Plain text of `MIN` to `MAX` characters, trimmed, without control characters inside.
pub struct Text<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Rule for Text<MIN, MAX> {
    fn check(text: &str) -> Result<String, String> {
        let text = text.trim_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
        if text.chars().any(char::is_control) {
            return Err("must not contain line breaks or other control characters".into());
        }
        // A byte order mark is a space to JavaScript and JSON Schema.
        let text = text
            .trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
        let length = text.chars().count();
        if length < MIN {
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

/// Letters, digits, `.`, `_`, `-`; with a non-digit, so that it is no id, and more than dots and
/// dashes: `.` and `..` would vanish from addresses, and `-` divides a namespace's address from what belongs to it
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
        } else if text.bytes().all(|byte| b".-".contains(&byte)) {
            Err("must contain a letter, a digit or '_'".into())
        } else {
            Ok(text.into())
        }
    }
}

/// What lettre can send to at a host by its name, of at most 254 characters (RFC 5321): the `email`
/// of JSON Schema, whose letters are those of ASCII.
pub struct EmailRule;

impl EmailRule {
    /// Letters, digits and hyphens inside, between dots (RFC 1123).
    fn is_host_name(domain: &str) -> bool {
        domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
    }
}

impl Rule for EmailRule {
    fn check(text: &str) -> Result<String, String> {
        let text = text.trim();
        let address = text.parse::<lettre::Address>().ok();
        match address.filter(|_| text.is_ascii() && text.len() <= 254) {
            Some(address) if Self::is_host_name(address.domain()) => Ok(text.into()),
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

/// The text as it is compared: neither by case nor by how accents are encoded.
pub fn folded(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase()
}

/// The id that a segment of a path is: digits alone, as names may begin with a sign.
pub fn id(segment: &str) -> Option<i64> {
    segment
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| segment.parse().ok())?
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
        format!("%{}%", folded(&escaped))
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
