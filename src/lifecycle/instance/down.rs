//! The steps of `down`, and of cleaning up after a failed `up`.

use std::time::Duration;

use super::{Instance, state::StateEvent, up::GRACE};
use crate::{lifecycle::LifecycleError, model::Event, store::Intent};

impl Instance {
    /// Take the container away and keep what is on the volume. Says whether one was up.
    pub(in crate::lifecycle) async fn down(&mut self) -> Result<bool, LifecycleError> {
        let was_up = self.record.intent == Intent::Up;
        self.apply(StateEvent::DownBegan).await?;
        self.close_tunnel().await?;
        self.source.unfollow();
        self.take_down(GRACE).await?;
        self.apply(StateEvent::DownEnded).await?;
        Ok(was_up)
    }

    /// Take everything away, the record last.
    pub(in crate::lifecycle) async fn purge(&mut self) -> Result<bool, LifecycleError> {
        let was_up = self.down().await?;
        self.context
            .engine
            .remove_home(&self.record.home_volume)
            .await?;
        self.forget_files().await?;
        self.sharing.forget().await?;
        self.context.store.remove(&self.record.id)?;
        self.context.routes.remove(&self.record.name);
        let from = Some(self.record.phase.kind());
        self.journal.emit(Event::State { from, to: None });
        Ok(was_up)
    }

    pub(in crate::lifecycle) async fn take_down(
        &mut self,
        grace: Duration,
    ) -> Result<(), LifecycleError> {
        let may_have_run = self.may_have_run();
        self.apply(StateEvent::RemovalBegan).await?;
        self.close_streams();
        self.remove_container(grace, may_have_run).await
    }

    /// Leave nothing running after a failed start, and say why in the phase.
    pub(in crate::lifecycle) async fn fail(&mut self, error: &LifecycleError) {
        self.source.unfollow();
        if let Err(second) = self.close_tunnel().await {
            tracing::warn!(instance = %self.record.id, error = %second, "cleaning up failed");
        }
        if let Err(second) = self.take_down(Duration::ZERO).await {
            tracing::warn!(instance = %self.record.id, error = %second, "cleaning up failed");
        }
        if self.record.port.is_none() {
            // It never answered, so nothing on its volume is anybody's work.
            self.record.install_key = None;
            if let Err(second) = self
                .context
                .engine
                .remove_home(&self.record.home_volume)
                .await
            {
                tracing::warn!(instance = %self.record.id, error = %second, "cleaning up failed");
            }
        }
        let cause = error.problem();
        if let Err(second) = self.apply(StateEvent::GaveUp { cause }).await {
            tracing::error!(instance = %self.record.id, error = %second, "the failure is not recorded");
        }
    }
}
