//! For those who run the service: whether it lives, whether it is ready, what it measures.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, get};
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::db::Db;
use crate::error::Result;
use crate::observe::Metrics;
use crate::tokens::Keys;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(healthz)
        .service(readyz)
        .service(prometheus)
        .service(jwks);
}

/// The process answers.
#[get("/healthz")]
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// The database answers too.
#[get("/readyz")]
async fn readyz(db: Data<Db>) -> Result<HttpResponse> {
    db.read(|conn| Ok(conn.batch_execute("SELECT 1")?)).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ok" })))
}

/// In the Prometheus text format.
#[get("/metrics")]
async fn prometheus(metrics: Data<Metrics>, db: Data<Db>) -> HttpResponse {
    metrics::counter!("accolade_db_statements_total").absolute(db.statements());
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(metrics.render())
}

/// The keys that verify our tokens (RFC 7517).
#[get("/.well-known/jwks.json")]
async fn jwks(keys: web::Data<Keys>) -> HttpResponse {
    HttpResponse::Ok().json(keys.public())
}
