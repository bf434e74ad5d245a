//! `Idempotency-Key`: a request that is repeated, because its answer was lost, gets the first answer
//! again instead of doing its work twice. As Stripe has it, and the IETF draft after it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use chrono::Duration;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use ring::digest::{Context, SHA256, digest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::auth::Caller;
use crate::avatars::hex;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::schema::idempotency_keys;
use crate::time::now;

/// The name of the header.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// How long the first answer is kept.
const LIFE: Duration = Duration::hours(24);
/// The longest key, in characters.
pub const LONGEST: usize = 255;

/// The key that came with a request, where one did. It counts for the caller and the operation.
pub struct IdempotencyKey(Option<Key>);

struct Key {
    /// Of the key, which is not kept: the fingerprint, of bodies with passwords too, is made with it.
    hash: String,
    operation: String,
    path: String,
}

impl FromRequest for IdempotencyKey {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(key) = request.headers().get(IDEMPOTENCY_KEY) else {
            return ready(Ok(Self(None)));
        };
        let key = key.to_str().unwrap_or_default().trim();
        ready(match key.len() {
            1..=LONGEST => Ok(Self(Some(Key {
                hash: hex(digest(&SHA256, key.as_bytes()).as_ref()),
                operation: request.match_pattern().unwrap_or_default(),
                path: request.path().into(),
            }))),
            _ => Err(Error::invalid(
                IDEMPOTENCY_KEY,
                format!("must be 1 to {LONGEST} printable ASCII characters, such as a UUID"),
            )),
        })
    }
}

impl IdempotencyKey {
    /// Does the work in the transaction that remembers its result; or answers the first result, and
    /// true, where this is a repetition. Failures are not remembered. A second request with the
    /// same key waits for the first one to end.
    pub fn once<T: Serialize + DeserializeOwned>(
        &self,
        caller: &Caller,
        body: &Fingerprint,
        conn: &mut AnyConnection,
        work: impl FnOnce(&mut AnyConnection) -> Result<T>,
    ) -> Result<(T, bool)> {
        let Some(key) = &self.0 else {
            return Ok((work(conn)?, false));
        };
        let fingerprint = body.with(&key.path);
        if let Some(first) = key.first(caller, &fingerprint, conn)? {
            return Ok((first, true));
        }
        let claimed = conn.transaction(|conn| {
            // Looks at the age again: another instance may have put its own in place of an old one.
            diesel::delete(
                key.row(caller)
                    .filter(idempotency_keys::created_at.le(now() - LIFE)),
            )
            .execute(conn)?;
            diesel::insert_into(idempotency_keys::table)
                .values((
                    idempotency_keys::user_id.eq(caller.id),
                    idempotency_keys::operation.eq(&key.operation),
                    idempotency_keys::key.eq(&key.hash),
                    idempotency_keys::fingerprint.eq(&fingerprint),
                    idempotency_keys::answer.eq(""),
                    idempotency_keys::created_at.eq(now()),
                ))
                .execute(conn)
        });
        match claimed {
            Ok(_) => {}
            // Another instance was first, and has just committed.
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
                let first = key.first(caller, &fingerprint, conn)?;
                return Ok((first.ok_or(Error::StillRunning)?, true));
            }
            Err(error) => {
                return Err(match Error::from(error) {
                    Error::Unavailable(reason) if reason.to_string().contains("lock timeout") => {
                        Error::StillRunning
                    }
                    error => error,
                });
            }
        }
        let result = work(conn)?;
        let answer = serde_json::to_string(&result).map_err(Error::internal)?;
        diesel::update(key.row(caller))
            .set(idempotency_keys::answer.eq(answer))
            .execute(conn)?;
        Ok((result, false))
    }
}

type Row = diesel::dsl::Find<idempotency_keys::table, (i64, String, String)>;

impl Key {
    fn row(&self, caller: &Caller) -> Row {
        idempotency_keys::table.find((caller.id, self.operation.clone(), self.hash.clone()))
    }

    /// The first result, where the key was used for the same request and that is not too long ago.
    fn first<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        fingerprint: &str,
        conn: &mut AnyConnection,
    ) -> Result<Option<T>> {
        let first: Option<(String, String)> = self
            .row(caller)
            .filter(idempotency_keys::created_at.gt(now() - LIFE))
            .select((idempotency_keys::fingerprint, idempotency_keys::answer))
            .first(conn)
            .optional()?;
        let Some((used_for, answer)) = first else {
            return Ok(None);
        };
        if used_for != fingerprint {
            return Err(Error::KeyReused);
        }
        serde_json::from_str(&answer)
            .map(Some)
            .map_err(Error::internal)
    }
}

/// What tells the body of a request from another one: what it says, not how it was written. A form
/// has another boundary each time it is sent.
#[derive(Default)]
pub struct Fingerprint(Option<Context>);

impl Fingerprint {
    /// Of the JSON and the file of the request, where it has a key to go with.
    pub fn of(request: &HttpRequest, json: &serde_json::Value, file: Option<&[u8]>) -> Self {
        let key = request.headers().get(IDEMPOTENCY_KEY);
        Self(key.map(|key| {
            let mut context = Context::new(&SHA256);
            context.update(key.as_bytes());
            context.update(b"\n");
            let mut json = json.clone();
            json.sort_all_objects();
            context.update(json.to_string().as_bytes());
            context.update(b"\n");
            context.update(file.unwrap_or_default());
            context
        }))
    }

    fn with(&self, path: &str) -> String {
        let mut context = self.0.clone().unwrap_or_else(|| Context::new(&SHA256));
        context.update(b"\n");
        context.update(path.as_bytes());
        hex(context.finish().as_ref())
    }
}

/// Forgets answers that are too old. Answers how many.
pub fn sweep(conn: &mut AnyConnection) -> Result<usize> {
    let old = idempotency_keys::table.filter(idempotency_keys::created_at.le(now() - LIFE));
    Ok(diesel::delete(old).execute(conn)?)
}
