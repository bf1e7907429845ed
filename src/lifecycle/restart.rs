//! Restarting the app of a running container. Requests wait; the outcome comes as news.

use tokio::sync::{oneshot, watch};

use super::{
    LifecycleError,
    instance::{Instance, State},
    live::{Live, News},
    ready::Prober,
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
            let _ = reply.send(Err(LifecycleError::NotRunning {
                name: self.record.name.to_string(),
                phase: self.record.phase.kind(),
            }));
            return;
        };
        live.askers.push(reply);
        self.restart_app().await;
    }

    pub(super) async fn restart_app(&mut self) {
        let State::Live(live) = &mut self.state else {
            return;
        };
        if let Err(error) = live.restart(&self.door).await {
            self.door.send_replace(Door::Shut);
            self.out_of_order(&error).await;
        }
    }
}

impl Live {
    async fn restart(&mut self, door: &watch::Sender<Door>) -> Result<(), LifecycleError> {
        door.send_replace(Door::Opening);
        self.link.restart_app(true).await?;
        self.probe_later();
        Ok(())
    }

    /// Find out beside everything else when the app answers.
    pub(super) fn probe_later(&mut self) {
        self.round += 1;
        let (link, plan, scope) = (self.link.clone(), self.plan.clone(), self.scope.clone());
        let (news, round, port) = (self.news_in.clone(), self.round, self.port);
        let listeners = self.listeners.clone();
        self.scope.spawn(async move {
            let prober = Prober {
                link: &link,
                plan: &plan,
                scope: &scope,
            };
            let listeners = move || listeners.borrow().clone();
            let result = match port {
                Some(port) => prober.until_open_again(port, listeners).await,
                None => prober.until_ready(listeners).await,
            };
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
