//! `Gate`: who may come in to one instance from outside, as lifecycle last said.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::HeaderValue;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ticket;
use crate::{
    model::{Grant, GrantId, InstanceId, PublicUrl, Publicity, Shares},
    security,
    task::Scope,
};

/// A clock of the host may be set, or have stood still with it, so no end is waited for in one go.
const LONGEST: Duration = Duration::from_secs(15);

/// One for each instance, for its life. Nobody may come in until [`Gate::keep`] says so.
pub struct Gate {
    pub(super) instance: InstanceId,
    /// Of the cookie over plain HTTP, and over TLS.
    cookies: [String; 2],
    /// What `frame-ancestors` allows.
    pub(super) frames: Frames,
    inside: RwLock<Inside>,
    changed: watch::Sender<()>,
}

/// Whose pages may show a preview within them.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    /// Others than its own.
    pub(super) others: bool,
    pub(super) policy: HeaderValue,
}

#[derive(Default)]
struct Inside {
    everyone: Option<Everyone>,
    holders: Vec<Holder>,
    ports: BTreeSet<u16>,
}

struct Everyone {
    publicity: Publicity,
    ends: CancellationToken,
}

struct Holder {
    grant: Grant,
    ends: CancellationToken,
}

/// Leave to come in, and what ends it.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    pub(super) ends: CancellationToken,
    /// Others may not, so nothing that is passed on is for others.
    pub(super) private: bool,
}

/// A grant that was shown, with all that a cookie for it takes.
pub(super) struct Held {
    pub(super) ends: CancellationToken,
    pub(super) expires: Option<Timestamp>,
}

impl Gate {
    /// `frames` are the sites whose pages may show the preview within them, besides its own.
    pub fn new(instance: InstanceId, frames: &[PublicUrl]) -> Arc<Self> {
        let policy = frames
            .iter()
            .fold("frame-ancestors 'self'".to_owned(), |policy, site| {
                format!("{policy} {site}")
            });
        let cookies = [false, true].map(|secure| ticket::cookie_name(&instance, secure));
        Arc::new(Self {
            instance,
            cookies,
            frames: Frames {
                others: !frames.is_empty(),
                policy: HeaderValue::from_str(&policy)
                    .expect("an origin that was parsed is visible ASCII"),
            },
            inside: RwLock::default(),
            changed: watch::Sender::new(()),
        })
    }

    /// Let in whom this says and nobody else. Who is in by what it does not say is put out.
    pub fn keep(&self, shares: &Shares) {
        let now = Timestamp::now();
        let mut inside = self.inside.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *inside);
        let public = shares.public.clone().filter(|it| it.is_live(now));
        inside.ports.clone_from(&shares.ports);
        inside.everyone = public.map(|publicity| Everyone {
            publicity,
            ends: before
                .everyone
                .as_ref()
                .map_or_else(CancellationToken::new, |it| it.ends.clone()),
        });
        if inside.everyone.is_none()
            && let Some(everyone) = before.everyone
        {
            everyone.ends.cancel();
        }
        let live = shares.grants.iter().filter(|grant| grant.is_live(now));
        inside.holders = live
            .map(|grant| Holder {
                grant: grant.clone(),
                ends: before
                    .holders
                    .iter()
                    .find(|holder| holder.grant.id == grant.id)
                    .map_or_else(CancellationToken::new, |holder| holder.ends.clone()),
            })
            .collect();
        let stays = |id: &GrantId| inside.holders.iter().any(|holder| holder.grant.id == *id);
        for gone in before.holders.iter().filter(|it| !stays(&it.grant.id)) {
            gone.ends.cancel();
        }
        drop(inside);
        self.changed.send_replace(());
    }

    pub(super) fn cookie_name(&self, secure: bool) -> &str {
        &self.cookies[usize::from(secure)]
    }

    /// Whether those who may come in may visit that port too.
    pub(super) fn has_port(&self, port: u16) -> bool {
        let inside = self.inside.read().unwrap_or_else(PoisonError::into_inner);
        inside.ports.contains(&port)
    }

    /// Leave for everyone, if there is.
    pub(super) fn everyone(&self, now: Timestamp) -> Option<CancellationToken> {
        let inside = self.inside.read().unwrap_or_else(PoisonError::into_inner);
        let everyone = inside.everyone.as_ref()?;
        everyone
            .publicity
            .is_live(now)
            .then(|| everyone.ends.clone())
    }

    pub(super) fn by_link(&self, token: &str, now: Timestamp) -> Option<Held> {
        let digest = security::link_digest(token)?;
        self.held(now, |grant| grant.link == digest)
    }

    pub(super) fn by_cookie(&self, cookie: &str, now: Timestamp) -> Option<Held> {
        let digest = security::cookie_digest(cookie)?;
        self.held(now, |grant| grant.cookie == digest)
    }

    fn held(&self, now: Timestamp, is: impl Fn(&Grant) -> bool) -> Option<Held> {
        let inside = self.inside.read().unwrap_or_else(PoisonError::into_inner);
        let holder = inside.holders.iter().find(|holder| is(&holder.grant))?;
        holder.grant.is_live(now).then(|| Held {
            ends: holder.ends.clone(),
            expires: holder.grant.expires,
        })
    }

    /// Put out those whose time is over. Says when the next one's is.
    fn expire(&self, now: Timestamp) -> Option<Timestamp> {
        let mut inside = self.inside.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(over) = inside
            .everyone
            .take_if(|everyone| !everyone.publicity.is_live(now))
        {
            over.ends.cancel();
        }
        inside.holders.retain(|holder| {
            let live = holder.grant.is_live(now);
            if !live {
                holder.ends.cancel();
            }
            live
        });
        let public = inside.everyone.as_ref();
        let public = public.and_then(|everyone| everyone.publicity.expires);
        let held = inside.holders.iter().filter_map(|it| it.grant.expires);
        held.chain(public).min()
    }

    /// Put out everyone in time, until the scope ends.
    pub(super) async fn watch(self: Arc<Self>, scope: Scope) {
        let mut changed = self.changed.subscribe();
        loop {
            let now = Timestamp::now();
            let next = self.expire(now);
            let wait = async {
                match next {
                    Some(end) => {
                        let left = Duration::try_from(now.until(end).unwrap_or_default());
                        tokio::time::sleep(left.unwrap_or_default().min(LONGEST)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                changed = changed.changed() => if changed.is_err() { return },
                () = scope.cancelled() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn gate() -> (Arc<Gate>, InstanceId) {
        let id: InstanceId = "0123456789ab".parse().unwrap();
        (Gate::new(id.clone(), &[]), id)
    }

    #[test]
    fn who_stays_is_not_disturbed_and_who_goes_is_put_out() {
        let (gate, id) = gate();
        let now = Timestamp::now();
        let (one, two) = (
            security::mint(&id, None, now, None),
            security::mint(&id, None, now, None),
        );
        assert!(gate.everyone(now).is_none(), "nobody until it is said");
        assert!(gate.by_link(one.token.reveal(), now).is_none());
        let mut shares = Shares {
            public: Some(Publicity { expires: None }),
            grants: vec![one.grant.clone(), two.grant.clone()],
            ..Shares::default()
        };
        gate.keep(&shares);
        let everyone = gate.everyone(now).unwrap();
        let first = gate.by_link(one.token.reveal(), now).unwrap().ends;
        let cookie = security::cookie_of(two.token.reveal(), &id);
        let second = gate.by_cookie(cookie.reveal(), now).unwrap().ends;
        gate.keep(&shares);
        assert!(!everyone.is_cancelled() && !first.is_cancelled());
        shares.grants[0].revoked = Some(now);
        shares.public = None;
        gate.keep(&shares);
        assert!(first.is_cancelled() && everyone.is_cancelled());
        assert!(!second.is_cancelled());
        assert!(gate.by_link(one.token.reveal(), now).is_none());
        assert!(gate.everyone(now).is_none());
        assert!(gate.by_link(two.token.reveal(), now).is_some());
        gate.keep(&Shares::default());
        assert!(second.is_cancelled());
    }

    #[test]
    fn time_ends_leave_by_itself() {
        let (gate, id) = gate();
        let now = Timestamp::now();
        let soon = at(now.as_second() + 100);
        let later = at(now.as_second() + 200);
        let one = security::mint(&id, None, now, Some(soon));
        gate.keep(&Shares {
            public: Some(Publicity {
                expires: Some(later),
            }),
            grants: vec![one.grant.clone()],
            ..Shares::default()
        });
        let token = one.token.reveal();
        assert!(gate.by_link(token, soon).is_none(), "to the moment");
        let held = gate.by_link(token, now).unwrap().ends;
        let everyone = gate.everyone(now).unwrap();
        assert_eq!(gate.expire(now), Some(soon));
        assert!(!held.is_cancelled());
        assert_eq!(gate.expire(soon), Some(later));
        assert!(held.is_cancelled() && !everyone.is_cancelled());
        assert_eq!(gate.expire(later), None);
        assert!(everyone.is_cancelled());
        assert!(gate.everyone(now).is_none());
    }
}
