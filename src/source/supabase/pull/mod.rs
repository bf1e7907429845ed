//! `Puller`: one project's rows brought into its mirror, all of them or what changed.

mod apply;
pub(super) mod fetch;
pub(super) mod steps;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Key, Options, RestClient, Shape, SupabaseError, Tokens, Visibility,
    mirror::{self, FilePut, Mirror},
    table::{
        listing::{Changes, Cursors, Lister, RowsByKey},
        probe,
        row::Row,
        visibility,
    },
};
use crate::{source::FileRefusal, task::Scope};
use steps::FailedRows;

/// Pulls after the first because rows changed meanwhile.
const MOST_AGAIN: usize = 3;

/// A connection to one project and the directory its files are in.
///
/// Any of its calls may be dropped half-way or fail: the files are then as before, and the next
/// one does what is left.
pub struct Puller {
    client: Arc<RestClient>,
    options: Options,
    shape: Shape,
    project: String,
    dir: PathBuf,
    scope: Scope,
    /// `None` while a commit has it, and after one that was dropped.
    mirror: Option<Mirror>,
    /// What the table is believed to hold.
    rows: RowsByKey,
    cursors: Option<Cursors>,
    /// Keys of rows that a tombstone told of.
    tombstoned: HashSet<String>,
    bad: FailedRows,
    /// Fetched before something failed.
    stash: HashMap<String, FilePut>,
    was_empty: bool,
    /// What is to be said while the rows stay as they are and the mirror is what they are.
    settled: Option<PullOutcome>,
}

/// What one call did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullOutcome {
    /// Files there are to be, refused ones not counted.
    pub files: usize,
    pub written: Vec<String>,
    pub deleted: Vec<String>,
    /// Bytes fetched.
    pub bytes: u64,
    pub refused: Vec<FileRefusal>,
    /// Rows changed meanwhile, or were left out of a listing: look again soon.
    pub unsettled: usize,
}

impl Puller {
    /// Probe the table and open the mirror in `dir`, which is made if it is missing.
    pub async fn connect(
        options: Options,
        tokens: Arc<dyn Tokens>,
        project: &str,
        dir: &Path,
        scope: &Scope,
    ) -> Result<Self, SupabaseError> {
        let client = Arc::new(RestClient::new(&options, tokens)?);
        if let hidden @ Visibility::Hidden { .. } =
            visibility::check_visibility(&client, &options, project).await?
        {
            hidden.empty_result(project)?;
        }
        let found = probe::check_visibility(&client, &options).await?;
        let shape = Shape::choose(&options, &found)?;
        let mut puller = Self {
            client,
            options,
            shape,
            project: project.to_owned(),
            dir: dir.to_owned(),
            scope: scope.child(),
            mirror: None,
            rows: RowsByKey::new(),
            cursors: None,
            tombstoned: HashSet::new(),
            bad: FailedRows::new(),
            stash: HashMap::new(),
            was_empty: false,
            settled: None,
        };
        puller.open().await?;
        Ok(puller)
    }

    /// Where the files are.
    pub fn files_dir(&self) -> PathBuf {
        mirror::files_dir(&self.dir)
    }

    pub fn project(&self) -> &str {
        &self.project
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The last revision known, where there are revisions.
    pub fn cursor(&self) -> Option<i64> {
        self.cursors.map(|at| at.rows.max(at.deletions))
    }

    /// [`Self::full`], and again what changed meanwhile, a few times at most.
    pub async fn first(&mut self) -> Result<PullOutcome, SupabaseError> {
        let mut all = self.full().await?;
        for _ in 0..MOST_AGAIN {
            if all.unsettled == 0 {
                break;
            }
            let more = self.quick().await?;
            all.files = more.files;
            all.written.extend(more.written);
            all.deleted.extend(more.deleted);
            all.bytes += more.bytes;
            all.refused = more.refused;
            all.unsettled = more.unsettled;
        }
        Ok(all)
    }

    /// Forget what the mirror says of files that are not on the disk as it says, and what could
    /// not be had for a reason that may have passed: the next call brings them anew.
    pub async fn doubt(&mut self) -> Result<(), SupabaseError> {
        self.open().await?;
        self.settled = None;
        self.bad.retain(|_, (_, why)| !why.is_passing());
        self.with_mirror(|mirror| {
            mirror.doubt();
            Ok(())
        })
        .await
    }

    /// List every row, and fetch what differs.
    pub async fn full(&mut self) -> Result<PullOutcome, SupabaseError> {
        self.open().await?;
        let by = self.shape.revisions.clone();
        let before = match &by {
            Some(by) => Some(self.lister().newest(by).await?),
            None => None,
        };
        let rows = self.lister().all().await?;
        if rows.is_empty() {
            self.nothing_listed().await?;
        }
        self.was_empty = false;
        let is_same = rows == self.rows;
        self.rows = rows;
        self.tombstoned.clear();
        match (by, before) {
            // What changed while pages were read.
            (Some(by), Some(before)) => {
                let changes = self.lister().changes(&by, before).await?;
                self.learn(changes);
            }
            _ => match self.settled.clone().filter(|_| is_same) {
                Some(settled) => return Ok(settled),
                None => self.list_again().await?,
            },
        }
        self.apply(self.shape.is_blind()).await
    }

    /// Ask for what changed, where the table can tell; else the same as [`Self::full`].
    pub async fn quick(&mut self) -> Result<PullOutcome, SupabaseError> {
        let (Some(by), Some(from), true) =
            (&self.shape.revisions, self.cursors, self.mirror.is_some())
        else {
            return self.full().await;
        };
        let changes = self.lister().changes(by, from).await?;
        let is_same = changes.rows.is_empty() && changes.deletions.is_empty();
        if let Some(settled) = self.settled.clone().filter(|_| is_same) {
            return Ok(settled);
        }
        self.learn(changes);
        self.apply(false).await
    }

    /// Write the index of the mirror, so that the next start need not fetch what is there.
    pub async fn save(&mut self) -> Result<(), SupabaseError> {
        self.with_mirror(Mirror::save).await
    }

    /// A row renamed while pages were read is in none of them, where paths order the pages: what
    /// is absent has to be absent twice.
    async fn list_again(&mut self) -> Result<(), SupabaseError> {
        let is_absent = match (&self.shape.key, &self.mirror) {
            (Key::Path, Some(mirror)) => mirror.held().values().any(|held| {
                held.key
                    .as_ref()
                    .is_some_and(|key| !self.rows.contains_key(key))
            }),
            _ => false,
        };
        if is_absent {
            let again = self.lister().all().await?;
            self.rows.extend(again);
        }
        Ok(())
    }

    /// Nothing is deleted because a listing is empty, unless the project can be seen and it is so
    /// a second time.
    async fn nothing_listed(&mut self) -> Result<(), SupabaseError> {
        let sight =
            visibility::check_visibility(&self.client, &self.options, &self.project).await?;
        sight.empty_result(&self.project)?;
        let was_never = self.mirror.as_ref().is_none_or(|it| it.held().is_empty());
        if was_never || (sight == Visibility::Seen && self.was_empty) {
            return Ok(());
        }
        self.was_empty = true;
        Err(SupabaseError::Emptied {
            project: self.project.clone(),
        })
    }

    fn learn(&mut self, changes: Changes) {
        for (path, rev) in changes.deletions {
            // Of a row that was not seen before, a tombstone proves nothing: it may be older than
            // the row.
            let is_older = |known: &Row| known.rev.is_some_and(|known| known < rev);
            if self.rows.get(&path).is_some_and(is_older) {
                self.rows.remove(&path);
                self.tombstoned.insert(path);
            }
        }
        for (key, row) in changes.rows {
            self.tombstoned.remove(&key);
            self.rows.insert(key, row);
        }
        self.cursors = Some(changes.cursors);
    }

    async fn open(&mut self) -> Result<(), SupabaseError> {
        if self.mirror.is_none() {
            let identity = format!("{} {:?}", self.options.identity(&self.project), self.shape);
            let identity = blake3::hash(identity.as_bytes()).to_hex().to_string();
            let dir = self.dir.clone();
            let open = move || Mirror::open(&dir, &identity);
            let opened = self.scope.spawn_blocking(open).await;
            self.mirror = Some(opened.map_err(|_| SupabaseError::Stopped)??);
            self.settled = None;
            // Staged files did not survive that.
            self.stash.clear();
        }
        Ok(())
    }

    /// A mirror whose disk fails is opened anew, and compared with what is there.
    async fn with_mirror<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Mirror) -> Result<T, SupabaseError> + Send + 'static,
    ) -> Result<T, SupabaseError> {
        let mut mirror = self.mirror.take().ok_or(SupabaseError::Stopped)?;
        let work = move || {
            let result = work(&mut mirror);
            result.map(|done| (mirror, done))
        };
        let done = self.scope.spawn_blocking(work).await;
        let (mirror, done) = done.map_err(|_| SupabaseError::Stopped)??;
        self.mirror = Some(mirror);
        Ok(done)
    }

    fn lister(&self) -> Lister<'_> {
        Lister {
            client: &self.client,
            shape: &self.shape,
            project: &self.project,
        }
    }
}
