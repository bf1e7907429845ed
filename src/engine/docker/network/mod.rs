//! What an instance's network is: a namespace of its own that a sidecar holds, behind the host's
//! table that a warden holds. No instance is started before both have been seen to hold.

mod body;
mod bridge;
#[expect(dead_code, reason = "the guest uses the rest of it")]
#[path = "../../../guest/rules.rs"]
mod rules;
mod said;
mod settings;
mod sidecar;
mod spares;
mod sweep;
mod warden;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

pub use settings::{NetworkSettings, Pool};
pub use sidecar::Sidecar;

/// What saves asking the engine, and who is at work on what.
#[derive(Debug, Default)]
pub struct State {
    /// The warden that was last seen to hold.
    warden: tokio::sync::Mutex<Option<Arc<warden::Held>>>,
    /// Sidecars without an app, seen to hold.
    spares: Mutex<Vec<Sidecar>>,
    /// Held while a spare is made: who needs one then waits for it.
    filling: tokio::sync::Mutex<()>,
    /// Whether the spares an earlier agent left were looked for.
    adopted: tokio::sync::Mutex<bool>,
    /// Names of sidecars and networks that are being made, or are spares, or are being given an app.
    busy: Arc<Mutex<BTreeSet<String>>>,
}
