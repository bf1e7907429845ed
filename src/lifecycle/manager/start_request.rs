//! What callers ask of instances, and how they learn of the outcome.

use std::collections::BTreeSet;

use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    lifecycle::{JournalEntry, LifecycleError},
    model::{InstanceId, Lifetime, Name, Options, UpOutcome},
    store::SourceRecord,
};

/// A start that was asked for: what happens, and how it ends.
pub struct PendingStart {
    pub id: InstanceId,
    pub events: broadcast::Receiver<JournalEntry>,
    pub outcome: oneshot::Receiver<Result<UpOutcome, LifecycleError>>,
    /// Gives the start up.
    pub cancel: CancellationToken,
}

/// What a caller wants started.
pub struct StartRequest {
    pub source: SourceRecord,
    pub label: Option<Name>,
    pub options: Options,
    /// See [`crate::store::Record::env_flags`].
    pub env_flags: BTreeSet<String>,
    pub rebuild: bool,
    /// Whose it is to be; `None` for the agent's own user.
    pub owner: Option<String>,
    /// Whether everyone may visit it; as the user's settings have it if `None`.
    pub public: Option<bool>,
    /// How long that is so, or how long the link is good for that is made.
    pub expires: Option<Lifetime>,
    /// Ports to visit from outside besides the app's. Those of an earlier order are no more.
    pub expose: BTreeSet<u16>,
}

impl StartRequest {
    pub fn id(&self) -> InstanceId {
        let id = self.source.instance_id(self.label.as_ref());
        match &self.owner {
            Some(owner) => id.of_owner(owner),
            None => id,
        }
    }
}
