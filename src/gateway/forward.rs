//! One request: from a visitor to the app of the instance it names, and the answer back.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};

use crate::task::Scope;

use super::{
    abroad,
    activity::Hold,
    admission,
    body::{Download, Reply, Upload},
    cross_site,
    door::{Door, Seat, Side},
    exchange::exchange,
    headers::{self, BadHeaders, Wishes},
    host::{self, Site},
    page::Page,
    patience::{Busy, Requests},
    place::{Place, Wanted},
    rewrite::Names,
    route::{Entry, Target},
    upgrade::{self, Kept},
    way::Way,
};

/// One visitor's connection, as far as its requests need to know it.
pub(super) struct Visitor {
    pub(super) door: Arc<Door>,
    /// The visitor's address.
    pub(super) address: HeaderValue,
    pub(super) requests: Arc<Requests>,
    pub(super) seat: Arc<Seat>,
}

/// A request on its way, and what has to outlive it.
struct Errand {
    entry: Arc<Entry>,
    way: Way,
    place: Place,
    request: Request<Upload>,
    names: Names,
    upgrade: Option<(HeaderValue, OnUpgrade)>,
    hold: Hold,
    busy: Busy,
}

/// Whom a request is for, and where its visitor is.
struct Found {
    entry: Arc<Entry>,
    way: Way,
    place: Place,
}

impl Visitor {
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Reply>, Infallible> {
        let busy = self.requests.begin(request.version() == Version::HTTP_2);
        let asked = request.headers().get(header::ACCEPT).cloned();
        let (parts, body) = request.into_parts();
        let outcome = match self.challenged(&parts) {
            Some(Ok(answer)) => return Ok(answer.map(|reply| reply.keep(busy))),
            Some(Err(page)) => Err((page, busy)),
            None => match self.receive(parts, body, busy) {
                Ok(errand) => self.run(errand).await,
                Err((page, busy)) => Err((*page, busy)),
            },
        };
        Ok(outcome.unwrap_or_else(|(page, busy)| {
            let asked = asked
                .map(|accept| (header::ACCEPT, accept))
                .into_iter()
                .collect();
            let page = match self.door.side {
                Side::Local { .. } => page,
                Side::Outside(_) => page.abroad(),
            };
            page.answer(&asked).map(|reply| reply.keep(busy))
        }))
    }

    /// What is asked of the entrance itself. Nobody's activity.
    fn challenged(&self, parts: &Parts) -> Option<Result<Response<Reply>, Page>> {
        let Side::Outside(lobby) = &self.door.side else {
            return None;
        };
        Some(lobby.challenged(parts)?.map(|answer| {
            let mut response = Response::new(Reply::page(answer));
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

    /// Everything that can be said before the app is spoken to.
    fn receive(
        &self,
        mut parts: Parts,
        body: Incoming,
        busy: Busy,
    ) -> Result<Errand, (Box<Page>, Busy)> {
        let (found, wishes) = match self.admit(&mut parts) {
            Ok(admitted) => admitted,
            Err(page) => return Err((Box::new(page), busy)),
        };
        let Found { entry, way, place } = found;
        let Target::Ready {
            port,
            host,
            forwarded_host,
            ..
        } = &entry.route.target
        else {
            return Err((Box::new(elsewhere(&entry, &place)), busy));
        };
        let hold = entry.route.activity.hold();
        let body = Upload::new(body);
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
        let wanted = Wanted {
            host,
            forwarded: *forwarded_host,
            label: &way.label(entry.name.as_str()),
            port: match way {
                Way::App => *port,
                Way::Port(port) => port,
            },
            door: self.door.hall.port,
        };
        let names = place.tell(headers, &wanted);
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
            way,
            place,
            request,
            names,
            upgrade,
            hold,
            busy,
        })
    }

    /// Refuse what nobody should send, and find the instance.
    fn admit(&self, parts: &mut Parts) -> Result<(Found, Wishes), Page> {
        if parts.method == Method::CONNECT && parts.version == Version::HTTP_2 {
            let why = "upgrades over HTTP/2 are not supported; use HTTP/1.1";
            return Err(Page::refused(StatusCode::NOT_IMPLEMENTED, why));
        }
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            let why = format!("{} is not allowed", parts.method);
            return Err(Page::refused(StatusCode::METHOD_NOT_ALLOWED, why));
        }
        let found = self.find(parts)?;
        let wishes = headers::clean_request(&mut parts.headers, parts.version).map_err(|bad| {
            let status = match bad {
                BadHeaders::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                BadHeaders::Encoding => StatusCode::NOT_IMPLEMENTED,
                BadHeaders::Expectation => StatusCode::EXPECTATION_FAILED,
            };
            Page::refused(status, bad.to_string())
        })?;
        if let Place::Local { port } = found.place {
            let label = found.way.label(found.entry.name.as_str());
            cross_site::check(parts, wishes.upgrade.is_some(), &label, port)
                .map_err(|why| Page::cross_site(why, &label))?;
        }
        Ok((found, wishes))
    }

    /// Whom the request is for, as far as this door leads there.
    fn find(&self, parts: &mut Parts) -> Result<Found, Page> {
        let hall = &self.door.hall;
        let outside = matches!(self.door.side, Side::Outside(_));
        let host = host::host_of(parts, outside)
            .map_err(|bad| Page::refused(StatusCode::BAD_REQUEST, bad.to_string()))?;
        match &self.door.side {
            Side::Local { port } => {
                let port = *port;
                match host::site(host.to_str().unwrap_or_default(), port) {
                    Site::Instance(label) => {
                        let (entry, way) = self.named(&label)?;
                        if let (Way::Port(port), true) = (way, way.is_debugger()) {
                            return Err(Page::debugger(entry.name.as_str(), port));
                        }
                        let place = Place::Local { port };
                        Ok(Found { entry, way, place })
                    }
                    Site::Gateway => Err(Page::index(&hall.routes.all(), port)),
                    Site::Foreign => Err(Page::no_such_preview()),
                }
            }
            Side::Outside(lobby) => {
                let visit = lobby.visit(&host).ok_or_else(Page::no_such_preview)?;
                // First, so that who may not come in learns nothing about what is inside.
                let pass = admission::admit(&visit, parts)?;
                let entry = hall.routes.find(visit.hosted.name.as_str());
                let entry = entry.ok_or_else(Page::no_such_preview)?;
                let way = visit.port.map_or(Way::App, Way::Port);
                let shut = visit.port.is_some_and(|it| !visit.hosted.gate.has_port(it));
                if shut || way.is_debugger() {
                    return Err(Page::private_port());
                }
                if entry.route.public_deny.has(&parts.uri) {
                    return Err(Page::private());
                }
                let place = Place::Public(visit, pass);
                Ok(Found { entry, way, place })
            }
        }
    }

    /// Whom the first part of a host at this machine means. A port of one preview is never another
    /// preview, whatever that is called.
    fn named(&self, label: &str) -> Result<(Arc<Entry>, Way), Page> {
        let routes = &self.door.hall.routes;
        if let Some((port, name)) = host::port_of(label)
            && let Some(entry) = routes.find(name)
        {
            return Ok((entry, Way::Port(port)));
        }
        let entry = routes.find(label).ok_or_else(Page::no_such_preview)?;
        Ok((entry, Way::App))
    }

    async fn run(&self, errand: Errand) -> Result<Response<Reply>, (Page, Busy)> {
        let Errand {
            entry,
            way,
            place,
            request,
            names,
            upgrade,
            hold,
            busy,
        } = errand;
        let exchanged = exchange(&entry, way, request, upgrade.is_none());
        let exchanged = match &place {
            Place::Local { .. } => exchanged.await,
            Place::Public(_, pass) => tokio::select! {
                exchanged = exchanged => exchanged,
                () = pass.ends.cancelled() => Err(Page::locked()),
            },
        };
        let (response, connection) = match exchanged {
            Ok(answered) => answered,
            Err(page) => return Err((page, busy)),
        };
        let (mut parts, body) = response.into_parts();
        let changed = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let protocol = parts.headers.get(header::UPGRADE).cloned();
        headers::clean_response(&mut parts.headers);
        names.outward(&mut parts.headers);
        if parts.headers.contains_key(header::SET_COOKIE) {
            place.narrow_cookies(&mut parts.headers, &way.label(entry.name.as_str()));
        }
        if let Place::Public(visit, pass) = &place {
            abroad::finish(&mut parts.headers, pass, &visit.hosted.gate.frames);
        }
        parts.version = Version::HTTP_11;
        if !changed {
            let pool = way.pool(&entry);
            let download = Download::new(body, connection, pool, hold).ending(
                entry.route.activity.ends(),
                headers::is_of_events(&parts.headers),
            );
            let reply = Reply::app(download).keep(busy);
            let reply = match &place {
                Place::Local { .. } => reply,
                Place::Public(visit, pass) => reply.until(&visit.hosted.closed, &pass.ends),
            };
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
            seat: Arc::clone(&self.seat),
            ends: place.ends(),
            restarts: entry.route.activity.ends(),
        };
        upgrade::join(self.scope_of(&place), visitor, connection, kept);
        Ok(Response::from_parts(parts, Reply::page("")))
    }

    /// What bytes are carried within.
    fn scope_of<'a>(&'a self, place: &'a Place) -> &'a Scope {
        match place {
            Place::Local { .. } => &self.door.scope,
            Place::Public(visit, _) => &visit.hosted.scope,
        }
    }
}

/// The page of an instance that cannot be forwarded to. What strangers get of it says nothing of
/// causes and commands.
fn elsewhere(entry: &Entry, place: &Place) -> Page {
    let name = entry.name.as_str();
    let stranger = matches!(place, Place::Public(..));
    match &entry.route.target {
        Target::Ready { port, .. } => Page::not_listening(name, *port),
        Target::Starting { detail } => Page::starting(name, detail),
        Target::Failed { .. } if stranger => Page::out_of_order(),
        Target::Failed { problem } => Page::failed(problem),
        Target::Asleep if stranger => Page::resting(),
        Target::Asleep => Page::asleep(name),
    }
}
