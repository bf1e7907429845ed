//! A preview's network: a namespace of its own that a sidecar keeps, behind the table that the host
//! firewall keeps. No preview is started before both are known to be in place.
//!
//! On engine objects the host firewall's role is `warden`.

mod bridge;
mod container_body;
mod container_status;
mod host_firewall;
mod sidecar;
mod subnet_pool;
mod sweep;
mod warm_pool;

use std::{collections::BTreeSet, sync::Arc};

use parking_lot::Mutex;

pub use sidecar::Sidecar;
pub use subnet_pool::{NetworkSettings, SubnetPool};

/// What saves asking the engine, and who is at work on what.
#[derive(Debug, Default)]
pub struct NetworkState {
    /// The host firewall that was last seen in place.
    host_firewall: tokio::sync::Mutex<Option<Arc<host_firewall::HostFirewall>>>,
    /// Ready sidecars without an app.
    warm_pool: Mutex<Vec<Sidecar>>,
    /// Locked while a sidecar is made for the pool. A start that finds the pool empty waits for it.
    filling: tokio::sync::Mutex<()>,
    /// Whether the pooled sidecars of an earlier agent were looked for.
    adopted: tokio::sync::Mutex<bool>,
    /// Names of sidecars and networks that are being made, are in the pool, or are being given an app.
    claimed_names: Arc<Mutex<BTreeSet<String>>>,
}

#[cfg(test)]
mod tests {
    use guest_api::ruleset;

    use crate::security::firewall::{HostNetwork, host_table};

    #[test]
    fn resolvers_are_put_where_a_table_names_none() {
        let none = host_table("t", "b-", &HostNetwork::default());
        let some = HostNetwork {
            resolvers: vec![[10, 0, 0, 53].into(), [10, 0, 0, 54].into()],
            ..HostNetwork::default()
        };
        let filled = ruleset::with_resolvers(&none, &some.resolvers);
        assert_eq!(filled, host_table("t", "b-", &some));
        // What was chosen is not replaced.
        let chosen = ruleset::with_resolvers(&filled, &[[9, 9, 9, 9].into()]);
        assert_eq!(chosen, filled);
        assert_eq!(ruleset::with_resolvers(&none, &[]), none);
    }
}
