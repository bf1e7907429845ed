//! The one table of routes: each with the right it takes. The router is made of it, so that no
//! route can be served without one.

use axum::routing::{MethodRouter, get, post};
use http::Method;

use super::{
    AppState, detect, down, events, exec, images, logs, probe, prune, secret, share, status,
    supabase, system, token, tunnel, up, wait,
};
use crate::{
    api::path,
    security::Right::{self, HostUser, Manage, ManageHost, Read, ReadHost},
};

pub struct Route {
    pub method: Method,
    /// `{id}` is an instance; the caller has to reach it.
    pub path: &'static str,
    pub right: Right,
    pub(super) handler: fn() -> MethodRouter<AppState>,
}

const fn reads(path: &'static str, right: Right, handler: fn() -> MethodRouter<AppState>) -> Route {
    Route {
        method: Method::GET,
        path,
        right,
        handler,
    }
}

const fn does(path: &'static str, right: Right, handler: fn() -> MethodRouter<AppState>) -> Route {
    Route {
        method: Method::POST,
        path,
        right,
        handler,
    }
}

/// Of instances that need not have been made yet.
pub const EARLY: &[&str] = &[path::SECRETS];

pub const ROUTES: &[Route] = &[
    reads(path::HELLO, Read, || get(system::hello)),
    does(path::SHUTDOWN, ManageHost, || post(system::shutdown)),
    does(path::START, Manage, || post(up::start)),
    does(path::STOP, Manage, || post(down::stop)),
    reads(path::INSTANCES, Read, || get(status::list)),
    reads(path::INSTANCE, Read, || get(status::show)),
    reads(path::LOGS, Read, || get(logs::logs)),
    reads(path::EVENTS, Read, || get(events::of_one)),
    reads(path::ALL_EVENTS, Read, || get(events::of_all)),
    does(path::EXEC, Manage, || post(exec::exec)),
    does(path::RESTART, Manage, || post(up::restart)),
    reads(path::WAIT, Read, || get(wait::wait)),
    reads(path::SECRETS, Manage, || get(secret::list)),
    does(path::SECRETS, Manage, || post(secret::change)),
    does(path::TUNNEL_OPEN, ManageHost, || post(tunnel::open)),
    does(path::TUNNEL_CLOSE, ManageHost, || post(tunnel::close)),
    reads(path::TUNNELS, ReadHost, || get(tunnel::list)),
    // It takes credentials.
    does(path::TUNNELS_CHECK, ManageHost, || post(tunnel::check)),
    // What it shows opens nothing: a link is known to its holders alone.
    reads(path::SHARES, Read, || get(share::list)),
    reads(path::SHARE, Read, || get(share::show)),
    does(path::SHARE_NEW, Manage, || post(share::new)),
    does(path::SHARE_OWN, Manage, || post(share::own)),
    does(path::SHARE_REVOKE, Manage, || post(share::revoke)),
    reads(path::SYNC, Read, || get(supabase::sync)),
    does(path::SUPABASE_LOGIN, ManageHost, || post(supabase::login)),
    does(path::SUPABASE_LOGOUT, ManageHost, || post(supabase::logout)),
    does(path::SUPABASE_CHECK, ManageHost, || post(supabase::check)),
    reads(path::SUPABASE_SCHEMA, Read, || get(supabase::schema)),
    // It starts containers of the agent's own.
    does(path::PROBE, HostUser, || post(probe::probe)),
    // What it counts and removes is of every owner.
    does(path::PRUNE, HostUser, || post(prune::prune)),
    does(path::DETECT, Manage, || post(detect::detect)),
    reads(path::IMAGES, ReadHost, || get(images::list)),
    does(path::IMAGES_BUILD, ManageHost, || post(images::build)),
    does(path::IMAGES_PRUNE, ManageHost, || post(images::prune)),
    reads(path::TOKENS, HostUser, || get(token::list)),
    does(path::TOKENS_NEW, HostUser, || post(token::new)),
    does(path::TOKENS_REVOKE, HostUser, || post(token::revoke)),
];
