//! An entrance: rows of a table, mirrored into a real directory.

use std::{collections::BTreeSet, fs};

use codemate_preview::{source::path_rules, task::Scope};

use super::{
    Expect, Random, SEED, VARIANTS,
    census::{SECRET, World},
    inputs,
    stub::Stub,
    tars,
};

pub fn a_world() -> World {
    World::new("mirror/files", &["mirror"])
}

/// As it is told: some tables write the project's root as a slash.
fn shown(path: &str) -> String {
    path_rules::printable(path.strip_prefix('/').unwrap_or(path))
}

#[tokio::test]
async fn no_row_becomes_a_file_outside() {
    let (scope, world) = (Scope::new(), a_world());
    let server = Stub::start(&scope).await;
    let before = world.census();
    let mut all = Vec::new();
    for (class, variant, input) in inputs(&world) {
        let Some(path) = input.text().filter(|_| input.before.is_empty()) else {
            continue;
        };
        let path = match class.expect {
            // None that another variant has, so that each has its own fate.
            Expect::Literal | Expect::OneOfTwo => format!("{}/{variant}/{path}", class.number),
            _ => path.to_owned(),
        };
        server.table().put(&path, "x", None);
        let other = input
            .other
            .map(|other| format!("{}/{variant}/{other}", class.number));
        if let Some(other) = &other {
            server.table().put(other, "x", None);
        }
        all.push((class, path, other));
    }
    let mut puller = server
        .puller(&world.home().join("mirror"), &scope)
        .await
        .unwrap();
    let came = puller.first().await.unwrap();
    let refused: BTreeSet<&str> = came
        .refused
        .iter()
        .map(|refused| refused.path.as_str())
        .collect();
    for (class, path, other) in &all {
        let what = format!("{} {}: {path:?}", class.number, class.name);
        // A slash first is the project's root: what follows is taken by the letter.
        let is_rooted = path.starts_with('/') && path_rules::check(&path[1..]).is_ok();
        match class.expect {
            Expect::Escapes | Expect::Refused | Expect::Foreign if !is_rooted => {
                assert!(refused.contains(shown(path).as_str()), "{what}");
            }
            Expect::OneOfTwo => {
                assert!(world.at(path).is_file(), "{what}");
                assert!(
                    refused.contains(shown(other.as_ref().unwrap()).as_str()),
                    "{what}"
                );
                assert!(!world.at(other.as_ref().unwrap()).exists(), "{what}");
            }
            _ => {
                let path = path.trim_start_matches('/');
                let is_there = world.at(path).is_file();
                assert!(is_there || refused.contains(shown(path).as_str()), "{what}");
                assert!(is_there || class.number == 9, "{what}");
            }
        }
    }
    assert!(all.len() > 3500 && came.files > 700 && refused.len() > 2500);
    assert_eq!(world.census(), before);
}

/// Classes 41 to 49: in the mirror, private as it is, stands what a row's file meets.
#[tokio::test]
async fn what_stands_in_the_mirror_is_not_followed() {
    let (scope, world) = (Scope::new(), a_world());
    let server = Stub::start(&scope).await;
    server.table().put("a", "x", None);
    let dir = world.home().join("mirror");
    let mut puller = server.puller(&dir, &scope).await.unwrap();
    puller.first().await.unwrap();
    let mut paths = Vec::new();
    for (_, variant, mut input) in inputs(&world).filter(|(_, _, input)| !input.before.is_empty()) {
        // Names of its own, but for links to other names of the same variant.
        let unlike = format!("{}{variant}", paths.len());
        if input.before.len() == 1 {
            let text = input.text().unwrap().to_owned();
            rename(&mut input.before[0], &unlike);
            input.path = format!("{unlike}{text}").into_bytes();
        }
        if input.before.iter().all(|stands| !stands.is_there(&world)) {
            input.before.iter().for_each(|stands| stands.make(&world));
            paths.push(input.text().unwrap().to_owned());
        }
    }
    let before = world.census();
    for path in &paths {
        server.table().put(path, "x", None);
    }
    let came = puller.first().await.unwrap();
    let same = |when: &str| {
        for file in ["f", "g", "sub/f", "sub/x.py", ".ssh/authorized_keys"] {
            assert_eq!(
                fs::read(world.canary().join(file)).unwrap(),
                SECRET,
                "{when}"
            );
        }
        let names = |census: &std::collections::BTreeMap<_, String>| {
            census.keys().cloned().collect::<Vec<std::path::PathBuf>>()
        };
        assert_eq!(names(&world.census()), names(&before), "{when}");
    };
    same("written");
    let blocked = came.refused.len();
    assert!(
        blocked > 200 && came.written.len() > 400,
        "{blocked} {}",
        came.written.len()
    );
    // Deleted, through whatever stands there by then; then swept, at the next start.
    for path in &paths {
        server.table().delete(path);
    }
    puller.full().await.unwrap();
    same("deleted");
    drop(puller);
    server
        .puller(&dir, &scope)
        .await
        .unwrap()
        .first()
        .await
        .unwrap();
    same("swept");
    assert_eq!(
        fs::read_dir(&world.root)
            .unwrap()
            .filter(|e| e.as_ref().unwrap().path().is_symlink())
            .count(),
        0
    );
}

fn rename(stands: &mut super::classes::Stands, unlike: &str) {
    use super::classes::Stands as S;
    let (S::Dir(path)
    | S::Link(path, _)
    | S::HardLink(path)
    | S::Fifo(path)
    | S::Socket(path)
    | S::Device(path)) = stands;
    *path = format!("{unlike}{path}");
}

/// Classes 51 to 66: lengths that are not true, and archives.
#[tokio::test]
async fn lengths_and_archives_in_rows() {
    let (scope, world) = (Scope::new(), a_world());
    let server = Stub::start(&scope).await;
    let before = world.census();
    for class in 51..=55 {
        for variant in 0..VARIANTS {
            let mut random = Random::new(SEED, class, variant);
            let size = match class {
                51 => random.of(&[1 << 63, u64::MAX, i64::MAX as u64]),
                52 => (1 << 40) + random.next() % (1 << 40),
                53 => random.next() % 10_000,
                _ => 0,
            };
            let content = "x".repeat(if class == 55 {
                0
            } else {
                1 + random.below(500)
            });
            server
                .table()
                .put(&format!("{class}/{variant}"), &content, Some(size));
        }
    }
    for (class, variant, archive) in tars::archives(&world) {
        // As far as it is text.
        let text = String::from_utf8_lossy(&archive).into_owned();
        server
            .table()
            .put(&format!("{class}/{variant}.tar"), &text, None);
    }
    let mut puller = server
        .puller(&world.home().join("mirror"), &scope)
        .await
        .unwrap();
    let came = puller.first().await.unwrap();
    assert_eq!(came.refused.len(), 2 * VARIANTS);
    assert!(
        came.refused
            .iter()
            .all(|refused| refused.path.starts_with("51/") || refused.path.starts_with("52/"))
    );
    assert_eq!(came.files, (3 + 11) * VARIANTS);
    assert_eq!(fs::metadata(world.at("55/0")).unwrap().len(), 0);
    assert_eq!(world.census(), before);
}
