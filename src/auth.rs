//! Who calls, and what they may do.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError, rt};
use chrono::{Duration, NaiveDateTime};
use deserr::Deserr;
use diesel::dsl::auto_type;
use diesel::prelude::*;
use diesel::sql_types::SmallInt;
use serde::Serialize;
use tracing::Instrument;
use utoipa::ToSchema;

use crate::Accolade;
use crate::db::{AnyConnection, directly};
use crate::error::{Error, Result, Violations};
use crate::openapi::CONTRACT;
use crate::schema::{members, namespace_ancestors, namespaces, personal_access_tokens, users};
use crate::scopes::{Scope, Scopes};
use crate::time::now;
use crate::tokens;

/// How exactly it is known when a token was used last.
const USE_SHOWN_TO: Duration = Duration::minutes(10);

/// The user whose token came with the request. Taking one closes an operation to anonymous callers.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub id: i64,
    pub admin: bool,
    /// What the token may be used for.
    pub scopes: Scopes,
}

impl Caller {
    /// Refuses tokens that were not made for this.
    pub fn must_have(&self, scope: Scope) -> Result<()> {
        if self.scopes.has(scope) {
            Ok(())
        } else {
            Err(Error::InsufficientScope(scope))
        }
    }

    /// Refuses all but administrators.
    pub fn must_be_admin(&self) -> Result<()> {
        if self.admin {
            Ok(())
        } else {
            Err(Error::AdminRequired)
        }
    }
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            request
                .extensions()
                .get()
                .copied()
                .ok_or(Error::Unauthenticated),
        )
    }
}

/// Whoever looks: a signed-in user or nobody in particular.
#[derive(Clone, Copy, Debug)]
pub struct Viewer(Option<Caller>);

impl Viewer {
    /// The id to ask the database for: 0, which is nobody's, for an anonymous viewer.
    pub fn id(&self) -> i64 {
        self.0.map_or(0, |caller| caller.id)
    }

    /// Whether the viewer passes every check of a role.
    pub fn is_admin(&self) -> bool {
        self.0.is_some_and(|caller| caller.admin)
    }

    /// Whether the viewer is that user, or an administrator.
    pub fn is_or_administers(&self, user_id: i64) -> bool {
        self.id() == user_id || self.is_admin()
    }

    /// The least visible of the namespaces that the viewer sees without a role in them.
    pub fn sees_from(&self) -> Visibility {
        match self.0 {
            Some(caller) if caller.admin => Visibility::Private,
            Some(_) => Visibility::Internal,
            None => Visibility::Public,
        }
    }

    /// What the viewer may do in a namespace of this visibility where they have this role.
    pub fn access(&self, visibility: i16, role: Option<i16>) -> Access {
        let visible = visibility >= self.sees_from() as i16 || role.is_some();
        Access {
            visible,
            role: role.map(Role::from),
            admin: self.is_admin(),
        }
    }
}

impl From<&Caller> for Viewer {
    fn from(caller: &Caller) -> Self {
        Self(Some(*caller))
    }
}

impl FromRequest for Viewer {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.extensions().get().copied())))
    }
}

/// What a viewer may do in a namespace.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    visible: bool,
    role: Option<Role>,
    admin: bool,
}

impl Access {
    /// Whether they may know that it exists.
    pub fn can_see(&self) -> bool {
        self.visible
    }

    /// Whether they have at least that role, here or above.
    pub fn has(&self, role: Role) -> bool {
        self.admin || self.role >= Some(role)
    }

    /// Refuses those who lack the role.
    pub fn require(&self, role: Role) -> Result<()> {
        if self.has(role) {
            Ok(())
        } else {
            Err(Error::RoleRequired(role))
        }
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    // diesel's own has no type to be named.
    #[aggregate]
    fn max(role: SmallInt) -> Nullable<SmallInt>;
}

/// The highest role of the user in the namespace of the query around it, own or inherited.
#[auto_type(no_type_alias)]
pub fn role_in_namespace(user_id: i64) -> _ {
    members::table
        .inner_join(
            namespace_ancestors::table
                .on(namespace_ancestors::ancestor_id.eq(members::namespace_id)),
        )
        .filter(namespace_ancestors::namespace_id.eq(namespaces::id))
        .filter(members::user_id.eq(user_id))
        .select(max(members::role))
        .single_value()
}

/// What a user is in a namespace and in all below it. Each can do what those before it can.
#[derive(Clone, Copy, Debug, Deserr, Eq, Ord, PartialEq, PartialOrd, Serialize, ToSchema)]
#[deserr(error = Violations, rename_all = lowercase)]
#[serde(rename_all = "lowercase")]
#[repr(i16)]
pub enum Role {
    Guest = 10,
    Planner = 15,
    Reporter = 20,
    Developer = 30,
    Maintainer = 40,
    Owner = 50,
}

impl From<i16> for Role {
    fn from(number: i16) -> Self {
        match number {
            50.. => Self::Owner,
            40.. => Self::Maintainer,
            30.. => Self::Developer,
            20.. => Self::Reporter,
            15.. => Self::Planner,
            _ => Self::Guest,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Who may see a namespace without a role in it: nobody, any signed-in user, or everyone.
#[derive(Clone, Copy, Debug, Deserr, Eq, PartialEq, Serialize, ToSchema)]
#[deserr(error = Violations, rename_all = lowercase)]
#[serde(rename_all = "lowercase")]
#[repr(i16)]
pub enum Visibility {
    Private = 0,
    Internal = 10,
    Public = 20,
}

impl From<i16> for Visibility {
    fn from(number: i16) -> Self {
        match number {
            20.. => Self::Public,
            10.. => Self::Internal,
            _ => Self::Private,
        }
    }
}

/// Reads the bearer token of a request, where it has one, and counts the request. A token that is
/// not valid is refused everywhere, also where none is needed.
pub async fn authenticate<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match identify(&request).await {
        Ok(None) => {}
        Ok(Some(caller)) => drop(request.extensions_mut().insert(caller)),
        Err(error) => {
            return Ok(request
                .into_response(error.error_response())
                .map_into_right_body());
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

async fn identify(request: &ServiceRequest) -> Result<Option<Caller>> {
    let Some(accolade) = request.app_data::<Data<Accolade>>() else {
        return Err(Error::internal("the application has no state"));
    };
    // Whoever watches over the instance is not turned away.
    // As the routes see it: there are many ways to write an address.
    let path = request.match_info().unprocessed();
    let watches = matches!(path, "/healthz" | "/readyz" | "/metrics");
    let count_address = || match watches {
        true => Ok(()),
        false => accolade.limits.count_address(request),
    };
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return count_address().map(|()| None);
    };
    match caller(header.to_str().unwrap_or_default(), accolade).await {
        Ok(caller) => {
            if !watches {
                accolade.limits.count_caller(&caller)?;
            }
            let wanted = CONTRACT.scopes(request.method(), path);
            match wanted.iter().any(|scope| caller.scopes.has(*scope)) {
                true => Ok(Some(caller)),
                false => Err(Error::InsufficientScope(wanted[0])),
            }
        }
        Err(error) => count_address().and(Err(error)),
    }
}

async fn caller(header: &str, accolade: &Accolade) -> Result<Caller> {
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return Err(Error::InvalidToken),
    };
    if let Some(oidc) = &accolade.oidc {
        let header = tokens::header(token)?;
        if !accolade.keys.signed(&header) {
            return oidc.caller(token, &header, &accolade.db).await;
        }
    }
    let claims = accolade.keys.verify(token)?;
    let Some(token_id) = claims.token_id else {
        return accolade
            .db
            .read(move |conn| session(claims.user_id, conn))
            .await;
    };
    let (caller, last_used_at) = accolade
        .db
        .read(move |conn| personal_access_token(token_id, claims.user_id, conn))
        .await?;
    let now = now();
    if last_used_at.is_none_or(|last| last + USE_SHOWN_TO <= now) {
        // Nobody waits for it: a read stays a read.
        let db = accolade.db.clone();
        let note = async move { db.write(move |conn| note_use(token_id, now, conn)).await };
        rt::spawn(note.in_current_span());
    }
    Ok(caller)
}

/// The user of a session.
fn session(user_id: i64, conn: &mut AnyConnection) -> Result<Caller> {
    let user = users::table.find(user_id).filter(users::blocked.eq(false));
    let admin: Option<bool> = user.select(users::admin).first(conn).optional()?;
    Ok(Caller {
        id: user_id,
        admin: admin.ok_or(Error::InvalidToken)?,
        scopes: Scopes::ALL,
    })
}

/// The user of a personal access token that is not revoked, and when it was used last.
fn personal_access_token(
    id: i64,
    user_id: i64,
    conn: &mut AnyConnection,
) -> Result<(Caller, Option<NaiveDateTime>)> {
    let token: Option<(bool, String, Option<NaiveDateTime>)> = directly!(conn => {
        personal_access_tokens::table
            .inner_join(users::table)
            .filter(personal_access_tokens::id.eq(id))
            .filter(users::id.eq(user_id).and(users::blocked.eq(false)))
            .select((
                users::admin,
                personal_access_tokens::scopes,
                personal_access_tokens::last_used_at,
            ))
            .first(conn)
    })
    .optional()?;
    let (admin, scopes, last_used_at) = token.ok_or(Error::InvalidToken)?;
    let caller = Caller {
        id: user_id,
        admin,
        scopes: Scopes::from_words(&scopes),
    };
    Ok((caller, last_used_at))
}

/// Notes that the token was used, unless another request just did.
fn note_use(id: i64, now: NaiveDateTime, conn: &mut AnyConnection) -> Result<()> {
    let token = personal_access_tokens::table.find(id).filter(
        personal_access_tokens::last_used_at
            .is_null()
            .or(personal_access_tokens::last_used_at.le(now - USE_SHOWN_TO)),
    );
    diesel::update(token)
        .set(personal_access_tokens::last_used_at.eq(now))
        .execute(conn)?;
    Ok(())
}
