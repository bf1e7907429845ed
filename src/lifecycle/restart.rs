//! Restarting the app of a running container.

use tokio::sync::{oneshot, watch};

use super::{
    LifecycleError,
    instance::{Instance, State},
    live::{Live, News},
    ready::Prober,
    route::Door,
};
use crate::model::{InstanceId, UpOutcome};

impl Instance {
    pub(super) async fn restart(
        &mut self,
        reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>,
    ) {
        let outcome = match &mut self.state {
            State::Down => Err(LifecycleError::NotRunning {
                name: self.record.name.to_string(),
                phase: self.record.phase.kind(),
            }),
            State::Live(live) => live.restart(&self.door, &self.record.id).await,
        };
        let outcome = match outcome {
            Ok(port) => self
                .announce(port)
                .await
                .map(|urls| UpOutcome::success(true, Some(urls))),
            Err(error) => Err(error),
        };
        let _ = reply.send(outcome);
    }
}

impl Live {
    /// Restart the app; its readiness comes as news. Requests wait meanwhile.
    pub(super) async fn restart_later(
        &mut self,
        door: &watch::Sender<Door>,
    ) -> Result<(), LifecycleError> {
        self.round += 1;
        door.send_replace(Door::Opening);
        self.link.restart_app(true).await?;
        let (link, plan, scope) = (self.link.clone(), self.plan.clone(), self.scope.clone());
        let (news, round, port) = (self.news_in.clone(), self.round, self.port);
        let listeners = self.listeners.clone();
        self.scope.spawn(async move {
            let prober = Prober {
                link: &link,
                plan: &plan,
                scope: &scope,
            };
            let result = match port {
                Some(port) => prober.until_answers(port).await,
                None => prober
                    .until_ready(move || listeners.borrow().clone())
                    .await
                    .map(drop),
            };
            let _ = news.send(News::Opened { round, result }).await;
        });
        Ok(())
    }

    /// Restart the app and wait until it answers or ends.
    async fn restart(
        &mut self,
        door: &watch::Sender<Door>,
        id: &InstanceId,
    ) -> Result<u16, LifecycleError> {
        self.restart_later(door).await?;
        let port = self.port.unwrap_or(self.plan.run.port);
        loop {
            match self.news.recv().await {
                Some(News::Opened { round, result }) if round == self.round => {
                    result?;
                    door.send_replace(Door::Open {
                        link: self.link.clone(),
                        port,
                    });
                    return Ok(port);
                }
                Some(News::AppExited(exit)) => {
                    door.send_replace(Door::Shut);
                    return Err(LifecycleError::AppExited {
                        exit: Box::new(exit),
                    });
                }
                Some(News::AppStarted | News::Opened { .. }) => {}
                Some(News::LinkLost) | None => {
                    return Err(LifecycleError::cut_off(id));
                }
            }
        }
    }
}
