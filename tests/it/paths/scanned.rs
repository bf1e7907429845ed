//! An entrance: a directory of this host, scanned and sent to a stand-in for the guest.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use codemate_preview::{
    source::{ChangeBatch, LocalSource, Names, Selection, path_rules},
    sync::Sync,
};

use super::{
    Expect, Random, SEED, VARIANTS,
    census::{SECRET, World},
    inputs, tars,
};
use crate::sync::inside::{Inside, Stored};

const BODY: &[u8] = b"what is in it";

pub fn a_sync(world: &World) -> (Sync, Inside) {
    a_sync_of(world, Names::Here)
}

fn a_sync_of(world: &World, names: Names) -> (Sync, Inside) {
    let selection = Selection {
        names,
        ..Selection::default()
    };
    let source = Arc::new(LocalSource::select(world.root.clone(), selection).unwrap());
    let inside = Inside::default();
    (Sync::new(source, inside.clone()), inside)
}

pub fn batch(path: &str) -> ChangeBatch {
    ChangeBatch {
        paths: BTreeSet::from([path.to_owned()]),
        rescan: false,
    }
}

/// Whether a file system takes these names at all.
fn can_be(path: &[u8]) -> bool {
    path.len() < 3800
        && path.split(|byte| *byte == b'/').all(|name| {
            !matches!(name, b"" | b"." | b"..") && name.len() < 256 && !name.contains(&0)
        })
}

fn make(world: &World, path: &[u8]) {
    let path = world.root.join(OsStr::from_bytes(path));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, BODY).unwrap();
}

/// A directory of this host: names that only other systems forbid are taken, of two that they take
/// for one both are.
#[tokio::test]
async fn nothing_outside_is_read_and_nothing_hostile_taken() {
    nothing_hostile(Names::Here).await;
}

/// One whose files come from elsewhere.
#[tokio::test]
async fn nothing_that_any_system_forbids_is_taken_from_elsewhere() {
    nothing_hostile(Names::Everywhere).await;
}

async fn nothing_hostile(whose: Names) {
    let world = World::new("root", &[]);
    let (mut sync, inside) = a_sync_of(&world, whose);
    let mut made = 0;
    for (class, variant, input) in inputs(&world) {
        let what = format!("{} {}, {variant}: {input:?}", class.number, class.name);
        input.before.iter().for_each(|stands| stands.make(&world));
        let exists = input.before.is_empty() && can_be(&input.path);
        if exists {
            made += 1;
            make(&world, &input.path);
            input
                .other
                .iter()
                .for_each(|other| make(&world, other.as_bytes()));
        }
        let before = world.census();
        let synced = sync.full().await.unwrap();
        let names = inside.names();
        let expect = match (class.expect, whose) {
            (Expect::Foreign, Names::Here) => Expect::Literal,
            (Expect::Foreign, Names::Everywhere) => Expect::Refused,
            (expect, _) => expect,
        };
        match expect {
            Expect::Refused | Expect::Escapes if exists => {
                // A repository's own directory is left out without a word.
                let is_git = |path: &str| path.split('/').any(|name| name == ".git");
                let is_told = !synced.refused.is_empty() || input.text().is_some_and(is_git);
                assert!(names.is_empty() && is_told, "{what}");
            }
            Expect::Literal if exists => {
                assert_eq!(names, [input.text().unwrap()], "{what}");
            }
            Expect::OneOfTwo if whose == Names::Here => {
                let both = [input.text().unwrap(), input.other.as_ref().unwrap()];
                assert_eq!(names, both, "{what}");
                assert!(synced.refused.is_empty(), "{what}");
            }
            Expect::OneOfTwo => {
                let (path, other) = (input.text().unwrap(), input.other.as_ref().unwrap());
                assert_eq!(names, [path], "{what}");
                assert_eq!(synced.refused.len(), 1, "{what}");
                let refused = &synced.refused[0].path;
                assert!(
                    path_rules::printable(other).starts_with(refused.as_str()),
                    "{what}"
                );
                // And an edit of the other brings it no nearer.
                sync.batch(batch(other)).await.unwrap();
                assert_eq!(inside.names(), [path], "{what}");
            }
            _ => {}
        }
        // What a watch might tell of.
        if let Some(path) = input.text() {
            sync.batch(batch(path)).await.unwrap();
            assert_eq!(inside.names(), names, "{what}");
        }
        // A hard link is a file of the project's like any other, and is only read.
        assert!(
            class.number == 47 || nothing_of_the_canary(&inside),
            "{what}"
        );
        assert!(!inside.tree().values().any(leads_out), "{what}");
        assert_eq!(world.census(), before, "{what}");
        world.clear();
    }
    assert!(made > 2500, "{made}");
}

pub fn nothing_of_the_canary(inside: &Inside) -> bool {
    let is_secret = |stored: &Stored| match stored {
        Stored::File { content, .. } => content.windows(SECRET.len()).any(|part| part == SECRET),
        Stored::Link(_) => false,
    };
    !inside.tree().values().any(is_secret)
}

fn leads_out(stored: &Stored) -> bool {
    matches!(stored, Stored::Link(target) if target.starts_with('/') || target.contains("canary"))
}

/// Which of two names is taken does not depend on which came first, nor on who looked when.
#[tokio::test]
async fn of_two_names_the_same_one_stays() {
    let world = World::new("root", &[]);
    for (class, variant, input) in
        inputs(&world).filter(|(class, ..)| class.expect == Expect::OneOfTwo)
    {
        let what = format!("{}, {variant}", class.number);
        let (path, other) = (input.text().unwrap(), input.other.as_deref().unwrap());
        let (mut sync, inside) = a_sync_of(&world, Names::Everywhere);
        sync.full().await.unwrap();
        make(&world, other.as_bytes());
        sync.batch(batch(other)).await.unwrap();
        assert_eq!(inside.names(), [other], "{what}");
        make(&world, path.as_bytes());
        sync.batch(batch(path)).await.unwrap();
        assert_eq!(inside.names(), [path], "{what}");
        let top = path.split('/').next().unwrap();
        if top == other.split('/').next().unwrap() {
            fs::remove_file(world.at(path)).unwrap();
        } else {
            let _ = fs::remove_dir_all(world.at(top)).or_else(|_| fs::remove_file(world.at(top)));
        }
        sync.batch(batch(path)).await.unwrap();
        assert_eq!(inside.names(), [other], "{what}");
        world.clear();
    }
}

/// Classes 52 to 66 on this side: sparse, growing and empty files, and archives.
#[tokio::test(flavor = "multi_thread")]
async fn lengths_and_archives_on_this_host() {
    let world = World::new("root", &[]);
    let (mut sync, inside) = a_sync(&world);
    let before = world.census();
    for variant in 0..VARIANTS {
        let mut random = Random::new(SEED, 52, variant);
        let file = fs::File::create(world.at("sparse")).unwrap();
        file.set_len((512 << 20) + 1 + random.next() % (1 << 40))
            .unwrap();
        fs::write(world.at("empty"), "").unwrap();
        let synced = sync.full().await.unwrap();
        assert_eq!(
            (inside.names(), synced.refused.len()),
            (vec!["empty".to_owned()], 1)
        );
        assert!(synced.refused[0].why.is_fatal());
        world.clear();
        growing(&world, &mut sync, &inside, &mut random).await;
        world.clear();
    }
    for (class, variant, archive) in tars::archives(&world) {
        fs::write(world.at("x.tar"), &archive).unwrap();
        sync.full().await.unwrap();
        let tree = inside.tree();
        let is_whole =
            matches!(&tree["x.tar"], Stored::File { content, .. } if *content == archive);
        assert!(tree.len() == 1 && is_whole, "{class}, {variant}");
    }
    assert_eq!(world.census(), before);
}

async fn growing(world: &World, sync: &mut Sync, inside: &Inside, random: &mut Random) {
    let start = random.below(300 << 10);
    let path = world.at("growing");
    fs::write(&path, vec![b'a'; start]).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            for _ in 0..200 {
                file.write_all(&[b'a'; 997]).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                while !done.load(Ordering::Relaxed) {
                    sync.batch(batch("growing")).await.unwrap();
                }
            });
        });
    });
    sync.full().await.unwrap();
    let Stored::File { content, .. } = inside.tree()["growing"].clone() else {
        panic!("a link")
    };
    assert_eq!(content.len(), start + 200 * 997);
}

/// More names than are taken end the scan, whoever made them.
#[test]
#[ignore = "makes 200 001 files: `make prove-paths`"]
fn names_without_end_are_not_listed() {
    let world = World::new("root", &[]);
    let source = LocalSource::open(world.root.clone(), &[]).unwrap();
    fs::create_dir(world.at("d")).unwrap();
    for name in 0..200_000 {
        fs::write(world.at(&format!("d/{name}")), "").unwrap();
    }
    let many = source.scan();
    assert!(matches!(
        many,
        Err(codemate_preview::source::SourceError::TooMany { limit: 200_000, .. })
    ));
    fs::remove_file(world.at("d/0")).unwrap();
    assert_eq!(source.scan().unwrap().entries.len(), 199_999);
    assert!(Path::new(&world.root).is_dir());
}
