//! The router: every route of the table, each behind its guard.

mod detect;
mod down;
mod events;
mod exec;
mod guard;
mod images;
mod logs;
mod probe;
mod prune;
mod reply;
mod secret;
mod share;
mod status;
mod stream;
mod supabase;
mod system;
mod table;
mod token;
mod tunnel;
mod up;
mod wait;

use std::sync::Arc;

use axum::{Router, middleware};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{audit::Audit, tokens::TokenRegistry};
use crate::{lifecycle::Manager, source::supabase::SupabaseSessions, task::Scope};
use guard::{RouteGuard, guard};

pub use guard::Target;
pub use table::{ROUTES, Route};

/// What every route may use.
#[derive(Clone)]
pub struct AppState {
    pub manager: Arc<Manager>,
    pub supabase: Arc<SupabaseSessions>,
    pub scope: Scope,
    pub started: Instant,
    /// Cancelled by the shutdown route.
    pub stop: CancellationToken,
    pub tokens: Arc<TokenRegistry>,
    pub audit: Arc<Audit>,
}

/// The same for every way in. Each request has to come with its [`Caller`](crate::security::Caller).
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let route_guard = RouteGuard {
            state: state.clone(),
            route,
        };
        let handler = (route.handler)().layer(middleware::from_fn_with_state(route_guard, guard));
        router = router.route(route.path, handler);
    }
    router.fallback(guard::unknown).with_state(state)
}
