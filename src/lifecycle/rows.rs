//! The rows of an instance whose files come from a table: pulled before a start, kept in step for
//! as long as it is wanted up.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{LifecycleError, instance::Instance, step::Step};
use crate::{
    config::{Combine, Env, project_options},
    gateway::Activity,
    model::{Event, Options},
    source::supabase::{Desk, FindingState, Keeper, Pulled, Puller, Rows, SupabaseError},
    store::Source,
    task::Scope,
};

/// Between looks at whether a preview is being used, and its rows should be looked at often.
const USED: Duration = Duration::from_secs(2);

impl Instance {
    /// An owner's rows are read as that owner, so that row-level security decides.
    fn desk(&self) -> Arc<Desk> {
        match &self.record.owner {
            Some(owner) => Arc::new(self.house.supabase.of_owner(owner)),
            None => Arc::clone(&self.house.supabase),
        }
    }

    /// Which rows, if its files come from any.
    fn rows(&self) -> Option<Rows> {
        match &self.record.source {
            Source::Local { .. } => None,
            Source::Supabase { project, .. } => Some(Rows {
                project: project.clone(),
                dir: self.house.store.rows_dir(&self.record.id),
            }),
        }
    }

    /// Have the files of today. Nobody waits for an unattended start, so the last good ones do.
    pub(super) async fn pull_rows(
        &mut self,
        cancel: &CancellationToken,
        unattended: bool,
    ) -> Result<(), LifecycleError> {
        let Some(rows) = self.rows() else {
            return Ok(());
        };
        if self.keeper.is_some() {
            return Ok(());
        }
        let has_files = PathBuf::from(self.record.source.directory()).is_dir();
        if unattended && has_files {
            self.keep_rows();
            return Ok(());
        }
        let journal = self.journal.clone();
        let step = Step::start(
            &journal,
            "pull",
            format!("fetching project {}", rows.project),
        );
        let desk = self.desk();
        // Large, and there is one of it.
        let pulling = Box::pin(pull(&desk, &rows, &self.scope));
        let done = self.unless_cancelled(cancel, async { Ok(pulling.await?) });
        let (connection, first) = step.end(done.await)?;
        for refused in &first.refused {
            journal.tell(Event::Warning {
                message: format!("`{}` is left out: {}", refused.path, refused.why),
                hint: None,
            });
        }
        if first.files == 0 && first.refused.is_empty() {
            self.tell_of_emptiness(&desk, &rows.project).await;
        }
        self.keeper = Some(Keeper::start(
            desk,
            rows,
            Some((connection, first)),
            &self.scope,
        ));
        self.show_rows();
        Ok(())
    }

    /// Rows that nobody may see look like none: tell what can be known of that.
    async fn tell_of_emptiness(&self, desk: &Desk, project: &str) {
        let findings = desk.check(Some(project)).await;
        let odd = findings
            .into_iter()
            .filter(|finding| finding.state != FindingState::Good);
        let (said, hints): (Vec<String>, Vec<Option<String>>) = odd
            .map(|finding| {
                (
                    format!("{}: {}", finding.subject, finding.said),
                    finding.hint,
                )
            })
            .unzip();
        let hints: Vec<String> = hints.into_iter().flatten().collect();
        let mut message = format!("no file of project `{project}` can be seen");
        for line in &said {
            message.push_str("\n  ");
            message.push_str(line);
        }
        self.journal.tell(Event::Warning {
            message,
            hint: (!hints.is_empty()).then(|| hints.join("; ")),
        });
    }

    /// Follow without waiting for a first pull.
    pub(super) fn keep_rows(&mut self) {
        if let (Some(rows), None) = (self.rows(), &self.keeper) {
            self.keeper = Some(Keeper::start(self.desk(), rows, None, &self.scope));
            self.show_rows();
        }
    }

    pub(super) fn leave_rows(&mut self) {
        self.keeper = None;
        self.show_rows();
    }

    /// Forget the files too.
    pub(super) async fn forget_rows(&mut self) -> Result<(), LifecycleError> {
        self.leave_rows();
        let Some(rows) = self.rows() else {
            return Ok(());
        };
        let store = self.house.store.clone();
        let id = self.record.id.clone();
        tracing::debug!(project = rows.project, "the mirror of a project is removed");
        tokio::task::spawn_blocking(move || store.remove_rows(&id))
            .await
            .map_err(|_| LifecycleError::ShuttingDown)??;
        Ok(())
    }

    /// What a caller says, over what the project's own files say. For a directory the caller has
    /// read those.
    pub(super) fn options_of(&self, given: &Options) -> Result<Options, LifecycleError> {
        let given = given.clone();
        match &self.record.source {
            Source::Local { .. } => Ok(given),
            Source::Supabase { directory, .. } => {
                let own = project_options(directory.as_ref(), &Env::default())?;
                Ok(given.combine(own))
            }
        }
    }

    fn show_rows(&self) {
        let status = self.keeper.as_ref().map(|keeper| {
            let (touch, activity) = (keeper.toucher(), Arc::clone(&self.activity));
            keeper
                .scope()
                .spawn(tell_of_use(activity, touch, keeper.scope().clone()));
            keeper.status()
        });
        self.rows_view.send_replace(status);
    }
}

async fn pull(desk: &Desk, rows: &Rows, scope: &Scope) -> Result<(Puller, Pulled), SupabaseError> {
    let mut puller = desk.connect(&rows.project, &rows.dir, scope).await?;
    let first = puller.first().await?;
    Ok((puller, first))
}

/// Whoever looks at a preview wants to see what was saved a moment ago.
async fn tell_of_use(activity: Arc<Activity>, touch: impl Fn() + Send + Sync, scope: Scope) {
    let mut last = activity.last();
    loop {
        tokio::select! {
            () = scope.cancelled() => return,
            () = tokio::time::sleep(USED) => {}
        }
        let now = activity.last();
        if now != last || activity.load().sockets > 0 {
            touch();
        }
        last = now;
    }
}
