//! Before a route is taken: does the caller have the right to it, and is the instance one they may
//! know of. After: what it came to goes into the audit log.

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, request::Parts};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{
    AppState,
    reply::Refusal,
    table::{EARLY, Route},
};
use crate::{
    agent::audit::{AuditEntry, Via},
    lifecycle::LifecycleError,
    model::{Code, InstanceId, Problem},
    security::Caller,
};

/// The instance a request is about, which its caller reaches.
#[derive(Debug, Clone)]
pub struct Target(pub InstanceId);

#[derive(Clone)]
pub struct RouteGuard {
    pub state: AppState,
    pub route: &'static Route,
}

pub async fn guard(
    State(route_guard): State<RouteGuard>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let via = request.extensions().get::<Via>().copied();
    let method = request.method().clone();
    let asked = params.iter().find(|(name, _)| *name == "id");
    let asked = asked.map(|(_, text)| text.to_owned());
    let span = tracing::error_span!(
        "request",
        method = method.as_str(),
        route = route_guard.route.path,
        asked,
        %caller,
    );
    let began = Instant::now();
    let response = match authorize(&route_guard, &caller, asked.as_deref()) {
        Ok(target) => {
            if let Some(target) = target {
                request.extensions_mut().insert(Target(target));
            }
            next.run(request).instrument(span.clone()).await
        }
        Err(refusal) => {
            span.in_scope(|| tracing::warn!("refused: {}", refusal.0.message));
            refusal.into_response()
        }
    };
    span.in_scope(|| log(&method, response.status(), began));
    let via = via.unwrap_or(Via::Socket);
    // Looking at things at the socket is the host's user's own affair.
    if via != Via::Socket || route_guard.route.method != Method::GET {
        route_guard.state.audit.write(&AuditEntry {
            via,
            caller: &caller.to_string(),
            method: method.as_str(),
            route: route_guard.route.path,
            instance: asked.as_deref(),
            status: response.status().as_u16(),
        });
    }
    response
}

/// A stream goes on after this; what comes of it is in the lines of the instance.
fn log(method: &Method, status: StatusCode, began: Instant) {
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = status.as_u16();
    if status >= 500 {
        tracing::warn!(status, ms, "the request failed");
    } else if status < 400 && method == Method::GET {
        tracing::debug!(status, ms, "answered");
    } else {
        tracing::info!(status, ms, "answered");
    }
}

/// What is asked for has no route, and so nobody has a right to it.
pub async fn unknown(State(state): State<AppState>, request: Request) -> Response {
    let via = request.extensions().get::<Via>().copied();
    let caller = request.extensions().get::<Caller>();
    if let (Some(via @ Via::Tcp(_)), Some(caller)) = (via, caller) {
        state.audit.write(&AuditEntry {
            via,
            caller: &caller.to_string(),
            method: request.method().as_str(),
            route: "-",
            instance: None,
            status: StatusCode::NOT_FOUND.as_u16(),
        });
    }
    StatusCode::NOT_FOUND.into_response()
}

/// The right comes first, and by itself: who lacks it is not told what there is.
fn authorize(
    route_guard: &RouteGuard,
    caller: &Caller,
    asked: Option<&str>,
) -> Result<Option<InstanceId>, Refusal> {
    if !caller.may(route_guard.route.right) {
        let problem = Problem::new(Code::Policy, "this caller may not do that")
            .hint("it takes a credential with more rights");
        return Err(Refusal(problem));
    }
    match asked {
        None => Ok(None),
        Some(asked) => {
            let (manager, reach) = (&route_guard.state.manager, &caller.scopes.reach);
            Ok(Some(if EARLY.contains(&route_guard.route.path) {
                manager.resolve_early(reach, asked)?
            } else {
                manager.resolve(reach, asked)?
            }))
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Target {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let asked = String::new();
        let target = parts.extensions.get::<Self>().cloned();
        target.ok_or_else(|| LifecycleError::NotFound { asked }.into())
    }
}
