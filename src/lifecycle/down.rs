//! The recipe of `down`, and of cleaning up after a failed `up`.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    LifecycleError,
    instance::{Instance, State},
    route::Door,
    up::GRACE,
};
use crate::{
    gateway::Target,
    model::{Event, Phase},
    store::Intent,
};

impl Instance {
    /// Take the container away and keep what is on the volume. Says whether one was up.
    pub(super) async fn down(&mut self) -> Result<bool, LifecycleError> {
        let was_up = self.record.intent == Intent::Up;
        self.record.intent = Intent::Down;
        self.save().await?;
        self.close_tunnel().await?;
        self.leave_rows();
        self.take_down(GRACE).await?;
        self.house
            .routes
            .set(self.record.name.clone(), self.route(Target::Asleep));
        self.enter(Phase::Asleep {
            since: Timestamp::now(),
        })
        .await?;
        self.house.went_down.notify_one();
        Ok(was_up)
    }

    /// Take everything away, the record last.
    pub(super) async fn purge(&mut self) -> Result<bool, LifecycleError> {
        let was_up = self.down().await?;
        self.house
            .engine
            .remove_home(&self.record.home_volume)
            .await?;
        self.forget_rows().await?;
        self.sharing.forget().await?;
        self.house.store.remove(&self.record.id)?;
        self.house.routes.remove(&self.record.name);
        let from = Some(self.record.phase.kind());
        self.journal.tell(Event::State { from, to: None });
        Ok(was_up)
    }

    pub(super) async fn take_down(&mut self, grace: Duration) -> Result<(), LifecycleError> {
        let may_have_run = self.may_have_run();
        if let State::Live(live) = std::mem::replace(&mut self.state, State::Down) {
            live.scope.cancel();
        }
        self.door.send_replace(Door::Shut);
        self.let_streams_go();
        self.remove_container(grace, may_have_run).await
    }

    /// Leave nothing running after a failed start, and say why in the phase.
    pub(super) async fn fail(&mut self, error: &LifecycleError) {
        self.leave_rows();
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
                .house
                .engine
                .remove_home(&self.record.home_volume)
                .await
            {
                tracing::warn!(instance = %self.record.id, error = %second, "cleaning up failed");
            }
        }
        self.record.intent = Intent::Down;
        let cause = error.problem();
        self.house.routes.set(
            self.record.name.clone(),
            self.route(Target::Failed {
                problem: cause.clone(),
            }),
        );
        let phase = Phase::Failed {
            since: Timestamp::now(),
            cause,
        };
        if let Err(second) = self.enter(phase).await {
            tracing::error!(instance = %self.record.id, error = %second, "the record is stale");
        }
        self.house.went_down.notify_one();
    }
}
