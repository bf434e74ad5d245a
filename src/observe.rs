//! What each request leaves behind: a request id, a line in the log, a measurement.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Instrument;

use crate::error::Cause;

/// The longest request id of a client's own that is taken over.
const LONGEST_ID: usize = 128;
/// The bounds of the durations' histogram, in seconds.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// What the process measures.
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The recorder of this process, installed at the first call.
    pub fn install() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let builder = PrometheusBuilder::new();
            let builder = builder
                .set_buckets(&BUCKETS)
                .unwrap_or_else(|_| PrometheusBuilder::new());
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another recorder of metrics is installed: /metrics stays empty");
            }
            handle
        });
        Self(handle.clone())
    }

    /// The Prometheus text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Gives the request an id, answers HEAD as GET without the body, measures and logs: one line, with the
/// cause of a failure of ours.
pub async fn observe<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let began = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    if method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.call(request).await?;
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-request-id"), id.clone());
    response.headers_mut().insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );

    let route = route(&mut response).unwrap_or_else(|| "unmatched".into());
    let status = response.status().as_u16();
    let seconds = began.elapsed().as_secs_f64();
    let labels = [
        ("method", method.to_string()),
        ("route", route.to_string()),
        ("status", status.to_string()),
    ];
    metrics::histogram!("http_server_request_duration_seconds", &labels).record(seconds);
    let id = id.to_str().unwrap_or_default();
    match status {
        500.. => {
            let extensions = response.response().extensions();
            let cause = extensions.get().map(|Cause(cause)| cause.as_str());
            tracing::error!(request_id = id, %method, %route, status, seconds, cause, "request failed")
        }
        // Successful reads are most of the load, and say least.
        _ if status < 400 && method.is_safe() => {
            tracing::debug!(request_id = id, %method, %route, status, seconds, "request")
        }
        _ => tracing::info!(request_id = id, %method, %route, status, seconds, "request"),
    }
    Ok(response)
}

/// The id of a request, an extension of it.
struct RequestId(HeaderValue);

/// Has every line that is logged while the request is computed carry its id. Answers from the cache log
/// nothing and need no span; reads of strangers log nothing but what is traced, and are most of the load.
pub async fn in_span<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let id = request.extensions().get().map(|RequestId(id)| id.clone());
    let id = id.as_ref().and_then(|id| id.to_str().ok());
    // The store of avatars may be on another machine, and says when it tries again.
    let stored = request.path().starts_with("/uploads/");
    let safe = request.method().is_safe() && !stored;
    let quiet = safe && !request.headers().contains_key(AUTHORIZATION);
    let span = match quiet {
        true => tracing::trace_span!("request", request_id = id),
        false => tracing::error_span!("request", request_id = id),
    };
    next.call(request).instrument(span).await
}

/// The pattern of the route that a request took, kept with its answer: finding it takes as long as
/// finding the route.
#[derive(Clone)]
pub struct Route(pub Option<Arc<str>>);

/// The pattern of the route that the answer came from, where there is one.
pub fn route<B>(response: &mut ServiceResponse<B>) -> Option<Arc<str>> {
    if let Some(Route(route)) = response.response().extensions().get() {
        return route.clone();
    }
    let route: Option<Arc<str>> = response.request().match_pattern().map(Arc::from);
    let kept = Route(route.clone());
    response.response_mut().extensions_mut().insert(kept);
    route
}

/// The client's own id where it is safe to repeat, else a random one.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let safe = |id: &&HeaderValue| {
        (1..=LONGEST_ID).contains(&id.len())
            && id
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(byte))
    };
    let random = || HeaderValue::from_str(&format!("{:016x}", fastrand::u64(..)));
    request
        .headers()
        .get("x-request-id")
        .filter(safe)
        .cloned()
        .or_else(|| random().ok())
        .unwrap_or(HeaderValue::from_static("unknown"))
}
