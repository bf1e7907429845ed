//! Edits followed: files go in, then what that leads to.

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{
    edit::{Consequence, settings_among},
    install::install,
    instance::{Instance, State},
    prepare::install_key,
    refusals,
    step::Step,
};
use crate::{
    model::{Event, Phase, SyncReport},
    source::Batch,
};

impl Instance {
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
            Consequence::Restart => self.restart_app().await,
            Consequence::Reinstall => self.reinstall().await,
        }
    }

    /// What the project depends on changed. The app goes on with the old until the new is there.
    pub(super) async fn reinstall(&mut self) {
        let State::Live(live) = &self.state else {
            return;
        };
        let overrun = live.overrun.clone();
        let (link, plan, root) = (
            live.link.clone(),
            live.plan.clone(),
            live.sync.source().root().to_owned(),
        );
        if plan.install.is_none() {
            return self.restart_app().await;
        }
        self.record.install_key = None;
        let journal = self.journal.clone();
        let began = Timestamp::now();
        let step = Step::start(&journal, "install", "dependencies changed");
        let done = async {
            self.save().await?;
            let variables = self.variables().await?;
            install(&link, &plan, &variables, (&step, overrun)).await?;
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
                let problem = self.explain(error).await.problem();
                self.journal.tell(Event::Warning {
                    message: problem.message,
                    hint: problem.hint,
                });
                if let Some(why) = refusals::explain(&self.journal, began) {
                    self.journal.tell(why);
                }
            }
        }
    }
}
