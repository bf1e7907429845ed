//! How long a first sync takes, and how soon a save is on its way, into directories.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use codemate_preview::{
    engine::{
        EngineError,
        link::{Content, FileOp, FileRefusal, InventoryEntry},
    },
    source::LocalSource,
    sync::{Receiver, Sync},
    task::Scope,
};
use tokio::{sync::mpsc, time::Instant};

/// Writes into a directory on threads of its own.
#[derive(Clone)]
struct Directory {
    root: PathBuf,
    applied: mpsc::UnboundedSender<Instant>,
}

#[async_trait]
impl Receiver for Directory {
    async fn inventory(&self) -> Result<Vec<InventoryEntry>, EngineError> {
        Ok(Vec::new())
    }

    async fn apply(&self, ops: Vec<FileOp>) -> Result<Vec<Result<(), FileRefusal>>, EngineError> {
        let _ = self.applied.send(Instant::now());
        let root = self.root.clone();
        let write = move || ops.into_iter().map(|op| write_one(&root, op)).collect();
        Ok(tokio::task::spawn_blocking(write)
            .await
            .expect("writing does not panic"))
    }
}

fn write_one(root: &Path, op: FileOp) -> Result<(), FileRefusal> {
    let io = |error: std::io::Error| FileRefusal::Io(error.raw_os_error().unwrap_or(5));
    let open = |path: &Path, mode| {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.open(path).or_else(|_| {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            options.open(path)
        })
    };
    match op {
        FileOp::Put {
            path,
            mode,
            content,
            ..
        } => {
            let mut file = open(&root.join(path), mode).map_err(io)?;
            match content {
                Content::Bytes(bytes) => std::io::Write::write_all(&mut file, &bytes).map_err(io),
                Content::File { file: from, .. } => from
                    .open()
                    .and_then(|mut from| std::io::copy(&mut from, &mut file))
                    .map(drop)
                    .map_err(io),
            }
        }
        FileOp::Link { path, target, .. } => symlink(target, root.join(path)).map_err(io),
        FileOp::Delete { path } => fs::remove_file(root.join(path)).map_err(io),
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let tmp = if Path::new("/dev/shm").is_dir() {
        Path::new("/dev/shm")
    } else {
        Path::new(".")
    };
    let from = tempfile::tempdir_in(tmp).expect("a directory");
    for n in 0..10_000 {
        let dir = from.path().join(format!("d{}", n % 100));
        fs::create_dir_all(&dir).expect("a directory");
        fs::write(dir.join(format!("f{n}")), format!("{n:08}").repeat(512)).expect("a file");
    }
    runtime.block_on(async {
        first_sync(from.path(), tmp).await;
        saves(from.path(), tmp).await;
    });
}

async fn first_sync(from: &Path, tmp: &Path) {
    let mut all = Vec::new();
    let mut nothing = Vec::new();
    let mut scans = Vec::new();
    let mut copies = Vec::new();
    for _ in 0..7 {
        let to = tempfile::tempdir_in(tmp).expect("a directory");
        let (mut sync, _applied) = sync(from, to.path());
        let began = Instant::now();
        let synced = sync.full().await.expect("a sync");
        all.push(began.elapsed());
        assert_eq!(synced.report.files, 10_000);
        let paths = ["d1/f1".to_owned()].into();
        let batch = codemate_preview::source::ChangeBatch {
            paths,
            rescan: false,
        };
        let began = Instant::now();
        sync.batch(batch).await.expect("a sync");
        nothing.push(began.elapsed());

        let source = LocalSource::open(from.to_owned(), &[]).expect("a source");
        let began = Instant::now();
        source.scan().expect("a scan");
        scans.push(began.elapsed());

        let to = tempfile::tempdir_in(tmp).expect("a directory");
        let began = Instant::now();
        let status = std::process::Command::new("cp")
            .arg("-r")
            .arg(from)
            .arg(to.path())
            .status();
        assert!(status.is_ok_and(|status| status.success()));
        copies.push(began.elapsed());
    }
    println!(
        "10 000 x 4 KB, first sync into a directory: {}",
        figures(all)
    );
    println!(
        "  scan alone: {}; cp -r: {}",
        figures(scans),
        figures(copies)
    );
    println!("batch of one unchanged file: {}", figures(nothing));
}

async fn saves(from: &Path, tmp: &Path) {
    let to = tempfile::tempdir_in(tmp).expect("a directory");
    let (mut sync, mut applied) = sync(from, to.path());
    let scope = Scope::new();
    let source = LocalSource::open(from.to_owned(), &[]).expect("a source");
    let mut watch = source.watch(&scope).await.expect("a watch");
    sync.full().await.expect("a sync");
    scope.spawn(async move {
        while let Some(batch) = watch.batches.recv().await {
            sync.batch(batch).await.expect("a sync");
        }
    });
    while applied.try_recv().is_ok() {}
    for (files, rounds) in [(1, 200), (100, 20)] {
        let mut latencies = Vec::new();
        for round in 0..rounds {
            let began = Instant::now();
            for n in 0..files {
                let path = from.join(format!("d{}/f{}", n % 100, n % 100));
                fs::write(path, format!("{files} {round} {n}")).expect("a file");
            }
            let mut last = applied.recv().await.expect("it goes on");
            // Until nothing more comes of it.
            while let Ok(Some(later)) =
                tokio::time::timeout(Duration::from_millis(60), applied.recv()).await
            {
                last = later;
            }
            latencies.push(last - began);
        }
        println!("save of {files}, until sent: {}", figures(latencies));
    }
    scope.cancel();
}

fn sync(from: &Path, to: &Path) -> (Sync, mpsc::UnboundedReceiver<Instant>) {
    let (applied, times) = mpsc::unbounded_channel();
    let source = LocalSource::open(from.to_owned(), &[]).expect("a source");
    let directory = Directory {
        root: to.to_owned(),
        applied,
    };
    (Sync::new(Arc::new(source), directory), times)
}

fn figures(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    format!(
        "median {:.1?} (min {:.1?}, p95 {:.1?})",
        at(50),
        at(0),
        at(95)
    )
}
