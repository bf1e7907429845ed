//! What the guest remembers over its own death.

use std::{fs, io::Write};

use super::{World, apply_one, delete, held, put, symlink, token};

#[tokio::test]
async fn the_journal_survives_a_kill() {
    let mut world = World::new();
    let (link, _events) = world.link().await;
    link.apply(vec![
        put("a", "1"),
        put("b/c", "2"),
        symlink("l", "a"),
        put("gone", "3"),
    ])
    .await
    .unwrap();
    apply_one(&link, delete("gone")).await.unwrap();
    world.kill_and_restart().await;
    link.closed().await;
    let (link, _events) = world.link().await;
    let expected = [("a", token(b"1")), ("b/c", token(b"2")), ("l", token(b"a"))]
        .map(|(path, token)| (path.to_owned(), token));
    assert_eq!(held(&link).await, expected);
    apply_one(&link, delete("b/c")).await.unwrap();
    assert!(!world.at("b").exists());
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_and_written_over() {
    let mut world = World::new();
    let (link, _events) = world.link().await;
    apply_one(&link, put("a", "1")).await.unwrap();
    let journal = world.dir.path().join("home/.codemate/journal");
    for tail in [&[40, 0, 0, 0, 1, 2][..], &[255; 100], &[0; 9]] {
        world.init.kill().await.unwrap();
        fs::OpenOptions::new()
            .append(true)
            .open(&journal)
            .unwrap()
            .write_all(tail)
            .unwrap();
        world.kill_and_restart().await;
        let (link, _events) = world.link().await;
        assert_eq!(held(&link).await, [("a".to_owned(), token(b"1"))]);
        link.apply(vec![put("b", "2"), delete("b")]).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_the_app_removed_is_told_as_unfinished() {
    let world = World::new();
    let (link, _events) = world.link().await;
    apply_one(&link, put("a", "1")).await.unwrap();
    fs::remove_file(world.at("a")).unwrap();
    assert_eq!(held(&link).await, [("a".to_owned(), [0; 32])]);
}

#[tokio::test]
async fn the_journal_does_not_grow_with_edits() {
    let world = World::new();
    let (link, _events) = world.link().await;
    for round in 0..6 {
        let ops = (0..1000)
            .map(|edit| put("a", format!("{round} {edit}")))
            .collect();
        assert!(link.apply(ops).await.unwrap().iter().all(Result::is_ok));
    }
    let journal = world.dir.path().join("home/.codemate/journal");
    assert!(fs::metadata(journal).unwrap().len() < 200_000);
    assert_eq!(held(&link).await, [("a".to_owned(), token(b"5 999"))]);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_what_was_there() {
    let mut world = World::new();
    let (link, _events) = world.link().await;
    apply_one(&link, put("a", "old")).await.unwrap();
    // A whole greeting, then the first part of a large file, by hand.
    let mut raw = world.raw().await;
    let mut bytes = frame(1, 0, &[3]);
    let mut begin = vec![1, 0, 0, 0, b'a'];
    begin.extend_from_slice(&0o644u32.to_le_bytes());
    begin.extend_from_slice(&[5; 32]);
    begin.extend_from_slice(&1_000_000u64.to_le_bytes());
    bytes.extend(frame(5, 9, &begin));
    bytes.extend(frame(6, 9, &[&[3, 0, 0, 0][..], b"xyz"].concat()));
    tokio::io::AsyncWriteExt::write_all(&mut raw, &bytes)
        .await
        .unwrap();
    while fs::read_dir(world.workspace()).unwrap().count() < 2 {
        link.inventory().await.unwrap();
    }
    world.kill_and_restart().await;
    let (link, _events) = world.link().await;
    assert_eq!(fs::read_dir(world.workspace()).unwrap().count(), 1);
    assert_eq!(world.read("a"), "old");
    assert_eq!(held(&link).await, [("a".to_owned(), [0; 32])]);
}

fn frame(kind: u8, id: u32, fields: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(fields.len() + 5)
        .unwrap()
        .to_le_bytes()
        .to_vec();
    frame.push(kind);
    frame.extend_from_slice(&id.to_le_bytes());
    frame.extend_from_slice(fields);
    frame
}
