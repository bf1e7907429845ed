//! `VirtualHosts`: the previews that one public listener serves, and the host names of each.

use std::sync::Arc;

use http::{HeaderValue, Method, request::Parts};
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    model::{Name, PublicUrl},
    task::Scope,
};

use super::{host, request_origin::PublicOrigin};
use crate::gateway::{
    access::{
        authorize::BadLinkAttempts,
        challenge::{Challenges, PREFIX},
        policy::AccessPolicy,
    },
    proxy::error_page::ErrorPage,
};

/// Hosts taken for one instance. A tunnel that gets a new URL whenever it is made again shall not
/// grow the list for ever; the oldest lead nowhere by then.
const MOST_ORIGINS: usize = 16;

/// One preview at one public listener.
pub(in crate::gateway) struct PublicRoute {
    pub(in crate::gateway) name: Name,
    pub(in crate::gateway) policy: Arc<AccessPolicy>,
    pub(in crate::gateway) bad_links: BadLinkAttempts,
    /// For upgraded connections. It ends with the listener or with the gateway.
    pub(in crate::gateway) scope: Scope,
    /// Cancelled when the listener closes, so that its visitors' requests end at once.
    pub(in crate::gateway) closed: CancellationToken,
    pub(in crate::gateway) challenges: Challenges,
    /// The last one is the newest.
    public_origins: RwLock<Vec<Arc<PublicOrigin>>>,
}

impl PublicRoute {
    pub(in crate::gateway) fn new(
        name: Name,
        policy: Arc<AccessPolicy>,
        scope: Scope,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            policy,
            bad_links: BadLinkAttempts::default(),
            scope,
            closed: CancellationToken::new(),
            challenges: Challenges::default(),
            public_origins: RwLock::default(),
        })
    }

    pub(in crate::gateway) fn add_origin(&self, url: &PublicUrl) {
        let fresh = Arc::new(PublicOrigin::new(url));
        let mut origins = self.public_origins.write();
        origins.retain(|other| other.origin != fresh.origin);
        if origins.len() >= MOST_ORIGINS {
            origins.remove(0);
        }
        origins.push(fresh);
    }

    fn by_host(&self, host: &str) -> Option<Arc<PublicOrigin>> {
        let origins = self.public_origins.read();
        origins.iter().rev().find(|it| it.is_at(host)).cloned()
    }

    fn newest(&self) -> Option<Arc<PublicOrigin>> {
        let origins = self.public_origins.read();
        origins.last().cloned()
    }
}

/// Who somebody came to see.
pub(in crate::gateway) struct HostMatch {
    pub(in crate::gateway) route: Arc<PublicRoute>,
    pub(in crate::gateway) public_origin: Arc<PublicOrigin>,
    /// The host that was named instead of the public one, by a tunnel program that says its target.
    pub(super) alias: Option<HeaderValue>,
    /// What was asked for in place of the app, by its number before the public host.
    pub(in crate::gateway) port: Option<u16>,
}

impl HostMatch {
    /// Whether an `Origin` is this very place. A tunnel program that names its target may do so here
    /// too, or leave what the visitor sees, at any of its URLs.
    pub(in crate::gateway) fn is_own(&self, origin: &HeaderValue) -> bool {
        let is = |own: &str| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes());
        if is(&self.public_origin.origin) {
            return true;
        }
        let Some(alias) = self.alias.as_ref().and_then(|host| host.to_str().ok()) else {
            return false;
        };
        let origins = self.route.public_origins.read();
        let origins = origins;
        is(&format!("http://{alias}")) || origins.iter().any(|it| is(&it.origin))
    }
}

/// The host names of one public listener.
pub(in crate::gateway) struct VirtualHosts {
    port: u16,
    /// Of one instance, so that its own address names that one too.
    own: bool,
    /// The last one is the newest.
    routes: RwLock<Vec<Arc<PublicRoute>>>,
    /// Told when the last instance has left.
    pub(in crate::gateway) emptied: Notify,
}

impl VirtualHosts {
    pub(in crate::gateway) fn new(port: u16, own: bool) -> Arc<Self> {
        Arc::new(Self {
            port,
            own,
            routes: RwLock::default(),
            emptied: Notify::new(),
        })
    }

    pub(in crate::gateway) fn port(&self) -> u16 {
        self.port
    }

    pub(in crate::gateway) fn add(&self, route: Arc<PublicRoute>) {
        let mut all = self.routes.write();
        all.push(route);
    }

    pub(in crate::gateway) fn remove(&self, route: &Arc<PublicRoute>) {
        let mut all = self.routes.write();
        all.retain(|other| !Arc::ptr_eq(other, route));
        if all.is_empty() {
            self.emptied.notify_one();
        }
    }

    pub(in crate::gateway) fn is_empty(&self) -> bool {
        let all = self.routes.read();
        all.is_empty()
    }

    /// Whom a visitor who names `host` came to see: the newest instance that has shown it.
    pub(in crate::gateway) fn host_match(&self, host: &HeaderValue) -> Option<HostMatch> {
        let text = host.to_str().ok()?;
        let all = self.routes.read();
        let named = all.iter().rev().find_map(|route| {
            let public_origin = route.by_host(text)?;
            Some(HostMatch {
                route: Arc::clone(route),
                public_origin,
                alias: None,
                port: None,
            })
        });
        let named = named.or_else(|| {
            let (port, rest) = host::port_of(text)?;
            all.iter().rev().find_map(|route| {
                let public_origin = route.by_host(rest)?;
                Some(HostMatch {
                    route: Arc::clone(route),
                    public_origin: Arc::new(public_origin.of_port(port)),
                    alias: None,
                    port: Some(port),
                })
            })
        });
        if named.is_some() || !self.own || !host::is_own(text, self.port) {
            return named;
        }
        let route = all.last()?;
        Some(HostMatch {
            route: Arc::clone(route),
            public_origin: route.newest()?,
            alias: Some(host.clone()),
            port: None,
        })
    }

    /// The answer to a challenge, or to a wrong one; nothing if it is none.
    ///
    /// Where a host decides who is visited, a challenge shows that the host arrives as well; an
    /// entrance of one instance asks for none.
    pub(in crate::gateway) fn answer_challenge(
        &self,
        parts: &Parts,
    ) -> Option<Result<String, ErrorPage>> {
        let nonce = parts.uri.path().strip_prefix(PREFIX)?;
        if parts.method != Method::GET {
            return Some(Err(ErrorPage::no_such_preview()));
        }
        let host = host::host_of(parts, true).ok();
        let host = host.as_ref().and_then(|host| host.to_str().ok());
        let all = self.routes.read();
        let answer = all
            .iter()
            .filter(|route| self.own || host.is_some_and(|host| route.by_host(host).is_some()))
            .find_map(|route| route.challenges.answer(nonce));
        Some(answer.ok_or_else(ErrorPage::no_such_preview))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(own: bool, urls: &[&str]) -> (Arc<VirtualHosts>, Arc<PublicRoute>) {
        let policy = AccessPolicy::new("0123456789ab".parse().unwrap(), &[]);
        let route = PublicRoute::new("shop".parse().unwrap(), policy, Scope::new());
        for url in urls {
            route.add_origin(&url.parse().unwrap());
        }
        let hosts = VirtualHosts::new(7071, own);
        hosts.add(Arc::clone(&route));
        (hosts, route)
    }

    fn origin(hosts: &VirtualHosts, host: &str) -> Option<String> {
        let host_match = hosts.host_match(&HeaderValue::from_str(host).unwrap())?;
        assert_eq!(host_match.alias.is_some(), host.ends_with(":7071"));
        Some(host_match.public_origin.origin.clone())
    }

    #[test]
    fn the_address_of_an_own_entrance_is_the_newest_url() {
        let (hosts, route) = hosts(true, &["https://a.example", "http://b.example:81"]);
        for host in ["127.0.0.1:7071", "localhost:7071", "LocalHost:7071"] {
            assert_eq!(
                origin(&hosts, host).as_deref(),
                Some("http://b.example:81"),
                "{host}"
            );
        }
        route.add_origin(&"https://a.example".parse().unwrap());
        assert_eq!(
            origin(&hosts, "localhost:7071").as_deref(),
            Some("https://a.example")
        );
        assert_eq!(
            origin(&hosts, "[::1]:7071"),
            None,
            "it does not listen there"
        );
        assert_eq!(origin(&hosts, "localhost:7070"), None);
        assert_eq!(origin(&hosts, "shop.localhost:7071"), None);
    }

    #[test]
    fn the_address_of_a_shared_entrance_is_nobodys() {
        let (hosts, _hosted) = hosts(false, &["https://a.example"]);
        assert_eq!(origin(&hosts, "localhost:7071"), None);
        assert!(origin(&hosts, "a.example").is_some());
    }

    #[test]
    fn a_new_url_does_not_take_the_old_ones_visitors_until_there_are_many() {
        let (hosts, route) = hosts(true, &[]);
        for number in 0..=MOST_ORIGINS {
            route.add_origin(&format!("https://n{number}.example").parse().unwrap());
        }
        assert_eq!(origin(&hosts, "n0.example"), None);
        for number in 1..=MOST_ORIGINS {
            assert!(origin(&hosts, &format!("n{number}.example")).is_some());
        }
    }

    #[test]
    fn of_two_who_show_a_host_the_newer_has_it() {
        let (hosts, _older) = hosts(false, &["https://a.example"]);
        let policy = AccessPolicy::new("ba9876543210".parse().unwrap(), &[]);
        let newer = PublicRoute::new("blog".parse().unwrap(), policy, Scope::new());
        hosts.add(Arc::clone(&newer));
        let host = HeaderValue::from_static("a.example");
        let name = |hosts: &VirtualHosts| hosts.host_match(&host).unwrap().route.name.to_string();
        assert_eq!(name(&hosts), "shop");
        newer.add_origin(&"https://a.example".parse().unwrap());
        assert_eq!(name(&hosts), "blog");
        hosts.remove(&newer);
        assert_eq!(name(&hosts), "shop");
    }
}
