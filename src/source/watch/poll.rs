//! Following a directory by reading it again and again, where it cannot be watched.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};

use super::ChangeBatch;
use crate::{
    source::{EntryKind, LocalSource, Scan, is_ignore_file},
    task::Scope,
};

const PAUSE: Duration = Duration::from_secs(1);
/// Of the time, no more than one part in so many is spent reading.
const SHARE: u32 = 20;

/// Until the scope ends, or nobody listens.
pub async fn run(source: LocalSource, scope: Scope, batches: mpsc::Sender<ChangeBatch>) {
    let mut last: Option<BTreeMap<String, EntryKind>> = None;
    while !scope.is_cancelled() {
        let began = Instant::now();
        let reader = source.clone();
        let Ok(scan) = scope.spawn_blocking(move || reader.scan()).await else {
            return;
        };
        let batch = match (&last, scan) {
            (_, Err(_)) => None,
            (None, Ok(scan)) => {
                last = Some(index(scan));
                // Whatever happened before the first reading.
                Some(ChangeBatch::everything())
            }
            (Some(before), Ok(scan)) => {
                let unlisted = !scan.unlisted.is_empty();
                let now = index(scan);
                let paths = differing(before, &now);
                last = Some(now);
                let rescan = unlisted || paths.iter().any(|path| is_ignore_file(path));
                (!paths.is_empty()).then_some(ChangeBatch { paths, rescan })
            }
        };
        let pause = PAUSE.max(began.elapsed() * SHARE);
        tokio::select! {
            () = scope.cancelled() => return,
            sent = send_batch(&batches, batch) => if !sent { return },
        }
        tokio::select! {
            () = scope.cancelled() => return,
            () = batches.closed() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn send_batch(batches: &mpsc::Sender<ChangeBatch>, batch: Option<ChangeBatch>) -> bool {
    match batch {
        Some(batch) => batches.send(batch).await.is_ok(),
        None => true,
    }
}

fn index(scan: Scan) -> BTreeMap<String, EntryKind> {
    scan.entries
        .into_iter()
        .map(|entry| (entry.path, entry.kind))
        .collect()
}

fn differing(
    before: &BTreeMap<String, EntryKind>,
    now: &BTreeMap<String, EntryKind>,
) -> BTreeSet<String> {
    let changed = now
        .iter()
        .filter(|(path, kind)| before.get(*path) != Some(kind));
    let gone = before.iter().filter(|(path, _)| !now.contains_key(*path));
    changed.chain(gone).map(|(path, _)| path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn batch_of(paths: &[&str], rescan: bool) -> ChangeBatch {
        ChangeBatch {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
            rescan,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_differs_between_two_readings_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let source = LocalSource::open(dir.path().to_owned(), &[]).unwrap();
        let scope = Scope::new();
        let (tx, mut batches) = mpsc::channel(1);
        scope.spawn(run(source, scope.clone(), tx));
        let at = |path: &str| dir.path().join(path);
        assert_eq!(batches.recv().await.unwrap(), batch_of(&[], true));
        fs::write(at("a"), "1").unwrap();
        assert_eq!(batches.recv().await.unwrap(), batch_of(&["a"], false));
        fs::write(at("a"), "22").unwrap();
        assert_eq!(batches.recv().await.unwrap(), batch_of(&["a"], false));
        fs::rename(at("a"), at(".gitignore")).unwrap();
        assert_eq!(
            batches.recv().await.unwrap(),
            batch_of(&[".gitignore", "a"], true)
        );
        assert!(scope.close(Duration::from_mins(1)).await);
        assert_eq!(batches.recv().await, None);
    }
}
