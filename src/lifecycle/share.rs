//! `Sharing`: who may visit one instance from outside, kept on disk and told to its gate.
//!
//! It is beside the task that owns the instance: taking leave back must not wait for a start.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    LifecycleError,
    instance::{Instance, UpJob},
};
use crate::{
    gateway::{self, Gate},
    model::{Grant, GrantId, InstanceId, Lifetime, Publicity, Secret, Shares, UpOutcome},
    security::{self, Minted},
    store::Store,
};

/// Of links that say nothing else.
const LIFE: Lifetime = Lifetime::For(Duration::from_secs(24 * 3600));
/// Links that are good at one time.
const MOST: usize = 256;
/// How long one that is over is still listed.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an `up` says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShareWish {
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
    gate: Arc<Gate>,
    life: Lifetime,
    kept: Mutex<Kept>,
}

#[derive(Default)]
enum Kept {
    #[default]
    Unread,
    Read(Box<Known>),
}

/// What the disk says, and what it does not.
#[derive(Default)]
struct Known {
    shares: Shares,
    own: Option<Own>,
}

/// The link that this host's user is shown, so that asking again shows the same one. Its secret is
/// in memory alone: the next agent makes another.
struct Own {
    grant: Grant,
    token: Secret,
}

/// Which links to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    All,
    These(Vec<GrantId>),
}

impl Sharing {
    pub(super) fn new(
        id: InstanceId,
        store: Arc<Store>,
        gate: Arc<Gate>,
        life: Option<Lifetime>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            store,
            gate,
            life: life.unwrap_or(LIFE),
            kept: Mutex::default(),
        })
    }

    /// The gate, once it knows what the disk says.
    pub(super) async fn gate(&self) -> Result<&Arc<Gate>, LifecycleError> {
        drop(self.known().await?);
        Ok(&self.gate)
    }

    pub async fn shares(&self) -> Result<Shares, LifecycleError> {
        Ok(self.known().await?.shares().clone())
    }

    /// Make a link for somebody.
    pub async fn give(
        &self,
        label: Option<String>,
        life: Option<Lifetime>,
    ) -> Result<Minted, LifecycleError> {
        let mut kept = self.known().await?;
        self.mint(&mut kept, label, life).await
    }

    /// The link for this host's user: the same one as before while at least half of its time is
    /// left, unless a time is asked for.
    pub(super) async fn own(&self, life: Option<Lifetime>) -> Result<Secret, LifecycleError> {
        let mut kept = self.known().await?;
        let now = Timestamp::now();
        let Known { shares, own } = kept.known();
        let still = |own: &&Own| {
            let good = shares.grants.contains(&own.grant);
            let grant = &own.grant;
            let fresh = grant.expires.is_none_or(|end| {
                end.as_second() - now.as_second() > now.as_second() - grant.created.as_second()
            });
            good && fresh && grant.is_live(now)
        };
        if life.is_none()
            && let Some(own) = own.as_ref().filter(still)
        {
            return Ok(own.token.clone());
        }
        let label = Some("up".to_owned());
        let Minted { grant, token } = self.mint(&mut kept, label, life).await?;
        kept.known().own = Some(Own {
            grant,
            token: token.clone(),
        });
        Ok(token)
    }

    /// Take links back; who came by them is put out at once. Says which were good until now.
    pub async fn revoke(&self, which: &Revoked) -> Result<Vec<GrantId>, LifecycleError> {
        let mut kept = self.known().await?;
        let now = Timestamp::now();
        let mut shares = kept.shares().clone();
        if let Revoked::These(ids) = which
            && let Some(id) = ids
                .iter()
                .find(|id| !shares.grants.iter().any(|grant| grant.id == **id))
        {
            return Err(LifecycleError::NoSuchLink { id: id.clone() });
        }
        let mut revoked = Vec::new();
        for grant in &mut shares.grants {
            let meant = match which {
                Revoked::All => true,
                Revoked::These(ids) => ids.contains(&grant.id),
            };
            if meant && grant.is_live(now) {
                grant.revoked = Some(now);
                revoked.push(grant.id.clone());
            }
        }
        if !revoked.is_empty() {
            // First here: a disk that is full keeps nobody in.
            self.gate.keep(&shares);
            kept.known().shares = shares.clone();
            self.save(shares).await?;
        }
        Ok(revoked)
    }

    /// Open it to everyone for a time, or to holders of links alone, and these of its ports besides
    /// its app. Says whether that is new.
    pub(super) async fn publish(
        &self,
        life: Option<Lifetime>,
        ports: &BTreeSet<u16>,
    ) -> Result<bool, LifecycleError> {
        let mut kept = self.known().await?;
        let now = Timestamp::now();
        let public = life.map(|life| Publicity {
            expires: life.end(now),
        });
        let mut shares = kept.shares().clone();
        let was = shares.public.take().filter(|was| was.is_live(now));
        if was == public && shares.ports == *ports {
            return Ok(false);
        }
        // What is taken back is so before the disk knows.
        let mut less = kept.shares().clone();
        less.public = less.public.filter(|_| public.is_some());
        less.ports.retain(|port| ports.contains(port));
        self.gate.keep(&less);
        shares.public = public;
        shares.ports.clone_from(ports);
        self.save(shares.clone()).await?;
        self.gate.keep(&shares);
        kept.known().shares = shares;
        Ok(true)
    }

    pub(super) async fn forget(&self) -> Result<(), LifecycleError> {
        let mut kept = self.kept.lock().await;
        self.gate.keep(&Shares::default());
        *kept = Kept::Unread;
        let (store, id) = (self.store.clone(), self.id.clone());
        tokio::task::spawn_blocking(move || store.remove_shares(&id))
            .await
            .map_err(|_| LifecycleError::ShuttingDown)??;
        Ok(())
    }

    async fn mint(
        &self,
        kept: &mut Kept,
        label: Option<String>,
        life: Option<Lifetime>,
    ) -> Result<Minted, LifecycleError> {
        let now = Timestamp::now();
        let mut shares = kept.shares().clone();
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
        self.gate.keep(&shares);
        kept.known().shares = shares;
        Ok(minted)
    }

    async fn known(&self) -> Result<MutexGuard<'_, Kept>, LifecycleError> {
        let mut kept = self.kept.lock().await;
        if matches!(*kept, Kept::Unread) {
            let (store, id) = (self.store.clone(), self.id.clone());
            let shares = tokio::task::spawn_blocking(move || store.shares(&id))
                .await
                .map_err(|_| LifecycleError::ShuttingDown)??;
            self.gate.keep(&shares);
            let known = Known { shares, own: None };
            *kept = Kept::Read(Box::new(known));
        }
        Ok(kept)
    }

    async fn save(&self, shares: Shares) -> Result<(), LifecycleError> {
        let (store, id) = (self.store.clone(), self.id.clone());
        tokio::task::spawn_blocking(move || store.save_shares(&id, &shares))
            .await
            .map_err(|_| LifecycleError::ShuttingDown)??;
        Ok(())
    }
}

impl Kept {
    fn known(&mut self) -> &mut Known {
        if let Self::Unread = self {
            *self = Self::Read(Box::default());
        }
        match self {
            Self::Read(known) => known,
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
            Self::Read(known) => &known.shares,
            Self::Unread => NONE,
        }
    }
}

impl Instance {
    /// Have it as it is wished for. Says whether that is new.
    pub(super) async fn share(&self, job: &UpJob) -> Result<bool, LifecycleError> {
        let life = match job.share {
            ShareWish::AsItIs => return Ok(false),
            ShareWish::Private { .. } => None,
            ShareWish::Public { life } => Some(life),
        };
        self.sharing.publish(life, &job.expose).await
    }

    /// What a start has come to, with what opens the public URL if that is not open to everyone.
    pub(super) async fn outcome(&self, changed: bool, wish: ShareWish) -> UpOutcome {
        let urls = self.record.phase.urls().cloned();
        let life = match wish {
            ShareWish::Private { link } => link,
            ShareWish::AsItIs | ShareWish::Public { .. } => None,
        };
        let public = urls.as_ref().and_then(|urls| urls.public.clone());
        let link = match public {
            Some(url) => match self.sharing.way_in(&url, life).await {
                Ok(link) => link,
                Err(error) => {
                    self.tell_no_url(&error.problem(), "no link to the public URL");
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
    pub(super) async fn way_in(
        &self,
        url: &crate::model::PublicUrl,
        life: Option<Lifetime>,
    ) -> Result<Option<Secret>, LifecycleError> {
        if self.shares().await?.is_public(Timestamp::now()) {
            return Ok(None);
        }
        let token = self.own(life).await?;
        Ok(Some(gateway::link(url, &token)))
    }
}
