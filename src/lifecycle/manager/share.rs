//! What a [`Manager`] is asked about who may visit.

use std::sync::Arc;

use super::handle::Handle;
use crate::{
    gateway::{self, AccessPolicy},
    lifecycle::{
        LifecycleError, Manager,
        instance::share::{LinkSelection, ShareRequest, Sharing},
    },
    model::{Grant, GrantId, InstanceId, Lifetime, Name, PublicUrl, Secret, Shares},
    security::{Minted, Reach},
};

/// What was made for somebody.
pub struct CreatedLink {
    pub name: Name,
    pub grant: Grant,
    pub link: Secret,
}

/// Who may visit one instance.
pub struct InstanceShares {
    pub id: InstanceId,
    pub name: Name,
    pub shares: Shares,
}

impl Manager {
    /// Who may visit each instance within reach, by name.
    pub async fn shares(&self, reach: &Reach) -> Result<Vec<InstanceShares>, LifecycleError> {
        let handles = self.lock().clone();
        let mut all = Vec::new();
        for (id, handle) in handles {
            let within = reach.holds(&id, handle.view.borrow().owner.as_deref());
            if within && handle.exists() {
                all.push(shares_of(id, &handle).await?);
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Who may visit one instance.
    pub async fn shares_of(&self, asked: &str) -> Result<InstanceShares, LifecycleError> {
        let (id, handle) = self.lookup(asked)?;
        shares_of(id, &handle).await
    }

    /// Make a link to an instance's public URL.
    pub async fn create_link(
        &self,
        asked: &str,
        label: Option<String>,
        life: Option<Lifetime>,
    ) -> Result<CreatedLink, LifecycleError> {
        let (name, sharing, url) = self.shared(asked)?;
        let Minted { grant, token } = sharing.create_link(label, life).await?;
        let link = gateway::link_url(&url, &token);
        Ok(CreatedLink { name, grant, link })
    }

    /// What opens an instance's public URL, for this host's user. `None` where the URL alone does.
    pub async fn owner_link(
        &self,
        asked: &str,
    ) -> Result<(Name, PublicUrl, Option<Secret>), LifecycleError> {
        let (name, sharing, url) = self.shared(asked)?;
        let link = sharing.owner_link_for(&url, None).await?;
        Ok((name, url, link))
    }

    /// Take links back. Says which were good until now.
    pub async fn revoke_links(
        &self,
        asked: &str,
        which: &LinkSelection,
    ) -> Result<(Name, Vec<GrantId>), LifecycleError> {
        let (_, handle) = self.lookup(asked)?;
        let name = handle.view.borrow().name.clone();
        Ok((name, handle.sharing.revoke(which).await?))
    }

    /// What an order comes to with the user's settings.
    pub(in crate::lifecycle) fn share_request(
        &self,
        public: Option<bool>,
        expires: Option<Lifetime>,
    ) -> ShareRequest {
        if public.unwrap_or(self.context.settings.share.public) {
            let life = expires.unwrap_or(Lifetime::Endless);
            ShareRequest::Public { life }
        } else {
            ShareRequest::Private { link: expires }
        }
    }

    pub(in crate::lifecycle) fn sharing(&self, id: &InstanceId) -> Arc<Sharing> {
        let share = &self.context.settings.share;
        let policy = AccessPolicy::new(id.clone(), &share.frame_ancestors);
        Sharing::new(
            id.clone(),
            self.context.store.clone(),
            policy,
            share.expires,
        )
    }

    fn shared(&self, asked: &str) -> Result<(Name, Arc<Sharing>, PublicUrl), LifecycleError> {
        let (_, handle) = self.lookup(asked)?;
        let record = handle.view.borrow();
        let name = record.name.clone();
        let url = record.phase.urls().and_then(|urls| urls.public.clone());
        let url = url.ok_or_else(|| LifecycleError::NoPublicUrl {
            name: name.to_string(),
        })?;
        Ok((name, handle.sharing.clone(), url))
    }
}

async fn shares_of(id: InstanceId, handle: &Handle) -> Result<InstanceShares, LifecycleError> {
    let name = handle.view.borrow().name.clone();
    let shares = handle.sharing.shares().await?;
    Ok(InstanceShares { id, name, shares })
}
