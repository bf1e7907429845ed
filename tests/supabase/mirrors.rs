//! The mirror after crashes and strangers: what is in it is compared, not believed.

use std::fs;

use crate::{
    Test,
    world::{World, a_dir, block_on, on_disk},
};

pub const TESTS: &[Test] = &[
    ("what_a_crash_left_is_put_right", crash),
    ("a_lost_index_costs_a_fetch_and_nothing_else", index),
    ("the_directory_is_private", private),
    ("a_file_that_someone_took_is_brought_again", taken),
];

fn crash() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        for name in ["a", "b", "d/c"] {
            world.put(name, name).await;
        }
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        puller.full().await.unwrap();
        puller.save().await.unwrap();
        drop(puller);
        let file = |path: &str| dir.path().join("files").join(path);
        // Half written, of the same length, gone, and of nobody.
        fs::write(file("a"), "").unwrap();
        fs::write(file("d/c"), "d-c").unwrap();
        fs::remove_file(file("b")).unwrap();
        fs::create_dir(file("s")).unwrap();
        fs::write(file("s/stray"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", file("link")).unwrap();
        fs::write(dir.path().join("incoming/7"), "left").unwrap();
        let mut puller = world.connect(dir.path()).await;
        assert!(
            !file("link").exists(),
            "a link goes before anything is read"
        );
        let done = puller.full().await.unwrap();
        assert_eq!(on_disk(dir.path()), world.truth().await);
        assert_eq!(
            (done.written.len(), done.deleted),
            (3, vec!["s/stray".to_owned()])
        );
        assert!(!dir.path().join("incoming/7").exists());
        // While it runs, too: what cannot be written is noticed, and all is compared anew.
        fs::remove_dir_all(dir.path().join("files")).unwrap();
        world.put("n", "n").await;
        assert!(puller.quick().await.is_err());
        puller.quick().await.unwrap();
        assert_eq!(on_disk(dir.path()), world.truth().await);
    });
}

fn index() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world.put("a", "content").await;
        world.put("b", "content").await;
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        puller.full().await.unwrap();
        puller.save().await.unwrap();
        world
            .sql("delete from project_files where path = 'b'")
            .await;
        for damage in ["", "{", "{\"version\":99}", "[1,2]"] {
            fs::write(dir.path().join("index.json"), damage).unwrap();
            let mut puller = world.connect(dir.path()).await;
            puller.full().await.unwrap();
            assert_eq!(on_disk(dir.path()), world.truth().await, "{damage:?}");
        }
    });
}

fn private() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        let dir = a_dir();
        let root = dir.path().join("x");
        let _puller = world.connect(&root).await;
        let mode = fs::metadata(&root).unwrap().permissions();
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode);
        assert_eq!(mode & 0o777, 0o700);
    });
}

fn taken() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        for name in ["a", "b", "d/c"] {
            world.put(name, name).await;
        }
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        puller.first().await.unwrap();
        fs::remove_dir_all(dir.path().join("files/d")).unwrap();
        fs::write(dir.path().join("files/a"), "longer").unwrap();
        puller.doubt().await.unwrap();
        let done = puller.full().await.unwrap();
        assert_eq!(done.written.len(), 2);
        assert_eq!(on_disk(dir.path()), world.truth().await);
    });
}
