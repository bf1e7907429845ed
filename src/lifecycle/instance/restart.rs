//! Restarting the app of a running container. Requests wait; the outcome comes as an event.

use tokio::sync::oneshot;

use super::{
    Instance,
    live::{Live, LiveEvent},
    readiness::prober::Prober,
    state::StateEvent,
};
use crate::{
    lifecycle::LifecycleError,
    model::{AppAnswer, Problem, UpOutcome},
};

impl Instance {
    /// Restart at somebody's word. They are answered when the app answers, or does not.
    pub(in crate::lifecycle) async fn restart(
        &mut self,
        reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>,
    ) {
        let Some(live) = self.state.live_mut() else {
            let _ = reply.send(Err(LifecycleError::not_running(&self.record)));
            return;
        };
        live.waiters.push(reply);
        self.restart_app().await;
    }

    pub(in crate::lifecycle) async fn restart_app(&mut self) {
        if let Err(error) = self.start_again().await {
            self.mark_failed(&error).await;
        }
    }
}

impl Instance {
    /// The app would wait for them to end, and they for the app.
    pub(in crate::lifecycle) fn close_streams(&self) {
        self.activity.end_streams();
        self.context.routes.close_idle(&self.record.name);
    }

    /// As it was started, unless its variables have changed since.
    async fn start_again(&mut self) -> Result<(), LifecycleError> {
        if self.state.live().is_none() {
            return Ok(());
        }
        let variables = self.variables().await?;
        let (hosts, before) = (self.hosts(), self.last_answer());
        let (masking, revision) = (self.masking.clone(), self.record.secrets_revision);
        self.apply(StateEvent::RestartBegan).await?;
        self.close_streams();
        let live = self.running()?;
        let prober = live.prober(&masking, hosts);
        let outdated = live.is_outdated(&variables, revision);
        if outdated {
            live.start_app(&variables).await?;
        } else {
            live.link.restart_app(true).await?;
        }
        live.spawn_prober(prober, before);
        if outdated {
            self.record.secrets_revision = variables.revision;
        }
        self.save().await
    }
}

impl Live {
    /// Find out beside everything else when the app answers, given how it answered before.
    pub(in crate::lifecycle) fn spawn_prober(
        &mut self,
        mut prober: Prober,
        before: Option<AppAnswer>,
    ) {
        self.round += 1;
        prober.rules.before = before;
        prober.rules.again = before.is_some();
        let (event, round) = (self.events_tx.clone(), self.round);
        self.scope.spawn(async move {
            let result = prober.until_ready(|_| ()).await;
            let _ = event.send(LiveEvent::Answered { round, result }).await;
        });
    }

    pub(in crate::lifecycle) fn complete_waiters(&mut self, outcome: &UpOutcome) {
        for asker in self.waiters.drain(..) {
            let _ = asker.send(Ok(outcome.clone()));
        }
    }

    pub(in crate::lifecycle) fn fail_waiters(&mut self, problem: &Problem) {
        for asker in self.waiters.drain(..) {
            let _ = asker.send(Ok(UpOutcome::failure(problem.clone())));
        }
    }
}
