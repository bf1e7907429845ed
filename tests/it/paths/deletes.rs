//! Classes 67 to 70: nothing is deleted that was not seen to be gone, and nothing through a link.

use std::{collections::BTreeMap, fs, os::unix::fs::symlink, path::Path, sync::Arc};

use bytes::Bytes;
use codemate_preview::{
    engine::link::{Content, FileOp, FileRefusal},
    source::LocalSource,
    sync::Sync,
    task::Scope,
};

use super::{
    Random, SEED, VARIANTS,
    guest::{Guest, put},
    rows::a_world,
    scanned::a_sync,
    stub::{Fault, Stub},
};
use crate::sync::inside::{Inside, Stored};

const FILES: usize = 40;

fn names(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn an_incomplete_listing_deletes_nothing() {
    let (scope, world) = (Scope::new(), a_world());
    let server = Stub::start(&scope).await;
    for file in 0..FILES {
        server.table().put(
            &format!("d{}/f{file}", file % 7),
            &format!("content {file}"),
            None,
        );
    }
    let mut puller = server
        .puller(&world.home().join("mirror"), &scope)
        .await
        .unwrap();
    puller.first().await.unwrap();
    let before = names(&world.root);
    assert_eq!(before.len(), FILES);
    let mut failed = 0;
    for variant in 0..VARIANTS {
        let mut random = Random::new(SEED, 67, variant);
        let fault = match random.below(5) {
            0 => Fault::Short(0),
            1 => Fault::Short(random.below(FILES)),
            2 => Fault::Lying(random.below(3)),
            3 => Fault::Status(random.of(&[401, 403, 404, 429, 500, 502, 503, 504])),
            _ => Fault::Cut(1 + random.below(5000)),
        };
        server.table().fault = fault;
        failed += usize::from(puller.full().await.is_err());
        assert!(names(&world.root) == before, "{variant}: {fault:?}");
        server.table().fault = Fault::None;
        puller.full().await.unwrap();
        assert!(names(&world.root) == before, "{variant}: after {fault:?}");
    }
    assert!(failed > VARIANTS / 3, "{failed}");
    // The control: what is gone goes.
    server.table().delete("d0/f0");
    puller.full().await.unwrap();
    assert_eq!(names(&world.root).len(), FILES - 1);
}

/// Class 68.
#[tokio::test]
async fn a_root_that_went_takes_nothing_with_it() {
    let guest = Guest::new().await;
    for variant in 0..VARIANTS {
        let mut random = Random::new(SEED, 68, variant);
        let world = super::World::new("root", &[]);
        let (mut sync, inside) = a_sync(&world);
        for file in 0..=random.below(9) {
            let path = world.at(&format!("{}{}{file}", random.dirs(3), random.word()));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        sync.full().await.unwrap();
        let before = inside.tree();
        fs::rename(&world.root, world.home().join("aside")).unwrap();
        match random.below(4) {
            0 => fs::create_dir(&world.root).unwrap(),
            1 => fs::write(&world.root, "").unwrap(),
            2 => symlink(world.canary().join("empty"), &world.root).unwrap(),
            _ => {}
        }
        let some = before.keys().next().unwrap();
        let full = sync.full().await;
        assert!(full.is_err(), "{variant}: {full:?}");
        let batch = sync.batch(super::scanned::batch(some)).await;
        assert!(batch.is_err(), "{variant}: {batch:?}");
        assert!(inside.tree() == before, "{variant}");
        // And inside, the workspace itself has no name.
        let path = random.of(&[
            "",
            ".",
            "/",
            "..",
            "./",
            "../workspace",
            "../workspace/.",
            "//",
        ]);
        let delete = FileOp::Delete {
            path: path.to_owned(),
        };
        assert_eq!(
            guest.apply(delete).await,
            Err(FileRefusal::Escapes),
            "{path}"
        );
        assert!(guest.world.root.is_dir());
    }
}

/// An app that writes into the guest's journal has nothing deleted by that, and nothing shown.
#[tokio::test]
async fn an_inventory_of_lies_is_not_believed() {
    let world = super::World::new("root", &[]);
    let (mut sync, inside) = a_sync(&world);
    for (_, _, input) in super::inputs(&world) {
        if let Some(path) = input.text() {
            let stored = Stored::Link("x".to_owned());
            inside
                .state()
                .files
                .insert(path.to_owned(), (stored, [1; 32]));
        }
    }
    let all = inside.names();
    let synced = sync.full().await.unwrap();
    let is_fine = |path: &String| codemate_preview::source::Names::Here.check(path).is_ok();
    assert!(synced.changed.iter().all(is_fine));
    assert!(synced.refused.is_empty());
    let left = inside.names();
    assert!(left.len() > 1000 && left.iter().all(|path| !is_fine(path)));
    // The control: what sync may have written there goes, for it is not here.
    assert!(synced.changed.len() > 1000 && left.len() + synced.changed.len() == all.len());
}

/// Class 69, inside and in a mirror.
#[tokio::test]
async fn nothing_is_deleted_through_a_link() {
    let guest = Guest::new().await;
    let scope = Scope::new();
    for variant in 0..VARIANTS {
        let mut random = Random::new(SEED, 69, variant);
        let dir = random.dirs(2) + &random.word();
        let file = random.of(&["f", "g", "sub/f", "sub/x.py"]);
        let path = format!("{dir}/{file}");
        let body = Content::Bytes(Bytes::from_static(b"x"));
        guest.apply(put(&path, body)).await.unwrap();
        fs::remove_dir_all(guest.world.at(&dir)).unwrap();
        symlink(guest.world.canary(), guest.world.at(&dir)).unwrap();
        let before = guest.world.census();
        assert_eq!(
            guest.apply(FileOp::Delete { path: path.clone() }).await,
            Ok(())
        );
        assert_eq!(guest.world.census(), before, "{variant}: {path}");
        guest.world.clear();

        let world = a_world();
        let server = Stub::start(&scope).await;
        server.table().put(&path, "x", None);
        server.table().put("other", "x", None);
        let mut puller = server
            .puller(&world.home().join("mirror"), &scope)
            .await
            .unwrap();
        puller.first().await.unwrap();
        fs::remove_dir_all(world.at(&dir)).unwrap();
        symlink(world.canary(), world.at(&dir)).unwrap();
        let before = world.census();
        server.table().delete(&path);
        puller.full().await.unwrap();
        assert_eq!(world.census(), before, "{variant}: {path}");
        // The control: by its name it is there, and anybody else would have deleted it.
        assert!(world.at(&path).is_file());
    }
    scope.cancel();
}

/// Class 70: a file that only changed its case is one file, before and after.
#[tokio::test]
async fn a_rename_of_case_is_no_loss() {
    let (scope, mirrored) = (Scope::new(), a_world());
    let server = Stub::start(&scope).await;
    server.table().put("other", "x", None);
    let mut puller = server
        .puller(&mirrored.home().join("mirror"), &scope)
        .await
        .unwrap();
    puller.first().await.unwrap();
    let world = super::World::new("root", &[]);
    let source = Arc::new(LocalSource::open(world.root.clone(), &[]).unwrap());
    let inside = Inside::default();
    let mut sync = Sync::new(source, inside.clone());
    for variant in 0..VARIANTS {
        let mut random = Random::new(SEED, 70, variant);
        let dir = random.dirs(1);
        let (rest, first) = (random.word(), random.of(&["a", "B", "É", "ß"]));
        let from = format!("{dir}{first}{rest}");
        let to = format!(
            "{dir}{}{rest}",
            if first == "B" {
                "b".into()
            } else {
                first.to_uppercase()
            }
        );
        let to = if to == from { from.to_lowercase() } else { to };
        fs::create_dir_all(world.at(&from).parent().unwrap()).unwrap();
        fs::write(world.at(&from), "x").unwrap();
        sync.full().await.unwrap();
        fs::rename(world.at(&from), world.at(&to)).unwrap();
        let mut told = super::scanned::batch(&from);
        told.paths.insert(to.clone());
        sync.batch(told).await.unwrap();
        assert_eq!(inside.names(), [to.as_str()], "{from} {to}");
        world.clear();

        server.table().put(&from, "x", None);
        puller.full().await.unwrap();
        assert!(mirrored.at(&from).is_file());
        server.table().rename(&from, &to);
        puller.full().await.unwrap();
        assert!(
            mirrored.at(&to).is_file() && !mirrored.at(&from).exists(),
            "{from} {to}"
        );
        server.table().delete(&to);
        puller.full().await.unwrap();
    }
}
