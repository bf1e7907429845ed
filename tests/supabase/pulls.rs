//! Pulls of our own schema: what is fetched, what is not, and what follows the table.

use serde_json::json;

use crate::{
    Test,
    world::{PROJECT, World, a_dir, block_on, files, on_disk},
};

pub const TESTS: &[Test] = &[
    ("a_first_pull_brings_every_file", first),
    ("an_edit_an_insert_a_delete_and_a_rename_follow", edits),
    ("a_second_start_fetches_only_what_changed", second_start),
    ("pages_of_seven_rows_leave_nothing_out", sevens),
    ("odd_names_and_contents_arrive_or_are_named", odd),
    ("a_file_becomes_a_directory_and_back", kinds),
    ("conflicting_paths_are_refused_one_by_one", conflicts),
    ("base64_and_modes_are_understood", base64),
];

fn first() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world.put("app.py", "print(1)\n").await;
        world.put("pkg/deep/er/m.py", "héllo \u{1f600}\r\n").await;
        world.put("empty", "").await;
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        assert!(
            puller.shape().revisions.is_some(),
            "ours is read by revision"
        );
        let done = puller.full().await.unwrap();
        assert_eq!(on_disk(dir.path()), world.truth().await);
        assert_eq!((done.files, done.written.len()), (3, 3));
        assert!(done.refused.is_empty() && done.unsettled == 0);
        let again = puller.full().await.unwrap();
        assert_eq!(
            (again.bytes, again.written.len(), again.deleted.len()),
            (0, 0, 0)
        );
    });
}

fn edits() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        for name in ["a", "b", "d/c"] {
            world.put(name, name).await;
        }
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        puller.full().await.unwrap();
        let row = |path: &str| format!("project_files?project_id=eq.{PROJECT}&path=eq.{path}");
        let steps = [
            ("PATCH", row("a"), json!({ "content": "a2" })),
            ("DELETE", row("b"), json!({})),
            ("PATCH", row("d%2Fc"), json!({ "path": "e/f" })),
            (
                "POST",
                "project_files".to_owned(),
                json!({ "project_id": PROJECT, "path": "n", "content": "new" }),
            ),
        ];
        let expected = [
            files(&[("a", "a2"), ("b", "b"), ("d/c", "d/c")]),
            files(&[("a", "a2"), ("d/c", "d/c")]),
            files(&[("a", "a2"), ("e/f", "d/c")]),
            files(&[("a", "a2"), ("e/f", "d/c"), ("n", "new")]),
        ];
        for ((method, path, body), expected) in steps.into_iter().zip(expected) {
            let status = world.write(method, &path, body).await;
            assert!(status < 300, "{method} {path}: {status}");
            let done = puller.quick().await.unwrap();
            assert_eq!(on_disk(dir.path()), expected, "{method} {path}: {done:?}");
        }
        assert!(
            !dir.path().join("files/d").exists(),
            "an empty directory goes"
        );
        // The control: nothing new is nothing done.
        let done = puller.quick().await.unwrap();
        assert!(done.written.is_empty() && done.deleted.is_empty());
    });
}

fn second_start() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        for name in ["a", "b", "c"] {
            world.put(name, &name.repeat(1000)).await;
        }
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        assert_eq!(puller.full().await.unwrap().bytes, 3000);
        puller.save().await.unwrap();
        drop(puller);
        world.put("b", "changed").await;
        let mut puller = world.connect(dir.path()).await;
        let done = puller.full().await.unwrap();
        assert_eq!((done.bytes, done.written), (7, vec!["b".to_owned()]));
        assert_eq!(on_disk(dir.path()), world.truth().await);
    });
}

fn sevens() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 7).await;
        let sql = format!(
            "insert into project_files (project_id, path, content)
             select '{PROJECT}', 'f/' || n, repeat(n::text, 50) from generate_series(1, 200) n"
        );
        world.sql(&sql).await;
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        let done = puller.full().await.unwrap();
        assert_eq!((done.files, done.unsettled), (200, 0));
        assert_eq!(on_disk(dir.path()), world.truth().await);
        world
            .sql("delete from project_files where length(path) = 3")
            .await;
        world
            .sql("update project_files set content = 'x' where length(path) = 4")
            .await;
        puller.quick().await.unwrap();
        assert_eq!(on_disk(dir.path()), world.truth().await);
        world
            .sql("alter table project_files disable trigger all")
            .await;
        world
            .sql("delete from project_files where path like '%9'")
            .await;
        puller.quick().await.unwrap();
        assert_ne!(
            on_disk(dir.path()),
            world.truth().await,
            "no tombstone tells"
        );
        puller.full().await.unwrap();
        assert_eq!(on_disk(dir.path()), world.truth().await);
    });
}

fn odd() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world
            .sql("alter table project_files drop constraint project_files_path_check")
            .await;
        let good = [
            "w/a,b (c).txt",
            "w/emoji\u{1f600}.txt",
            " w/lead space",
            "w/100%.txt",
            "w/a&b=c+d.txt",
            "w/quo\"te.txt",
            "eq.null",
            "*star*",
            "{brace}",
            "null",
            "true",
            "w/nfd e\u{301}",
            "(a)",
            "-rf",
        ];
        let bad = [
            "w/back\\slash",
            "new\nline",
            "colon:x",
            "../up",
            "a/../../up",
            "a//b",
            "dir/",
            "",
            "//double",
            ".git/hooks/pre-commit",
            "nul",
            "w/..%2F..",
        ];
        for path in good.into_iter().chain(bad) {
            world.put(path, &format!("in {path}")).await;
        }
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        let done = puller.full().await.unwrap();
        let expected = good
            .iter()
            .map(|path| ((*path).to_owned(), format!("in {path}").into_bytes()))
            .collect();
        assert_eq!(on_disk(dir.path()), expected);
        assert_eq!(done.refused.len(), bad.len(), "{:?}", done.refused);
        assert!(done.refused.iter().all(|one| !one.path.contains('\n')));
        world
            .sql("update project_files set content = content || '!'")
            .await;
        let done = puller.quick().await.unwrap();
        assert_eq!(done.written.len(), good.len());
    });
}

fn kinds() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world.put("a", "file").await;
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        puller.full().await.unwrap();
        world.sql("delete from project_files").await;
        world.put("a/b/c", "deeper").await;
        puller.quick().await.unwrap();
        assert_eq!(on_disk(dir.path()), files(&[("a/b/c", "deeper")]));
        world.sql("delete from project_files").await;
        world.put("a", "file again").await;
        puller.quick().await.unwrap();
        assert_eq!(on_disk(dir.path()), files(&[("a", "file again")]));
    });
}

fn conflicts() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world
            .sql("alter table project_files drop constraint project_files_path_check")
            .await;
        for path in [
            "README", "readme", "Src/a", "src/b", "d", "d/e", "/lead", "plain",
        ] {
            world.put(path, path).await;
        }
        // The newer of two rows that mean one path.
        world.put("plain2", "older").await;
        world.put("/plain2", "newer").await;
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        let done = puller.full().await.unwrap();
        let expected = files(&[
            ("README", "README"),
            ("Src/a", "Src/a"),
            ("d/e", "d/e"),
            ("lead", "/lead"),
            ("plain", "plain"),
            ("plain2", "newer"),
        ]);
        assert_eq!(on_disk(dir.path()), expected);
        let named: Vec<_> = done.refused.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(named, ["d", "plain2", "readme", "src/b"]);
        world
            .sql("delete from project_files where path = 'README'")
            .await;
        puller.quick().await.unwrap();
        let now = on_disk(dir.path());
        assert!(now.contains_key("readme") && !now.contains_key("README"));
    });
}

fn base64() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        let sql = format!(
            "insert into project_files (project_id, path, content, encoding, mode, is_directory)
             values ('{PROJECT}', 'bin', 'AAECAw==', 'base64', null, false),
                    ('{PROJECT}', 'run.sh', '#!/bin/sh', 'utf8', 493, false),
                    ('{PROJECT}', 'nothing', null, 'utf8', null, false),
                    ('{PROJECT}', 'dir', null, 'utf8', null, true)"
        );
        world.sql(&sql).await;
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        let done = puller.full().await.unwrap();
        let found = on_disk(dir.path());
        assert_eq!(found["bin"], [0, 1, 2, 3]);
        assert_eq!(found.len(), 2, "{found:?}");
        let mode = std::fs::metadata(dir.path().join("files/run.sh")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(done.refused[0].path, "nothing");
        // Named again, and not asked for again.
        let again = puller.full().await.unwrap();
        assert_eq!(again.refused, done.refused);
        world.put("nothing", "something").await;
        let filled = puller.quick().await.unwrap();
        assert_eq!(filled.written, ["nothing"]);
        // A row that loses its content leaves the last good file.
        world
            .sql("update project_files set content = null where path = 'nothing'")
            .await;
        let emptied = puller.quick().await.unwrap();
        assert_eq!((emptied.refused.len(), emptied.deleted.len()), (1, 0));
        assert_eq!(on_disk(dir.path())["nothing"], b"something");
    });
}
