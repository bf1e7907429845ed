//! The control: who joins and writes does change what is around the root, in a world made for it.

use std::{collections::BTreeMap, ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use super::{census::World, inputs};

/// What many programs do.
fn write(root: &Path, path: &OsStr) {
    let path = root.join(path);
    if let Some(parent) = path.parent() {
        let _ = fs::create_dir_all(parent);
    }
    // Whoever opens a pipe waits.
    if fs::metadata(&path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        return;
    }
    let _ = fs::write(path, "escaped");
}

#[test]
fn a_naive_writer_gets_out() {
    let mut escapes: BTreeMap<u32, usize> = BTreeMap::new();
    let mut world = World::new("root", &[]);
    let all: Vec<_> = inputs(&world)
        .map(|(class, variant, _)| (class, variant))
        .collect();
    for (class, variant) in all {
        let mut random = super::Random::new(super::SEED, class.number, variant);
        let input = (class.make)(&mut random, &world);
        let path = OsStr::from_bytes(&input.path);
        if !world.holds(Path::new(path)) {
            continue;
        }
        input.before.iter().for_each(|stands| stands.make(&world));
        let before = world.census();
        write(&world.root, path);
        if world.census() == before {
            world.clear();
        } else {
            *escapes.entry(class.number).or_default() += 1;
            world = World::new("root", &[]);
        }
    }
    let caught: Vec<u32> = escapes.keys().copied().collect();
    assert_eq!(caught, [2, 3, 9, 10, 42, 43, 44, 47], "{escapes:?}");
    assert!(escapes.values().all(|count| *count >= 10), "{escapes:?}");
}
