//! Rows as a server sends them: whatever they say, the files they ask for can be in one directory
//! of any system, and their order does not matter.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "compiled in whole")]
#[path = "."]
mod source {
    pub const LARGEST_FILE: u64 = 512 << 20;
    #[path = "../../src/source/file_refusal.rs"]
    mod file_refusal;
    #[path = "../../src/source/path_rules.rs"]
    pub mod path_rules;
    pub use file_refusal::FileRefusal;
    #[path = "."]
    pub mod supabase {
        #[path = "../../src/source/supabase/table"]
        pub mod table {
            pub mod desired;
            pub mod refused;
            pub mod row;
        }
        pub struct Shape {
            pub key: Key,
        }
        pub enum Key {
            Id(String),
            Path,
        }
    }
}

use source::{
    path_rules::{check, spelling},
    supabase::{
        Key, Shape,
        table::{
            desired::desired,
            row::{Row, WireRow},
        },
    },
};

fuzz_target!(|data: &[u8]| {
    let Some((by, json)) = data.split_first() else {
        return;
    };
    let Ok(rows) = serde_json::from_slice::<Vec<WireRow>>(json) else {
        return;
    };
    let key = if by & 1 == 0 {
        Key::Path
    } else {
        Key::Id("id".to_owned())
    };
    let shape = Shape { key };
    let rows: BTreeMap<String, Row> = rows
        .into_iter()
        .filter_map(|row| row.into_row(&shape))
        .collect();
    let one = desired(rows.iter());
    let other = desired(rows.iter().rev());
    assert_eq!(one.files, other.files);
    let mut spelled = BTreeMap::new();
    let mut dirs = BTreeSet::new();
    for path in one.files.keys() {
        assert_eq!(check(path), Ok(()));
        for (at, _) in path.match_indices('/') {
            let dir = &path[..at];
            dirs.insert(dir);
            assert_eq!(*spelled.entry(spelling(dir)).or_insert(dir), dir);
        }
        assert_eq!(*spelled.entry(spelling(path)).or_insert(path), *path);
    }
    assert!(one.files.keys().all(|path| !dirs.contains(path)));
});
