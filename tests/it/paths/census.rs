//! A root, and around it a tree that nothing written below the root may change.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use tempfile::TempDir;

pub const SECRET: &[u8] = b"canary: neither read nor written";

/// `<world>/outer/home/<root>`, and `<world>/canary`: three steps up from the root is still ours.
pub struct World {
    temp: TempDir,
    /// What is the program's own, and may change.
    own: Vec<PathBuf>,
    pub root: PathBuf,
}

impl World {
    /// `own`: names beside the root that are not looked at.
    pub fn new(root: &str, own: &[&str]) -> Self {
        // In memory where that is, for thousands are made.
        let memory = Path::new("/dev/shm");
        let temp = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let path = temp.path().canonicalize().unwrap();
        let home = path.join("outer/home");
        fs::create_dir_all(home.join(root)).unwrap();
        let canary = path.join("canary");
        for name in ["f", "g", "sub/f", "sub/x.py", ".ssh/authorized_keys"] {
            let file = canary.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, SECRET).unwrap();
        }
        fs::create_dir(canary.join("empty")).unwrap();
        fs::write(path.join("outer/file"), SECRET).unwrap();
        Self {
            own: own
                .iter()
                .chain([&root])
                .map(|name| home.join(name))
                .collect(),
            root: home.join(root),
            temp,
        }
    }

    pub fn path(&self) -> PathBuf {
        self.temp.path().canonicalize().unwrap()
    }

    pub fn home(&self) -> PathBuf {
        self.path().join("outer/home")
    }

    pub fn canary(&self) -> PathBuf {
        self.path().join("canary")
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Everything around the root: content, kind, mode, owner, links and times.
    pub fn census(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.path()];
        while let Some(path) = waiting.pop() {
            if self.own.contains(&path) {
                continue;
            }
            let about = fs::symlink_metadata(&path).unwrap();
            let mut line = format!(
                "{:o} {}:{} x{} {} {}.{} {}.{}",
                about.mode(),
                about.uid(),
                about.gid(),
                about.nlink(),
                about.len(),
                about.mtime(),
                about.mtime_nsec(),
                about.ctime(),
                about.ctime_nsec()
            );
            if about.is_dir() {
                let below = fs::read_dir(&path).unwrap();
                waiting.extend(below.map(|entry| entry.unwrap().path()));
            } else if about.is_file() {
                line += &String::from_utf8_lossy(&fs::read(&path).unwrap());
            }
            found.insert(path, line);
        }
        found
    }

    /// Take everything out of the root again.
    pub fn clear(&self) {
        for entry in fs::read_dir(&self.root).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                fs::remove_dir_all(entry.path()).unwrap();
            } else {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// Whether joining this to the root names something in this world, taken letter by letter.
    pub fn holds(&self, path: &Path) -> bool {
        let mut at = PathBuf::new();
        for part in self.root.join(path).components() {
            match part {
                Component::ParentDir => drop(at.pop()),
                part => at.push(part),
            }
        }
        at.starts_with(self.path())
    }
}

/// The control: a change of any kind is one the census would see.
#[test]
fn a_census_sees_every_change() {
    let changes: &[fn(&World)] = &[
        |world| {
            let as_long = b"canary: neither read nor writtem";
            fs::write(world.canary().join("f"), as_long).unwrap();
        },
        |world| fs::write(world.canary().join("new"), b"").unwrap(),
        |world| fs::remove_file(world.canary().join("g")).unwrap(),
        |world| fs::create_dir(world.home().join("dir")).unwrap(),
        |world| fs::hard_link(world.canary().join("g"), world.at("x")).unwrap(),
        |world| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(world.canary().join("f"), mode).unwrap();
        },
        |world| fs::rename(world.canary().join("f"), world.canary().join("h")).unwrap(),
    ];
    for change in changes {
        let world = World::new("root", &[]);
        let before = world.census();
        fs::write(world.at("inside"), "").unwrap();
        assert_eq!(world.census(), before);
        change(&world);
        assert_ne!(world.census(), before);
    }
}
