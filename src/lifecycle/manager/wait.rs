//! Waiting for an instance that somebody else brings up.

use crate::{
    lifecycle::{LifecycleError, Manager},
    model::PhaseKind,
    store::{Intent, Record},
};

impl Manager {
    /// Wait until an instance is ready, or has failed.
    pub async fn wait(&self, asked: &str) -> Result<Record, LifecycleError> {
        let mut view = self.lookup(asked)?.1.view;
        // One that is asleep will not be ready by waiting; one that is being woken is up already
        // by its intent.
        let settled = view
            .wait_for(|record| match record.phase.kind() {
                PhaseKind::Ready | PhaseKind::Failed => true,
                PhaseKind::Asleep => record.intent == Intent::Down,
                _ => false,
            })
            .await;
        match settled {
            Ok(record) if record.phase.kind() == PhaseKind::Asleep => {
                Err(LifecycleError::not_running(&record))
            }
            Ok(record) => Ok(record.clone()),
            Err(_) => Err(LifecycleError::NotFound {
                asked: asked.to_owned(),
            }),
        }
    }
}
