//! The task that owns one instance: its mailbox, its record, its container.

pub(super) mod disk;
mod down;
pub(super) mod edits;
pub(super) mod environment;
pub(super) mod events;
mod failure_cause;
pub(super) mod install;
pub(super) mod live;
pub(super) mod prepare;
pub(super) mod publish;
pub(super) mod readiness;
mod reconcile;
mod restart;
pub(super) mod share;
mod source;
mod state;
mod tunnel;
pub(super) mod tunnel_slot;
pub(super) mod up;
pub(super) mod upstream;

use std::{collections::BTreeSet, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    gateway::Activity,
    lifecycle::{Context, LifecycleError},
    model::{AppExit, Options, Problem, TunnelKind, TunnelStatus, UpOutcome},
    source::{ChangeBatch, Source},
    store::Record,
    task::Scope,
};
use disk::overrun;
use environment::variables::Masking;
use events::journal::Journal;
use live::LiveEvent;
use publish::InstanceState;
use share::{ShareRequest, Sharing};
use state::StateEvent;
use tunnel_slot::TunnelSlot;
use upstream::Upstream;

/// A start asked for, and how to call it off.
pub struct UpJob {
    pub options: Options,
    /// See [`Record::env_flags`].
    pub env_flags: BTreeSet<String>,
    pub rebuild: bool,
    pub(super) share: ShareRequest,
    /// Ports to visit from outside besides the app's, where `share` asks for any access.
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
    NetworkLost { generation: u64 },
    /// There is no more room for what it keeps, of so many bytes.
    DiscardRetained { bytes: u64 },
    /// Take over a container that an earlier agent left running, or make it again.
    Adopt,
}

impl Command {
    /// What was asked for, before it is done.
    fn log(&self) {
        match self {
            Self::Up { job, .. } if job.rebuild => tracing::info!("`up` begins, all anew"),
            Self::Up { .. } => tracing::info!("`up` begins"),
            Self::Down { .. } => tracing::info!("`down` begins"),
            Self::Restart { .. } => tracing::info!("a restart begins"),
            Self::OpenTunnel { kind, .. } => {
                let kind = kind.map(|kind| kind.to_string());
                tracing::info!(kind, "a tunnel is asked for");
            }
            Self::CloseTunnel { .. } => tracing::info!("the tunnel is to be closed"),
            Self::NetworkLost { generation } => {
                tracing::warn!(generation, "its network is gone, so it is made again");
            }
            Self::DiscardRetained { bytes } => tracing::warn!(
                bytes,
                "what it kept is removed, since the previews that are down keep too much"
            ),
            Self::Adopt => tracing::info!("an earlier agent left it; its container is looked for"),
        }
    }
}

pub struct Instance {
    pub context: Arc<Context>,
    pub record: Record,
    pub journal: Arc<Journal>,
    pub activity: Arc<Activity>,
    pub view: watch::Sender<Record>,
    pub scope: Scope,
    /// What the gateway's dialler waits for. One for the instance's life, so that a request held
    /// while one container is replaced by another comes through.
    pub upstream: watch::Sender<Upstream>,
    pub attempt: AttemptToken,
    pub masking: Masking,
    pub state: InstanceState,
    pub tunnel_slot: TunnelSlot,
    /// Who may come by it.
    pub sharing: Arc<Sharing>,
    pub tunnel_view: watch::Sender<Option<TunnelStatus>>,
    /// Where its files come from.
    pub source: Arc<dyn Source>,
    /// Wakes the maintenance of what all instances share.
    pub maintenance_wake: Arc<Notify>,
}

/// Cancels the work that was asked for before the next `down`. `down` ends one token and begins the
/// next, so that it waits behind nothing that it makes pointless.
#[derive(Clone, Default)]
pub struct AttemptToken(Arc<Mutex<CancellationToken>>);

impl AttemptToken {
    pub fn current(&self) -> CancellationToken {
        self.0.lock().clone()
    }

    pub fn end(&self) {
        let mut token = self.0.lock();
        std::mem::take(&mut *token).cancel();
    }
}

/// What woke the actor.
enum Wakeup {
    Command(Command),
    Live(Option<LiveEvent>),
    Batch(Option<ChangeBatch>),
    Tunnel,
    Overrun(LifecycleError),
    Stopping,
}

impl Instance {
    pub async fn run(mut self, mut mailbox: mpsc::Receiver<Command>) {
        loop {
            match self.next(&mut mailbox).await {
                Wakeup::Stopping => return self.save_events().await,
                Wakeup::Command(Command::Down { purge: true, reply }) => {
                    tracing::info!("`down --purge` begins");
                    let done = self.purge().await;
                    let gone = done.is_ok();
                    let _ = reply.send(done);
                    if gone {
                        return;
                    }
                }
                Wakeup::Command(command) => {
                    self.handle_command(command).await;
                    if self.was_never_created() && mailbox.is_empty() {
                        return;
                    }
                    self.save_events().await;
                }
                Wakeup::Live(event) => {
                    let called_off = self.attempt.current();
                    tokio::select! {
                        () = self.handle_event(event) => {}
                        () = called_off.cancelled() => {}
                    }
                }
                Wakeup::Tunnel => self.tunnel_changed().await,
                Wakeup::Overrun(error) => self.stop_for(&error).await,
                Wakeup::Batch(batch) => {
                    let called_off = self.attempt.current();
                    tokio::select! {
                        () = self.handle_edit(batch) => {}
                        () = called_off.cancelled() => {}
                    }
                }
            }
        }
    }

    async fn next(&mut self, mailbox: &mut mpsc::Receiver<Command>) -> Wakeup {
        let stopping = self.scope.token();
        let command = async {
            mailbox
                .recv()
                .await
                .map_or(Wakeup::Stopping, Wakeup::Command)
        };
        match self.state.live_mut() {
            None => tokio::select! {
                () = stopping.cancelled() => Wakeup::Stopping,
                command = command => command,
                () = self.tunnel_slot.changed() => Wakeup::Tunnel,
            },
            Some(live) => tokio::select! {
                () = stopping.cancelled() => Wakeup::Stopping,
                command = command => command,
                () = self.tunnel_slot.changed() => Wakeup::Tunnel,
                event = live.events.recv() => Wakeup::Live(event),
                batch = live.batches.recv() => Wakeup::Batch(batch),
                error = overrun(&mut live.overrun) => Wakeup::Overrun(error),
            },
        }
    }

    /// A first start that failed before anything was made leaves no record, so nothing is owned.
    fn was_never_created(&self) -> bool {
        self.record.generation == 0
    }

    async fn handle_command(&mut self, command: Command) {
        command.log();
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
            Command::DiscardRetained { bytes } => self.discard_retained(bytes).await,
            Command::NetworkLost { generation } => {
                let called_off = self.attempt.current();
                tokio::select! {
                    () = self.network_lost(generation) => {}
                    () = called_off.cancelled() => {}
                }
            }
            Command::Adopt => {
                let called_off = self.attempt.current();
                tokio::select! {
                    () = self.adopt() => {}
                    () = called_off.cancelled() => {}
                }
            }
        }
    }

    async fn handle_event(&mut self, event: Option<LiveEvent>) {
        let Some(live) = self.state.live() else {
            return;
        };
        match event {
            Some(LiveEvent::AppExited { exit, start }) if start >= live.link.starts() => {
                self.app_exited(exit).await;
            }
            Some(LiveEvent::Answered { round, result }) if round == live.round => match result {
                Ok(answered) => self.app_answered(answered).await,
                Err(error) => {
                    self.refuse_requests();
                    let error = self.explain(error).await;
                    self.mark_failed(&error).await;
                }
            },
            // Of an older start.
            Some(LiveEvent::BetterPort { round, answered }) if round == live.round => {
                self.move_to_port(answered).await;
            }
            Some(
                LiveEvent::AppStarted
                | LiveEvent::AppExited { .. }
                | LiveEvent::Answered { .. }
                | LiveEvent::BetterPort { .. },
            ) => {}
            Some(LiveEvent::LinkLost) | None => self.link_lost().await,
        }
    }

    /// The app ended by itself. Its container stays, so that an edit can bring it back.
    pub(super) async fn app_exited(&mut self, exit: AppExit) {
        if let Some(live) = self.state.live_mut() {
            live.round += 1;
        }
        let answered = self.state.had_answered();
        self.refuse_requests();
        let error = LifecycleError::AppExited {
            exit: Box::new(exit),
            answered,
        };
        let error = self.explain(error).await;
        self.mark_failed(&error).await;
    }

    /// The container runs and the app does not answer.
    pub(super) async fn mark_failed(&mut self, error: &LifecycleError) {
        self.mark_failed_with(error.problem()).await;
    }

    pub(super) async fn mark_failed_with(&mut self, cause: Problem) {
        let event = if self.state.live().is_some() {
            StateEvent::AppFailed { cause }
        } else {
            StateEvent::Lost { cause }
        };
        if let Err(error) = self.apply(event).await {
            tracing::error!(%error, "the failure is not recorded");
        }
    }
}
