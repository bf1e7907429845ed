//! The steps of `up`: detect, approve, image, container, files, dependencies, app, route.

use std::{future::Future, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    Instance, UpJob,
    disk::overrun,
    environment::variables::Variables,
    events::{egress_denials, step::Step},
    install::install,
    live::{EventContext, Live, LiveEvent},
    prepare::{Decision, install_key},
    readiness::prober::Prober,
    state::StateEvent,
    tunnel::TunnelRequest,
};
use crate::{
    lifecycle::{LifecycleError, remedy::may_build},
    model::{
        AppAnswer, ContainerSpec, Event, ImageInfo, InstanceId, Options, Phase, Plan, UpOutcome,
        Urls,
    },
    security::Approved,
    source::LocalSource,
    store::Remedies,
};

/// How long an app gets to end by itself.
pub const GRACE: Duration = Duration::from_secs(10);

/// All that a container takes, approved and open.
pub(in crate::lifecycle) struct PreparedContainer {
    image: ImageInfo,
    spec: Approved<ContainerSpec>,
    source: Arc<LocalSource>,
}

impl Instance {
    pub(in crate::lifecycle) async fn up(
        &mut self,
        job: &UpJob,
    ) -> Result<UpOutcome, LifecycleError> {
        self.fetch_files(&job.cancel, job.unattended).await?;
        if job.rebuild {
            self.record.remedies = Remedies::default();
        }
        let mut decision = self.decide(job).await?;
        self.take_compilers(&mut decision).await?;
        if self.state.live().is_none() {
            // Beside what comes next, what the engine needs for any start.
            self.maintenance_wake.notify_one();
        }
        let request = self.tunnel_request_of_up(decision.options.tunnel, &decision.plan);
        if let Some(live) = self.state.live()
            && !job.rebuild
            && matches!(self.record.phase, Phase::Ready { .. })
            && *live.plan == decision.plan
            && self.is_installed(&decision.plan)
            && same_container(&self.record.options, &decision.options)
            && self.record.env_flags == decision.env_flags
            && self.record.secrets_revision == decision.variables.revision
            && self.record.limits == decision.limits
        {
            self.record.options = decision.options;
            let shared = self.share(job).await?;
            let changed = self.ensure_tunnel(request, &job.cancel).await? || shared;
            return Ok(self.outcome(changed, job.share).await);
        }
        // Approved and its source opened before anything that runs is taken away.
        self.check_free_space().await?;
        let prepared = self.prepared(&decision, &job.cancel).await?;
        let began = tokio::time::Instant::now();
        let up = match self.bring_up_with_remedies(job, decision, prepared).await {
            Ok(urls) => {
                self.emit_ready(urls, began.elapsed());
                // Make good what this start took.
                self.maintenance_wake.notify_one();
                if job.unattended {
                    self.reopen_tunnel().await;
                    Ok(false)
                } else {
                    self.share_and_open(job, request).await
                }
            }
            Err(error) => {
                let error = self.explained(error).await;
                Err(self.explain(error).await)
            }
        };
        match up {
            Ok(_) => Ok(self.outcome(true, job.share).await),
            // An agent that stops leaves the record as it is, for the next one to go on from.
            Err(LifecycleError::ShuttingDown) => Err(LifecycleError::ShuttingDown),
            Err(error) => {
                self.fail(&error).await;
                Err(error)
            }
        }
    }

    /// Who may visit is settled before anybody can.
    async fn share_and_open(
        &mut self,
        job: &UpJob,
        request: TunnelRequest,
    ) -> Result<bool, LifecycleError> {
        self.share(job).await?;
        self.ensure_tunnel(request, &job.cancel).await
    }

    /// What a container takes that does what was decided.
    pub(in crate::lifecycle) async fn prepared(
        &self,
        decision: &Decision,
        cancel: &CancellationToken,
    ) -> Result<PreparedContainer, LifecycleError> {
        let abilities = async { Ok(self.context.engine.abilities().await?) };
        let image = self.image(&decision.plan, cancel);
        let (image, engine) = tokio::try_join!(image, abilities)?;
        let (spec, source) = self.prepare(decision, &image, &engine)?;
        Ok(PreparedContainer {
            image,
            spec,
            source,
        })
    }

    pub(in crate::lifecycle) async fn bring_up(
        &mut self,
        cancel: &CancellationToken,
        decision: Decision,
        prepared: PreparedContainer,
    ) -> Result<Urls, LifecycleError> {
        let PreparedContainer {
            image,
            spec,
            source,
        } = prepared;
        self.take_down(GRACE).await?;
        // What root left in the home, another user could not change.
        let anew = decision.anew || was_root(&self.record.options) && !spec.sandbox.root;
        self.record.plan = Some(decision.plan.clone());
        self.record.options = decision.options;
        self.record.env_flags = decision.env_flags;
        self.record.secrets_revision = decision.variables.revision;
        let variables = decision.variables;
        self.record.limits = decision.limits;
        for event in variables
            .project_env
            .start_events(self.record.generation == 0)
        {
            self.journal.emit(event);
        }
        self.record.generation = spec.generation;
        self.record.last_exit = None;
        self.apply(StateEvent::UpBegan).await?;
        if anew {
            self.context
                .engine
                .remove_home(&self.record.home_volume)
                .await?;
            self.record.install_key = None;
        }
        let home = self.context.engine.home(&self.record.home_volume).await?;
        if home.is_none() {
            // Taken away from outside, with what was installed on it.
            self.record.install_key = None;
        }
        let plan = Arc::new(decision.plan);
        let step = Step::start(&self.journal, "create", format!("starting {}", plan.image));
        step.end(self.context.engine.start(&spec).await)?;
        self.forget_log().await;
        let event_context = self.event_context().await?;
        self.warn_of_quota(&event_context.watchdog);
        let mut live = Live::attach(event_context, plan.clone(), source).await?;
        live.make_files(&variables, &self.record.remedies).await;
        let container = Box::new(live);
        self.apply(StateEvent::Created { container }).await?;
        self.unless_cancelled_mut(cancel, async |instance: &mut Self| {
            instance.first_sync().await?;
            instance.install_if_needed(&image, &variables).await?;
            instance.first_start(&variables).await
        })
        .await
    }

    async fn first_sync(&mut self) -> Result<(), LifecycleError> {
        let journal = self.journal.clone();
        let live = self.running()?;
        let step = Step::start(&journal, "sync", "copying files");
        let synced = step.end(live.sync.full().await)?;
        journal.emit(Event::Sync(synced.report));
        match synced.refused.iter().find(|refused| refused.why.is_fatal()) {
            Some(refused) => Err(LifecycleError::NotTaken {
                problem: refused.problem(),
            }),
            None => Ok(()),
        }
    }

    async fn install_if_needed(
        &mut self,
        image: &ImageInfo,
        variables: &Variables,
    ) -> Result<(), LifecycleError> {
        let live = self.running()?;
        let (link, plan, overrun) = (live.link.clone(), live.plan.clone(), live.overrun.clone());
        let Some(steps) = &plan.install else {
            Step::skip(&self.journal, "install", "nothing to install");
            return Ok(());
        };
        let root = live.sync.source().root().to_owned();
        let key = install_key(&plan, &root, &image.id).await?;
        if self.record.install_key.as_ref() == Some(&key) {
            Step::skip(
                &self.journal,
                "install",
                "unchanged since the last installation",
            );
            return Ok(());
        }
        // Forgotten first: an installation that is cut off is not one.
        self.record.install_key = None;
        self.apply(StateEvent::InstallBegan).await?;
        let commands = steps
            .commands
            .iter()
            .map(|argv| display_command(argv))
            .collect::<Vec<_>>()
            .join(" && ");
        let began = Timestamp::now();
        let step = Step::start(&self.journal, "install", commands);
        let done = install(&link, &plan, variables, (&step, overrun), may_build(&plan)).await;
        if let Err(error) = step.end(done) {
            if let Some(why) = egress_denials::explain(&self.journal, began) {
                self.journal.emit(why);
            }
            return Err(error);
        }
        self.record.install_key = Some(key);
        Ok(())
    }

    async fn first_start(&mut self, variables: &Variables) -> Result<Urls, LifecycleError> {
        self.apply(StateEvent::StartBegan).await?;
        let (hosts, before) = (self.hosts(), self.record.answered);
        let (journal, masking) = (self.journal.clone(), self.masking.clone());
        let id = self.record.id.clone();
        let live = self.running()?;
        let step = Step::start(&journal, "start", live.plan.run.argv.join(" "));
        let mut prober = live.prober(&masking, hosts);
        prober.rules.before = before;
        let started = start_and_probe(live, variables, (&prober, &step), &id).await;
        let answer = step.end(started)?;
        if let Some(answer) = answer {
            live.survey.recall(answer);
        }
        self.warn_about_answer(&prober, answer).await;
        let port = self.port_of(answer);
        self.apply(StateEvent::Answered { port, answer }).await?;
        self.watch_for_better_port(prober, answer);
        Ok(self.urls())
    }

    /// The container that runs. Fails with `WrongState` where there is none.
    pub(in crate::lifecycle) fn running(&mut self) -> Result<&mut Live, LifecycleError> {
        let (name, is) = (&self.record.name, self.record.phase.kind());
        self.state
            .live_mut()
            .ok_or_else(|| LifecycleError::WrongState {
                name: name.to_string(),
                is: is.to_string(),
                event: "container-used",
            })
    }

    /// Whether what the plan installs is there, and whole.
    pub(in crate::lifecycle) fn is_installed(&self, plan: &Plan) -> bool {
        plan.install.is_none() || self.record.install_key.is_some()
    }

    pub(in crate::lifecycle) async fn event_context(
        &self,
    ) -> Result<EventContext<'_>, LifecycleError> {
        Ok(EventContext {
            id: &self.record.id,
            engine: &self.context.engine,
            journal: &self.journal,
            scope: &self.scope,
            masking: &self.masking,
            watchdog: self.watchdog().await?,
        })
    }

    pub(in crate::lifecycle) async fn unless_cancelled<T>(
        &self,
        cancel: &CancellationToken,
        work: impl Future<Output = Result<T, LifecycleError>>,
    ) -> Result<T, LifecycleError> {
        tokio::select! {
            done = work => done,
            () = cancel.cancelled() => {
                Err(LifecycleError::Cancelled { name: self.record.name.to_string() })
            }
            () = self.scope.cancelled() => Err(LifecycleError::ShuttingDown),
        }
    }

    async fn unless_cancelled_mut<T>(
        &mut self,
        cancel: &CancellationToken,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, LifecycleError>,
    ) -> Result<T, LifecycleError> {
        let name = self.record.name.to_string();
        let stopping = self.scope.token();
        tokio::select! {
            done = work(self) => done,
            () = cancel.cancelled() => Err(LifecycleError::Cancelled { name }),
            () = stopping.cancelled() => Err(LifecycleError::ShuttingDown),
        }
    }
}

/// Start the app and wait for the port that answers; the app's end is the other outcome.
async fn start_and_probe(
    live: &mut Live,
    variables: &Variables,
    (prober, step): (&Prober, &Step<'_>),
    id: &InstanceId,
) -> Result<Option<AppAnswer>, LifecycleError> {
    live.start_app(variables).await?;
    let ready = prober.until_ready(|report| step.report_start(report));
    tokio::pin!(ready);
    loop {
        tokio::select! {
            answered = &mut ready => return answered,
            error = overrun(&mut live.overrun) => return Err(error),
            event = live.events.recv() => match event {
                Some(LiveEvent::AppExited { exit, start }) if start >= live.link.starts() => {
                    return Err(LifecycleError::AppExited { exit: Box::new(exit), answered: false });
                }
                Some(
                    LiveEvent::AppStarted
                    | LiveEvent::AppExited { .. }
                    | LiveEvent::Answered { .. }
                    | LiveEvent::BetterPort { .. },
                ) => {}
                Some(LiveEvent::LinkLost) | None => {
                    return Err(LifecycleError::network_lost(id));
                }
            },
        }
    }
}

/// A command for people: of a long list of packages the beginning and how many there are.
fn display_command(argv: &[String]) -> String {
    const MOST: usize = 16;
    let shown = argv.get(..MOST).unwrap_or(argv).join(" ");
    match argv.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{shown} … ({more} more)"),
        _ => shown,
    }
}

fn was_root(options: &Options) -> bool {
    options.sandbox.root == Some(true)
}

/// Whether they lead to the same container. A tunnel can come and go beside it.
fn same_container(a: &Options, b: &Options) -> bool {
    let without_tunnel = |options: &Options| Options {
        tunnel: None,
        ..options.clone()
    };
    without_tunnel(a) == without_tunnel(b)
}
