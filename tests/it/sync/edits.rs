//! Hundreds of random edits, renames, deletions and mode changes: none is lost.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use super::{Project, here, paths};

/// A small generator, so that a seed is a whole run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn path(&mut self) -> String {
        let depth = 1 + self.roll(3);
        let names: Vec<String> = (0..depth).map(|_| format!("n{}", self.roll(5))).collect();
        names.join("/")
    }
}

/// One edit; where the tree does not allow it, nothing.
fn edit(project: &Project, dice: &mut Dice, step: usize) {
    let target = |path: String| -> PathBuf { project.at(&path) };
    let (one, other) = (target(dice.path()), target(dice.path()));
    match dice.roll(9) {
        0..=3 => {
            if let Some(parent) = one.parent() {
                let _ = fs::create_dir_all(parent);
            }
            let length = [3, 3, 200_000][dice.roll(3)];
            let _ = fs::write(&one, step.to_string().repeat(length / 3));
        }
        4 => drop(fs::remove_file(&one)),
        5 => drop(fs::remove_dir_all(&one)),
        6 => drop(fs::rename(&one, &other)),
        7 => {
            let is_file = fs::symlink_metadata(&one).is_ok_and(|meta| meta.is_file());
            if is_file {
                let mode = [0o644, 0o755][dice.roll(2)];
                let _ = fs::set_permissions(&one, fs::Permissions::from_mode(mode));
            }
        }
        _ => drop(symlink(format!("n{}", dice.roll(5)), &one)),
    }
}

async fn run(seed: u64) {
    let mut project = Project::new(&[("n0", "start")]);
    let mut watch = project.watch().await;
    project.sync.full().await.unwrap();
    let mut dice = Dice(seed);
    for step in 0..200 {
        edit(&project, &mut dice, step);
        // Sometimes several land in one burst, sometimes while another is being sent.
        if dice.roll(4) == 0
            && let Ok(batch) = watch.batches.try_recv()
        {
            project.sync.batch(batch).await.unwrap();
        }
        if dice.roll(20) == 0 {
            project.settle(&mut watch).await;
        }
    }
    project.settle(&mut watch).await;
    // What was sent step by step is what a comparison from nothing finds.
    let full = project.sync.full().await.unwrap();
    assert_eq!(full.changed, Vec::<String>::new());
    assert_eq!(project.inside.tree(), here(project.dir.path()));
}

#[tokio::test]
async fn two_hundred_random_edits_all_arrive() {
    for seed in [0x5eed, 0xbeef, 0xc0de, 0xfeed] {
        run(seed).await;
    }
}

/// A file of our own making is there as long as the source has none of that name.
#[tokio::test]
async fn what_is_made_gives_way_to_the_sources_own() {
    let mut project = Project::new(&[("app.py", "1")]);
    let made = [("web/.env".to_owned(), "A=1\n".into())];
    project.sync.make(made.clone().into());
    let synced = project.sync.full().await.unwrap();
    assert_eq!(project.inside.names(), ["app.py", "web/.env"]);
    assert!(synced.changed.contains(&"web/.env".to_owned()));
    // Neither sent twice nor deleted.
    let again = project.sync.full().await.unwrap();
    assert!(again.changed.is_empty(), "{again:?}");
    assert_eq!(project.inside.names(), ["app.py", "web/.env"]);
    project.write("web/.env", "A=2\n");
    project.sync.batch(paths(&["web/.env"])).await.unwrap();
    project.sync.full().await.unwrap();
    assert_eq!(project.inside.tree(), here(project.dir.path()));
}
