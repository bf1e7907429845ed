//! The rows of an instance whose files come from a table: pulled before a start, kept in step for
//! as long as it is wanted up.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Instance, events::step::Step};
use crate::{
    config::{Combine, Env, project_options},
    gateway::Activity,
    lifecycle::LifecycleError,
    model::{Event, Options},
    source::supabase::{
        MirrorTarget, MirrorTask, PullOutcome, Puller, SupabaseError, SupabaseFindingState,
        SupabaseSessions,
    },
    store::Source,
    task::Scope,
};

/// Between looks at whether a preview is being used, and its rows should be looked at often.
const USED: Duration = Duration::from_secs(2);

impl Instance {
    /// An owner's rows are read as that owner, so that row-level security decides.
    fn sessions(&self) -> Arc<SupabaseSessions> {
        match &self.record.owner {
            Some(owner) => Arc::new(self.context.supabase.for_tenant(owner)),
            None => Arc::clone(&self.context.supabase),
        }
    }

    /// Which rows, if its files come from any.
    fn rows(&self) -> Option<MirrorTarget> {
        match &self.record.source {
            Source::Local { .. } => None,
            Source::Supabase { project, .. } => Some(MirrorTarget {
                project: project.clone(),
                dir: self.context.store.rows_dir(&self.record.id),
            }),
        }
    }

    /// Have the files of today. Nobody waits for an unattended start, so the last good ones do.
    pub(in crate::lifecycle) async fn pull_rows(
        &mut self,
        cancel: &CancellationToken,
        unattended: bool,
    ) -> Result<(), LifecycleError> {
        let Some(rows) = self.rows() else {
            return Ok(());
        };
        if self.mirror_task.is_some() {
            return Ok(());
        }
        let has_files = PathBuf::from(self.record.source.directory()).is_dir();
        if unattended && has_files {
            self.follow_rows();
            return Ok(());
        }
        let journal = self.journal.clone();
        let step = Step::start(
            &journal,
            "pull",
            format!("fetching project {}", rows.project),
        );
        let sessions = self.sessions();
        // Large, and there is one of it.
        let pulling = Box::pin(pull(&sessions, &rows, &self.scope));
        let done = self.unless_cancelled(cancel, async { Ok(pulling.await?) });
        let (connection, first) = step.end(done.await)?;
        for refused in &first.refused {
            journal.emit(Event::Warning {
                message: format!("`{}` is left out: {}", refused.path, refused.why),
                hint: None,
            });
        }
        if first.files == 0 && first.refused.is_empty() {
            self.warn_of_empty_rows(&sessions, &rows.project).await;
        }
        self.mirror_task = Some(MirrorTask::start(
            sessions,
            rows,
            Some((connection, first)),
            &self.scope,
        ));
        self.show_rows();
        Ok(())
    }

    /// Rows that nobody may see look like none: warn with what can be known of that.
    async fn warn_of_empty_rows(&self, sessions: &SupabaseSessions, project: &str) {
        let findings = sessions.check(Some(project)).await;
        let odd = findings
            .into_iter()
            .filter(|finding| finding.state != SupabaseFindingState::Good);
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
        self.journal.emit(Event::Warning {
            message,
            hint: (!hints.is_empty()).then(|| hints.join("; ")),
        });
    }

    /// Follow without waiting for a first pull.
    pub(in crate::lifecycle) fn follow_rows(&mut self) {
        if let (Some(rows), None) = (self.rows(), &self.mirror_task) {
            self.mirror_task = Some(MirrorTask::start(self.sessions(), rows, None, &self.scope));
            self.show_rows();
        }
    }

    pub(in crate::lifecycle) fn stop_following_rows(&mut self) {
        self.mirror_task = None;
        self.show_rows();
    }

    /// Forget the files too.
    pub(in crate::lifecycle) async fn forget_rows(&mut self) -> Result<(), LifecycleError> {
        self.stop_following_rows();
        let Some(rows) = self.rows() else {
            return Ok(());
        };
        let store = self.context.store.clone();
        let id = self.record.id.clone();
        tracing::debug!(project = rows.project, "the mirror of a project is removed");
        tokio::task::spawn_blocking(move || store.remove_rows(&id))
            .await
            .map_err(|_| LifecycleError::ShuttingDown)??;
        Ok(())
    }

    /// What a caller says, over what the project's own files say. For a directory the caller has
    /// read those.
    pub(in crate::lifecycle) fn options_of(
        &self,
        given: &Options,
    ) -> Result<Options, LifecycleError> {
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
        let status = self.mirror_task.as_ref().map(|mirror_task| {
            let (touch, activity) = (mirror_task.toucher(), Arc::clone(&self.activity));
            mirror_task
                .scope()
                .spawn(report_use(activity, touch, mirror_task.scope().clone()));
            mirror_task.status()
        });
        self.rows_view.send_replace(status);
    }
}

async fn pull(
    sessions: &SupabaseSessions,
    rows: &MirrorTarget,
    scope: &Scope,
) -> Result<(Puller, PullOutcome), SupabaseError> {
    let mut puller = sessions.connect(&rows.project, &rows.dir, scope).await?;
    let first = puller.first().await?;
    Ok((puller, first))
}

/// Whoever looks at a preview wants to see what was saved a moment ago.
async fn report_use(activity: Arc<Activity>, touch: impl Fn() + Send + Sync, scope: Scope) {
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
