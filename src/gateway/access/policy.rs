//! `AccessPolicy`: who may see one preview from outside, as lifecycle last set it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::HeaderValue;
use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::link_token;
use crate::{
    model::{Grant, GrantId, InstanceId, PublicAccess, PublicUrl, Shares},
    security,
    task::Scope,
};

/// A clock of the host may be set, or have stood still with it, so no end is waited for in one go.
const LONGEST: Duration = Duration::from_secs(15);

/// One for each instance, for its life. Nobody may come in until [`AccessPolicy::update`] says so.
pub struct AccessPolicy {
    pub(super) instance: InstanceId,
    /// Of the cookie over plain HTTP, and over TLS.
    cookies: [String; 2],
    /// What `frame-ancestors` allows.
    pub(in crate::gateway) frame_ancestors: FrameAncestors,
    admitted: RwLock<Admitted>,
    changed: watch::Sender<()>,
}

/// Whose pages may show a preview within them.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct FrameAncestors {
    /// Others than its own.
    pub(in crate::gateway) others: bool,
    pub(in crate::gateway) header: HeaderValue,
}

#[derive(Default)]
struct Admitted {
    everyone: Option<Everyone>,
    holders: Vec<Holder>,
    ports: BTreeSet<u16>,
}

struct Everyone {
    publicity: PublicAccess,
    revoked: CancellationToken,
}

struct Holder {
    grant: Grant,
    revoked: CancellationToken,
}

/// A request was authorized; the token is cancelled when the access is revoked or expires.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct AccessGrant {
    pub(in crate::gateway) revoked: CancellationToken,
    /// Others may not, so nothing that is passed on is for others.
    pub(in crate::gateway) private: bool,
}

/// A grant that a request presented and that is valid, with what a cookie for it needs.
pub(in crate::gateway) struct LiveGrant {
    pub(in crate::gateway) revoked: CancellationToken,
    pub(super) expires: Option<Timestamp>,
}

impl AccessPolicy {
    /// `frame_ancestors` are the sites whose pages may show the preview within them, besides its own.
    pub fn new(instance: InstanceId, frame_ancestors: &[PublicUrl]) -> Arc<Self> {
        let header = frame_ancestors
            .iter()
            .fold("frame-ancestors 'self'".to_owned(), |header, site| {
                format!("{header} {site}")
            });
        let cookies = [false, true].map(|secure| link_token::cookie_name(&instance, secure));
        Arc::new(Self {
            instance,
            cookies,
            frame_ancestors: FrameAncestors {
                others: !frame_ancestors.is_empty(),
                header: HeaderValue::from_str(&header)
                    .expect("an origin that was parsed is visible ASCII"),
            },
            admitted: RwLock::default(),
            changed: watch::Sender::new(()),
        })
    }

    /// Replace the policy. Connections of visitors who have no access any more are ended.
    pub fn update(&self, shares: &Shares) {
        let now = Timestamp::now();
        let mut admitted = self.admitted.write();
        let before = std::mem::take(&mut *admitted);
        let public = shares.public.clone().filter(|it| it.is_live(now));
        admitted.ports.clone_from(&shares.ports);
        admitted.everyone = public.map(|publicity| Everyone {
            publicity,
            revoked: before
                .everyone
                .as_ref()
                .map_or_else(CancellationToken::new, |it| it.revoked.clone()),
        });
        if admitted.everyone.is_none()
            && let Some(everyone) = before.everyone
        {
            everyone.revoked.cancel();
        }
        let live = shares.grants.iter().filter(|grant| grant.is_live(now));
        admitted.holders = live
            .map(|grant| Holder {
                grant: grant.clone(),
                revoked: before
                    .holders
                    .iter()
                    .find(|holder| holder.grant.id == grant.id)
                    .map_or_else(CancellationToken::new, |holder| holder.revoked.clone()),
            })
            .collect();
        let stays = |id: &GrantId| admitted.holders.iter().any(|holder| holder.grant.id == *id);
        for gone in before.holders.iter().filter(|it| !stays(&it.grant.id)) {
            gone.revoked.cancel();
        }
        drop(admitted);
        self.changed.send_replace(());
    }

    pub(super) fn cookie_name(&self, secure: bool) -> &str {
        &self.cookies[usize::from(secure)]
    }

    /// Whether those who may come in may visit that port too.
    pub(in crate::gateway) fn has_port(&self, port: u16) -> bool {
        let admitted = self.admitted.read();
        admitted.ports.contains(&port)
    }

    /// The access of everyone, where the preview is public.
    pub(super) fn everyone(&self, now: Timestamp) -> Option<CancellationToken> {
        let admitted = self.admitted.read();
        let everyone = admitted.everyone.as_ref()?;
        everyone
            .publicity
            .is_live(now)
            .then(|| everyone.revoked.clone())
    }

    pub(super) fn by_link(&self, token: &str, now: Timestamp) -> Option<LiveGrant> {
        let digest = security::link_digest(token)?;
        self.find_grant(now, |grant| grant.link == digest)
    }

    pub(super) fn by_cookie(&self, cookie: &str, now: Timestamp) -> Option<LiveGrant> {
        let digest = security::cookie_digest(cookie)?;
        self.find_grant(now, |grant| grant.cookie == digest)
    }

    fn find_grant(&self, now: Timestamp, is: impl Fn(&Grant) -> bool) -> Option<LiveGrant> {
        let admitted = self.admitted.read();
        let holder = admitted.holders.iter().find(|holder| is(&holder.grant))?;
        holder.grant.is_live(now).then(|| LiveGrant {
            revoked: holder.revoked.clone(),
            expires: holder.grant.expires,
        })
    }

    /// End the access of those whose time is over. Returns when the next one's is.
    fn expire(&self, now: Timestamp) -> Option<Timestamp> {
        let mut admitted = self.admitted.write();
        if let Some(over) = admitted
            .everyone
            .take_if(|everyone| !everyone.publicity.is_live(now))
        {
            over.revoked.cancel();
        }
        admitted.holders.retain(|holder| {
            let live = holder.grant.is_live(now);
            if !live {
                holder.revoked.cancel();
            }
            live
        });
        let public = admitted.everyone.as_ref();
        let public = public.and_then(|everyone| everyone.publicity.expires);
        let found = admitted.holders.iter().filter_map(|it| it.grant.expires);
        found.chain(public).min()
    }

    /// Expire access in time, until the scope ends.
    pub(in crate::gateway) async fn watch(self: Arc<Self>, scope: Scope) {
        let mut changed = self.changed.subscribe();
        loop {
            let now = Timestamp::now();
            let next = self.expire(now);
            let wait = async {
                match next {
                    Some(end) => {
                        let remaining = Duration::try_from(now.until(end).unwrap_or_default());
                        tokio::time::sleep(remaining.unwrap_or_default().min(LONGEST)).await;
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

    fn policy() -> (Arc<AccessPolicy>, InstanceId) {
        let id: InstanceId = "0123456789ab".parse().unwrap();
        (AccessPolicy::new(id.clone(), &[]), id)
    }

    #[test]
    fn who_stays_is_not_disturbed_and_who_goes_is_put_out() {
        let (policy, id) = policy();
        let now = Timestamp::now();
        let (one, two) = (
            security::mint(&id, None, now, None),
            security::mint(&id, None, now, None),
        );
        assert!(policy.everyone(now).is_none(), "nobody until it is said");
        assert!(policy.by_link(one.token.reveal(), now).is_none());
        let mut shares = Shares {
            public: Some(PublicAccess { expires: None }),
            grants: vec![one.grant.clone(), two.grant.clone()],
            ..Shares::default()
        };
        policy.update(&shares);
        let everyone = policy.everyone(now).unwrap();
        let first = policy.by_link(one.token.reveal(), now).unwrap().revoked;
        let cookie = security::cookie_of(two.token.reveal(), &id);
        let second = policy.by_cookie(cookie.reveal(), now).unwrap().revoked;
        policy.update(&shares);
        assert!(!everyone.is_cancelled() && !first.is_cancelled());
        shares.grants[0].revoked = Some(now);
        shares.public = None;
        policy.update(&shares);
        assert!(first.is_cancelled() && everyone.is_cancelled());
        assert!(!second.is_cancelled());
        assert!(policy.by_link(one.token.reveal(), now).is_none());
        assert!(policy.everyone(now).is_none());
        assert!(policy.by_link(two.token.reveal(), now).is_some());
        policy.update(&Shares::default());
        assert!(second.is_cancelled());
    }

    #[test]
    fn time_ends_leave_by_itself() {
        let (policy, id) = policy();
        let now = Timestamp::now();
        let soon = at(now.as_second() + 100);
        let later = at(now.as_second() + 200);
        let one = security::mint(&id, None, now, Some(soon));
        policy.update(&Shares {
            public: Some(PublicAccess {
                expires: Some(later),
            }),
            grants: vec![one.grant.clone()],
            ..Shares::default()
        });
        let token = one.token.reveal();
        assert!(policy.by_link(token, soon).is_none(), "to the moment");
        let found = policy.by_link(token, now).unwrap().revoked;
        let everyone = policy.everyone(now).unwrap();
        assert_eq!(policy.expire(now), Some(soon));
        assert!(!found.is_cancelled());
        assert_eq!(policy.expire(soon), Some(later));
        assert!(found.is_cancelled() && !everyone.is_cancelled());
        assert_eq!(policy.expire(later), None);
        assert!(everyone.is_cancelled());
        assert!(policy.everyone(now).is_none());
    }
}
