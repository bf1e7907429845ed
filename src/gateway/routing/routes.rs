//! `Routes`: which instance answers at which name, as lifecycle last said.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;

use crate::model::{InstanceId, Name, OpenPort, Problem, ProxyHost};

use super::{activity::Activity, ports::Ports};
use crate::gateway::{
    access::public_deny::PublicDeny,
    proxy::{dial::Dial, pool::Pool},
};

/// One instance, as seen by the gateway.
#[derive(Clone)]
pub struct Route {
    pub id: InstanceId,
    pub target: Target,
    pub activity: Arc<Activity>,
    /// The paths that are refused to visitors from outside.
    pub public_deny: Arc<PublicDeny>,
    /// Every port of it, for visitors who ask for one by its number.
    pub ports: Arc<dyn Ports>,
}

/// What a request for an instance leads to.
#[derive(Clone)]
pub enum Target {
    Ready {
        dial: Arc<dyn Dial>,
        /// The app's own port, for its `Host` and for people.
        port: u16,
        /// What the app is told its host is.
        host: ProxyHost,
        /// See [`crate::model::Plan::forwarded_host`].
        forwarded_host: bool,
        /// Connections to one generation never serve another.
        generation: u64,
    },
    Starting {
        /// For people: what is being done.
        detail: String,
    },
    Failed {
        problem: Problem,
    },
    Asleep,
}

/// A route with the connections kept for it.
pub(in crate::gateway) struct RouteEntry {
    pub(in crate::gateway) name: Name,
    pub(in crate::gateway) route: Route,
    pub(in crate::gateway) pool: Arc<Pool>,
}

/// The table of names. Clones share it.
#[derive(Clone, Default)]
pub struct Routes {
    table: Arc<RwLock<HashMap<String, Arc<RouteEntry>>>>,
}

impl Routes {
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests that began before finish as they began.
    pub fn set(&self, name: Name, route: Route) {
        let mut table = self.table.write();
        let before = table.remove(name.as_str());
        let pool = match &before {
            Some(entry) if same_connections(&entry.route, &route) => Arc::clone(&entry.pool),
            _ => Arc::new(Pool::new()),
        };
        let entry = RouteEntry {
            name: name.clone(),
            route,
            pool,
        };
        let replaced = before.filter(|before| !Arc::ptr_eq(&before.pool, &entry.pool));
        table.insert(name.into(), Arc::new(entry));
        drop(table);
        if let Some(replaced) = replaced {
            replaced.pool.close();
        }
    }

    pub fn remove(&self, name: &Name) {
        let removed = self.table.write().remove(name.as_str());
        if let Some(entry) = removed {
            entry.pool.close();
        }
    }

    /// The app is about to be asked to stop, and need not wait for connections that idle.
    pub fn close_idle(&self, name: &Name) {
        if let Some(entry) = self.find(name.as_str()) {
            entry.pool.close_idle();
        }
    }

    /// What something of an instance listens on.
    pub fn ports(&self, name: &Name) -> Vec<OpenPort> {
        let entry = self.find(name.as_str());
        entry.map_or_else(Vec::new, |entry| entry.route.ports.open())
    }

    pub(in crate::gateway) fn find(&self, name: &str) -> Option<Arc<RouteEntry>> {
        self.table.read().get(name).cloned()
    }

    /// Every entry, by name.
    pub(in crate::gateway) fn all(&self) -> Vec<Arc<RouteEntry>> {
        let table = self.table.read();
        let mut entries: Vec<_> = table.values().cloned().collect();
        drop(table);
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }
}

/// Whether connections made for one route reach the app of the other.
fn same_connections(a: &Route, b: &Route) -> bool {
    match (&a.target, &b.target) {
        (
            Target::Ready {
                port: port_a,
                generation: generation_a,
                ..
            },
            Target::Ready {
                port: port_b,
                generation: generation_b,
                ..
            },
        ) => a.id == b.id && port_a == port_b && generation_a == generation_b,
        _ => false,
    }
}
