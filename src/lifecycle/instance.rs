//! The task that owns one instance: its mailbox, its record, its container.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    House, LifecycleError,
    edit::{Consequence, settings_among},
    install::install,
    journal::Journal,
    live::{Live, News},
    ready::Prober,
    route::Door,
    step::Step,
    up::{GRACE, install_key},
};
use crate::{
    gateway::{Activity, Target},
    model::{AppExit, Event, InstanceId, Options, Phase, Problem, SyncReport, UpOutcome},
    source::Batch,
    store::{Intent, Record},
    task::Scope,
};

/// A start asked for, and how to call it off.
pub struct UpJob {
    pub options: Options,
    pub rebuild: bool,
    pub cancel: CancellationToken,
}

pub enum Command {
    Up {
        job: UpJob,
        reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>,
    },
    Down {
        purge: bool,
        reply: oneshot::Sender<Result<bool, LifecycleError>>,
    },
    Restart {
        reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>,
    },
    /// Take over a container that an earlier agent left running, or make it again.
    Adopt,
}

pub enum State {
    Down,
    Live(Box<Live>),
}

pub struct Instance {
    pub house: Arc<House>,
    pub record: Record,
    pub journal: Arc<Journal>,
    pub activity: Arc<Activity>,
    pub view: watch::Sender<Record>,
    pub scope: Scope,
    /// What the gateway's dialler waits at. One for the instance's life, so that a request held
    /// while one container is replaced by another comes through.
    pub door: watch::Sender<Door>,
    pub state: State,
}

/// What woke the actor.
enum Woken {
    Command(Command),
    News(Option<News>),
    Batch(Option<Batch>),
    Stopping,
}

impl Instance {
    pub async fn run(mut self, mut mailbox: mpsc::Receiver<Command>) {
        loop {
            match self.next(&mut mailbox).await {
                Woken::Stopping => return,
                Woken::Command(Command::Down { purge: true, reply }) => {
                    let done = self.purge().await;
                    let gone = done.is_ok();
                    let _ = reply.send(done);
                    if gone {
                        return;
                    }
                }
                Woken::Command(command) => {
                    self.obey(command).await;
                    if self.never_was() {
                        return;
                    }
                }
                Woken::News(news) => self.hear(news).await,
                Woken::Batch(batch) => self.follow_edit(batch).await,
            }
        }
    }

    async fn next(&mut self, mailbox: &mut mpsc::Receiver<Command>) -> Woken {
        let stopping = self.scope.token();
        let command = async { mailbox.recv().await.map_or(Woken::Stopping, Woken::Command) };
        match &mut self.state {
            State::Down => tokio::select! {
                () = stopping.cancelled() => Woken::Stopping,
                command = command => command,
            },
            State::Live(live) => tokio::select! {
                () = stopping.cancelled() => Woken::Stopping,
                command = command => command,
                news = live.news.recv() => Woken::News(news),
                batch = live.batches.recv() => Woken::Batch(batch),
            },
        }
    }

    /// A first start that failed before anything was made leaves no record, so nothing is owned.
    fn never_was(&self) -> bool {
        self.record.generation == 0
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Up { job, reply } => {
                let outcome = self.up(&job).await;
                let _ = reply.send(outcome);
            }
            Command::Down { reply, .. } => {
                let _ = reply.send(self.down().await);
            }
            Command::Restart { reply } => self.restart(reply).await,
            Command::Adopt => self.adopt().await,
        }
    }

    /// Take the container away and keep what is on the volume. Says whether one was up.
    async fn down(&mut self) -> Result<bool, LifecycleError> {
        let was_up = self.record.intent == Intent::Up;
        self.record.intent = Intent::Down;
        self.save().await?;
        self.take_down(GRACE).await?;
        self.house
            .routes
            .set(self.record.name.clone(), self.route(Target::Asleep));
        self.enter(Phase::Asleep {
            since: Timestamp::now(),
        })
        .await?;
        Ok(was_up)
    }

    /// Take everything away, the record last.
    async fn purge(&mut self) -> Result<bool, LifecycleError> {
        let was_up = self.down().await?;
        self.house
            .engine
            .remove_home(&self.record.home_volume)
            .await?;
        self.house.store.remove(&self.record.id)?;
        self.house.routes.remove(&self.record.name);
        let from = Some(self.record.phase.kind());
        self.journal.tell(Event::State { from, to: None });
        Ok(was_up)
    }

    pub(super) async fn take_down(&mut self, grace: Duration) -> Result<(), LifecycleError> {
        if let State::Live(live) = std::mem::replace(&mut self.state, State::Down) {
            live.scope.cancel();
        }
        self.door.send_replace(Door::Shut);
        Ok(self.house.engine.remove(&self.record.id, grace).await?)
    }

    /// Leave nothing running after a failed start, and say why in the phase.
    pub(super) async fn fail(&mut self, error: &LifecycleError) {
        if let Err(second) = self.take_down(Duration::ZERO).await {
            tracing::warn!(instance = %self.record.id, error = %second, "cleaning up failed");
        }
        if self.record.port.is_none() {
            // It never answered, so nothing on its volume is anybody's work.
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
    }

    async fn restart(&mut self, reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>) {
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

    async fn hear(&mut self, news: Option<News>) {
        let State::Live(live) = &mut self.state else {
            return;
        };
        match news {
            Some(News::AppStarted) => {}
            Some(News::AppExited(exit)) => self.app_exited(exit).await,
            Some(News::Opened {
                round,
                result: Ok(()),
            }) if round == live.round => {
                let port = live.port.unwrap_or(live.plan.run.port);
                self.door.send_replace(Door::Open {
                    link: live.link.clone(),
                    port,
                });
                if !matches!(self.record.phase, Phase::Ready { .. })
                    && let Err(error) = self.announce(port).await
                {
                    tracing::warn!(instance = %self.record.id, %error, "not announced");
                }
            }
            Some(News::Opened {
                round,
                result: Err(error),
            }) if round == live.round => {
                self.door.send_replace(Door::Shut);
                self.out_of_order(&error).await;
            }
            Some(News::Opened { .. }) => {}
            Some(News::LinkLost) | None => self.link_lost().await,
        }
    }

    /// The app ended by itself. Its container stays, so that an edit can bring it back.
    async fn app_exited(&mut self, exit: AppExit) {
        if let State::Live(live) = &mut self.state {
            live.round += 1;
        }
        self.door.send_replace(Door::Shut);
        self.out_of_order(&LifecycleError::AppExited {
            exit: Box::new(exit),
        })
        .await;
    }

    /// The container runs and the app does not answer.
    async fn out_of_order(&mut self, error: &LifecycleError) {
        self.out_of_order_because(error.problem()).await;
    }

    pub(super) async fn out_of_order_because(&mut self, cause: Problem) {
        self.house.routes.set(
            self.record.name.clone(),
            self.route(Target::Failed {
                problem: cause.clone(),
            }),
        );
        if let Err(error) = self
            .enter(Phase::Failed {
                since: Timestamp::now(),
                cause,
            })
            .await
        {
            tracing::error!(instance = %self.record.id, %error, "the record is stale");
        }
    }

    pub(super) async fn follow_edit(&mut self, batch: Option<Batch>) {
        let State::Live(live) = &mut self.state else {
            return;
        };
        let Some(batch) = batch else {
            // The watcher ended with the scope; the link's end is told apart.
            live.batches = mpsc::channel(1).1;
            return;
        };
        let synced = match live.sync.batch(batch).await {
            Ok(synced) => synced,
            Err(error) => {
                let problem = error.problem();
                self.journal.tell(Event::Warning {
                    message: problem.message,
                    hint: problem.hint,
                });
                return;
            }
        };
        if synced.changed.is_empty() && synced.report.refused.is_empty() {
            return;
        }
        let mut consequence = live.rules.consequence(&synced.changed);
        let is_down = matches!(self.record.phase, Phase::Failed { .. });
        if is_down && !synced.changed.is_empty() {
            consequence = consequence.max(Consequence::Restart);
        }
        let settings = settings_among(&synced.changed).cloned();
        self.journal.tell(Event::Sync(SyncReport {
            caused: consequence.told(),
            ..synced.report
        }));
        if let Some(path) = settings {
            self.journal.tell(Event::Warning {
                message: format!("{path} was edited"),
                hint: Some("`codemate-preview up` applies it".to_owned()),
            });
        }
        match consequence {
            Consequence::Nothing => {}
            Consequence::Restart => self.restart_for_edit().await,
            Consequence::Reinstall => self.reinstall().await,
        }
    }

    async fn restart_for_edit(&mut self) {
        let State::Live(live) = &mut self.state else {
            return;
        };
        if let Err(error) = live.restart_later(&self.door).await {
            self.out_of_order(&error).await;
        }
    }

    /// What the project depends on changed. The app goes on with the old until the new is there.
    async fn reinstall(&mut self) {
        let State::Live(live) = &self.state else {
            return;
        };
        let (link, plan, root) = (
            live.link.clone(),
            live.plan.clone(),
            live.sync.source().root().to_owned(),
        );
        let Some(steps) = &plan.install else {
            return self.restart_for_edit().await;
        };
        self.record.install_key = None;
        let journal = self.journal.clone();
        let step = Step::start(&journal, "install", "dependencies changed");
        let done = async {
            self.save().await?;
            install(&link, &plan, steps, &step).await?;
            let image = self.house.engine.image(&plan.image).await?;
            let id = image.map_or(String::new(), |image| image.id);
            install_key(&plan, &root, &id).await
        };
        let done = done.await;
        match step.end(done) {
            Ok(key) => {
                self.record.install_key = Some(key);
                if let Err(error) = self.save().await {
                    tracing::warn!(instance = %self.record.id, %error, "not remembered");
                }
                self.restart_for_edit().await;
            }
            Err(error) => {
                let problem = error.problem();
                self.journal.tell(Event::Warning {
                    message: problem.message,
                    hint: problem.hint,
                });
            }
        }
    }

    /// Change the phase: on disk first, then for readers.
    pub(super) async fn enter(&mut self, phase: Phase) -> Result<(), LifecycleError> {
        let (from, to) = (self.record.phase.kind(), phase.kind());
        self.record.phase = phase;
        self.save().await?;
        if from != to {
            self.journal.tell(Event::State {
                from: Some(from),
                to: Some(to),
            });
        }
        Ok(())
    }

    pub(super) async fn save(&mut self) -> Result<(), LifecycleError> {
        self.record.updated = Timestamp::now();
        let (store, record) = (self.house.store.clone(), self.record.clone());
        tokio::task::spawn_blocking(move || store.save(&record))
            .await
            .map_err(|_| LifecycleError::ShuttingDown)??;
        self.view.send_replace(self.record.clone());
        Ok(())
    }
}

impl Live {
    /// Restart the app; its readiness comes as news. Requests wait meanwhile.
    async fn restart_later(&mut self, door: &watch::Sender<Door>) -> Result<(), LifecycleError> {
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
