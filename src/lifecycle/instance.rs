//! The task that owns one instance: its mailbox, its record, its container.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    House, LifecycleError,
    disk::overrun,
    journal::Journal,
    live::{Live, News},
    route::Door,
    share::{ShareWish, Sharing},
    tunnel::Way,
    variables::Masking,
};
use crate::{
    gateway::{Activity, Target},
    model::{AppExit, Event, Options, Phase, PhaseKind, Problem, TunnelKind, TunnelNow, UpOutcome},
    source::{
        Batch,
        supabase::{FollowStatus, Keeper},
    },
    store::Record,
    task::Scope,
};

/// A start asked for, and how to call it off.
pub struct UpJob {
    pub options: Options,
    /// See [`Record::env_flags`].
    pub env_flags: BTreeSet<String>,
    pub rebuild: bool,
    pub(super) share: ShareWish,
    /// Ports to visit from outside besides the app's, where `share` is a wish.
    pub(super) expose: BTreeSet<u16>,
    /// Nobody waits: the tunnel is opened beside, and is no reason to fail.
    pub unattended: bool,
    pub cancel: CancellationToken,
}

pub enum Command {
    Up {
        job: Box<UpJob>,
        reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>,
    },
    Down {
        purge: bool,
        reply: oneshot::Sender<Result<bool, LifecycleError>>,
    },
    Restart {
        reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>,
    },
    OpenTunnel {
        /// The one it had, or the default, if `None`.
        kind: Option<TunnelKind>,
        cancel: CancellationToken,
        reply: oneshot::Sender<Result<UpOutcome, LifecycleError>>,
    },
    CloseTunnel {
        reply: oneshot::Sender<Result<bool, LifecycleError>>,
    },
    /// Its container of this generation has no network any more.
    CutOff { generation: u64 },
    /// There is no more room for what it keeps, of so many bytes.
    LetGo { bytes: u64 },
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
    pub epoch: Epoch,
    pub masking: Masking,
    pub state: State,
    pub way: Way,
    /// Who may come by it.
    pub sharing: Arc<Sharing>,
    pub tunnel_view: watch::Sender<Option<TunnelNow>>,
    /// Follows the rows its files come from.
    pub keeper: Option<Keeper>,
    pub rows_view: watch::Sender<Option<watch::Receiver<FollowStatus>>>,
    /// Says that now is a good time to look after what all instances share.
    pub poke: Arc<Notify>,
}

/// What was wanted of an instance until somebody wanted it down. `down` ends one and begins the
/// next, so that it waits behind nothing that it makes pointless.
#[derive(Clone, Default)]
pub struct Epoch(Arc<Mutex<CancellationToken>>);

impl Epoch {
    pub fn current(&self) -> CancellationToken {
        self.0
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    pub fn end(&self) {
        let mut token = self.0.lock().expect("no holder of this lock panics");
        std::mem::take(&mut *token).cancel();
    }
}

/// What woke the actor.
enum Woken {
    Command(Command),
    News(Option<News>),
    Batch(Option<Batch>),
    Tunnel,
    Overrun(LifecycleError),
    Stopping,
}

impl Instance {
    pub async fn run(mut self, mut mailbox: mpsc::Receiver<Command>) {
        loop {
            match self.next(&mut mailbox).await {
                Woken::Stopping => return self.keep_events().await,
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
                    if self.never_was() && mailbox.is_empty() {
                        return;
                    }
                    self.keep_events().await;
                }
                Woken::News(news) => {
                    let called_off = self.epoch.current();
                    tokio::select! {
                        () = self.hear(news) => {}
                        () = called_off.cancelled() => {}
                    }
                }
                Woken::Tunnel => self.tunnel_moved().await,
                Woken::Overrun(error) => self.stop_for(&error).await,
                Woken::Batch(batch) => {
                    let called_off = self.epoch.current();
                    tokio::select! {
                        () = self.follow_edit(batch) => {}
                        () = called_off.cancelled() => {}
                    }
                }
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
                () = self.way.changed() => Woken::Tunnel,
            },
            State::Live(live) => tokio::select! {
                () = stopping.cancelled() => Woken::Stopping,
                command = command => command,
                () = self.way.changed() => Woken::Tunnel,
                news = live.news.recv() => Woken::News(news),
                batch = live.batches.recv() => Woken::Batch(batch),
                error = overrun(&mut live.overrun) => Woken::Overrun(error),
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
            Command::OpenTunnel {
                kind,
                cancel,
                reply,
            } => {
                let _ = reply.send(self.start_tunnel(kind, &cancel).await);
            }
            Command::CloseTunnel { reply } => {
                let _ = reply.send(self.close_tunnel().await);
            }
            Command::LetGo { bytes } => self.let_go(bytes).await,
            Command::CutOff { generation } => {
                let called_off = self.epoch.current();
                tokio::select! {
                    () = self.cut_off(generation) => {}
                    () = called_off.cancelled() => {}
                }
            }
            Command::Adopt => {
                let called_off = self.epoch.current();
                tokio::select! {
                    () = self.adopt() => {}
                    () = called_off.cancelled() => {}
                }
            }
        }
    }

    async fn hear(&mut self, news: Option<News>) {
        let State::Live(live) = &mut self.state else {
            return;
        };
        match news {
            Some(News::AppExited { exit, start }) if start >= live.link.starts() => {
                self.app_exited(exit).await;
            }
            Some(News::Opened { round, result }) if round == live.round => match result {
                Ok(answered) => self.opened(answered).await,
                Err(error) => {
                    self.door.send_replace(Door::Shut);
                    let error = self.explain(error).await;
                    self.out_of_order(&error).await;
                }
            },
            // Of an older start.
            Some(News::Better { round, answered }) if round == live.round => {
                self.found_better(answered).await;
            }
            Some(
                News::AppStarted
                | News::AppExited { .. }
                | News::Opened { .. }
                | News::Better { .. },
            ) => {}
            Some(News::LinkLost) | None => self.link_lost().await,
        }
    }

    /// The app ended by itself. Its container stays, so that an edit can bring it back.
    pub(super) async fn app_exited(&mut self, exit: AppExit) {
        let mut answered = false;
        if let State::Live(live) = &mut self.state {
            live.round += 1;
            answered = live.is_open;
            live.is_open = false;
        }
        self.door.send_replace(Door::Shut);
        let error = LifecycleError::AppExited {
            exit: Box::new(exit),
            answered,
        };
        let error = self.explain(error).await;
        self.out_of_order(&error).await;
    }

    /// The container runs and the app does not answer.
    pub(super) async fn out_of_order(&mut self, error: &LifecycleError) {
        self.out_of_order_because(error.problem()).await;
    }

    pub(super) async fn out_of_order_because(&mut self, cause: Problem) {
        if let State::Live(live) = &mut self.state {
            live.refuse(&cause);
        }
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
            if matches!(to, PhaseKind::Ready | PhaseKind::Failed) {
                self.keep_events().await;
            }
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
