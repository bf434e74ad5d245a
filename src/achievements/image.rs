use actix_web::http::header::{self, EntityTag};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use diesel::prelude::*;

use crate::answer::is_known;
use crate::avatars::{Avatars, WIDTHS};
use crate::db::Db;
use crate::error::{Error, Result, Violations};
use crate::input::{Query, path};
use crate::schema::achievements;

#[derive(Deserr)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct ImageQuery {
    #[deserr(default)]
    width: Option<Width>,
}

/// One of the widths that are kept.
#[derive(Clone, Copy)]
pub struct Width(u32);

impl Deserr<Violations> for Width {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Violations> {
        let text = String::deserialize_from_value(value, location)?;
        match text.parse() {
            Ok(width) if WIDTHS.contains(&width) => Ok(Self(width)),
            _ => Err(Violations::of(path(location), "must be 48, 96 or 192")),
        }
    }
}

/// The image at this address never changes, so that it can be kept for ever. Whoever knows the
/// address may see it.
#[get("/uploads/-/system/achievements/achievement/avatar/{id}/{hash}.png")]
pub async fn image(
    address: Path<(i64, String)>,
    query: Query<ImageQuery>,
    avatars: Data<Avatars>,
    db: Data<Db>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let (id, hash) = address.into_inner();
    if !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::NotFound);
    }
    let width = query.width.map(|width| width.0);
    let tag = EntityTag::new_strong(width.map_or(hash.clone(), |width| format!("{hash}-{width}")));
    let key = key_of(id, hash.clone(), &db).await?;

    let unchanged = is_known(&tag, &request);
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header(header::ETag(tag))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ));
    if unchanged {
        return Ok(response.finish());
    }
    let image = match avatars.load(&key, width).await {
        // The same image was uploaded again just now: it is kept under another key.
        Err(Error::NotFound) => {
            let key = key_of(id, hash, &db).await?;
            avatars.load(&key, width).await?
        }
        image => image?,
    };
    Ok(response.content_type("image/png").body(image))
}

/// Where the image of this hash is kept.
async fn key_of(id: i64, hash: String, db: &Db) -> Result<String> {
    let key: Option<Option<String>> = db
        .read(move |conn| {
            let named = achievements::table
                .find(id)
                .filter(achievements::avatar_hash.eq(hash));
            Ok(named
                .select(achievements::avatar_key)
                .first(conn)
                .optional()?)
        })
        .await?;
    key.flatten().ok_or(Error::NotFound)
}
