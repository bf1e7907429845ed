//! `Sharing`: who may visit one instance from outside, kept on disk and applied to its access policy.
//!
//! It is beside the task that owns the instance: taking leave back must not wait for a start.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use super::{Instance, UpJob};
use crate::{
    gateway::{self, AccessPolicy},
    lifecycle::LifecycleError,
    model::{Grant, GrantId, InstanceId, Lifetime, PublicAccess, Secret, Shares, UpOutcome},
    security::{self, Minted},
    store::Store,
};

/// Of links that say nothing else.
const LIFE: Lifetime = Lifetime::For(Duration::from_hours(24));
/// Links that are good at one time.
const MOST: usize = 256;
/// How long one that is over is still listed.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);

/// What an `up` says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lifecycle) enum ShareRequest {
    /// Nobody asked: as it was.
    AsItIs,
    /// Holders of a link, of which one is made for whoever asks.
    Private { link: Option<Lifetime> },
    /// Everyone, for a time.
    Public { life: Lifetime },
}

/// One for each instance, for its life.
pub struct Sharing {
    id: InstanceId,
    store: Arc<Store>,
    policy: Arc<AccessPolicy>,
    life: Lifetime,
    cache: Mutex<SharesCache>,
}

#[derive(Default)]
enum SharesCache {
    #[default]
    Unread,
    Read(Box<LoadedShares>),
}

/// What the disk says, and what it does not.
#[derive(Default)]
struct LoadedShares {
    shares: Shares,
    owner_link: Option<OwnerLink>,
}

/// The link that this host's user is shown, so that asking again shows the same one. Its secret is
/// in memory alone: the next agent makes another.
struct OwnerLink {
    grant: Grant,
    token: Secret,
}

/// Which links to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkSelection {
    All,
    These(Vec<GrantId>),
}

impl Sharing {
    pub(in crate::lifecycle) fn new(
        id: InstanceId,
        store: Arc<Store>,
        policy: Arc<AccessPolicy>,
        life: Option<Lifetime>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            store,
            policy,
            life: life.unwrap_or(LIFE),
            cache: Mutex::default(),
        })
    }

    /// The access policy, once it has what the disk says.
    pub(in crate::lifecycle) async fn policy(&self) -> Result<&Arc<AccessPolicy>, LifecycleError> {
        drop(self.loaded().await?);
        Ok(&self.policy)
    }

    pub async fn shares(&self) -> Result<Shares, LifecycleError> {
        Ok(self.loaded().await?.shares().clone())
    }

    /// Make a link for somebody.
    pub async fn create_link(
        &self,
        label: Option<String>,
        life: Option<Lifetime>,
    ) -> Result<Minted, LifecycleError> {
        let mut cache = self.loaded().await?;
        self.mint(&mut cache, label, life).await
    }

    /// The link for this host's user: the same one as before while at least half of its time is
    /// left, unless a time is asked for.
    pub(in crate::lifecycle) async fn owner_link(
        &self,
        life: Option<Lifetime>,
    ) -> Result<Secret, LifecycleError> {
        let mut cache = self.loaded().await?;
        let now = Timestamp::now();
        let LoadedShares { shares, owner_link } = cache.loaded();
        let still = |owner_link: &&OwnerLink| {
            let good = shares.grants.contains(&owner_link.grant);
            let grant = &owner_link.grant;
            let fresh = grant.expires.is_none_or(|end| {
                end.as_second() - now.as_second() > now.as_second() - grant.created.as_second()
            });
            good && fresh && grant.is_live(now)
        };
        if life.is_none()
            && let Some(owner_link) = owner_link.as_ref().filter(still)
        {
            return Ok(owner_link.token.clone());
        }
        let label = Some("up".to_owned());
        let Minted { grant, token } = self.mint(&mut cache, label, life).await?;
        cache.loaded().owner_link = Some(OwnerLink {
            grant,
            token: token.clone(),
        });
        Ok(token)
    }

    /// Take links back; who came by them is put out at once. Says which were good until now.
    pub async fn revoke(&self, which: &LinkSelection) -> Result<Vec<GrantId>, LifecycleError> {
        let mut cache = self.loaded().await?;
        let now = Timestamp::now();
        let mut shares = cache.shares().clone();
        if let LinkSelection::These(ids) = which
            && let Some(id) = ids
                .iter()
                .find(|id| !shares.grants.iter().any(|grant| grant.id == **id))
        {
            return Err(LifecycleError::NoSuchLink { id: id.clone() });
        }
        let mut revoked = Vec::new();
        for grant in &mut shares.grants {
            let meant = match which {
                LinkSelection::All => true,
                LinkSelection::These(ids) => ids.contains(&grant.id),
            };
            if meant && grant.is_live(now) {
                grant.revoked = Some(now);
                revoked.push(grant.id.clone());
            }
        }
        if !revoked.is_empty() {
            // First here: a disk that is full keeps nobody in.
            self.policy.update(&shares);
            cache.loaded().shares = shares.clone();
            self.save(shares).await?;
        }
        Ok(revoked)
    }

    /// Open it to everyone for a time, or to holders of links alone, and these of its ports besides
    /// its app. Says whether that is new.
    pub(in crate::lifecycle) async fn publish(
        &self,
        life: Option<Lifetime>,
        ports: &BTreeSet<u16>,
    ) -> Result<bool, LifecycleError> {
        let mut cache = self.loaded().await?;
        let now = Timestamp::now();
        let public = life.map(|life| PublicAccess {
            expires: life.end(now),
        });
        let mut shares = cache.shares().clone();
        let was = shares.public.take().filter(|was| was.is_live(now));
        if was == public && shares.ports == *ports {
            return Ok(false);
        }
        // What is taken back is so before the disk knows.
        let mut less = cache.shares().clone();
        less.public = less.public.filter(|_| public.is_some());
        less.ports.retain(|port| ports.contains(port));
        self.policy.update(&less);
        shares.public = public;
        shares.ports.clone_from(ports);
        self.save(shares.clone()).await?;
        self.policy.update(&shares);
        cache.loaded().shares = shares;
        Ok(true)
    }

    pub(in crate::lifecycle) async fn forget(&self) -> Result<(), LifecycleError> {
        let mut cache = self.cache.lock().await;
        self.policy.update(&Shares::default());
        *cache = SharesCache::Unread;
        let id = self.id.clone();
        Ok(self
            .store
            .run(move |store| store.remove_shares(&id))
            .await?)
    }

    async fn mint(
        &self,
        cache: &mut SharesCache,
        label: Option<String>,
        life: Option<Lifetime>,
    ) -> Result<Minted, LifecycleError> {
        let now = Timestamp::now();
        let mut shares = cache.shares().clone();
        let past = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
        shares
            .grants
            .retain(|grant| grant.ended(now).is_none_or(|end| end > past));
        if shares.grants.iter().filter(|it| it.is_live(now)).count() >= MOST {
            return Err(LifecycleError::TooManyLinks { most: MOST });
        }
        let end = life.unwrap_or(self.life).end(now);
        let minted = security::mint(&self.id, label, now, end);
        shares.grants.push(minted.grant.clone());
        self.save(shares.clone()).await?;
        self.policy.update(&shares);
        cache.loaded().shares = shares;
        Ok(minted)
    }

    async fn loaded(&self) -> Result<MutexGuard<'_, SharesCache>, LifecycleError> {
        let mut cache = self.cache.lock().await;
        if matches!(*cache, SharesCache::Unread) {
            let id = self.id.clone();
            let shares = self.store.run(move |store| store.shares(&id)).await?;
            self.policy.update(&shares);
            let loaded = LoadedShares {
                shares,
                owner_link: None,
            };
            *cache = SharesCache::Read(Box::new(loaded));
        }
        Ok(cache)
    }

    async fn save(&self, shares: Shares) -> Result<(), LifecycleError> {
        let id = self.id.clone();
        let saved = self.store.run(move |store| store.save_shares(&id, &shares));
        Ok(saved.await?)
    }
}

impl SharesCache {
    fn loaded(&mut self) -> &mut LoadedShares {
        if let Self::Unread = self {
            *self = Self::Read(Box::default());
        }
        match self {
            Self::Read(loaded) => loaded,
            Self::Unread => unreachable!("it has just been filled"),
        }
    }

    fn shares(&self) -> &Shares {
        const NONE: &Shares = &Shares {
            public: None,
            grants: Vec::new(),
            ports: BTreeSet::new(),
        };
        match self {
            Self::Read(loaded) => &loaded.shares,
            Self::Unread => NONE,
        }
    }
}

impl Instance {
    /// Share it as the start asks. Says whether that is new.
    pub(in crate::lifecycle) async fn share(&self, job: &UpJob) -> Result<bool, LifecycleError> {
        let life = match job.share {
            ShareRequest::AsItIs => return Ok(false),
            ShareRequest::Private { .. } => None,
            ShareRequest::Public { life } => Some(life),
        };
        self.sharing.publish(life, &job.expose).await
    }

    /// What a start has come to, with what opens the public URL if that is not open to everyone.
    pub(in crate::lifecycle) async fn outcome(
        &self,
        changed: bool,
        request: ShareRequest,
    ) -> UpOutcome {
        let urls = self.record.phase.urls().cloned();
        let urls = urls.filter(|_| self.record.has_page());
        let life = match request {
            ShareRequest::Private { link } => link,
            ShareRequest::AsItIs | ShareRequest::Public { .. } => None,
        };
        let public = urls.as_ref().and_then(|urls| urls.public.clone());
        let link = match public {
            Some(url) => match self.sharing.owner_link_for(&url, life).await {
                Ok(link) => link,
                Err(error) => {
                    self.warn_no_url(&error.problem(), "no link to the public URL");
                    None
                }
            },
            None => None,
        };
        let answered = urls.as_ref().and(self.record.answered);
        UpOutcome::success(changed, urls)
            .with_link(link)
            .with_answer(answered)
    }
}

impl Sharing {
    /// A link to that URL for this host's user. `None` where everyone may come.
    pub(in crate::lifecycle) async fn owner_link_for(
        &self,
        url: &crate::model::PublicUrl,
        life: Option<Lifetime>,
    ) -> Result<Option<Secret>, LifecycleError> {
        if self.shares().await?.is_public(Timestamp::now()) {
            return Ok(None);
        }
        let token = self.owner_link(life).await?;
        Ok(Some(gateway::link_url(url, &token)))
    }
}
