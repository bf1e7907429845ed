//! Source and sync together, from real directories into a stand-in for the guest.

mod edits;
mod full;
mod hostile;
mod ignoring;
pub mod inside;
mod watching;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use codemate_preview::{
    source::{ChangeBatch, LocalSource, SourceWatch},
    sync::Sync,
    task::Scope,
};
use inside::{Inside, Stored};

/// Far more than anything here takes; only a hang meets it.
const PATIENCE: Duration = Duration::from_mins(1);

struct Project {
    dir: tempfile::TempDir,
    source: Arc<LocalSource>,
    inside: Inside,
    sync: Sync,
    scope: Scope,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        Self::ignoring(files, &[])
    }

    fn ignoring(files: &[(&str, &str)], extra: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(&dir.path().join(path), text.as_bytes());
        }
        let extra: Vec<String> = extra.iter().map(|&line| line.to_owned()).collect();
        let source = Arc::new(LocalSource::open(dir.path().to_owned(), &extra).unwrap());
        let inside = Inside::default();
        let sync = Sync::new(Arc::clone(&source), inside.clone());
        Self {
            dir,
            source,
            inside,
            sync,
            scope: Scope::new(),
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        write(&self.at(path), text.as_ref());
    }

    async fn watch(&self) -> SourceWatch {
        self.source.watch(&self.scope).await.unwrap()
    }

    /// Take batches until what is inside equals what is here.
    async fn settle(&mut self, watch: &mut SourceWatch) {
        let settled = tokio::time::timeout(PATIENCE, async {
            while self.inside.tree() != here(self.dir.path()) {
                let batch = watch.batches.recv().await.expect("the watch goes on");
                self.sync.batch(batch).await.unwrap();
            }
        });
        if settled.await.is_err() {
            let (inside, here) = (self.inside.tree(), here(self.dir.path()));
            let inside: Vec<_> = inside
                .iter()
                .filter(|(k, v)| here.get(*k) != Some(v))
                .collect();
            panic!("not settled; too much or wrong inside: {inside:?}");
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn paths(paths: &[&str]) -> ChangeBatch {
    ChangeBatch {
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
        rescan: false,
    }
}

/// What a directory holds, read independently of the source; nothing is left out.
fn here(root: &Path) -> BTreeMap<String, Stored> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for item in fs::read_dir(&dir).unwrap() {
            let path = item.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                waiting.push(path);
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap().to_str().unwrap().to_owned();
                found.insert(name, Stored::Link(target));
            } else {
                let mode = if meta.permissions().mode() & 0o100 == 0 {
                    0o644
                } else {
                    0o755
                };
                found.insert(
                    name,
                    Stored::File {
                        mode,
                        content: fs::read(&path).unwrap(),
                    },
                );
            }
        }
    }
    found
}
