//! Times: kept to the millisecond in UTC, shown in RFC 3339.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Now, as precise as it is kept.
pub fn now() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(3)
}

/// A time as it stands in a cursor: milliseconds since 1970. Whoever makes up a cursor gets a time
/// that both databases know, to the year 9999.
pub fn from_millis(millis: i64) -> NaiveDateTime {
    DateTime::from_timestamp_millis(millis.clamp(0, 253_402_300_799_999))
        .unwrap_or_default()
        .naive_utc()
}

/// The inverse of [`from_millis`].
pub fn to_millis(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_millis()
}

/// A time as clients see it: `2026-11-22T09:30:00.000Z`, always with milliseconds, which strict
/// parsers on phones need.
#[derive(Clone, Copy)]
pub struct Timestamp(DateTime<Utc>);

impl From<NaiveDateTime> for Timestamp {
    fn from(time: NaiveDateTime) -> Self {
        Self(time.and_utc())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-11-22T09:30:00.000Z"])
            .into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> Cow<'static, str> {
        "Timestamp".into()
    }
}
