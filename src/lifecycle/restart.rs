//! Restarting the app of a running container. Requests wait; the outcome comes as news.

use tokio::sync::oneshot;

use super::{
    LifecycleError,
    instance::{Instance, State},
    live::{Live, News},
    prober::Prober,
    route::Door,
};
use crate::model::{Problem, UpOutcome};

impl Instance {
    /// Restart at somebody's word. They are answered when the app answers, or does not.
    pub(super) async fn restart(
        &mut self,
        reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>,
    ) {
        let State::Live(live) = &mut self.state else {
            let _ = reply.send(Err(LifecycleError::not_running(&self.record)));
            return;
        };
        live.askers.push(reply);
        self.restart_app().await;
    }

    pub(super) async fn restart_app(&mut self) {
        if let Err(error) = self.start_again().await {
            self.door.send_replace(Door::Shut);
            self.out_of_order(&error).await;
        }
    }
}

impl Instance {
    /// The app would wait for them to end, and they for the app.
    pub(super) fn let_streams_go(&self) {
        self.activity.end_streams();
        self.house.routes.let_go(&self.record.name);
    }

    /// As it was started, unless its variables have changed since.
    async fn start_again(&mut self) -> Result<(), LifecycleError> {
        if matches!(self.state, State::Down) {
            return Ok(());
        }
        let variables = self.variables().await?;
        let hosts = self.hosts();
        self.door.send_replace(Door::Opening);
        self.let_streams_go();
        let State::Live(live) = &mut self.state else {
            return Ok(());
        };
        let prober = live.prober(&self.masking, hosts);
        live.is_open = false;
        if live.is_outdated(&variables, self.record.secrets_revision) {
            live.start_app(&variables).await?;
            self.record.secrets_revision = variables.revision;
        } else {
            live.link.restart_app(true).await?;
        }
        live.probe_later(prober);
        self.save().await
    }
}

impl Live {
    /// Find out beside everything else when the app answers.
    pub(super) fn probe_later(&mut self, mut prober: Prober) {
        self.round += 1;
        prober.rules.before = self.answered;
        prober.rules.again = self.answered.is_some();
        let (news, round) = (self.news_in.clone(), self.round);
        self.scope.spawn(async move {
            let result = prober.until_ready(|_| ()).await;
            let _ = news.send(News::Opened { round, result }).await;
        });
    }

    pub(super) fn answer(&mut self, outcome: &UpOutcome) {
        for asker in self.askers.drain(..) {
            let _ = asker.send(Ok(outcome.clone()));
        }
    }

    pub(super) fn refuse(&mut self, problem: &Problem) {
        for asker in self.askers.drain(..) {
            let _ = asker.send(Ok(UpOutcome::failure(problem.clone())));
        }
    }
}
