//! Edits followed: files go in, then what that leads to.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{
    LifecycleError,
    edit::{Consequence, Rules, settings_among},
    install::install,
    instance::{Instance, State},
    prepare::{detect, install_key},
    refusals,
    remedy::laid_over,
    route::Door,
    step::Step,
};
use crate::{
    config::is_env_name,
    model::{Event, Phase, Plan, SyncReport},
    source::Batch,
};

/// A manifest and its lock are written one after the other: an installation waits until nothing
/// has come for so long, but no longer than [`LONGEST`] after the first.
const QUIET: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(3);

impl Instance {
    pub(super) async fn follow_edit(&mut self, batch: Option<Batch>) {
        let mut consequence = self.take_in(batch).await;
        if consequence == Consequence::Reinstall {
            consequence = consequence.max(self.until_quiet().await);
        }
        match consequence {
            Consequence::Nothing => {}
            Consequence::Restart => self.restart_app().await,
            Consequence::Reinstall => self.reinstall().await,
        }
    }

    /// Takes in what else comes at once; the greatest of what that leads to.
    async fn until_quiet(&mut self) -> Consequence {
        let mut greatest = Consequence::Nothing;
        let latest = Instant::now() + LONGEST;
        while let State::Live(live) = &mut self.state {
            let until = latest.min(Instant::now() + QUIET);
            let Ok(batch) = timeout_at(until, live.batches.recv()).await else {
                break;
            };
            let ended = batch.is_none();
            greatest = greatest.max(self.take_in(batch).await);
            if ended {
                break;
            }
        }
        greatest
    }

    /// Brings a batch inside; what that leads to.
    async fn take_in(&mut self, batch: Option<Batch>) -> Consequence {
        let State::Live(live) = &mut self.state else {
            return Consequence::Nothing;
        };
        let Some(batch) = batch else {
            // The watcher ended with the scope; the link's end is told apart.
            live.batches = mpsc::channel(1).1;
            return Consequence::Nothing;
        };
        let synced = match live.sync.batch(batch).await {
            Ok(synced) => synced,
            Err(error) => {
                let problem = error.problem();
                self.journal.tell(Event::Warning {
                    message: problem.message,
                    hint: problem.hint,
                });
                return Consequence::Nothing;
            }
        };
        if synced.changed.is_empty() && synced.report.refused.is_empty() {
            return Consequence::Nothing;
        }
        let mut consequence = live.rules.consequence(&synced.changed);
        let is_down = matches!(self.record.phase, Phase::Failed { .. });
        if is_down && !synced.changed.is_empty() {
            // What an edit broke of the installation, another one mends.
            let whole = live.plan.install.is_none() || self.record.install_key.is_some();
            consequence = consequence.max(if whole {
                Consequence::Restart
            } else {
                Consequence::Reinstall
            });
        }
        if self.is_of_another_environment(&synced.changed).await {
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
        consequence
    }

    /// Whether its app has values that an edited `.env` no longer gives it.
    async fn is_of_another_environment(&self, changed: &[String]) -> bool {
        let name = |path: &String| is_env_name(path.rsplit('/').next().unwrap_or(path));
        let State::Live(live) = &self.state else {
            return false;
        };
        if !changed.iter().any(name) {
            return false;
        }
        let variables = self.variables().await;
        variables.is_ok_and(|now| live.is_outdated(&now, self.record.secrets_revision))
    }

    /// What the project depends on changed. The app goes on with the old until the new is there;
    /// where that fails, the preview says so until an edit mends it.
    pub(super) async fn reinstall(&mut self) {
        let State::Live(live) = &self.state else {
            return;
        };
        let (overrun, link) = (live.overrun.clone(), live.link.clone());
        let root = live.sync.source().root().to_owned();
        self.record.install_key = None;
        let journal = self.journal.clone();
        let began = Timestamp::now();
        let step = Step::start(&journal, "install", "dependencies changed");
        let done = async {
            self.save().await?;
            let plan = self.plan_anew().await?;
            let variables = self.variables().await?;
            install(&link, &plan, &variables, (&step, overrun), false).await?;
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
                self.restart_app().await;
            }
            Err(error) => {
                let error = self.explain(error).await;
                let problem = error.problem();
                self.journal.tell(Event::Warning {
                    message: problem.message,
                    hint: problem.hint,
                });
                self.door.send_replace(Door::Shut);
                self.out_of_order(&error).await;
                if let Some(why) = refusals::explain(&self.journal, began) {
                    self.journal.tell(why);
                }
            }
        }
    }

    /// The plan with what its project's files ask to install now. What else changed in it waits
    /// for an `up`.
    async fn plan_anew(&mut self) -> Result<Arc<Plan>, LifecycleError> {
        let State::Live(live) = &self.state else {
            return Err(LifecycleError::ShuttingDown);
        };
        let plan = live.plan.clone();
        let directory = PathBuf::from(self.record.source.directory());
        let config_dir = self.house.settings.config_dir.clone();
        let (options, registry) = (self.record.options.clone(), &self.house.images.registry);
        let mut report = detect(directory, options, config_dir, registry).await?;
        laid_over(&self.record.remedies, &mut report.plan);
        if report.plan.template != plan.template || report.plan.install == plan.install {
            return Ok(plan);
        }
        let anew = Arc::new(Plan {
            install: report.plan.install,
            ..Plan::clone(&plan)
        });
        if let State::Live(live) = &mut self.state {
            live.rules = Rules::new(&anew);
            live.plan = anew.clone();
        }
        self.record.plan = Some(Plan::clone(&anew));
        Ok(anew)
    }
}
