//! Class 46: a directory that becomes a link to the outside and back, while somebody works below.
//!
//! A hundred thousand swaps each; `make prove-paths` does a million.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use bytes::Bytes;
use codemate_preview::{
    engine::link::{Content, FileOp, FileRefusal},
    project::{LocalTree, Tree as _},
    task::Scope,
};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tokio::{runtime::Handle, task::block_in_place};

use super::{
    census::{SECRET, World},
    guest::{Guest, put},
    rows::a_world,
    scanned::{a_sync, batch, nothing_of_the_canary},
    stub::Stub,
};

const SWAPS: usize = 100_000;
/// Rounds of work that go on at least, however quick the swaps are.
const ROUNDS: usize = 300;
/// Times the rounds that the swaps took.
const PATIENCE: usize = 50;
/// How often each outcome of a race is seen, before it counts as one.
const SEEN: usize = 10;
/// So long that it is read in pieces, and a second time.
const LARGE: usize = 200 << 10;

#[expect(
    clippy::disallowed_methods,
    reason = "what a test is told, it is told this way"
)]
fn swaps() -> usize {
    let told = std::env::var("CODEMATE_PREVIEW_TEST_SWAPS");
    told.map_or(SWAPS, |told| told.parse().expect("a number"))
}

/// `d` in `dir`, with what may be written there, and `l`, which leads to the canary.
fn lay(world: &World, dir: &Path) {
    fs::create_dir_all(dir.join("d/sub")).unwrap();
    for file in ["d/f", "d/g", "d/sub/f"] {
        fs::write(dir.join(file), "inside").unwrap();
    }
    fs::write(dir.join("d/large"), vec![b'i'; LARGE]).unwrap();
    symlink(world.canary(), dir.join("l")).unwrap();
    let secret = SECRET
        .iter()
        .copied()
        .cycle()
        .take(LARGE)
        .collect::<Vec<u8>>();
    fs::write(world.canary().join("large"), secret).unwrap();
}

/// Swap `d` and `l` in `dir` as often as is asked while `round` goes on. How often a swap falls where
/// it matters is up to the scheduler: a round says whether enough of them did, and the race goes on
/// until it says so, or has become [`PATIENCE`] times as long.
#[expect(clippy::print_stdout, reason = "figures of a proof")]
fn race(dir: &Path, mut round: impl FnMut(usize) -> bool) {
    let (stop, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut rounds = 0;
    thread::scope(|threads| {
        threads.spawn(|| {
            let mut swapped = 0;
            while swapped < swaps() || !stop.load(Ordering::Relaxed) {
                let (d, l) = (dir.join("d"), dir.join("l"));
                // Nothing else is called that at any moment.
                swapped +=
                    usize::from(renameat_with(CWD, &d, CWD, &l, RenameFlags::EXCHANGE).is_ok());
                done.store(swapped >= swaps(), Ordering::Relaxed);
            }
        });
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let (mut asked_for, mut enough) = (ROUNDS, false);
            while rounds < asked_for || (!enough && rounds < asked_for * PATIENCE) {
                enough = round(rounds);
                rounds += 1;
                if !done.load(Ordering::Relaxed) {
                    asked_for = asked_for.max(rounds + 1);
                }
            }
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = worked {
            std::panic::resume_unwind(panic);
        }
    });
    println!("{} swaps at least, {rounds} rounds", swaps());
}

#[test]
fn whoever_opens_by_name_is_caught() {
    let world = World::new("root", &[]);
    lay(&world, &world.root);
    let (mut read, mut written) = (0, 0);
    race(&world.root, |_| {
        read += usize::from(fs::read(world.at("d/f")).is_ok_and(|text| text == SECRET));
        let path = world.at("d/f");
        // As careful as one is who knows of links, and not of races.
        if path
            .canonicalize()
            .is_ok_and(|real| real.starts_with(&world.root))
        {
            let _ = fs::write(&path, "escaped");
            written += usize::from(fs::read(world.canary().join("f")).unwrap() != SECRET);
            fs::write(world.canary().join("f"), SECRET).unwrap();
        }
        read > SEEN && written > SEEN
    });
    assert!(
        read > SEEN && written > SEEN,
        "read {read}, written {written}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_stays_inside() {
    let guest = Guest::new().await;
    let world = &guest.world;
    let (f, sub) = (Bytes::from_static(b"sent"), Bytes::from_static(b"sent too"));
    let large = Bytes::from(vec![b'x'; 300 << 10]);
    lay(world, &world.root);
    let before = world.census();
    let (mut fine, mut refused) = (0, 0);
    block_in_place(|| {
        race(&world.root, |round| {
            let mut ops = vec![
                put("d/f", Content::Bytes(f.clone())),
                put("d/sub/f", Content::Bytes(sub.clone())),
                put("d/new/deep/f", Content::Bytes(f.clone())),
                FileOp::Link {
                    path: "d/g".into(),
                    target: "f".into(),
                    token: [9; 32],
                },
                FileOp::Delete { path: "d/f".into() },
                FileOp::Delete {
                    path: "d/sub/f".into(),
                },
                FileOp::Delete {
                    path: "d/new/deep/f".into(),
                },
                FileOp::Delete { path: "d/g".into() },
            ];
            if round % 20 == 0 {
                ops.insert(0, put("d/large", Content::Bytes(large.clone())));
            }
            for result in Handle::current().block_on(guest.link.apply(ops)).unwrap() {
                match result {
                    Ok(()) => fine += 1,
                    // Or what it was about to open was no directory any more, or not there.
                    Err(FileRefusal::Escapes | FileRefusal::Conflict | FileRefusal::Io(_)) => {
                        refused += 1;
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            fine > SEEN && refused > SEEN
        });
    });
    assert_eq!(world.census(), before);
    assert!(
        fine > SEEN && refused > SEEN,
        "{fine} fine, {refused} refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_stays_inside() {
    let world = World::new("root", &[]);
    lay(&world, &world.root);
    let (mut sync, inside) = a_sync(&world);
    let before = world.census();
    let mut seen = [0, 0];
    block_in_place(|| {
        race(&world.root, |round| {
            Handle::current().block_on(async {
                // A file is read whole where what is inside differs.
                if round % 3 == 0 {
                    inside.state().files.clear();
                }
                if round % 2 == 0 {
                    sync.full().await.unwrap();
                } else {
                    sync.batch(batch("d/large")).await.unwrap();
                }
            });
            seen[usize::from(inside.names().iter().any(|name| name == "d/large"))] += 1;
            assert!(nothing_of_the_canary(&inside));
            seen.iter().all(|times| *times > SEEN)
        });
    });
    assert!(seen.iter().all(|times| *times > SEEN), "{seen:?}");
    assert_eq!(world.census(), before);
}

#[test]
fn detection_stays_inside() {
    let world = World::new("root", &[]);
    lay(&world, &world.root);
    let tree = LocalTree::open(&world.root).unwrap();
    let (mut read, mut not) = (0, 0);
    race(&world.root, |_| {
        match tree.read("d/f", 1000) {
            Some(text) => {
                assert_eq!(text, "inside");
                read += 1;
            }
            None => not += 1,
        }
        read > SEEN && not > SEEN
    });
    assert!(read > SEEN && not > SEEN, "{read} {not}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_stays_inside() {
    let (scope, world) = (Scope::new(), a_world());
    let server = Stub::start(&scope).await;
    for path in ["d/f", "d/g", "d/sub/f", "d/sub/x.py", "other"] {
        server.table().put(path, "one", None);
    }
    let dir = world.home().join("mirror");
    server
        .puller(&dir, &scope)
        .await
        .unwrap()
        .first()
        .await
        .unwrap();
    lay(&world, &world.root);
    let before = world.census();
    let (mut written, mut not) = (0, 0);
    block_in_place(|| {
        race(&world.root, |round| {
            Handle::current().block_on(async {
                // Swept anew, which removes links: it is put back for the next swap.
                let Ok(mut puller) = server.puller(&dir, &scope).await else {
                    not += 1;
                    return;
                };
                let _ = symlink(world.canary(), world.at("l"));
                if !world.at("d").exists() {
                    let _ = symlink(world.canary(), world.at("d"));
                }
                for (path, text) in [("d/f", "x"), ("d/sub/f", "yy"), ("d/g", "zzz")] {
                    server.table().change(path, &text.repeat(1 + round % 7));
                }
                match puller.full().await {
                    Ok(came) => {
                        written += came.written.len();
                        not += came.refused.len();
                    }
                    Err(_) => not += 1,
                }
                server.table().rename("d/sub/x.py", "d/sub/y.py");
                let _ = puller.full().await;
                server.table().rename("d/sub/y.py", "d/sub/x.py");
                let _ = puller.full().await;
            });
            written > SEEN && not > SEEN
        });
    });
    assert_eq!(world.census(), before);
    assert!(written > SEEN && not > SEEN, "{written} written, {not} not");
}
