//! Edits followed: files go in, then what that leads to.

pub(super) mod consequence;

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{
    Instance,
    events::{egress_denials, step::Step},
    install::install,
    prepare::{detect, install_key},
};
use crate::{
    config::is_env_name,
    lifecycle::{LifecycleError, remedy::apply},
    model::{Event, Phase, Plan, SyncReport},
    source::ChangeBatch,
};
use consequence::{Consequence, EditRules, settings_among};

/// A manifest and its lock are written one after the other: an installation waits until nothing
/// has come for so long, but no longer than [`LONGEST`] after the first.
const QUIET: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(3);

impl Instance {
    pub(in crate::lifecycle) async fn handle_edit(&mut self, batch: Option<ChangeBatch>) {
        let mut consequence = self.apply_batch(batch).await;
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
        while let Some(live) = self.state.live_mut() {
            let until = latest.min(Instant::now() + QUIET);
            let Ok(batch) = timeout_at(until, live.batches.recv()).await else {
                break;
            };
            let ended = batch.is_none();
            greatest = greatest.max(self.apply_batch(batch).await);
            if ended {
                break;
            }
        }
        greatest
    }

    /// Brings a batch inside; what that leads to.
    async fn apply_batch(&mut self, batch: Option<ChangeBatch>) -> Consequence {
        let Some(live) = self.state.live_mut() else {
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
                self.journal.emit(Event::Warning {
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
        self.journal.emit(Event::Sync(SyncReport {
            caused: consequence.describe(),
            ..synced.report
        }));
        if let Some(path) = settings {
            self.journal.emit(Event::Warning {
                message: format!("{path} was edited"),
                hint: Some("`codemate-preview up` applies it".to_owned()),
            });
        }
        consequence
    }

    /// Whether its app has values that an edited `.env` no longer gives it.
    async fn is_of_another_environment(&self, changed: &[String]) -> bool {
        let name = |path: &String| is_env_name(path.rsplit('/').next().unwrap_or(path));
        let Some(live) = self.state.live() else {
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
    pub(in crate::lifecycle) async fn reinstall(&mut self) {
        let Some(live) = self.state.live() else {
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
            let image = self.context.engine.image(&plan.image).await?;
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
                self.journal.emit(Event::Warning {
                    message: problem.message,
                    hint: problem.hint,
                });
                self.mark_failed(&error).await;
                if let Some(why) = egress_denials::explain(&self.journal, began) {
                    self.journal.emit(why);
                }
            }
        }
    }

    /// The plan with what its project's files ask to install now. What else changed in it waits
    /// for an `up`.
    async fn plan_anew(&mut self) -> Result<Arc<Plan>, LifecycleError> {
        let plan = self.running()?.plan.clone();
        let directory = PathBuf::from(self.record.source.directory());
        let config_dir = self.context.settings.config_dir.clone();
        let (options, registry) = (self.record.options.clone(), &self.context.images.registry);
        let mut report = detect(directory, options, config_dir, registry).await?;
        apply(&self.record.remedies, &mut report.plan);
        if report.plan.template != plan.template || report.plan.install == plan.install {
            return Ok(plan);
        }
        let anew = Arc::new(Plan {
            install: report.plan.install,
            ..Plan::clone(&plan)
        });
        if let Some(live) = self.state.live_mut() {
            live.rules = EditRules::new(&anew);
            live.plan = anew.clone();
        }
        self.record.plan = Some(Plan::clone(&anew));
        Ok(anew)
    }
}
