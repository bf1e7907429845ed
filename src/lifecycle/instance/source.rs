//! The files of an instance that come from elsewhere: fetched before a start, kept in step for as long
//! as it is wanted up.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Instance, events::step::Step};
use crate::{
    config::{Combine, Env, project_options},
    gateway::Activity,
    lifecycle::LifecycleError,
    model::{Event, Options},
    source::{Concern, InUse},
};

impl Instance {
    /// Have the files of today. Nobody waits for an unattended start, so the last good ones do.
    pub(in crate::lifecycle) async fn fetch_files(
        &mut self,
        cancel: &CancellationToken,
        unattended: bool,
    ) -> Result<(), LifecycleError> {
        let Some(from) = self.source.fetched_from() else {
            return Ok(());
        };
        if self.source.status().is_some() {
            return Ok(());
        }
        if unattended && self.source.root().is_dir() {
            self.follow_source();
            return Ok(());
        }
        let step = Step::start(&self.journal, "pull", format!("fetching {from}"));
        let fetched = self
            .unless_cancelled(cancel, async { Ok(self.source.fetch().await?) })
            .await;
        let fetched = step.end(fetched)?;
        for refused in &fetched.refused {
            self.journal.emit(Event::Warning {
                message: format!("`{}` is left out: {}", refused.path, refused.why),
                hint: None,
            });
        }
        if fetched.files == 0 && fetched.refused.is_empty() {
            self.journal.emit(no_files(&from, fetched.concerns));
        }
        self.follow_source();
        Ok(())
    }

    /// Follow without waiting for a first fetch.
    pub(in crate::lifecycle) fn follow_source(&self) {
        self.source.follow(in_use(Arc::clone(&self.activity)));
    }

    /// Forget the files that were fetched, too.
    pub(in crate::lifecycle) async fn forget_files(&self) -> Result<(), LifecycleError> {
        self.source.unfollow();
        let Some(from) = self.source.fetched_from() else {
            return Ok(());
        };
        tracing::debug!(from, "the mirror is removed");
        let id = self.record.id.clone();
        Ok(self
            .context
            .store
            .run(move |store| store.remove_mirror(&id))
            .await?)
    }

    /// What a caller says, over what the project's own files say. For a directory the caller has
    /// read those.
    pub(in crate::lifecycle) fn options_of(
        &self,
        given: &Options,
    ) -> Result<Options, LifecycleError> {
        let given = given.clone();
        if self.source.fetched_from().is_none() {
            return Ok(given);
        }
        let own = project_options(self.source.root(), &Env::default())?;
        Ok(given.combine(own))
    }
}

/// Warn that there is nothing, with what may be the cause.
fn no_files(from: &str, concerns: Vec<Concern>) -> Event {
    let mut message = format!("no file of {from} can be seen");
    let mut hints = Vec::new();
    for concern in concerns {
        message.push_str("\n  ");
        message.push_str(&concern.text);
        hints.extend(concern.hint);
    }
    Event::Warning {
        message,
        hint: (!hints.is_empty()).then(|| hints.join("; ")),
    }
}

/// Whether somebody visited since it was last asked, or holds a socket open.
fn in_use(activity: Arc<Activity>) -> InUse {
    let mut last = activity.last();
    Box::new(move || {
        let now = activity.last();
        let was_visited = now != last;
        last = now;
        was_visited || activity.load().sockets > 0
    })
}
