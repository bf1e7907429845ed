//! After a restart of the agent, or the loss of a link: what the record says, what the engine has,
//! and what to do about it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    LifecycleError,
    instance::{Instance, State, UpJob},
    live::{Live, is_gone},
    prepare::open_source,
    route::Door,
    share::ShareWish,
};
use crate::{
    engine::{EngineError, Observed, link::AppState},
    gateway::Target,
    model::{AppExit, Code, Event, Phase, Problem},
    source::Batch,
    store::Intent,
};

/// Between attempts to link to a container that still runs.
const PAUSE: Duration = Duration::from_millis(200);
const ATTEMPTS: usize = 10;

impl Instance {
    /// Bring the engine to what the record says: a preview that was announced answers again.
    pub(super) async fn adopt(&mut self) {
        match self.record.intent {
            Intent::Down => {
                if self.may_have_run()
                    && let Err(error) = self.variables().await
                {
                    tracing::warn!(instance = %self.record.id, %error, "what it wrote may not be masked");
                }
                if let Err(error) = self.take_down(Duration::ZERO).await {
                    tracing::warn!(instance = %self.record.id, %error, "leftovers stay");
                }
                // An earlier agent was cut off on the way down.
                let was_up = !matches!(
                    self.record.phase,
                    Phase::Failed { .. } | Phase::Asleep { .. }
                );
                let asleep = Phase::Asleep {
                    since: Timestamp::now(),
                };
                if was_up && let Err(error) = self.enter(asleep).await {
                    tracing::warn!(instance = %self.record.id, %error, "the record is stale");
                }
                let target = match &self.record.phase {
                    Phase::Failed { cause, .. } => Target::Failed {
                        problem: cause.clone(),
                    },
                    _ => Target::Asleep,
                };
                self.house
                    .routes
                    .set(self.record.name.clone(), self.route(target));
            }
            Intent::Up => {
                if let Phase::Ready { port, .. } = self.record.phase {
                    self.door.send_replace(Door::Opening);
                    self.open_route(port);
                }
                let adopted = self.take_over().await;
                if let Err(error) = adopted {
                    tracing::warn!(instance = %self.record.id, %error, "made again");
                    self.make_again().await;
                }
            }
        }
    }

    /// Link to the running container and let its app be.
    async fn take_over(&mut self) -> Result<(), LifecycleError> {
        let generation = match self.house.engine.observe(&self.record.id).await? {
            Observed::Running { generation, .. } => generation,
            Observed::Absent | Observed::Exited { .. } => {
                let what = format!("the container of {}", self.record.name);
                return Err(EngineError::Missing { what }.into());
            }
        };
        let (Some(plan), Some(answered), Phase::Ready { .. }) =
            (&self.record.plan, self.last_answer(), &self.record.phase)
        else {
            // It was on its way up; what was done so far is not known well enough to go on from.
            return Err(LifecycleError::Cancelled {
                name: self.record.name.to_string(),
            });
        };
        let plan = Arc::new(plan.clone());
        let variables = self.variables().await?;
        let source = Arc::new(open_source(&self.record, &plan)?);
        let mut live = Live::attach(self.tenant().await?, plan, source).await?;
        live.answered = Some(answered);
        let prober = live.prober(&self.masking, self.hosts());
        live.make_env_files(&variables).await;
        if live.link.hello().app_is_running() {
            live.is_open = true;
            self.door.send_replace(live.door(answered));
        } else {
            live.start_app(&variables).await?;
            self.record.secrets_revision = variables.revision;
            live.probe_later(prober);
        }
        self.record.generation = generation;
        self.state = State::Live(Box::new(live));
        self.announce(answered).await?;
        self.reopen_tunnel().await;
        self.keep_rows();
        self.catch_up().await;
        Ok(())
    }

    /// Bring in what was edited while nobody watched, as any edit.
    /// An installation that was cut off is done again.
    async fn catch_up(&mut self) {
        self.follow_edit(Some(Batch::everything())).await;
        if let State::Live(live) = &self.state
            && !self.is_installed(&live.plan.clone())
        {
            self.reinstall().await;
        }
    }

    pub(super) async fn make_again(&mut self) {
        let job = UpJob {
            options: self.record.options.clone(),
            env_flags: self.record.env_flags.clone(),
            rebuild: false,
            share: ShareWish::AsItIs,
            expose: BTreeSet::new(),
            unattended: true,
            cancel: self.epoch.current(),
        };
        if let Err(error) = self.up(&job).await {
            tracing::warn!(instance = %self.record.id, %error, "could not be brought up again");
            if !matches!(self.record.phase, Phase::Failed { .. }) && !self.scope.is_cancelled() {
                // Before anything was made of it. The intent stays: the next agent tries again.
                self.door.send_replace(Door::Shut);
                self.out_of_order(&error).await;
            }
        }
    }

    /// The stream to the guest broke: the container is gone, or only the stream is.
    pub(super) async fn link_lost(&mut self) {
        self.door.send_replace(Door::Opening);
        let scope = self.scope.clone();
        for _ in 0..ATTEMPTS {
            if scope.is_cancelled() {
                return;
            }
            match self.relink().await {
                Ok(()) => return,
                Err(error) if is_gone(&error) => break,
                Err(error) => {
                    tracing::debug!(instance = %self.record.id, %error, "no link yet");
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = scope.cancelled() => return,
                    }
                }
            }
        }
        self.container_lost().await;
    }

    /// Where an app used up its memory, the kernel may have ended the guest with it or in its place:
    /// then it is the engine that knows why the stream broke.
    pub(super) async fn explained(&self, error: LifecycleError) -> LifecycleError {
        if !matches!(error, LifecycleError::Engine(EngineError::Link { .. })) {
            return error;
        }
        for _ in 0..ATTEMPTS {
            match self.house.engine.observe(&self.record.id).await {
                Ok(Observed::Exited {
                    out_of_memory: true,
                    ..
                }) => {
                    return LifecycleError::AppExited {
                        exit: Box::new(AppExit {
                            code: None,
                            signal: None,
                            out_of_memory: true,
                            peak_bytes: None,
                            limit_bytes: Some(self.record.limits.memory_bytes),
                            last_lines: Vec::new(),
                        }),
                        answered: false,
                    };
                }
                // It may be about to be told.
                Ok(Observed::Running { .. }) => tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = self.scope.cancelled() => break,
                },
                Ok(Observed::Absent | Observed::Exited { .. }) | Err(_) => break,
            }
        }
        error
    }

    async fn relink(&mut self) -> Result<(), LifecycleError> {
        match self.house.engine.observe(&self.record.id).await? {
            Observed::Running { .. } => {}
            Observed::Absent | Observed::Exited { .. } => {
                let what = format!("the container of {}", self.record.name);
                return Err(EngineError::Missing { what }.into());
            }
        }
        let State::Live(live) = &self.state else {
            return Ok(());
        };
        let (plan, source) = (live.plan.clone(), Arc::clone(live.sync.source()));
        let variables = self.variables().await?;
        let fresh = Live::attach(self.tenant().await?, plan, source).await?;
        let hosts = self.hosts();
        let State::Live(live) = &mut self.state else {
            return Ok(());
        };
        live.take_over(fresh);
        let prober = live.prober(&self.masking, hosts);
        match live.link.hello().app.clone() {
            Some(AppState::Running { .. }) => live.probe_later(prober),
            Some(AppState::Exited(mut exit)) => {
                variables.mask().clean_all(&mut exit.last_lines);
                self.app_exited(exit).await;
            }
            None => {
                live.start_app(&variables).await?;
                live.probe_later(prober);
            }
        }
        self.catch_up().await;
        Ok(())
    }

    /// Somebody took the container away, or the engine ended it.
    async fn container_lost(&mut self) {
        let observed = self.house.engine.observe(&self.record.id).await;
        let problem = match observed {
            Ok(Observed::Exited {
                out_of_memory: true,
                ..
            }) => Problem::new(Code::AppExited, "the container ran out of memory")
                .hint("give it more with `--memory`"),
            _ => Problem::new(Code::Docker, "the container was stopped from outside")
                .hint("`codemate-preview up` starts it again"),
        };
        if let Err(error) = self.take_down(Duration::ZERO).await {
            tracing::warn!(instance = %self.record.id, %error, "leftovers stay");
        }
        self.journal.tell(Event::Warning {
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        });
        self.out_of_order_because(problem).await;
    }
}
