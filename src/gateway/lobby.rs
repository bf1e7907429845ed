//! What can be visited from one entrance, and by which hosts.

use std::sync::{Arc, PoisonError, RwLock};

use http::{HeaderValue, Method, request::Parts};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    model::{Name, PublicUrl},
    task::Scope,
};

use super::{
    admission::Wrong,
    challenge::{Challenges, PREFIX},
    gate::Gate,
    host,
    page::Page,
    place::Shown,
};

/// Hosts taken for one instance. A tunnel that gets a new URL whenever it is made again shall not
/// grow the list for ever; the oldest lead nowhere by then.
const MOST_SHOWN: usize = 16;

/// One instance at one entrance.
pub(super) struct Hosted {
    pub(super) name: Name,
    pub(super) gate: Arc<Gate>,
    pub(super) wrong: Wrong,
    /// For what is carried as bytes; ends with the entrance or with the gateway.
    pub(super) scope: Scope,
    /// Ends with the entrance alone, and then at once: its visitors are not welcome any more.
    pub(super) closed: CancellationToken,
    pub(super) challenges: Challenges,
    /// The last one is the newest.
    shown: RwLock<Vec<Arc<Shown>>>,
}

impl Hosted {
    pub(super) fn new(name: Name, gate: Arc<Gate>, scope: Scope) -> Arc<Self> {
        Arc::new(Self {
            name,
            gate,
            wrong: Wrong::default(),
            scope,
            closed: CancellationToken::new(),
            challenges: Challenges::default(),
            shown: RwLock::default(),
        })
    }

    pub(super) fn show(&self, url: &PublicUrl) {
        let fresh = Arc::new(Shown::new(url));
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.retain(|other| other.origin != fresh.origin);
        if shown.len() >= MOST_SHOWN {
            shown.remove(0);
        }
        shown.push(fresh);
    }

    fn by_host(&self, host: &str) -> Option<Arc<Shown>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.iter().rev().find(|it| it.is_at(host)).cloned()
    }

    fn newest(&self) -> Option<Arc<Shown>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.last().cloned()
    }
}

/// Who somebody came to see.
pub(super) struct Visit {
    pub(super) hosted: Arc<Hosted>,
    pub(super) shown: Arc<Shown>,
    /// The host that was named instead of the public one, by a tunnel program that says its target.
    pub(super) alias: Option<HeaderValue>,
    /// What was asked for in place of the app, by its number before the public host.
    pub(super) port: Option<u16>,
}

impl Visit {
    /// Whether an `Origin` is this very place. A tunnel program that names its target may do so here
    /// too, or leave what the visitor sees, at any of its URLs.
    pub(super) fn is_own(&self, origin: &HeaderValue) -> bool {
        let is = |own: &str| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes());
        if is(&self.shown.origin) {
            return true;
        }
        let Some(alias) = self.alias.as_ref().and_then(|host| host.to_str().ok()) else {
            return false;
        };
        let shown = self.hosted.shown.read();
        let shown = shown.unwrap_or_else(PoisonError::into_inner);
        is(&format!("http://{alias}")) || shown.iter().any(|it| is(&it.origin))
    }
}

/// The inside of one entrance's listener.
pub(super) struct Lobby {
    port: u16,
    /// Of one instance, so that its own address names that one too.
    own: bool,
    /// The last one is the newest.
    hosted: RwLock<Vec<Arc<Hosted>>>,
    /// Told when the last instance has left.
    pub(super) emptied: Notify,
}

impl Lobby {
    pub(super) fn new(port: u16, own: bool) -> Arc<Self> {
        Arc::new(Self {
            port,
            own,
            hosted: RwLock::default(),
            emptied: Notify::new(),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn add(&self, hosted: Arc<Hosted>) {
        let mut all = self.hosted.write().unwrap_or_else(PoisonError::into_inner);
        all.push(hosted);
    }

    pub(super) fn remove(&self, hosted: &Arc<Hosted>) {
        let mut all = self.hosted.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !Arc::ptr_eq(other, hosted));
        if all.is_empty() {
            self.emptied.notify_one();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let all = self.hosted.read().unwrap_or_else(PoisonError::into_inner);
        all.is_empty()
    }

    /// Whom a visitor who names `host` came to see: the newest instance that has shown it.
    pub(super) fn visit(&self, host: &HeaderValue) -> Option<Visit> {
        let text = host.to_str().ok()?;
        let all = self.hosted.read().unwrap_or_else(PoisonError::into_inner);
        let named = all.iter().rev().find_map(|hosted| {
            let shown = hosted.by_host(text)?;
            Some(Visit {
                hosted: Arc::clone(hosted),
                shown,
                alias: None,
                port: None,
            })
        });
        let named = named.or_else(|| {
            let (port, rest) = host::port_of(text)?;
            all.iter().rev().find_map(|hosted| {
                let shown = hosted.by_host(rest)?;
                Some(Visit {
                    hosted: Arc::clone(hosted),
                    shown: Arc::new(shown.of_port(port)),
                    alias: None,
                    port: Some(port),
                })
            })
        });
        if named.is_some() || !self.own || !host::is_own(text, self.port) {
            return named;
        }
        let hosted = all.last()?;
        Some(Visit {
            hosted: Arc::clone(hosted),
            shown: hosted.newest()?,
            alias: Some(host.clone()),
            port: None,
        })
    }

    /// The answer to a challenge, or to a wrong one; nothing if it is none.
    ///
    /// Where a host decides who is visited, a challenge shows that the host arrives as well; an
    /// entrance of one instance asks for none.
    pub(super) fn challenged(&self, parts: &Parts) -> Option<Result<String, Page>> {
        let nonce = parts.uri.path().strip_prefix(PREFIX)?;
        if parts.method != Method::GET {
            return Some(Err(Page::no_such_preview()));
        }
        let host = host::host_of(parts, true).ok();
        let host = host.as_ref().and_then(|host| host.to_str().ok());
        let all = self.hosted.read().unwrap_or_else(PoisonError::into_inner);
        let answer = all
            .iter()
            .filter(|hosted| self.own || host.is_some_and(|host| hosted.by_host(host).is_some()))
            .find_map(|hosted| hosted.challenges.answer(nonce));
        Some(answer.ok_or_else(Page::no_such_preview))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lobby(own: bool, urls: &[&str]) -> (Arc<Lobby>, Arc<Hosted>) {
        let gate = Gate::new("0123456789ab".parse().unwrap(), &[]);
        let hosted = Hosted::new("shop".parse().unwrap(), gate, Scope::new());
        for url in urls {
            hosted.show(&url.parse().unwrap());
        }
        let lobby = Lobby::new(7071, own);
        lobby.add(Arc::clone(&hosted));
        (lobby, hosted)
    }

    fn origin(lobby: &Lobby, host: &str) -> Option<String> {
        let visit = lobby.visit(&HeaderValue::from_str(host).unwrap())?;
        assert_eq!(visit.alias.is_some(), host.ends_with(":7071"));
        Some(visit.shown.origin.clone())
    }

    #[test]
    fn the_address_of_an_own_entrance_is_the_newest_url() {
        let (lobby, hosted) = lobby(true, &["https://a.example", "http://b.example:81"]);
        for host in ["127.0.0.1:7071", "localhost:7071", "LocalHost:7071"] {
            assert_eq!(
                origin(&lobby, host).as_deref(),
                Some("http://b.example:81"),
                "{host}"
            );
        }
        hosted.show(&"https://a.example".parse().unwrap());
        assert_eq!(
            origin(&lobby, "localhost:7071").as_deref(),
            Some("https://a.example")
        );
        assert_eq!(
            origin(&lobby, "[::1]:7071"),
            None,
            "it does not listen there"
        );
        assert_eq!(origin(&lobby, "localhost:7070"), None);
        assert_eq!(origin(&lobby, "shop.localhost:7071"), None);
    }

    #[test]
    fn the_address_of_a_shared_entrance_is_nobodys() {
        let (lobby, _hosted) = lobby(false, &["https://a.example"]);
        assert_eq!(origin(&lobby, "localhost:7071"), None);
        assert!(origin(&lobby, "a.example").is_some());
    }

    #[test]
    fn a_new_url_does_not_take_the_old_ones_visitors_until_there_are_many() {
        let (lobby, hosted) = lobby(true, &[]);
        for number in 0..=MOST_SHOWN {
            hosted.show(&format!("https://n{number}.example").parse().unwrap());
        }
        assert_eq!(origin(&lobby, "n0.example"), None);
        for number in 1..=MOST_SHOWN {
            assert!(origin(&lobby, &format!("n{number}.example")).is_some());
        }
    }

    #[test]
    fn of_two_who_show_a_host_the_newer_has_it() {
        let (lobby, _older) = lobby(false, &["https://a.example"]);
        let gate = Gate::new("ba9876543210".parse().unwrap(), &[]);
        let newer = Hosted::new("blog".parse().unwrap(), gate, Scope::new());
        lobby.add(Arc::clone(&newer));
        let host = HeaderValue::from_static("a.example");
        let name = |lobby: &Lobby| lobby.visit(&host).unwrap().hosted.name.to_string();
        assert_eq!(name(&lobby), "shop");
        newer.show(&"https://a.example".parse().unwrap());
        assert_eq!(name(&lobby), "blog");
        lobby.remove(&newer);
        assert_eq!(name(&lobby), "shop");
    }
}
