//! `TableSource`: the rows of one project as a [`Source`]. `SupabaseProvider` opens it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{
    MirrorTarget, MirrorTask, PullOutcome, Puller, SupabaseFindingState, SupabaseSessions,
};
use crate::{
    model::Secret,
    source::{
        Concern, FetchOutcome, FollowStatus, InUse, Source, SourceError, SourceProject,
        SourceProvider,
    },
    task::Scope,
};

/// Sources of the rows that these sessions may read.
pub struct SupabaseProvider(pub Arc<SupabaseSessions>);

impl SourceProvider for SupabaseProvider {
    fn kind(&self) -> &'static str {
        "supabase"
    }

    /// An owner's rows are read as that owner, so that row-level security decides.
    fn open(&self, project: SourceProject, scope: &Scope) -> Arc<dyn Source> {
        let sessions = match &project.owner {
            Some(owner) => Arc::new(self.0.for_tenant(owner)),
            None => Arc::clone(&self.0),
        };
        Arc::new(TableSource {
            sessions,
            // The mirror keeps its own files beside these.
            root: project.dir.join("files"),
            rows: MirrorTarget {
                project: project.project,
                dir: project.dir,
            },
            scope: scope.clone(),
            state: Mutex::default(),
        })
    }

    fn set_user_token(&self, user: &str, token: &Secret) {
        self.0.tenants().set_token(user, token.clone());
    }
}

struct TableSource {
    sessions: Arc<SupabaseSessions>,
    rows: MirrorTarget,
    root: PathBuf,
    scope: Scope,
    state: Mutex<TableState>,
}

#[derive(Default)]
struct TableState {
    /// The connection of the last fetch, until it is followed.
    fetched: Option<Box<(Puller, PullOutcome)>>,
    /// `None` while the rows are not followed.
    task: Option<MirrorTask>,
}

impl TableSource {
    /// Rows that nobody may see look like none.
    async fn concerns(&self) -> Vec<Concern> {
        let findings = self.sessions.check(Some(&self.rows.project)).await;
        let odd = findings
            .into_iter()
            .filter(|finding| finding.state != SupabaseFindingState::Good);
        odd.map(|finding| Concern {
            text: format!("{}: {}", finding.subject, finding.said),
            hint: finding.hint,
        })
        .collect()
    }
}

#[async_trait]
impl Source for TableSource {
    fn root(&self) -> &Path {
        &self.root
    }

    fn fetched_from(&self) -> Option<String> {
        Some(format!("project `{}`", self.rows.project))
    }

    async fn fetch(&self) -> Result<FetchOutcome, SourceError> {
        let rows = &self.rows;
        let mut puller = self
            .sessions
            .connect(&rows.project, &rows.dir, &self.scope)
            .await?;
        let first = puller.first().await?;
        let mut fetched = FetchOutcome {
            files: first.files,
            refused: first.refused.clone(),
            concerns: Vec::new(),
        };
        if fetched.files == 0 && fetched.refused.is_empty() {
            fetched.concerns = self.concerns().await;
        }
        self.state.lock().fetched = Some(Box::new((puller, first)));
        Ok(fetched)
    }

    fn follow(&self, in_use: InUse) {
        let mut state = self.state.lock();
        if state.task.is_some() {
            return;
        }
        let fetched = state.fetched.take().map(|fetched| *fetched);
        let (sessions, rows) = (Arc::clone(&self.sessions), self.rows.clone());
        state.task = Some(MirrorTask::start(
            sessions,
            rows,
            fetched,
            in_use,
            &self.scope,
        ));
    }

    fn unfollow(&self) {
        *self.state.lock() = TableState::default();
    }

    fn status(&self) -> Option<FollowStatus> {
        self.state.lock().task.as_ref().map(MirrorTask::status)
    }
}
