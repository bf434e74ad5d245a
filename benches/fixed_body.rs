//! What answers cost without a service behind them: `fixed_body FILE ADDRESS` answers `GET /` with
//! the JSON of the file. `benches/run` measures the service against it.

use std::env::args;
use std::io::{Error, Result};

use actix_web::http::header::{CONTENT_TYPE, ETAG};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};

/// Any, as long as the service's own.
const TAG: &str = "\"0123456789abcdef0123456789abcdef\"";

#[actix_web::main]
async fn main() -> Result<()> {
    let mut arguments = args().skip(1);
    let (Some(file), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err(Error::other("usage: fixed_body FILE ADDRESS"));
    };
    let body = Bytes::from(std::fs::read(file)?);
    let answer = move || {
        let body = body.clone();
        async move {
            HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, "application/json"))
                .insert_header((ETAG, TAG))
                .body(body)
        }
    };
    HttpServer::new(move || App::new().route("/", web::get().to(answer.clone())))
        .bind(address)?
        .run()
        .await
}
