//! The reaper: takes away, once, what the agent before this one left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{sync::OnceCell, time::timeout};

use super::{Programs, Provider, ReapOutcome, Tools, TunnelError};
use crate::{
    model::{InstanceId, TunnelKind},
    store::{Intent, Store, TunnelRecord},
};

/// How long a provider may take to forget what was left there. Tunnels wait for it.
const PROVIDER: Duration = Duration::from_secs(20);

pub struct Reaper {
    providers: Arc<BTreeMap<TunnelKind, Arc<dyn Provider>>>,
    programs: Programs,
    store: Arc<Store>,
    left: OnceCell<Vec<String>>,
}

impl Reaper {
    pub fn new(providers: Arc<BTreeMap<TunnelKind, Arc<dyn Provider>>>, tools: &Tools) -> Self {
        Self {
            providers,
            programs: Programs::new(tools),
            store: Arc::clone(&tools.store),
            left: OnceCell::new(),
        }
    }

    /// Whoever comes first has it done, and everyone waits for it. Says which records stay.
    pub async fn reap(&self) -> &[String] {
        self.left.get_or_init(|| self.sweep()).await
    }

    async fn sweep(&self) -> Vec<String> {
        let store = Arc::clone(&self.store);
        let records = match self.programs.on_disk(move || store.load_tunnels()).await {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(%error, "what tunnels left behind is not known");
                return Vec::new();
            }
        };
        let each = records.iter().map(async |record| {
            let error = self.take_away(record).await.err()?;
            tracing::error!(key = %record.key, %error, "a tunnel's remains are not gone");
            Some(record.key.clone())
        });
        join_all(each).await.into_iter().flatten().collect()
    }

    /// Processes first, for they use what is at the provider; the record last, for it is all that
    /// is known of either.
    async fn take_away(&self, record: &TunnelRecord) -> Result<(), TunnelError> {
        if !self.programs.reap(record).await {
            return Err(TunnelError::TimedOut {
                what: "ending its processes".to_owned(),
                waited: self.programs.longest_end(),
            });
        }
        if let Some(provider) = self.providers.get(&record.kind) {
            let wanted = self.wanted(record).await?;
            let reaped = timeout(PROVIDER, provider.reap(record, &|id| wanted.contains(id)))
                .await
                .map_err(|_| TunnelError::TimedOut {
                    what: format!("taking away what is left at `{}`", record.kind),
                    waited: PROVIDER,
                })??;
            if reaped == ReapOutcome::HandledByProvider {
                return Ok(());
            }
        }
        let (store, key) = (Arc::clone(&self.store), record.key.clone());
        self.programs
            .on_disk(move || store.remove_tunnel(&key))
            .await
    }

    /// The instances of a record that the user still wants up, and this way.
    async fn wanted(&self, record: &TunnelRecord) -> Result<BTreeSet<InstanceId>, TunnelError> {
        let (store, instances) = (Arc::clone(&self.store), record.instances.clone());
        let kind = record.kind;
        let up = move |id: &InstanceId| {
            let found = store.load(id)?;
            Ok(found
                .is_some_and(|record| record.intent == Intent::Up && record.tunnel == Some(kind)))
        };
        self.programs
            .on_disk(move || {
                let mut wanted = BTreeSet::new();
                for id in instances {
                    if up(&id)? {
                        wanted.insert(id);
                    }
                }
                Ok(wanted)
            })
            .await
    }
}
