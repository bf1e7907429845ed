//! What is left out, and what happens when that changes.

use std::fs;

use super::{Project, paths};

#[tokio::test]
async fn ignored_files_do_not_arrive_but_ignore_files_do() {
    let mut project = Project::ignoring(
        &[
            (".gitignore", "*.log\n/out\n"),
            (".dockerignore", "docs\n!docs/api.md\n"),
            (".codemateignore", "private\n"),
            ("app.py", "1"),
            ("app.log", "2"),
            ("out/x", "3"),
            ("sub/out/x", "4"),
            ("docs/guide.md", "5"),
            ("docs/api.md", "6"),
            ("private/key", "7"),
            ("tmp/x", "8"),
            (".git/config", "9"),
            ("node_modules/a/b.js", "10"),
            ("sub/__pycache__/x.pyc", "11"),
        ],
        &["tmp/"],
    );
    project.sync.full().await.unwrap();
    assert_eq!(
        project.inside.names(),
        [
            ".codemateignore",
            ".dockerignore",
            ".gitignore",
            "app.py",
            "docs/api.md",
            "sub/out/x"
        ]
    );
    let all = [
        "app.log",
        "out",
        "out/x",
        "docs",
        "private/key",
        "tmp",
        "tmp/x",
        ".git/config",
        "node_modules",
    ];
    let synced = project.sync.batch(paths(&all)).await.unwrap();
    assert!(synced.changed.is_empty() && !synced.report.full);
}

#[tokio::test]
async fn a_change_of_the_rules_is_a_full_comparison() {
    let mut project = Project::new(&[("a.log", "1"), ("b.py", "2"), ("sub/c.log", "3")]);
    project.sync.full().await.unwrap();
    project.write(".gitignore", "*.log\n");
    let synced = project.sync.batch(paths(&[".gitignore"])).await.unwrap();
    assert!(synced.report.full);
    assert_eq!(project.inside.names(), [".gitignore", "b.py"]);
    project.write("sub/.gitignore", "!c.log\n");
    project
        .sync
        .batch(paths(&["sub/.gitignore"]))
        .await
        .unwrap();
    assert_eq!(
        project.inside.names(),
        [".gitignore", "b.py", "sub/.gitignore", "sub/c.log"]
    );
    fs::remove_file(project.at(".gitignore")).unwrap();
    project.sync.batch(paths(&[".gitignore"])).await.unwrap();
    assert_eq!(
        project.inside.names(),
        ["a.log", "b.py", "sub/.gitignore", "sub/c.log"]
    );
}

#[tokio::test]
async fn a_directory_brings_its_own_rules_with_it() {
    let mut project = Project::new(&[
        ("a/x.log", "1"),
        ("b/.gitignore", "*.log\n"),
        ("b/y.log", "2"),
    ]);
    project.sync.full().await.unwrap();
    assert_eq!(project.inside.names(), ["a/x.log", "b/.gitignore"]);
    fs::rename(project.at("a"), project.at("c")).unwrap();
    fs::rename(project.at("b"), project.at("a")).unwrap();
    project.sync.batch(paths(&["a", "b", "c"])).await.unwrap();
    assert_eq!(project.inside.names(), ["a/.gitignore", "c/x.log"]);
}

#[tokio::test]
async fn a_line_that_is_no_pattern_is_told() {
    let mut project = Project::new(&[(".dockerignore", "ok\n[a\n"), ("ok", "1"), ("x", "2")]);
    let synced = project.sync.full().await.unwrap();
    assert_eq!(
        synced.report.refused,
        [".dockerignore line 2 is not a pattern"]
    );
    assert_eq!(project.inside.names(), [".dockerignore", "x"]);
}
