//! Following a directory as editors and tools change it.

use std::{fs, io::Write, os::unix::fs::symlink};

use codemate_preview::source::{SourceWatch, WatchDegraded};

use super::{PATIENCE, Project, here};

/// Every change to come, put through until both sides are the same.
async fn ready(files: &[(&str, &str)]) -> (Project, SourceWatch) {
    let mut project = Project::new(files);
    let watch = project.watch().await;
    project.sync.full().await.unwrap();
    assert!(watch.degraded.borrow().is_none());
    (project, watch)
}

#[tokio::test]
async fn editors_save_in_many_ways() {
    let (mut project, mut watch) = ready(&[("a.py", "0"), ("src/b.py", "0")]).await;
    // In place.
    project.write("a.py", "1");
    project.settle(&mut watch).await;
    // vim: the old one aside, a new one, the old one gone.
    fs::rename(project.at("a.py"), project.at("a.py.bak")).unwrap();
    project.write("a.py", "2");
    fs::remove_file(project.at("a.py.bak")).unwrap();
    project.settle(&mut watch).await;
    // Atomic: a new one renamed over it.
    project.write("src/.b.py.tmp", "3");
    fs::rename(project.at("src/.b.py.tmp"), project.at("src/b.py")).unwrap();
    project.settle(&mut watch).await;
    // Appended to by one who keeps it open.
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(project.at("a.py"))
        .unwrap();
    for _ in 0..3 {
        file.write_all(b"more").unwrap();
        file.flush().unwrap();
        project.settle(&mut watch).await;
    }
    // Same length, same second.
    for n in 0..5 {
        project.write("a.py", n.to_string());
        project.settle(&mut watch).await;
    }
    symlink("a.py", project.at("link")).unwrap();
    project.settle(&mut watch).await;
}

#[tokio::test]
async fn directories_come_go_and_move() {
    let (mut project, mut watch) = ready(&[("a/b/c", "1"), ("x", "2")]).await;
    // Made and written to before anyone can have looked.
    project.write("new/deep/er/file", "3");
    project.settle(&mut watch).await;
    project.write("new/deep/er/second", "4");
    project.settle(&mut watch).await;
    fs::rename(project.at("a"), project.at("z")).unwrap();
    project.settle(&mut watch).await;
    project.write("z/b/c", "below a renamed one");
    project.settle(&mut watch).await;
    project.write("a/b/c", "the old name again");
    project.settle(&mut watch).await;
    project.write("a/b/c", "and once more");
    project.settle(&mut watch).await;
    fs::remove_dir_all(project.at("z")).unwrap();
    project.settle(&mut watch).await;
    fs::remove_file(project.at("x")).unwrap();
    project.write("x/y", "a file became a directory");
    project.settle(&mut watch).await;
    fs::remove_dir_all(project.at("x")).unwrap();
    project.write("x", "and back");
    project.settle(&mut watch).await;
}

#[tokio::test]
async fn from_outside_and_away_again() {
    let (mut project, mut watch) = ready(&[("a", "1")]).await;
    let outside = tempfile::tempdir_in(project.dir.path().parent().unwrap()).unwrap();
    super::write(&outside.path().join("in/deep/file"), b"moved in");
    fs::rename(outside.path().join("in"), project.at("in")).unwrap();
    project.settle(&mut watch).await;
    project.write("in/deep/file", "edited");
    project.settle(&mut watch).await;
    fs::rename(project.at("in"), outside.path().join("in")).unwrap();
    project.settle(&mut watch).await;
    // No longer ours to follow.
    super::write(&outside.path().join("in/deep/file"), b"elsewhere");
    project.write("a", "2");
    project.settle(&mut watch).await;
}

#[tokio::test]
async fn a_checkout_of_hundreds_of_files() {
    let (mut project, mut watch) = ready(&[]).await;
    for round in 0..3 {
        for n in 0..500 {
            let path = format!("src/m{}/f{n}.py", n % (20 + round));
            let _ = fs::remove_file(project.at(&path));
            if (n + round) % 7 != 0 {
                project.write(&path, format!("{round} {n}"));
            }
        }
        project.settle(&mut watch).await;
    }
}

#[tokio::test]
async fn ignored_files_tell_nothing() {
    let (mut project, mut watch) = ready(&[("a", "1"), (".gitignore", "*.log\nbuild/\n")]).await;
    project.write("x.log", "noise");
    project.write("build/out/y", "noise");
    project.write("node_modules/left/right.js", "noise");
    project.write(".git/index", "noise");
    project.write("build/out/z", "noise");
    fs::remove_dir_all(project.at("build")).unwrap();
    project.write("a", "2");
    let batch = tokio::time::timeout(PATIENCE, async {
        loop {
            let batch = watch.batches.recv().await.unwrap();
            assert!(batch.paths.iter().all(|path| path == "a"), "{batch:?}");
            if batch.paths.contains("a") {
                return batch;
            }
        }
    });
    let batch = batch.await.unwrap();
    assert!(!batch.rescan);
    project.sync.batch(batch).await.unwrap();
    assert_eq!(project.inside.names(), [".gitignore", "a"]);
}

#[tokio::test]
async fn a_change_of_the_rules_changes_what_is_watched() {
    let (mut project, mut watch) =
        ready(&[("keep", "0"), ("out/x", "1"), (".gitignore", "out/\n")]).await;
    assert_eq!(project.inside.names(), [".gitignore", "keep"]);
    project.write(".gitignore", "");
    project.settle(&mut watch).await;
    project.write("out/x", "watched now");
    project.settle(&mut watch).await;
    project.write("out/y/.gitignore", "");
    project.write("out/y/z", "1");
    project.settle(&mut watch).await;
}

#[tokio::test]
async fn a_root_that_comes_back_is_followed_again() {
    let (mut project, mut watch) = ready(&[("a", "1"), ("d/b", "2")]).await;
    let root = project.dir.path().to_owned();
    let aside = root.with_extension("aside");
    fs::rename(&root, &aside).unwrap();
    let batch = tokio::time::timeout(PATIENCE, watch.batches.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(batch.rescan);
    assert!(project.sync.batch(batch).await.is_err());
    assert_eq!(project.inside.names(), ["a", "d/b"]);
    fs::rename(&aside, &root).unwrap();
    project.write("d/b", "edited on its return");
    project.settle(&mut watch).await;
    project.write("d/b", "and again");
    project.settle(&mut watch).await;
    assert_eq!(project.inside.tree(), here(&root));
}

#[tokio::test]
async fn nobody_listening_loses_nothing() {
    let (mut project, mut watch) = ready(&[("a", "0")]).await;
    for n in 0..3000 {
        project.write(&format!("d{}/f{}", n % 11, n % 50), n.to_string());
    }
    project.settle(&mut watch).await;
}

#[tokio::test]
async fn the_watch_ends_with_its_scope() {
    let (project, mut watch) = ready(&[("a", "1")]).await;
    assert!(project.scope.close(PATIENCE).await);
    assert_eq!(watch.batches.recv().await, None);
}

/// Runs itself again in a user namespace that has three watches.
#[tokio::test]
async fn without_watches_edits_are_found_by_reading() {
    let script = "echo 3 > /proc/sys/user/max_inotify_watches && exec \"$0\" \"$@\"";
    let probe = "echo 3 > /proc/sys/user/max_inotify_watches";
    let unshare = |arguments: &[&str]| {
        std::process::Command::new("unshare")
            .args(["-Ur", "sh", "-c"])
            .args(arguments)
            .output()
    };
    assert!(
        unshare(&[probe]).is_ok_and(|output| output.status.success()),
        "this test makes a user namespace, which this machine does not allow"
    );
    let me = std::env::current_exe().unwrap();
    let name = "sync::watching::with_three_watches";
    let output = unshare(&[script, me.to_str().unwrap(), "--exact", name, "--ignored"]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
#[ignore = "needs a namespace of its own"]
async fn with_three_watches() {
    let mut project = Project::new(&[("a/b", "1")]);
    let mut watch = project.watch().await;
    project.sync.full().await.unwrap();
    assert!(watch.degraded.borrow().is_none());
    // Root, a, and two more are one too many.
    project.write("c/x", "2");
    project.write("d/x", "3");
    project.settle(&mut watch).await;
    watch.degraded.wait_for(Option::is_some).await.unwrap();
    assert_eq!(*watch.degraded.borrow(), Some(WatchDegraded::NoMoreWatches));
    project.write("d/x", "found by reading");
    project.settle(&mut watch).await;
    fs::remove_dir_all(project.at("c")).unwrap();
    project.settle(&mut watch).await;

    let mut late = Project::new(&[("a/b/c/d", "1")]);
    let mut watch = late.watch().await;
    assert_eq!(*watch.degraded.borrow(), Some(WatchDegraded::NoMoreWatches));
    late.settle(&mut watch).await;
}
