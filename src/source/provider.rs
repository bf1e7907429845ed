//! `Source`: where one project's files come from. `SourceProvider`: a kind of source. `Sources`: all of
//! them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;

use super::{FileRefusal, FollowStatus, SourceError};
use crate::{model::Secret, task::Scope};

/// Where one project's files come from. They are read from a directory of this host, whatever the
/// source is: detection, sync and watching know of no other.
#[async_trait]
pub trait Source: Send + Sync {
    /// The directory that the files are in, or will be.
    fn root(&self) -> &Path;

    /// What a fetch is of, for people: ``project `shop` ``. `None` where the files are here.
    fn fetched_from(&self) -> Option<String>;

    /// Have the files of today in the root.
    async fn fetch(&self) -> Result<FetchOutcome, SourceError>;

    /// Keep the root in step from now on. Does nothing where that is done already. What the last
    /// fetch opened is used; without one, fetching is tried until it succeeds.
    fn follow(&self, in_use: InUse);

    /// Leave the root as it is from now on.
    fn unfollow(&self);

    /// `None` while the root is not followed.
    fn status(&self) -> Option<FollowStatus>;
}

/// Says whether somebody used the preview since it was last asked. Whoever looks at a preview wants to
/// see what was saved a moment ago.
pub type InUse = Box<dyn FnMut() -> bool + Send + Sync>;

/// What a fetch brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchOutcome {
    pub files: usize,
    pub refused: Vec<FileRefusal>,
    /// What may be wrong where there is no file at all.
    pub concerns: Vec<Concern>,
}

/// Something that may be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    pub text: String,
    pub hint: Option<String>,
}

/// One project of a provider.
#[derive(Debug, Clone)]
pub struct SourceProject {
    pub project: String,
    /// What is mirrored is kept below it.
    pub dir: PathBuf,
    /// Files are read as this user of the API. `None` is the host's own user.
    pub owner: Option<String>,
}

/// A kind of source that is not on this host.
pub trait SourceProvider: Send + Sync {
    /// Records call the kind so.
    fn kind(&self) -> &'static str;

    fn open(&self, project: SourceProject, scope: &Scope) -> Arc<dyn Source>;

    /// A user of the API came with this token. Their projects are read with it.
    fn set_user_token(&self, user: &str, token: &Secret);
}

/// Every kind of source there is.
#[derive(Clone, Default)]
pub struct Sources(Arc<BTreeMap<&'static str, Arc<dyn SourceProvider>>>);

impl Sources {
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn SourceProvider>>) -> Self {
        let by_kind = providers.into_iter().map(|one| (one.kind(), one));
        Self(Arc::new(by_kind.collect()))
    }

    /// Files that are here.
    pub fn directory(root: PathBuf) -> Arc<dyn Source> {
        Arc::new(DirectorySource(root))
    }

    /// `None` where there is no such kind.
    pub fn open(
        &self,
        kind: &str,
        project: SourceProject,
        scope: &Scope,
    ) -> Option<Arc<dyn Source>> {
        Some(self.0.get(kind)?.open(project, scope))
    }

    pub fn set_user_token(&self, user: &str, token: &Secret) {
        for provider in self.0.values() {
            provider.set_user_token(user, token);
        }
    }
}

/// A directory of this host: there is nothing to fetch.
struct DirectorySource(PathBuf);

#[async_trait]
impl Source for DirectorySource {
    fn root(&self) -> &Path {
        &self.0
    }

    fn fetched_from(&self) -> Option<String> {
        None
    }

    async fn fetch(&self) -> Result<FetchOutcome, SourceError> {
        Ok(FetchOutcome::default())
    }

    fn follow(&self, _in_use: InUse) {}

    fn unfollow(&self) {}

    fn status(&self) -> Option<FollowStatus> {
        None
    }
}
