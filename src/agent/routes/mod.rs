//! The router: every route of the table, each behind its guard.

mod detect;
mod events;
mod exec;
mod guard;
mod images;
mod instances;
mod logs;
mod probe;
mod prune;
mod reply;
mod secret;
mod share;
mod start;
mod stop;
mod stream;
mod supabase;
mod system;
mod table;
mod tokens;
mod tunnels;
mod wait;

use std::sync::Arc;

use axum::{Router, middleware};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{audit::Audit, tokens::Tokens};
use crate::{lifecycle::Manager, task::Scope};
use guard::{Gate, guard};

pub use guard::Target;
pub use table::{ROUTES, Route};

/// What every route may use.
#[derive(Clone)]
pub struct House {
    pub manager: Arc<Manager>,
    pub scope: Scope,
    pub started: Instant,
    /// Cancelled by the shutdown route.
    pub stop: CancellationToken,
    pub tokens: Arc<Tokens>,
    pub audit: Arc<Audit>,
}

/// The same for every way in. Each request has to come with its [`Caller`](crate::security::Caller).
pub fn router(house: House) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let gate = Gate {
            house: house.clone(),
            route,
        };
        let handler = (route.handler)().layer(middleware::from_fn_with_state(gate, guard));
        router = router.route(route.path, handler);
    }
    router.fallback(guard::unknown).with_state(house)
}
