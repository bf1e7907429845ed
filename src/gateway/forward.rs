//! One request: from a visitor to the app of the instance it names, and the answer back.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::sync::OwnedSemaphorePermit;

use crate::{model::ProxyHost, task::Scope};

use super::{
    activity::Hold,
    body::{Download, Reply, Upload},
    dial::Dial,
    headers::{self, BadHeaders, Wishes},
    host::{self, Site},
    page::Page,
    patience::{Busy, Requests},
    pool::{Connection, Unreachable},
    rewrite::{self, Names},
    route::{Entry, Routes, Target},
    upgrade::{self, Kept},
};

/// One visitor's connection, as far as its requests need to know it.
pub(super) struct Visitor {
    pub(super) routes: Routes,
    pub(super) port: u16,
    /// The visitor's address.
    pub(super) address: HeaderValue,
    pub(super) requests: Arc<Requests>,
    pub(super) scope: Scope,
    pub(super) permit: Arc<OwnedSemaphorePermit>,
}

/// A request on its way, and what has to outlive it.
struct Errand {
    entry: Arc<Entry>,
    request: Request<Upload>,
    names: Option<Names>,
    upgrade: Option<(HeaderValue, OnUpgrade)>,
    hold: Hold,
    busy: Busy,
}

impl Visitor {
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Reply>, Infallible> {
        let busy = self.requests.begin(request.version() == Version::HTTP_2);
        let asked = request.headers().get(header::ACCEPT).cloned();
        let outcome = match self.receive(request, busy) {
            Ok(errand) => self.run(errand).await,
            Err((page, busy)) => Err((*page, busy)),
        };
        Ok(outcome.unwrap_or_else(|(page, busy)| {
            let asked = asked
                .map(|accept| (header::ACCEPT, accept))
                .into_iter()
                .collect();
            page.answer(&asked).map(|reply| reply.keep(busy))
        }))
    }

    /// Everything that can be said before the app is spoken to.
    fn receive(&self, request: Request<Incoming>, busy: Busy) -> Result<Errand, (Box<Page>, Busy)> {
        let (mut parts, body) = request.into_parts();
        let found = self.admit(&mut parts);
        let (entry, site_host, wishes) = match found {
            Ok(found) => found,
            Err(page) => return Err((Box::new(page), busy)),
        };
        let Target::Ready { port, host, .. } = &entry.route.target else {
            return Err((Box::new(elsewhere(&entry)), busy));
        };
        let hold = entry.route.activity.hold();
        let body = Upload::new(body);
        let names = match host {
            ProxyHost::Preserve => None,
            ProxyHost::Localhost => Some(Names::new(entry.name.as_str(), self.port, *port)),
        };
        let upgrade = wishes
            .upgrade
            .filter(|_| body.is_empty())
            .and_then(|protocol| {
                parts
                    .extensions
                    .remove::<OnUpgrade>()
                    .map(|visitor| (protocol, visitor))
            });
        let headers = &mut parts.headers;
        headers.insert(headers::X_FORWARDED_FOR, self.address.clone());
        if let Some(names) = &names {
            names.inward(headers);
        } else {
            headers.insert(headers::X_FORWARDED_PROTO, HeaderValue::from_static("http"));
            headers.insert(headers::X_FORWARDED_HOST, site_host.clone());
            headers.insert(header::HOST, site_host);
        }
        if let Some((protocol, _)) = &upgrade {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, protocol.clone());
        } else if wishes.trailers {
            headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        // The length that was announced frames the message; without one, chunks do.
        if !body.is_empty() && !headers.contains_key(header::CONTENT_LENGTH) {
            headers.insert(
                header::TRANSFER_ENCODING,
                HeaderValue::from_static("chunked"),
            );
        }
        host::origin_form(&mut parts.uri);
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        let request = Request::from_parts(parts, body);
        Ok(Errand {
            entry,
            request,
            names,
            upgrade,
            hold,
            busy,
        })
    }

    /// Refuse what nobody should send, and find the instance.
    fn admit(
        &self,
        parts: &mut http::request::Parts,
    ) -> Result<(Arc<Entry>, HeaderValue, Wishes), Page> {
        if parts.method == Method::CONNECT && parts.version == Version::HTTP_2 {
            let why = "upgrades over HTTP/2 are not supported; use HTTP/1.1";
            return Err(Page::refused(StatusCode::NOT_IMPLEMENTED, why));
        }
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            let why = format!("{} is not allowed", parts.method);
            return Err(Page::refused(StatusCode::METHOD_NOT_ALLOWED, why));
        }
        let host = host::host_of(parts)
            .map_err(|bad| Page::refused(StatusCode::BAD_REQUEST, bad.to_string()))?;
        let entry = match host::site(host.to_str().unwrap_or_default(), self.port) {
            Site::Instance(name) => self.routes.find(&name).ok_or_else(Page::no_such_preview)?,
            Site::Gateway => return Err(Page::index(&self.routes.all(), self.port)),
            Site::Foreign => return Err(Page::no_such_preview()),
        };
        let wishes = headers::clean_request(&mut parts.headers, parts.version).map_err(|bad| {
            let status = match bad {
                BadHeaders::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                BadHeaders::Encoding => StatusCode::NOT_IMPLEMENTED,
                BadHeaders::Expectation => StatusCode::EXPECTATION_FAILED,
            };
            Page::refused(status, bad.to_string())
        })?;
        Ok((entry, host, wishes))
    }

    async fn run(&self, errand: Errand) -> Result<Response<Reply>, (Page, Busy)> {
        let Errand {
            entry,
            request,
            names,
            upgrade,
            hold,
            busy,
        } = errand;
        let (response, connection) = match exchange(&entry, request, upgrade.is_none()).await {
            Ok(answered) => answered,
            Err(page) => return Err((page, busy)),
        };
        let (mut parts, body) = response.into_parts();
        let changed = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let protocol = parts.headers.get(header::UPGRADE).cloned();
        headers::clean_response(&mut parts.headers);
        if let Some(names) = names {
            names.outward(&mut parts.headers);
        }
        if parts.headers.contains_key(header::SET_COOKIE) {
            rewrite::narrow_cookies(&mut parts.headers, entry.name.as_str());
        }
        parts.version = Version::HTTP_11;
        if !changed {
            let pool = Arc::clone(&entry.pool);
            let reply = Reply::app(Download::new(body, connection, pool, hold)).keep(busy);
            return Ok(Response::from_parts(parts, reply));
        }
        let Some((wished, visitor)) = upgrade else {
            let what = "the app changed protocols without being asked to";
            return Err((
                Page::broken(StatusCode::BAD_GATEWAY, entry.name.as_str(), what),
                busy,
            ));
        };
        parts
            .headers
            .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts
            .headers
            .insert(header::UPGRADE, protocol.unwrap_or(wished));
        let kept = Kept {
            hold,
            busy,
            permit: Arc::clone(&self.permit),
        };
        upgrade::join(&self.scope, visitor, connection, kept);
        Ok(Response::from_parts(parts, Reply::page("")))
    }
}

/// Send the request and wait for the head of the answer.
///
/// A connection that was kept may have been closed just now, and an app that is being restarted
/// drops what it was at. The request is sent once more, on a new connection, when none of it was
/// sent or when repeating it does no harm; the dialler waits for a restart to end.
async fn exchange(
    entry: &Entry,
    request: Request<Upload>,
    pooled: bool,
) -> Result<(Response<Incoming>, Box<Connection>), Page> {
    let Target::Ready { dial, port, .. } = &entry.route.target else {
        return Err(elsewhere(entry));
    };
    let name = entry.name.as_str();
    let kept = if pooled {
        entry.pool.take().await
    } else {
        None
    };
    let mut request = request;
    if let Some(mut connection) = kept {
        let again = copy_if_harmless(&request);
        match connection.send(request).await {
            Ok(response) => return Ok((response, connection)),
            Err(mut failure) => match failure.take_message().or(again) {
                Some(unsent) => request = unsent,
                None => return Err(no_answer(name, failure.error())),
            },
        }
    }
    let again = copy_if_harmless(&request);
    let mut connection = open(dial.as_ref(), name, *port).await?;
    match connection.send(request).await {
        Ok(response) => return Ok((response, connection)),
        Err(mut failure) => match failure.take_message().or(again) {
            Some(unsent) => request = unsent,
            None => return Err(no_answer(name, failure.error())),
        },
    }
    let mut connection = open(dial.as_ref(), name, *port).await?;
    match connection.send(request).await {
        Ok(response) => Ok((response, connection)),
        Err(failure) => Err(no_answer(name, failure.error())),
    }
}

async fn open(dial: &dyn Dial, name: &str, port: u16) -> Result<Box<Connection>, Page> {
    Connection::open(dial).await.map_err(|error| match error {
        Unreachable::Refused => Page::not_listening(name, port),
        Unreachable::TimedOut => Page::broken(
            StatusCode::GATEWAY_TIMEOUT,
            name,
            "the app did not take the connection within 30 s",
        ),
        Unreachable::Broken(error) => {
            tracing::debug!(%error, name, "an instance cannot be reached");
            Page::broken(
                StatusCode::BAD_GATEWAY,
                name,
                "the preview cannot be reached",
            )
        }
    })
}

/// The same request again, unless it has a body or may not be repeated.
fn copy_if_harmless(request: &Request<Upload>) -> Option<Request<Upload>> {
    if !request.method().is_idempotent() || !request.body().is_empty() {
        return None;
    }
    let mut copy = Request::new(Upload::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

fn no_answer(name: &str, error: &hyper::Error) -> Page {
    tracing::debug!(%error, name, "an app gave no answer");
    if error.is_user() {
        return Page::refused(StatusCode::BAD_REQUEST, "the request's body broke off");
    }
    let what = if error.is_parse() {
        "the app's answer is not HTTP"
    } else {
        "the app closed the connection without an answer"
    };
    Page::broken(StatusCode::BAD_GATEWAY, name, what)
}

/// The page of an instance that cannot be forwarded to.
fn elsewhere(entry: &Entry) -> Page {
    let name = entry.name.as_str();
    match &entry.route.target {
        Target::Ready { port, .. } => Page::not_listening(name, *port),
        Target::Starting { detail } => Page::starting(name, detail),
        Target::Failed { problem } => Page::failed(problem),
        Target::Asleep => Page::asleep(name),
    }
}
