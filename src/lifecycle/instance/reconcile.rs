//! After a restart of the agent, or the loss of a link: what the record says, what the engine has,
//! and what to do about it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    Instance, UpJob,
    live::{Live, is_gone},
    prepare::open_source,
    share::ShareRequest,
    state::{Served, StateEvent},
};
use crate::{
    engine::{EngineError, Observed, link::AppState},
    lifecycle::LifecycleError,
    model::{AppExit, Code, Event, Phase, Problem},
    source::ChangeBatch,
    store::Intent,
};

/// Between attempts to link to a container that still runs.
const PAUSE: Duration = Duration::from_millis(200);
const ATTEMPTS: usize = 10;

impl Instance {
    /// Bring the engine to what the record says: a preview that was announced answers again.
    pub(in crate::lifecycle) async fn adopt(&mut self) {
        match self.record.intent {
            Intent::Down => {
                if self.may_have_run()
                    && let Err(error) = self.variables().await
                {
                    tracing::warn!(instance = %self.record.id, %error, "what it wrote may not be masked");
                }
                let may_have_run = self.may_have_run();
                let removed = self.remove_container(Duration::ZERO, may_have_run).await;
                if let Err(error) = removed {
                    tracing::warn!(instance = %self.record.id, %error, "leftovers stay");
                }
                if let Err(error) = self.apply(StateEvent::FoundDown).await {
                    tracing::warn!(instance = %self.record.id, %error, "the record is stale");
                }
            }
            Intent::Up => {
                self.show_recorded();
                match self.take_over().await {
                    Ok(()) => {
                        tracing::info!("adopted: its container still ran, and its app goes on");
                    }
                    Err(error) => {
                        tracing::warn!(%error, "its container cannot be adopted, so it is made again");
                        self.make_again().await;
                    }
                }
            }
        }
    }

    /// Link to the running container and let its app be.
    async fn take_over(&mut self) -> Result<(), LifecycleError> {
        let generation = match self.context.engine.observe(&self.record.id).await? {
            Observed::Running { generation } => generation,
            Observed::Absent | Observed::Exited { .. } => {
                let what = format!("the container of {}", self.record.name);
                return Err(EngineError::Missing { what }.into());
            }
        };
        let (Some(plan), Phase::Ready { since, .. }) = (&self.record.plan, &self.record.phase)
        else {
            // It was on its way up; what was done so far is not known well enough to go on from.
            return Err(LifecycleError::Cancelled {
                name: self.record.name.to_string(),
            });
        };
        let (since, answer) = (*since, self.last_answer());
        let plan = Arc::new(plan.clone());
        let variables = self.variables().await?;
        let source = Arc::new(open_source(&self.record, &plan)?);
        let mut live = Live::attach(self.event_context().await?, plan, source).await?;
        let prober = live.prober(&self.masking, self.hosts());
        live.make_files(&variables, &self.record.remedies).await;
        let runs_on = live.link.hello().app_is_running();
        if !runs_on {
            live.start_app(&variables).await?;
            self.record.secrets_revision = variables.revision;
            live.spawn_prober(prober, answer);
        }
        self.record.generation = generation;
        let port = self.port_of(answer);
        let (container, served) = (
            Box::new(live),
            Served {
                since,
                port,
                answer,
            },
        );
        self.apply(StateEvent::Adopted { container, served })
            .await?;
        if runs_on {
            self.apply(StateEvent::Answered { port, answer }).await?;
        }
        self.save().await?;
        self.reopen_tunnel().await;
        self.follow_source();
        self.catch_up().await;
        Ok(())
    }

    /// Bring in what was edited while nobody watched, as any edit.
    /// An installation that was cut off is done again.
    async fn catch_up(&mut self) {
        self.handle_edit(Some(ChangeBatch::everything())).await;
        if let Some(live) = self.state.live()
            && !self.is_installed(&live.plan)
        {
            self.reinstall().await;
        }
    }

    pub(in crate::lifecycle) async fn make_again(&mut self) {
        let job = UpJob {
            options: self.record.options.clone(),
            env_flags: self.record.env_flags.clone(),
            rebuild: false,
            share: ShareRequest::AsItIs,
            expose: BTreeSet::new(),
            unattended: true,
            cancel: self.attempt.current(),
        };
        if let Err(error) = self.up(&job).await {
            tracing::warn!(instance = %self.record.id, %error, "could not be brought up again");
            if !matches!(self.record.phase, Phase::Failed { .. }) && !self.scope.is_cancelled() {
                // Before anything was made of it. The intent stays: the next agent tries again.
                self.mark_failed(&error).await;
            }
        }
    }

    /// The stream to the guest broke: the container is gone, or only the stream is.
    pub(in crate::lifecycle) async fn link_lost(&mut self) {
        tracing::warn!("the stream to its container broke");
        if let Err(error) = self.apply(StateEvent::LinkLost).await {
            tracing::warn!(%error, "nothing is linked to again");
            return;
        }
        let scope = self.scope.clone();
        for _ in 0..ATTEMPTS {
            if scope.is_cancelled() {
                return;
            }
            match self.relink().await {
                Ok(()) => {
                    tracing::info!("its container is linked to again");
                    return;
                }
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
    pub(in crate::lifecycle) async fn explained(&self, error: LifecycleError) -> LifecycleError {
        if !matches!(error, LifecycleError::Engine(EngineError::Link { .. })) {
            return error;
        }
        for _ in 0..ATTEMPTS {
            match self.context.engine.observe(&self.record.id).await {
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
        match self.context.engine.observe(&self.record.id).await? {
            Observed::Running { .. } => {}
            Observed::Absent | Observed::Exited { .. } => {
                let what = format!("the container of {}", self.record.name);
                return Err(EngineError::Missing { what }.into());
            }
        }
        let Some(live) = self.state.live() else {
            return Ok(());
        };
        let (plan, source) = (live.plan.clone(), Arc::clone(live.sync.source()));
        let variables = self.variables().await?;
        let fresh = Live::attach(self.event_context().await?, plan, source).await?;
        let (hosts, before) = (self.hosts(), self.last_answer());
        let Some(live) = self.state.live_mut() else {
            return Ok(());
        };
        live.take_over(fresh);
        let prober = live.prober(&self.masking, hosts);
        match live.link.hello().app.clone() {
            Some(AppState::Running { .. }) => live.spawn_prober(prober, before),
            Some(AppState::Exited(mut exit)) => {
                variables.mask().clean_all(&mut exit.last_lines);
                self.app_exited(exit).await;
            }
            None => {
                live.start_app(&variables).await?;
                live.spawn_prober(prober, before);
            }
        }
        self.catch_up().await;
        Ok(())
    }

    /// Somebody took the container away, or the engine ended it.
    async fn container_lost(&mut self) {
        let observed = self.context.engine.observe(&self.record.id).await;
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
        self.journal.emit(Event::Warning {
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        });
        self.mark_failed_with(problem).await;
    }
}
