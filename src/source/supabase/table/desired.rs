//! Which files rows ask for, and which rows cannot become one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{refused::RowRefusalReason, row::Row};
use crate::source::{FileRefusal, LARGEST_FILE, path_rules};

/// By path, the key and row of each file.
pub type DesiredFiles<'a> = BTreeMap<&'a str, (&'a str, &'a Row)>;

#[derive(Debug, Default)]
pub struct Desired<'a> {
    pub files: DesiredFiles<'a>,
    pub refused: Vec<FileRefusal>,
    /// Paths that rows ask for and do not get.
    pub refused_paths: BTreeSet<&'a str>,
}

/// The same for the same rows, in whatever order they come.
pub fn desired<'a>(rows: impl Iterator<Item = (&'a String, &'a Row)>) -> Desired<'a> {
    let mut desired = Desired::default();
    for (key, row) in rows.filter(|(_, row)| !row.is_dir) {
        let path = relative(&row.path);
        if let Err(why) = check(path, row) {
            desired.refuse(path, &why);
            continue;
        }
        match desired.files.get(path) {
            None => {
                desired.files.insert(path, (key, row));
            }
            Some((other_key, other)) => {
                if (&row.age, key.as_str()) > (&other.age, *other_key) {
                    desired.files.insert(path, (key, row));
                }
                let said = RowRefusalReason::SamePath.refuse(path);
                desired.refused.push(said);
            }
        }
    }
    desired.leave_directories();
    desired.leave_spellings();
    desired.refused.sort_by(|a, b| a.path.cmp(&b.path));
    desired
}

/// Some tables hold paths both with and without it.
pub fn relative(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

fn check(path: &str, row: &Row) -> Result<(), RowRefusalReason> {
    path_rules::check(path)?;
    match row.size {
        Some(len) if len > LARGEST_FILE => Err(RowRefusalReason::TooLarge {
            len,
            limit: LARGEST_FILE,
        }),
        _ => Ok(()),
    }
}

impl<'a> Desired<'a> {
    fn refuse(&mut self, path: &'a str, why: &RowRefusalReason) {
        self.refused.push(why.refuse(path));
        self.refused_paths.insert(path);
    }

    /// A file with files below it is left out, for they are more.
    fn leave_directories(&mut self) {
        let mut also_directories = Vec::new();
        for path in self.files.keys() {
            for (at, _) in path.match_indices('/') {
                if let Some((&dir, _)) = self.files.get_key_value(&path[..at]) {
                    also_directories.push(dir);
                }
            }
        }
        for dir in also_directories {
            if self.files.remove(dir).is_some() {
                self.refuse(dir, &RowRefusalReason::AlsoDirectory);
            }
        }
    }

    /// Of names that some system takes for one, the first in byte order stays, at every depth.
    fn leave_spellings(&mut self) {
        let mut spelled: HashMap<String, &'a str> = HashMap::with_capacity(self.files.len() * 2);
        let mut conflicts = Vec::new();
        'files: for &path in self.files.keys() {
            let ends = path.match_indices('/').map(|(at, _)| at);
            for end in ends.chain([path.len()]) {
                let name = &path[..end];
                let spelling = path_rules::spelling(name);
                match spelled.get(&spelling) {
                    Some(&other) if other != name => {
                        conflicts.push((path, other));
                        continue 'files;
                    }
                    Some(_) => {}
                    None => {
                        spelled.insert(spelling, name);
                    }
                }
            }
        }
        for (path, other) in conflicts {
            self.files.remove(path);
            let other = path_rules::printable(other);
            self.refuse(path, &RowRefusalReason::SameName { other });
        }
    }
}
