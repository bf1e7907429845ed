//! `RemoteResources`: what was made at Cloudflare, in a record that is on the disk before anything
//! is made.

use std::sync::Arc;

use super::site::AccountZone;
use crate::{
    model::{InstanceId, TunnelKind},
    store::{Store, TunnelRecord},
    tunnel::{
        TunnelError,
        program::{Ledger, Programs},
    },
};

/// The record's name in the store. All instances share it, as they share the tunnel.
pub const KEY: &str = "cloudflare";
const ACCOUNT: &str = "account";
const ZONE: &str = "zone";
const TUNNEL: &str = "tunnel";

pub struct RemoteResources {
    store: Arc<Store>,
    programs: Programs,
    /// `None` while nothing is known to be made.
    ledger: Option<Ledger>,
}

impl RemoteResources {
    pub fn new(store: Arc<Store>, programs: Programs) -> Self {
        Self {
            store,
            programs,
            ledger: None,
        }
    }

    /// Know what an earlier agent wrote. Its program is ended.
    pub async fn open(&mut self) -> Result<(), TunnelError> {
        if self.ledger.is_some() {
            return Ok(());
        }
        let store = Arc::clone(&self.store);
        let left = self.programs.on_disk(move || store.load_tunnels()).await?;
        if let Some(left) = left.into_iter().find(|record| record.key == KEY) {
            self.begin(left.instances).await?;
        }
        Ok(())
    }

    /// Go on with a record that is not on the disk any more.
    pub async fn adopt(&mut self, left: &TunnelRecord) -> Result<(), TunnelError> {
        if self.ledger.is_some() {
            return Ok(());
        }
        let ledger = self.begin(left.instances.clone()).await?;
        let remote = left.remote.clone();
        ledger.change(|record| record.remote = remote).await
    }

    /// The record, for the program that is about to be started for it.
    pub async fn ledger(&mut self) -> Result<Ledger, TunnelError> {
        match &self.ledger {
            Some(ledger) => Ok(ledger.clone()),
            None => self.begin(Vec::new()).await,
        }
    }

    /// Whether anything may have been made.
    pub fn is_begun(&self) -> bool {
        self.ledger.is_some()
    }

    /// Where the recorded things are.
    pub fn account_zone(&self) -> Option<AccountZone> {
        Some(AccountZone {
            account: self.remote(ACCOUNT)?,
            zone: self.remote(ZONE)?,
        })
    }

    pub fn tunnel(&self) -> Option<String> {
        self.remote(TUNNEL)
    }

    pub fn instances(&self) -> Vec<InstanceId> {
        match &self.ledger {
            Some(ledger) => ledger.record().instances,
            None => Vec::new(),
        }
    }

    /// The name that was, or was about to be, made for an instance.
    pub fn host(&self, instance: &InstanceId) -> Option<String> {
        self.remote(&host_key(instance))
    }

    /// The record of that name, once it is known.
    pub fn cname(&self, instance: &InstanceId) -> Option<String> {
        self.remote(&cname_key(instance))
    }

    /// Before anything is made for it.
    pub async fn intend(
        &mut self,
        account_zone: &AccountZone,
        instance: &InstanceId,
        host: &str,
    ) -> Result<(), TunnelError> {
        let (account_zone, instance, host) =
            (account_zone.clone(), instance.clone(), host.to_owned());
        let ledger = self.ledger().await?;
        ledger
            .change(move |record| {
                if !record.instances.contains(&instance) {
                    record.instances.push(instance.clone());
                }
                record
                    .remote
                    .insert(ACCOUNT.to_owned(), account_zone.account);
                record.remote.insert(ZONE.to_owned(), account_zone.zone);
                record.remote.insert(host_key(&instance), host);
            })
            .await
    }

    pub async fn note_tunnel(&self, id: &str) -> Result<(), TunnelError> {
        self.note(TUNNEL.to_owned(), id).await
    }

    pub async fn note_cname(&self, instance: &InstanceId, record: &str) -> Result<(), TunnelError> {
        self.note(cname_key(instance), record).await
    }

    /// Nothing of it is left.
    pub async fn forget(&self, instance: &InstanceId) -> Result<(), TunnelError> {
        let Some(ledger) = &self.ledger else {
            return Ok(());
        };
        let instance = instance.clone();
        ledger
            .change(move |record| {
                record.instances.retain(|other| *other != instance);
                record.remote.remove(&host_key(&instance));
                record.remote.remove(&cname_key(&instance));
            })
            .await
    }

    /// Nothing at all is left.
    pub async fn close(&mut self) -> Result<(), TunnelError> {
        match self.ledger.take() {
            Some(ledger) => ledger.forget().await,
            None => Ok(()),
        }
    }

    async fn begin(&mut self, instances: Vec<InstanceId>) -> Result<Ledger, TunnelError> {
        let ledger = self
            .programs
            .ledger(TunnelKind::Cloudflare, KEY, instances)
            .await?;
        self.ledger = Some(ledger.clone());
        Ok(ledger)
    }

    async fn note(&self, key: String, value: &str) -> Result<(), TunnelError> {
        let Some(ledger) = &self.ledger else {
            return Ok(());
        };
        let value = value.to_owned();
        ledger
            .change(move |record| drop(record.remote.insert(key, value)))
            .await
    }

    fn remote(&self, key: &str) -> Option<String> {
        self.ledger.as_ref()?.record().remote.get(key).cloned()
    }
}

fn host_key(instance: &InstanceId) -> String {
    format!("host:{instance}")
}

fn cname_key(instance: &InstanceId) -> String {
    format!("dns:{instance}")
}
