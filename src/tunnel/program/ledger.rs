//! `Ledger`: the record of one tunnel, on the disk before what it tells of is made.

use std::sync::Arc;

use super::{Programs, orphans, process};
use crate::{
    model::{InstanceId, TunnelKind},
    store::TunnelRecord,
    tunnel::TunnelError,
};

/// Changes are on the disk when they return. Clones are of the same record.
#[derive(Clone)]
pub struct Ledger {
    programs: Programs,
    /// Held while the disk is written, so that writes come in the order of changes.
    record: Arc<parking_lot::Mutex<TunnelRecord>>,
}

impl Ledger {
    /// Begin a record, in place of one that an earlier attempt left: processes of that are ended,
    /// and what it made at the provider is taken over.
    pub(super) async fn open(
        programs: &Programs,
        kind: TunnelKind,
        key: &str,
        instances: Vec<InstanceId>,
    ) -> Result<Self, TunnelError> {
        let store = Arc::clone(&programs.store);
        let unknown = |error: std::io::Error| TunnelError::Unreachable {
            what: "/proc".to_owned(),
            why: error.to_string(),
        };
        let left = programs
            .on_disk(move || store.load_tunnels())
            .await?
            .into_iter()
            .find(|record| record.key == key);
        let mut remote = std::collections::BTreeMap::new();
        if let Some(left) = left {
            orphans::end(&left, programs).await;
            remote = left.remote;
        }
        let ledger = Self {
            programs: programs.clone(),
            record: Arc::new(parking_lot::Mutex::new(TunnelRecord {
                key: key.to_owned(),
                kind,
                instances,
                mark: process::random_mark().map_err(unknown)?,
                boot_id: process::boot_id().map_err(unknown)?,
                process: None,
                remote,
            })),
        };
        ledger.change(|_| ()).await?;
        Ok(ledger)
    }

    pub fn record(&self) -> TunnelRecord {
        self.record.lock().clone()
    }

    /// Change the record, and have it on the disk.
    pub async fn change(
        &self,
        change: impl FnOnce(&mut TunnelRecord) + Send + 'static,
    ) -> Result<(), TunnelError> {
        let (store, record) = (Arc::clone(&self.programs.store), Arc::clone(&self.record));
        self.programs
            .on_disk(move || {
                let mut record = record.lock();
                change(&mut record);
                store.save_tunnel(&record)
            })
            .await
    }

    /// Nothing of it is left anywhere.
    pub async fn forget(self) -> Result<(), TunnelError> {
        let (store, key) = (Arc::clone(&self.programs.store), self.record().key);
        self.programs
            .on_disk(move || store.remove_tunnel(&key))
            .await
    }
}
