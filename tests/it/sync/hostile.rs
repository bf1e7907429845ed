//! Trees made to harm: nothing outside is read, nothing hangs, the rest arrives.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    sync::atomic::{AtomicBool, Ordering},
};

use codemate_preview::{
    source::{LocalSource, SourceError},
    sync::NotApplied,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{Project, inside::Stored, paths};

#[expect(clippy::too_many_lines, reason = "one hostile tree, made once")]
#[tokio::test]
async fn what_cannot_be_taken_is_named_and_the_rest_arrives() {
    let mut project = Project::new(&[("ok.py", "1"), ("dir/ok.py", "2")]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "canary").unwrap();
    let at = |path: &str| project.at(path);
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(at("dir/sock")).unwrap();
    for name in [
        "line\nbreak",
        "escape\u{1b}[31m",
        "bidi\u{202e}x",
        "back\\slash",
        "nul.txt",
        "x:ads",
        "dot.",
        "git~1",
    ] {
        fs::write(at(name), "x").unwrap();
    }
    fs::create_dir(at(".GIT")).unwrap();
    fs::write(at(".GIT/config"), "x").unwrap();
    fs::write(project.dir.path().join(OsStr::from_bytes(b"bad\xff")), "x").unwrap();
    symlink(outside.path().join("secret"), at("absolute")).unwrap();
    symlink("../../etc/passwd", at("dir/up")).unwrap();
    symlink(outside.path(), at("outside-dir")).unwrap();
    symlink("loop-b", at("loop-a")).unwrap();
    symlink("loop-a", at("loop-b")).unwrap();
    symlink(".", at("dir/self")).unwrap();
    File::create(at("sparse"))
        .unwrap()
        .set_len(5 << 30)
        .unwrap();
    let deep = vec!["d"; 70].join("/");
    fs::create_dir_all(at(&deep)).unwrap();

    let synced = project.sync.full().await.unwrap();
    assert_eq!(
        project.inside.names(),
        [
            "back\\slash",
            "dir/ok.py",
            "dir/self",
            "dot.",
            "loop-a",
            "loop-b",
            "nul.txt",
            "ok.py",
            "x:ads"
        ]
    );
    let mut refused = synced.report.refused.clone();
    refused.retain(|line| {
        let told = ["`absolute`", "`outside-dir`", "`d/"];
        !told.iter().any(|path| line.starts_with(path))
    });
    refused.sort();
    assert_eq!(
        refused,
        [
            "`.GIT` is left out: the name stands for `.git`",
            "`bad\u{fffd}` is left out: the name is not UTF-8",
            "`bidi\\u{202e}x` is left out: the name holds a character that reorders text",
            "`dir/sock` is left out: it is a socket, not a file",
            "`dir/up` is left out: it links to `../../etc/passwd`, outside the project",
            "`escape\\u{1b}[31m` is left out: the name holds a control character",
            "`fifo` is left out: it is a named pipe, not a file",
            "`git~1` is left out: the name stands for `.git`",
            "`line\\u{a}break` is left out: the name holds a control character",
            "`sparse` is left out: it is 5368709120 bytes long, and 536870912 is the limit",
        ]
    );
    assert_eq!(synced.refused.len(), refused.len() + 3);
    let fatal: Vec<_> = synced
        .refused
        .iter()
        .filter(|refused| refused.why.is_fatal())
        .collect();
    assert_eq!(fatal.len(), 1);
    assert_eq!(
        (fatal[0].path.as_str(), fatal[0].problem().code.exit_code()),
        ("sparse", 7)
    );

    // One by one they fare no better.
    let one = paths(&[
        "fifo",
        "dir/sock",
        "nul.txt",
        "line\nbreak",
        "outside-dir/secret",
        "dir/self/ok.py",
        "/etc/passwd",
        "sparse",
    ]);
    let synced = project.sync.batch(one).await.unwrap();
    assert!(synced.changed.is_empty());
    assert_eq!(synced.refused.len(), 4);
}

#[tokio::test]
async fn a_fifo_as_an_ignore_file_does_not_block() {
    let mut project = Project::new(&[("a", "1"), ("sub/b", "2")]);
    for name in [".gitignore", ".dockerignore", "sub/.codemateignore"] {
        mknodat(CWD, project.at(name), FileType::Fifo, Mode::RWXU, 0).unwrap();
    }
    let synced = project.sync.full().await.unwrap();
    assert_eq!(project.inside.names(), ["a", "sub/b"]);
    assert_eq!(synced.refused.len(), 3);
}

#[tokio::test]
async fn a_file_that_became_something_else_is_deleted() {
    let mut project = Project::new(&[("a", "1"), ("b", "2"), ("d/x", "3")]);
    project.sync.full().await.unwrap();
    fs::remove_file(project.at("a")).unwrap();
    mknodat(CWD, project.at("a"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    fs::remove_file(project.at("b")).unwrap();
    symlink("/etc", project.at("b")).unwrap();
    fs::rename(project.at("d"), project.at("real")).unwrap();
    symlink("real", project.at("d")).unwrap();
    project
        .sync
        .batch(paths(&["a", "b", "d", "d/x", "real"]))
        .await
        .unwrap();
    assert_eq!(project.inside.names(), ["d", "real/x"]);
}

#[tokio::test]
#[ignore = "needs a user other than root, who may read any file"]
async fn unreadable_is_fatal_and_deletes_nothing() {
    let mut project = Project::new(&[("locked", "1"), ("shut/x", "2"), ("ok", "3")]);
    project.sync.full().await.unwrap();
    let mode = |path: &str, mode| {
        fs::set_permissions(project.at(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("locked", 0o000);
    mode("shut", 0o000);
    let synced = project.sync.full().await.unwrap();
    assert_eq!(project.inside.names(), ["locked", "ok", "shut/x"]);
    let unreadable: Vec<_> = synced.refused.iter().filter(|r| r.why.is_fatal()).collect();
    assert_eq!(unreadable.len(), 2);
    assert!(matches!(unreadable[0].why, NotApplied::Here(_)));
    fs::set_permissions(project.at("shut"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// A directory is swapped for a link to the outside while it is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_race_never_reads_outside() {
    let mut project = Project::new(&[("d/f", "inside"), ("d/g", "inside")]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("f"), "canary").unwrap();
    fs::write(outside.path().join("g"), "canary").unwrap();
    let (dir, aside, link) = (
        project.at("d"),
        project.at("aside"),
        outside.path().to_owned(),
    );
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::rename(&dir, &aside).unwrap();
                symlink(&link, &dir).unwrap();
                fs::remove_file(&dir).unwrap();
                fs::rename(&aside, &dir).unwrap();
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for _ in 0..300 {
                    project.sync.full().await.unwrap();
                    project
                        .sync
                        .batch(paths(&["d", "d/f", "aside"]))
                        .await
                        .unwrap();
                }
            });
        });
        done.store(true, Ordering::Relaxed);
    });
    let canary = Stored::File {
        mode: 0o644,
        content: b"canary".to_vec(),
    };
    assert!(
        !project
            .inside
            .tree()
            .values()
            .any(|stored| *stored == canary)
    );
    project.sync.full().await.unwrap();
    assert_eq!(project.inside.names(), ["d/f", "d/g"]);
}

#[test]
fn what_is_not_a_directory_cannot_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(
        LocalSource::open(file, &[]),
        Err(SourceError::NotADirectory { .. })
    ));
    let missing = LocalSource::open(dir.path().join("missing"), &[]).unwrap_err();
    assert!(matches!(missing, SourceError::NotFound { .. }));
    assert_eq!(missing.problem().code.exit_code(), 2);
}
