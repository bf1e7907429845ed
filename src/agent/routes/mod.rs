//! The router: one line a route.

mod detect;
mod events;
mod exec;
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
mod tunnels;
mod wait;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{api::path, lifecycle::Manager, task::Scope};

/// What every route may use.
#[derive(Clone)]
pub struct House {
    pub manager: Arc<Manager>,
    pub scope: Scope,
    pub started: Instant,
    /// Cancelled by the shutdown route.
    pub stop: CancellationToken,
}

pub fn router(house: House) -> Router {
    Router::new()
        .route(path::HELLO, get(system::hello))
        .route(path::SHUTDOWN, post(system::shutdown))
        .route(path::START, post(start::start))
        .route(path::STOP, post(stop::stop))
        .route(path::INSTANCES, get(instances::list))
        .route(path::INSTANCE, get(instances::show))
        .route(path::LOGS, get(logs::logs))
        .route(path::EVENTS, get(events::of_one))
        .route(path::ALL_EVENTS, get(events::of_all))
        .route(path::EXEC, post(exec::exec))
        .route(path::RESTART, post(start::restart))
        .route(path::WAIT, get(wait::wait))
        .route(path::SECRETS, get(secret::list).post(secret::change))
        .route(path::TUNNEL_OPEN, post(tunnels::open))
        .route(path::TUNNEL_CLOSE, post(tunnels::close))
        .route(path::TUNNELS, get(tunnels::list))
        .route(path::TUNNELS_CHECK, post(tunnels::check))
        .route(path::SHARES, get(share::list))
        .route(path::SHARE, get(share::show))
        .route(path::SHARE_NEW, post(share::new))
        .route(path::SHARE_OWN, post(share::own))
        .route(path::SHARE_REVOKE, post(share::revoke))
        .route(path::SYNC, get(supabase::sync))
        .route(path::SUPABASE_LOGIN, post(supabase::login))
        .route(path::SUPABASE_LOGOUT, post(supabase::logout))
        .route(path::SUPABASE_CHECK, post(supabase::check))
        .route(path::SUPABASE_SCHEMA, get(supabase::schema))
        .route(path::PROBE, post(probe::probe))
        .route(path::PRUNE, post(prune::prune))
        .route(path::DETECT, post(detect::detect))
        .route(path::IMAGES, get(images::list))
        .route(path::IMAGES_BUILD, post(images::build))
        .route(path::IMAGES_PRUNE, post(images::prune))
        .with_state(house)
}
