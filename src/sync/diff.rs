//! What has to be deleted inside, and when.

use std::{collections::BTreeMap, ops::Bound};

use super::token::ContentToken;
use crate::source::Scan;

/// What is inside, as far as sync wrote it.
pub type KnownTokens = BTreeMap<String, ContentToken>;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deletes {
    /// In the way of files to come: a file where a directory goes, or the reverse.
    pub first: Vec<String>,
    /// The rest, once everything new is in.
    pub last: Vec<String>,
}

/// What of `candidates`, paths known to be inside, is no longer in `scan`. Only what the scan
/// proves absent is deleted.
pub fn deletes<'a>(candidates: impl Iterator<Item = &'a String>, scan: &Scan) -> Deletes {
    let mut deletes = Deletes::default();
    let at = |path: &str| {
        scan.entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path))
    };
    for path in candidates {
        let Err(next) = at(path) else { continue };
        if !scan.tells_of(path) {
            continue;
        }
        let becomes_dir = {
            let below = format!("{path}/");
            let first = scan.entries[next..].partition_point(|entry| entry.path < below);
            scan.entries
                .get(next + first)
                .is_some_and(|entry| entry.path.starts_with(&below))
        };
        let was_below = path
            .match_indices('/')
            .any(|(end, _)| at(&path[..end]).is_ok());
        if becomes_dir || was_below {
            &mut deletes.first
        } else {
            &mut deletes.last
        }
        .push(path.clone());
    }
    // What is deepest first, so that directories empty from below.
    deletes.first.reverse();
    deletes.last.reverse();
    deletes
}

/// The known paths at and below `dir`.
pub fn at_or_below<'a>(known: &'a KnownTokens, dir: &str) -> impl Iterator<Item = &'a String> {
    let exact = known.get_key_value(dir).map(|(path, _)| path);
    // `0` follows `/`.
    let (from, to) = (format!("{dir}/"), format!("{dir}0"));
    let range: (Bound<&str>, Bound<&str>) = if dir.is_empty() {
        (Bound::Unbounded, Bound::Unbounded)
    } else {
        (Bound::Included(&from), Bound::Excluded(&to))
    };
    let below = known.range::<str, _>(range).map(|(path, _)| path);
    exact.into_iter().chain(below)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::{EntryKind, SourceEntry};

    fn scan(paths: &[&str]) -> Scan {
        let mut entries: Vec<SourceEntry> = paths
            .iter()
            .map(|&path| SourceEntry {
                path: path.to_owned(),
                kind: EntryKind::Link { target: "x".into() },
            })
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries.dedup();
        Scan {
            entries,
            ..Scan::default()
        }
    }

    fn known(paths: &[&str]) -> KnownTokens {
        paths
            .iter()
            .map(|&path| (path.to_owned(), [0; 32]))
            .collect()
    }

    #[test]
    fn what_stands_in_the_way_goes_first() {
        let known = known(&["a", "b/c", "b/d/e", "gone", "kept"]);
        let deletes = deletes(known.keys(), &scan(&["a/x", "a-b", "b", "kept"]));
        assert_eq!(deletes.first, ["b/d/e", "b/c", "a"]);
        assert_eq!(deletes.last, ["gone"]);
    }

    #[test]
    fn nothing_is_deleted_that_was_not_proved_absent() {
        let known = known(&["a/x", "a/b/y", "ab", "z"]);
        let partial = Scan {
            unlisted: vec!["a".to_owned()],
            ..scan(&[])
        };
        assert_eq!(deletes(known.keys(), &partial).last, ["z", "ab"]);
        let blind = Scan {
            unlisted: vec![String::new()],
            ..scan(&[])
        };
        assert_eq!(deletes(known.keys(), &blind), Deletes::default());
    }

    #[test]
    fn a_directory_is_not_its_namesakes() {
        let known = known(&["a", "a/b", "a/b/c", "a-b", "a.b", "a0", "ab"]);
        let below: Vec<&String> = at_or_below(&known, "a").collect();
        assert_eq!(below, ["a", "a/b", "a/b/c"]);
        assert_eq!(at_or_below(&known, "").count(), known.len());
    }

    /// Few names, so that files and directories often take each other's place.
    fn tree() -> impl Strategy<Value = std::collections::BTreeSet<String>> {
        prop::collection::vec(prop::collection::vec("[ab-]", 1..4), 0..12).prop_map(|paths| {
            let mut tree = std::collections::BTreeSet::new();
            for path in paths {
                let path = path.join("/");
                let is_clear = tree.iter().all(|other: &String| {
                    !crate::source::is_at_or_below(other, &path)
                        && !crate::source::is_at_or_below(&path, other)
                });
                if is_clear {
                    tree.insert(path);
                }
            }
            tree
        })
    }

    proptest! {
        #[test]
        fn applied_in_order_it_becomes_the_tree(before in tree(), after in tree()) {
            let known: KnownTokens = before.iter().map(|path| (path.clone(), [0; 32])).collect();
            let names: Vec<&str> = after.iter().map(String::as_str).collect();
            let deletes = deletes(known.keys(), &scan(&names));
            let mut inside = before.clone();
            for path in &deletes.first {
                inside.remove(path);
            }
            for path in &after {
                // A file system would refuse it.
                let clash = inside.iter().find(|other| {
                    *other != path
                        && (crate::source::is_at_or_below(other, path)
                            || crate::source::is_at_or_below(path, other))
                });
                prop_assert_eq!(clash, None, "putting {}", path);
                inside.insert(path.clone());
            }
            for path in &deletes.last {
                inside.remove(path);
            }
            prop_assert_eq!(inside, after);
        }
    }
}
