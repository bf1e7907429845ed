//! One exchange with an app: a request sent, on a connection that was kept or a new one, and the
//! head of its answer.

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::{
    body::{UploadBody, UploadError},
    error_page::ErrorPage,
    pool::Connection,
    upstream::UpstreamPort,
};
use crate::gateway::routing::routes::RouteEntry;

/// Send the request and wait for the head of the answer.
///
/// A connection that was kept may have been closed just now, and an app that is being restarted
/// drops what it was at. The request is sent once more, on a new connection, when none of it was
/// sent or when repeating it does no harm; the dialler waits for a restart to end.
pub(super) async fn exchange(
    entry: &RouteEntry,
    upstream: UpstreamPort,
    request: Request<UploadBody>,
    pooled: bool,
) -> Result<(Response<Incoming>, Box<Connection>), ErrorPage> {
    let name = entry.name.as_str();
    let idle = if pooled {
        upstream.pool(entry).take().await
    } else {
        None
    };
    let mut request = request;
    if let Some(connection) = idle {
        match attempt(entry, connection, request).await {
            Ok(answered) => return Ok(answered),
            Err(Unanswered::Again(unsent)) => request = *unsent,
            Err(Unanswered::Failed(error)) => return Err(no_answer(name, &error)),
        }
    }
    let connection = upstream.connect(entry).await?;
    match attempt(entry, connection, request).await {
        Ok(answered) => return Ok(answered),
        Err(Unanswered::Again(unsent)) => request = *unsent,
        Err(Unanswered::Failed(error)) => return Err(no_answer(name, &error)),
    }
    let connection = upstream.connect(entry).await?;
    let answered = connection.send(request).await;
    answered.map_err(|failure| no_answer(name, failure.error()))
}

/// Why a connection gave no answer.
enum Unanswered {
    /// The request may be sent on another one.
    Again(Box<Request<UploadBody>>),
    Failed(hyper::Error),
}

impl Unanswered {
    fn again(request: Request<UploadBody>) -> Self {
        Self::Again(Box::new(request))
    }
}

/// A request that may be repeated is taken back when the app is about to be asked to stop: an answer
/// that does not come would hold it up.
async fn attempt(
    entry: &RouteEntry,
    connection: Box<Connection>,
    request: Request<UploadBody>,
) -> Result<(Response<Incoming>, Box<Connection>), Unanswered> {
    let again = copy_if_harmless(&request);
    let ends = entry.route.activity.app_stopping();
    let sent = connection.send(request);
    let answered = if let Some(again) = &again {
        tokio::select! {
            biased;
            answered = sent => answered,
            () = ends.cancelled() => return Err(Unanswered::again(copy(again))),
        }
    } else {
        sent.await
    };
    answered.map_err(|mut failure| match failure.take_message().or(again) {
        Some(unsent) => Unanswered::again(unsent),
        None => Unanswered::Failed(failure.into_error()),
    })
}

/// The same request again, unless it has a body or may not be repeated.
fn copy_if_harmless(request: &Request<UploadBody>) -> Option<Request<UploadBody>> {
    if !request.method().is_idempotent() || !request.body().is_empty() {
        return None;
    }
    Some(copy(request))
}

/// Of all but the body.
fn copy(request: &Request<UploadBody>) -> Request<UploadBody> {
    let mut copy = Request::new(UploadBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

fn no_answer(name: &str, error: &hyper::Error) -> ErrorPage {
    tracing::debug!(%error, name, "an app gave no answer");
    let upload = std::error::Error::source(error).and_then(|it| it.downcast_ref());
    if let Some(slow @ UploadError::Slow) = upload {
        return ErrorPage::refused(StatusCode::REQUEST_TIMEOUT, slow.to_string());
    }
    if error.is_user() {
        return ErrorPage::refused(StatusCode::BAD_REQUEST, "the request's body broke off");
    }
    let what = if error.is_parse() {
        "the app's answer is not HTTP"
    } else {
        "the app closed the connection without an answer"
    };
    ErrorPage::broken(StatusCode::BAD_GATEWAY, name, what)
}
