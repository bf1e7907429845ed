//! Files: what is written, how, and what is refused.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink as make_symlink},
    path::Path,
};

use bytes::Bytes;
use codemate_preview::engine::link::{Content, FileOp, FileRefusal, Reopen};

use super::{World, apply_one, delete, held, put, symlink, token};

#[tokio::test]
async fn a_file_is_written_with_its_parents_and_its_mode() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let op = FileOp::Put {
        path: "bin/run".to_owned(),
        mode: 0o104_755,
        token: token(b"x"),
        content: Content::Bytes(Bytes::from_static(b"#!/bin/sh\n")),
    };
    apply_one(&link, op).await.unwrap();
    assert_eq!(world.read("bin/run"), "#!/bin/sh\n");
    let mode = |path| fs::metadata(world.at(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("bin/run"), mode("bin")), (0o755, 0o755));
}

#[tokio::test]
async fn an_existing_file_is_overwritten_in_place() {
    let world = World::new();
    let (link, _events) = world.link().await;
    apply_one(&link, put("a.js", "a longer first version"))
        .await
        .unwrap();
    let inode = || fs::metadata(world.at("a.js")).unwrap().ino();
    let first = inode();
    for content in ["short", "", "and then a much longer one than ever before"] {
        apply_one(&link, put("a.js", content)).await.unwrap();
        assert_eq!(world.read("a.js"), content);
        assert_eq!(inode(), first);
    }
}

#[tokio::test]
async fn the_other_name_of_a_hard_link_keeps_its_content() {
    let world = World::new();
    let (link, _events) = world.link().await;
    apply_one(&link, put("a", "old")).await.unwrap();
    fs::hard_link(world.at("a"), world.at("kept")).unwrap();
    apply_one(&link, put("a", "new")).await.unwrap();
    assert_eq!(
        (world.read("a"), world.read("kept")),
        ("new".to_owned(), "old".to_owned())
    );
}

#[tokio::test]
async fn a_read_only_file_is_replaced() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let op = |content: &'static [u8]| FileOp::Put {
        path: "a".to_owned(),
        mode: 0o444,
        token: token(content),
        content: Content::Bytes(Bytes::from_static(content)),
    };
    apply_one(&link, op(b"one")).await.unwrap();
    apply_one(&link, op(b"two")).await.unwrap();
    assert_eq!(world.read("a"), "two");
}

#[tokio::test]
async fn paths_that_leave_the_workspace_are_refused() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let paths = [
        "../a",
        "a/../../b",
        "/etc/a",
        "a//b",
        "",
        ".",
        "a/.",
        "..",
        "a/",
        "a\0b",
        "a/../b",
    ];
    for path in paths {
        for op in [put(path, "x"), symlink(path, "x"), delete(path)] {
            assert_eq!(
                apply_one(&link, op).await,
                Err(FileRefusal::Escapes),
                "{path:?}"
            );
        }
    }
    for target in ["/etc/passwd", "../x", "sub/../../x", ""] {
        assert_eq!(
            apply_one(&link, symlink("l", target)).await,
            Err(FileRefusal::Escapes)
        );
    }
    let long = "x/".repeat(4000) + "x";
    assert_eq!(
        apply_one(&link, put(&long, "x")).await,
        Err(FileRefusal::Escapes)
    );
    assert_eq!(fs::read_dir(world.workspace()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_parent_the_app_swapped_for_a_link_is_not_followed() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let outside = tempfile::tempdir().unwrap();
    apply_one(&link, put("src/a", "one")).await.unwrap();
    fs::remove_dir_all(world.at("src")).unwrap();
    make_symlink(outside.path(), world.at("src")).unwrap();
    fs::write(outside.path().join("a"), "not ours").unwrap();
    assert_eq!(
        apply_one(&link, put("src/a", "two")).await,
        Err(FileRefusal::Escapes)
    );
    assert_eq!(
        apply_one(&link, put("src/deep/b", "two")).await,
        Err(FileRefusal::Escapes)
    );
    apply_one(&link, delete("src/a")).await.unwrap();
    assert_eq!(
        fs::read_to_string(outside.path().join("a")).unwrap(),
        "not ours"
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_link_at_the_path_itself_is_replaced_and_not_followed() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("a"), "not ours").unwrap();
    make_symlink(outside.path().join("a"), world.at("a")).unwrap();
    apply_one(&link, put("a", "ours")).await.unwrap();
    assert!(fs::symlink_metadata(world.at("a")).unwrap().is_file());
    assert_eq!(
        fs::read_to_string(outside.path().join("a")).unwrap(),
        "not ours"
    );
}

#[tokio::test]
async fn links_are_made_replaced_and_deleted() {
    let world = World::new();
    let (link, _events) = world.link().await;
    apply_one(&link, symlink("x/current", "../releases/1"))
        .await
        .unwrap();
    apply_one(&link, symlink("x/current", "../releases/2"))
        .await
        .unwrap();
    let target = fs::read_link(world.at("x/current")).unwrap();
    assert_eq!(target.to_str(), Some("../releases/2"));
    apply_one(&link, delete("x/current")).await.unwrap();
    assert!(!world.at("x").exists());
}

#[tokio::test]
async fn a_directory_makes_way_for_a_file_only_if_all_in_it_is_syncs() {
    let world = World::new();
    let (link, _events) = world.link().await;
    link.apply(vec![put("d/a", "1"), put("d/e/b", "2"), put("k/a", "3")])
        .await
        .unwrap();
    fs::write(world.at("k/made-by-the-app"), "data").unwrap();
    apply_one(&link, put("d", "a file now")).await.unwrap();
    assert_eq!(world.read("d"), "a file now");
    assert_eq!(
        apply_one(&link, put("k", "no")).await,
        Err(FileRefusal::Conflict)
    );
    assert_eq!(
        (world.read("k/a"), world.read("k/made-by-the-app")),
        ("3".into(), "data".into())
    );
    // And back: sync's own file becomes a directory, one of the app's does not.
    apply_one(&link, put("d/a", "again")).await.unwrap();
    assert_eq!(world.read("d/a"), "again");
    fs::write(world.at("theirs"), "x").unwrap();
    assert_eq!(
        apply_one(&link, put("theirs/a", "no")).await,
        Err(FileRefusal::Conflict)
    );
    let paths: Vec<_> = held(&link)
        .await
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(paths, ["d/a", "k/a"]);
}

#[tokio::test]
async fn only_what_sync_wrote_is_deleted_and_empty_directories_go() {
    let world = World::new();
    let (link, _events) = world.link().await;
    link.apply(vec![put("a/b/c/file", "1"), put("a/keep", "2")])
        .await
        .unwrap();
    fs::write(world.at("a/database"), "precious").unwrap();
    let ops = vec![
        delete("a/b/c/file"),
        delete("a/database"),
        delete("a/keep"),
        delete("none"),
    ];
    assert!(link.apply(ops).await.unwrap().iter().all(Result::is_ok));
    assert!(!world.at("a/b").exists() && !world.at("a/keep").exists());
    assert_eq!(world.read("a/database"), "precious");
    assert!(world.workspace().exists());
}

#[tokio::test]
async fn a_refused_file_does_not_stop_the_rest() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let results = link
        .apply(vec![put("a", "1"), put("../b", "2"), put("c", "3")])
        .await
        .unwrap();
    assert_eq!(results, [Ok(()), Err(FileRefusal::Escapes), Ok(())]);
    assert_eq!((world.read("a"), world.read("c")), ("1".into(), "3".into()));
}

fn read_later(path: &Path, len: u64) -> Content {
    let path = path.to_owned();
    let file = Reopen::new(move || fs::File::open(&path));
    Content::File { file, len }
}

#[tokio::test]
async fn large_files_arrive_whole_new_or_over_others() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let source = tempfile::tempdir().unwrap();
    let file = source.path().join("large");
    for len in [300_000, 12_000_000, 262_144, 262_145, 1_000_000] {
        let bytes: Vec<u8> = (0..len).map(|index: u32| index.to_le_bytes()[1]).collect();
        fs::write(&file, &bytes).unwrap();
        let content = read_later(&file, u64::from(len));
        let op = FileOp::Put {
            path: "big".to_owned(),
            mode: 0o640,
            token: token(&bytes),
            content,
        };
        apply_one(&link, op).await.unwrap();
        assert!(fs::read(world.at("big")).unwrap() == bytes);
        let from_memory = put("big2", bytes.clone());
        apply_one(&link, from_memory).await.unwrap();
        assert!(fs::read(world.at("big2")).unwrap() == bytes);
    }
    let mode = fs::metadata(world.at("big")).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o640);
    assert_eq!(fs::read_dir(world.workspace()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_file_that_changed_while_read_leaves_the_old_one() {
    let world = World::new();
    let (link, _events) = world.link().await;
    apply_one(&link, put("a", "the old one")).await.unwrap();
    let source = tempfile::tempdir().unwrap();
    let file = source.path().join("source");
    for (real, claimed) in [(900_000, 800_000), (800_000, 900_000), (10, 20), (20, 10)] {
        fs::write(&file, vec![7; real]).unwrap();
        let content = read_later(&file, claimed);
        let op = FileOp::Put {
            path: "a".to_owned(),
            mode: 0o644,
            token: [9; 32],
            content,
        };
        assert_eq!(apply_one(&link, op).await, Err(FileRefusal::Changed));
    }
    let content = read_later(&source.path().join("gone"), 5);
    let op = FileOp::Put {
        path: "a".to_owned(),
        mode: 0o644,
        token: [9; 32],
        content,
    };
    assert_eq!(apply_one(&link, op).await, Err(FileRefusal::Changed));
    assert_eq!(world.read("a"), "the old one");
    assert_eq!(held(&link).await, [("a".to_owned(), token(b"the old one"))]);
    assert_eq!(fs::read_dir(world.workspace()).unwrap().count(), 1);
}
