//! One request: from a visitor to the app of the instance it names, and the answer back.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};

use super::{
    body::{DownloadBody, ReplyBody, UploadBody},
    error_page::ErrorPage,
    exchange::exchange,
    headers::{self, BadHeaders, ConnectionOptions},
    public_response,
    rewrite::OriginMapping,
    upgrade::{self, UpgradeGuards},
    upstream::UpstreamPort,
};
use crate::{
    gateway::{
        access::{authorize, csrf},
        listener::{ConnectionPermit, Listener, ListenerKind},
        routing::{
            activity::ActivityGuard,
            host::{self, HostTarget},
            request_origin::{HostOptions, RequestOrigin},
            routes::{RouteEntry, Target},
        },
    },
    http_server::{InFlight, RequestCounter},
    task::Scope,
};

/// One visitor's connection, as far as its requests need to know it.
pub(in crate::gateway) struct VisitorConnection {
    pub(in crate::gateway) listener: Arc<Listener>,
    /// The visitor's address.
    pub(in crate::gateway) address: HeaderValue,
    pub(in crate::gateway) requests: Arc<RequestCounter>,
    pub(in crate::gateway) permit: Arc<ConnectionPermit>,
}

/// A request that is forwarded, and the guards that live as long as it.
struct ProxiedRequest {
    entry: Arc<RouteEntry>,
    upstream: UpstreamPort,
    origin: RequestOrigin,
    request: Request<UploadBody>,
    mapping: OriginMapping,
    upgrade: Option<(HeaderValue, OnUpgrade)>,
    activity_guard: ActivityGuard,
    in_flight: InFlight,
}

/// The route of a request, and the origin at which its visitor sees the preview.
struct ResolvedRequest {
    entry: Arc<RouteEntry>,
    upstream: UpstreamPort,
    origin: RequestOrigin,
}

impl VisitorConnection {
    pub(in crate::gateway) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Infallible> {
        let in_flight = self.requests.begin(request.version() == Version::HTTP_2);
        let accept = request.headers().get(header::ACCEPT).cloned();
        let (parts, body) = request.into_parts();
        let outcome = match self.answer_challenge(&parts) {
            Some(Ok(answer)) => return Ok(answer.map(|reply| reply.with_in_flight(in_flight))),
            Some(Err(page)) => Err((page, in_flight)),
            None => match self.prepare(parts, body, in_flight) {
                Ok(proxied) => self.forward(proxied).await,
                Err((page, in_flight)) => Err((*page, in_flight)),
            },
        };
        Ok(outcome.unwrap_or_else(|(page, in_flight)| {
            let accept = accept
                .map(|accept| (header::ACCEPT, accept))
                .into_iter()
                .collect();
            let page = match self.listener.kind {
                ListenerKind::Local { .. } => page,
                ListenerKind::Public(_) => page.for_public(),
            };
            page.answer(&accept)
                .map(|reply| reply.with_in_flight(in_flight))
        }))
    }

    /// The answer to a challenge for the listener itself. It does not count as activity.
    fn answer_challenge(&self, parts: &Parts) -> Option<Result<Response<ReplyBody>, ErrorPage>> {
        let ListenerKind::Public(hosts) = &self.listener.kind else {
            return None;
        };
        Some(hosts.answer_challenge(parts)?.map(|answer| {
            let mut response = Response::new(ReplyBody::page(answer));
            let fixed = [
                (header::CONTENT_TYPE, "text/plain"),
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            for (name, value) in fixed {
                let value = HeaderValue::from_static(value);
                response.headers_mut().insert(name, value);
            }
            response
        }))
    }

    /// Validate a request and rewrite it, before a connection to the app is used.
    fn prepare(
        &self,
        mut parts: Parts,
        body: Incoming,
        in_flight: InFlight,
    ) -> Result<ProxiedRequest, (Box<ErrorPage>, InFlight)> {
        let (resolved, options) = match self.validate(&mut parts) {
            Ok(admitted) => admitted,
            Err(page) => return Err((Box::new(page), in_flight)),
        };
        let ResolvedRequest {
            entry,
            upstream,
            origin,
        } = resolved;
        let Target::Ready {
            port,
            host,
            forwarded_host,
            ..
        } = &entry.route.target
        else {
            return Err((Box::new(unavailable(&entry, &origin)), in_flight));
        };
        let activity_guard = entry.route.activity.begin_request();
        let body = UploadBody::new(body);
        let upgrade = options
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
        let host_options = HostOptions {
            host,
            forwarded: *forwarded_host,
            label: &upstream.label(entry.name.as_str()),
            port: match upstream {
                UpstreamPort::App => *port,
                UpstreamPort::Port(port) => port,
            },
            gateway_port: self.listener.context.port,
        };
        let mapping = origin.rewrite_host(headers, &host_options);
        if let Some((protocol, _)) = &upgrade {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, protocol.clone());
        } else if options.trailers {
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
        Ok(ProxiedRequest {
            entry,
            upstream,
            origin,
            request,
            mapping,
            upgrade,
            activity_guard,
            in_flight,
        })
    }

    /// Refuse requests that are malformed or not allowed, and find the preview.
    fn validate(
        &self,
        parts: &mut Parts,
    ) -> Result<(ResolvedRequest, ConnectionOptions), ErrorPage> {
        if parts.method == Method::CONNECT && parts.version == Version::HTTP_2 {
            let why = "upgrades over HTTP/2 are not supported; use HTTP/1.1";
            return Err(ErrorPage::refused(StatusCode::NOT_IMPLEMENTED, why));
        }
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            let why = format!("{} is not allowed", parts.method);
            return Err(ErrorPage::refused(StatusCode::METHOD_NOT_ALLOWED, why));
        }
        let resolved = self.resolve(parts)?;
        let options = headers::clean_request(&mut parts.headers, parts.version).map_err(|bad| {
            let status = match bad {
                BadHeaders::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                BadHeaders::Encoding => StatusCode::NOT_IMPLEMENTED,
                BadHeaders::Expectation => StatusCode::EXPECTATION_FAILED,
            };
            ErrorPage::refused(status, bad.to_string())
        })?;
        if let RequestOrigin::Local { port } = resolved.origin {
            let label = resolved.upstream.label(resolved.entry.name.as_str());
            csrf::check(parts, options.upgrade.is_some(), &label, port)
                .map_err(|why| ErrorPage::cross_site(why, &label))?;
        }
        Ok((resolved, options))
    }

    /// The preview that a request is for, if this listener serves it.
    fn resolve(&self, parts: &mut Parts) -> Result<ResolvedRequest, ErrorPage> {
        let context = &self.listener.context;
        let public = matches!(self.listener.kind, ListenerKind::Public(_));
        let host = host::host_of(parts, public)
            .map_err(|bad| ErrorPage::refused(StatusCode::BAD_REQUEST, bad.to_string()))?;
        match &self.listener.kind {
            ListenerKind::Local { port } => {
                let port = *port;
                match host::local_target(host.to_str().unwrap_or_default(), port) {
                    HostTarget::Instance(label) => {
                        let (entry, upstream) = self.by_label(&label)?;
                        if let (UpstreamPort::Port(port), true) = (upstream, upstream.is_debugger())
                        {
                            return Err(ErrorPage::debugger(entry.name.as_str(), port));
                        }
                        let origin = RequestOrigin::Local { port };
                        Ok(ResolvedRequest {
                            entry,
                            upstream,
                            origin,
                        })
                    }
                    HostTarget::Gateway => Err(ErrorPage::index(&context.routes.all(), port)),
                    HostTarget::Unknown => Err(ErrorPage::no_such_preview()),
                }
            }
            ListenerKind::Public(hosts) => {
                let host_match = hosts
                    .host_match(&host)
                    .ok_or_else(ErrorPage::no_such_preview)?;
                // First, so that who may not come in learns nothing about what is inside.
                let grant = authorize::authorize(&host_match, parts)?;
                let entry = context.routes.find(host_match.route.name.as_str());
                let entry = entry.ok_or_else(ErrorPage::no_such_preview)?;
                let upstream = host_match
                    .port
                    .map_or(UpstreamPort::App, UpstreamPort::Port);
                let shut = host_match
                    .port
                    .is_some_and(|it| !host_match.route.policy.has_port(it));
                if shut || upstream.is_debugger() {
                    return Err(ErrorPage::private_port());
                }
                if entry.route.public_deny.denies(&parts.uri) {
                    return Err(ErrorPage::private());
                }
                let origin = RequestOrigin::Public(host_match, grant);
                Ok(ResolvedRequest {
                    entry,
                    upstream,
                    origin,
                })
            }
        }
    }

    /// Whom the first part of a host at this machine means. A port of one preview is never another
    /// preview, whatever that is called.
    fn by_label(&self, label: &str) -> Result<(Arc<RouteEntry>, UpstreamPort), ErrorPage> {
        let routes = &self.listener.context.routes;
        if let Some((port, name)) = host::port_of(label)
            && let Some(entry) = routes.find(name)
        {
            return Ok((entry, UpstreamPort::Port(port)));
        }
        let entry = routes.find(label).ok_or_else(ErrorPage::no_such_preview)?;
        Ok((entry, UpstreamPort::App))
    }

    async fn forward(
        &self,
        proxied: ProxiedRequest,
    ) -> Result<Response<ReplyBody>, (ErrorPage, InFlight)> {
        let ProxiedRequest {
            entry,
            upstream,
            origin,
            request,
            mapping,
            upgrade,
            activity_guard,
            in_flight,
        } = proxied;
        let exchanged = exchange(&entry, upstream, request, upgrade.is_none());
        let exchanged = match &origin {
            RequestOrigin::Local { .. } => exchanged.await,
            RequestOrigin::Public(_, grant) => tokio::select! {
                exchanged = exchanged => exchanged,
                () = grant.revoked.cancelled() => Err(ErrorPage::unauthorized()),
            },
        };
        let (response, connection) = match exchanged {
            Ok(answered) => answered,
            Err(page) => return Err((page, in_flight)),
        };
        let (mut parts, body) = response.into_parts();
        let changed = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let protocol = parts.headers.get(header::UPGRADE).cloned();
        headers::clean_response(&mut parts.headers);
        mapping.apply_to_response(&mut parts.headers);
        if parts.headers.contains_key(header::SET_COOKIE) {
            origin.narrow_cookies(&mut parts.headers, &upstream.label(entry.name.as_str()));
        }
        if let RequestOrigin::Public(host_match, grant) = &origin {
            public_response::restrict(
                &mut parts.headers,
                grant,
                &host_match.route.policy.frame_ancestors,
            );
        }
        parts.version = Version::HTTP_11;
        if !changed {
            let pool = upstream.pool(&entry);
            let download = DownloadBody::new(body, connection, pool, activity_guard).ending(
                entry.route.activity.app_stopping(),
                headers::is_of_events(&parts.headers),
            );
            let reply = ReplyBody::app(download).with_in_flight(in_flight);
            let reply = match &origin {
                RequestOrigin::Local { .. } => reply,
                RequestOrigin::Public(host_match, grant) => {
                    reply.abort_on(&host_match.route.closed, &grant.revoked)
                }
            };
            return Ok(Response::from_parts(parts, reply));
        }
        let Some((requested, visitor)) = upgrade else {
            let what = "the app changed protocols without being asked to";
            return Err((
                ErrorPage::broken(StatusCode::BAD_GATEWAY, entry.name.as_str(), what),
                in_flight,
            ));
        };
        parts
            .headers
            .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts
            .headers
            .insert(header::UPGRADE, protocol.unwrap_or(requested));
        let guards = UpgradeGuards {
            activity_guard,
            in_flight,
            permit: Arc::clone(&self.permit),
            visitor_revoked: origin.revoked(),
            app_stopping: entry.route.activity.app_stopping(),
        };
        upgrade::spawn_relay(self.scope_of(&origin), visitor, connection, guards);
        Ok(Response::from_parts(parts, ReplyBody::page("")))
    }

    /// What bytes are carried within.
    fn scope_of<'a>(&'a self, origin: &'a RequestOrigin) -> &'a Scope {
        match origin {
            RequestOrigin::Local { .. } => &self.listener.scope,
            RequestOrigin::Public(host_match, _) => &host_match.route.scope,
        }
    }
}

/// The page of a preview that cannot be forwarded to. What outsiders get of it says nothing of
/// causes and commands.
fn unavailable(entry: &RouteEntry, origin: &RequestOrigin) -> ErrorPage {
    let name = entry.name.as_str();
    let is_public = matches!(origin, RequestOrigin::Public(..));
    match &entry.route.target {
        Target::Ready { port, .. } => ErrorPage::not_listening(name, *port),
        Target::Starting { detail } => ErrorPage::starting(name, detail),
        Target::Failed { .. } if is_public => ErrorPage::failed_for_public(),
        Target::Failed { problem } => ErrorPage::failed(problem),
        Target::Asleep if is_public => ErrorPage::asleep_for_public(),
        Target::Asleep => ErrorPage::asleep(name),
    }
}
