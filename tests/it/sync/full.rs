//! Comparing everything.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use codemate_preview::{engine::link::FileRefusal, source::SourceError, sync::SyncError};

use super::{Project, here, paths};

#[tokio::test]
async fn a_tree_arrives_and_then_nothing_is_left_to_do() {
    let mut project = Project::new(&[("a.py", "1"), ("src/b.py", "2"), ("src/deep/er/c", "")]);
    project.write("big", vec![7; 300 << 10]);
    project.write("run.sh", "#!");
    fs::set_permissions(project.at("run.sh"), fs::Permissions::from_mode(0o4700)).unwrap();
    symlink("src/b.py", project.at("link")).unwrap();
    symlink("../a.py", project.at("src/up")).unwrap();
    symlink("nowhere", project.at("dangling")).unwrap();

    let synced = project.sync.full().await.unwrap();
    assert_eq!(project.inside.tree(), here(project.dir.path()));
    assert_eq!(
        (
            synced.report.files,
            synced.report.deleted,
            synced.report.full
        ),
        (8, 0, true)
    );
    assert_eq!(synced.report.bytes, 2 + 2 + (300 << 10));
    assert!(synced.refused.is_empty());

    let again = project.sync.full().await.unwrap();
    assert_eq!((again.report.files, again.report.deleted), (0, 0));
    assert_eq!(again.changed, Vec::<String>::new());
}

#[tokio::test]
async fn differences_go_and_what_is_gone_is_deleted_last() {
    let mut project = Project::new(&[("a", "1"), ("b", "2"), ("d/e", "3"), ("f", "4")]);
    project.sync.full().await.unwrap();
    project.inside.take_log();
    fs::remove_file(project.at("a")).unwrap();
    project.write("b", "two");
    fs::remove_dir_all(project.at("d")).unwrap();
    project.write("d", "now a file");
    fs::remove_file(project.at("f")).unwrap();
    project.write("f/g", "now a directory");

    let synced = project.sync.full().await.unwrap();
    assert_eq!(project.inside.tree(), here(project.dir.path()));
    let log = project.inside.take_log();
    assert_eq!(log, ["-f", "-d/e", "+b", "+d", "+f/g", "-a"]);
    assert_eq!(synced.changed.len(), 6);
}

#[tokio::test]
async fn a_batch_looks_only_where_it_is_told() {
    let mut project = Project::new(&[
        ("a", "1"),
        ("b", "2"),
        ("d/x", "3"),
        ("d/y/z", "4"),
        ("d-x", "5"),
    ]);
    project.sync.full().await.unwrap();
    project.inside.take_log();
    project.write("a", "one");
    project.write("b", "two");
    fs::remove_dir_all(project.at("d")).unwrap();

    let synced = project
        .sync
        .batch(paths(&["a", "d", "never/was"]))
        .await
        .unwrap();
    assert_eq!(project.inside.take_log(), ["+a", "-d/y/z", "-d/x"]);
    assert!(!synced.report.full);
    project
        .sync
        .batch(paths(&["b", "d/x", "../b", "", "d-x"]))
        .await
        .unwrap();
    assert_eq!(project.inside.take_log(), ["+b"]);
}

#[tokio::test]
async fn a_mode_alone_is_a_change() {
    let mut project = Project::new(&[("a", "1")]);
    project.sync.full().await.unwrap();
    fs::set_permissions(project.at("a"), fs::Permissions::from_mode(0o755)).unwrap();
    let synced = project.sync.batch(paths(&["a"])).await.unwrap();
    assert_eq!(synced.changed, ["a"]);
    fs::set_permissions(project.at("a"), fs::Permissions::from_mode(0o711)).unwrap();
    assert!(
        project
            .sync
            .batch(paths(&["a"]))
            .await
            .unwrap()
            .changed
            .is_empty()
    );
}

#[tokio::test]
async fn ten_thousand_files_go_in_bounded_batches() {
    let mut project = Project::new(&[]);
    for n in 0..10_000 {
        project.write(&format!("d{}/f{n}", n % 97), format!("{n}").repeat(n % 700));
    }
    project.write("one-and-a-half-mb", vec![1; 3 << 19]);
    let synced = project.sync.full().await.unwrap();
    assert_eq!(synced.report.files, 10_001);
    assert_eq!(synced.report.paths.len(), 20);
    assert_eq!(project.inside.tree(), here(project.dir.path()));
    assert!(project.inside.state().calls.iter().all(|&ops| ops <= 512));
    assert_eq!(project.sync.full().await.unwrap().report.files, 0);
}

#[tokio::test]
async fn after_a_broken_stream_everything_is_compared() {
    let files: Vec<(String, String)> = (0..2000)
        .map(|n| (format!("f{n}"), n.to_string()))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let mut project = Project::new(&files);
    project.inside.state().breaks_after = Some(2);
    assert!(matches!(
        project.sync.full().await,
        Err(SyncError::Engine(_))
    ));
    project.inside.state().breaks_after = None;
    let synced = project.sync.batch(paths(&["f1"])).await.unwrap();
    assert!(synced.report.full && synced.report.files < 2000);
    assert_eq!(project.inside.tree(), here(project.dir.path()));
}

#[tokio::test]
async fn refusals_from_inside_are_told_and_tried_again() {
    let mut project = Project::new(&[("a", "1"), ("b", "2"), ("c", "3")]);
    project
        .inside
        .state()
        .refuses
        .insert("b".into(), FileRefusal::Conflict);
    let synced = project.sync.full().await.unwrap();
    assert_eq!(
        synced.report.refused,
        ["`b` is left out: it is in the way of files the app made"]
    );
    assert!(!synced.refused[0].why.is_fatal());
    project
        .inside
        .state()
        .refuses
        .insert("b".into(), FileRefusal::Changed);
    assert!(
        project
            .sync
            .batch(paths(&["b"]))
            .await
            .unwrap()
            .refused
            .is_empty()
    );
    project.inside.state().refuses.clear();
    assert_eq!(
        project.sync.batch(paths(&["b"])).await.unwrap().changed,
        ["b"]
    );

    project
        .inside
        .state()
        .refuses
        .insert("c".into(), FileRefusal::NoSpace);
    project.write("c", "more");
    let error = project.sync.batch(paths(&["c"])).await.unwrap_err();
    assert_eq!(error.problem().code.exit_code(), 7);
    assert!(error.problem().hint.unwrap().starts_with("free space"));
}

#[tokio::test]
async fn a_root_that_is_gone_deletes_nothing() {
    let mut project = Project::new(&[("a", "1"), ("b", "2")]);
    project.sync.full().await.unwrap();
    let root = project.dir.path().to_owned();
    let aside = root.with_extension("aside");
    fs::rename(&root, &aside).unwrap();
    let gone = |result| matches!(result, Err(SyncError::Source(SourceError::Gone { .. })));
    assert!(gone(project.sync.full().await));
    assert!(gone(project.sync.batch(paths(&["a"])).await));
    // As a mount point without its disk.
    fs::create_dir(&root).unwrap();
    assert!(gone(project.sync.batch(paths(&["a", "b"])).await));
    assert!(gone(project.sync.full().await));
    assert_eq!(project.inside.names(), ["a", "b"]);
    // Another directory with something in it is the project from then on.
    project.write("a", "new");
    project.sync.batch(paths(&["a"])).await.unwrap();
    assert_eq!(project.inside.names(), ["a"]);
    // And one that was emptied in place is empty.
    fs::remove_file(project.at("a")).unwrap();
    project.sync.full().await.unwrap();
    assert!(project.inside.names().is_empty());
    fs::remove_dir_all(aside).unwrap();
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_wrong() {
    let mut project = Project::new(&[]);
    for n in 0..1500 {
        project.write(&format!("f{n}"), n.to_string());
    }
    for polls in 0..20 {
        let mut full = Box::pin(project.sync.full());
        for _ in 0..polls {
            if futures_util::poll!(&mut full).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    project.sync.batch(paths(&["f0"])).await.unwrap();
    assert_eq!(project.inside.tree(), here(project.dir.path()));
}
