//! The recipe of `up`: detect, approve, image, container, files, dependencies, app, route.

use std::{future::Future, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    LifecycleError,
    disk::overrun,
    install::install,
    instance::{Instance, State, UpJob},
    live::{Live, News, Tenant},
    prepare::{Decision, install_key},
    prober::Prober,
    refusals,
    remedy::may_build,
    step::Step,
    tunnel::Wish,
    variables::Variables,
};
use crate::{
    model::{
        Answered, ContainerSpec, Event, ImageInfo, InstanceId, Options, Phase, Plan, UpOutcome,
        Urls,
    },
    security::Approved,
    source::LocalSource,
    store::{Intent, Remedies},
};

/// How long an app gets to end by itself.
pub const GRACE: Duration = Duration::from_secs(10);

/// All that a container takes, approved and open.
pub(super) struct Prepared {
    image: ImageInfo,
    spec: Approved<ContainerSpec>,
    source: Arc<LocalSource>,
}

impl Instance {
    pub(super) async fn up(&mut self, job: &UpJob) -> Result<UpOutcome, LifecycleError> {
        self.pull_rows(&job.cancel, job.unattended).await?;
        if job.rebuild {
            self.record.remedies = Remedies::default();
        }
        let decision = self.decide(job).await?;
        if matches!(self.state, State::Down) {
            // Beside what comes next, what the engine needs for any start.
            self.poke.notify_one();
        }
        let wish = self.tunnel_wish_of_up(decision.options.tunnel);
        if let State::Live(live) = &self.state
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
            let changed = self.have_tunnel(wish, &job.cancel).await? || shared;
            return Ok(self.outcome(changed, job.share).await);
        }
        // Approved and its source opened before anything that runs is taken away.
        self.have_room().await?;
        let prepared = self.prepared(&decision, &job.cancel).await?;
        let began = tokio::time::Instant::now();
        let up = match self.bring_up_somehow(job, decision, prepared).await {
            Ok(urls) => {
                self.tell_ready(urls, began.elapsed());
                // Make good what this start took.
                self.poke.notify_one();
                if job.unattended {
                    self.reopen_tunnel().await;
                    Ok(false)
                } else {
                    self.share_and_open(job, wish).await
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
    async fn share_and_open(&mut self, job: &UpJob, wish: Wish) -> Result<bool, LifecycleError> {
        self.share(job).await?;
        self.have_tunnel(wish, &job.cancel).await
    }

    /// What a container takes that does what was decided.
    pub(super) async fn prepared(
        &self,
        decision: &Decision,
        cancel: &CancellationToken,
    ) -> Result<Prepared, LifecycleError> {
        let abilities = async { Ok(self.house.engine.abilities().await?) };
        let image = self.image(&decision.plan, cancel);
        let (image, engine) = tokio::try_join!(image, abilities)?;
        let (spec, source) = self.prepare(decision, &image, &engine)?;
        Ok(Prepared {
            image,
            spec,
            source,
        })
    }

    pub(super) async fn bring_up(
        &mut self,
        cancel: &CancellationToken,
        decision: Decision,
        prepared: Prepared,
    ) -> Result<Urls, LifecycleError> {
        let Prepared {
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
        for event in variables.brought.told(self.record.generation == 0) {
            self.journal.tell(event);
        }
        self.record.generation = spec.generation;
        self.record.intent = Intent::Up;
        self.record.last_exit = None;
        self.enter(Phase::Creating {
            since: Timestamp::now(),
        })
        .await?;
        self.tell_visitors("creating the container");
        if anew {
            self.house
                .engine
                .remove_home(&self.record.home_volume)
                .await?;
            self.record.install_key = None;
        }
        let home = self.house.engine.home(&self.record.home_volume).await?;
        if home.is_none() {
            // Taken away from outside, with what was installed on it.
            self.record.install_key = None;
        }
        let plan = Arc::new(decision.plan);
        let step = Step::start(&self.journal, "create", format!("starting {}", plan.image));
        step.end(self.house.engine.start(&spec).await)?;
        self.forget_log().await;
        let tenant = self.tenant().await?;
        self.tell_of_quota(&tenant.watchdog);
        let mut live = Live::attach(tenant, plan.clone(), source).await?;
        live.make_env_files(&variables).await;
        self.state = State::Live(Box::new(live));
        self.unless_cancelled_mut(cancel, async |instance: &mut Self| {
            instance.first_sync().await?;
            instance.install_if_needed(&image, &variables).await?;
            instance.first_start(&variables).await
        })
        .await
    }

    async fn first_sync(&mut self) -> Result<(), LifecycleError> {
        self.tell_visitors("copying files");
        let State::Live(live) = &mut self.state else {
            return Err(LifecycleError::ShuttingDown);
        };
        let step = Step::start(&self.journal, "sync", "copying files");
        let synced = step.end(live.sync.full().await)?;
        self.journal.tell(Event::Sync(synced.report));
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
        let State::Live(live) = &self.state else {
            return Err(LifecycleError::ShuttingDown);
        };
        let (link, plan, overrun) = (live.link.clone(), live.plan.clone(), live.overrun.clone());
        let Some(steps) = &plan.install else {
            Step::skip(&self.journal, "install", "nothing to install");
            return Ok(());
        };
        let key = install_key(&plan, live.sync.source().root(), &image.id).await?;
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
        self.enter(Phase::Installing {
            since: Timestamp::now(),
        })
        .await?;
        self.tell_visitors("installing dependencies");
        let commands = steps
            .commands
            .iter()
            .map(|argv| told(argv))
            .collect::<Vec<_>>()
            .join(" && ");
        let began = Timestamp::now();
        let step = Step::start(&self.journal, "install", commands);
        let done = install(&link, &plan, variables, (&step, overrun), may_build(&plan)).await;
        if let Err(error) = step.end(done) {
            if let Some(why) = refusals::explain(&self.journal, began) {
                self.journal.tell(why);
            }
            return Err(error);
        }
        self.record.install_key = Some(key);
        Ok(())
    }

    async fn first_start(&mut self, variables: &Variables) -> Result<Urls, LifecycleError> {
        self.enter(Phase::Starting {
            since: Timestamp::now(),
        })
        .await?;
        self.tell_visitors("starting the app");
        let hosts = self.hosts();
        let State::Live(live) = &mut self.state else {
            return Err(LifecycleError::ShuttingDown);
        };
        let step = Step::start(&self.journal, "start", live.plan.run.argv.join(" "));
        let mut prober = live.prober(&self.masking, hosts);
        prober.rules.before = self.record.answered;
        let started = start_and_probe(live, variables, (&prober, &step), &self.record.id).await;
        let answered = step.end(started)?;
        live.answered = Some(answered);
        live.is_open = true;
        self.door.send_replace(live.door(answered));
        self.tell_how_it_answers(&prober, answered).await;
        let urls = self.announce(answered).await?;
        self.look_on(prober, answered);
        Ok(urls)
    }

    /// Whether what the plan installs is there, and whole.
    pub(super) fn is_installed(&self, plan: &Plan) -> bool {
        plan.install.is_none() || self.record.install_key.is_some()
    }

    pub(super) async fn tenant(&self) -> Result<Tenant<'_>, LifecycleError> {
        Ok(Tenant {
            id: &self.record.id,
            engine: &self.house.engine,
            journal: &self.journal,
            scope: &self.scope,
            masking: &self.masking,
            watchdog: self.watchdog().await?,
        })
    }

    pub(super) async fn unless_cancelled<T>(
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
) -> Result<Answered, LifecycleError> {
    live.start_app(variables).await?;
    let ready = prober.until_ready(|told| step.tell_start(told));
    tokio::pin!(ready);
    loop {
        tokio::select! {
            answered = &mut ready => return answered,
            error = overrun(&mut live.overrun) => return Err(error),
            news = live.news.recv() => match news {
                Some(News::AppExited { exit, start }) if start >= live.link.starts() => {
                    return Err(LifecycleError::AppExited { exit: Box::new(exit), answered: false });
                }
                Some(
                    News::AppStarted
                    | News::AppExited { .. }
                    | News::Opened { .. }
                    | News::Better { .. },
                ) => {}
                Some(News::LinkLost) | None => {
                    return Err(LifecycleError::cut_off(id));
                }
            },
        }
    }
}

/// A command for people: of a long list of packages the beginning and how many there are.
fn told(argv: &[String]) -> String {
    const MOST: usize = 16;
    let shown = argv.get(..MOST).unwrap_or(argv).join(" ");
    match argv.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{shown} … ({more} more)"),
        _ => shown,
    }
}

/// Whether they lead to the same container. A tunnel can come and go beside it.
fn was_root(options: &Options) -> bool {
    options.sandbox.root == Some(true)
}

fn same_container(a: &Options, b: &Options) -> bool {
    let without_tunnel = |options: &Options| Options {
        tunnel: None,
        ..options.clone()
    };
    without_tunnel(a) == without_tunnel(b)
}
