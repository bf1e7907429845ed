//! `MirrorSteps`: what has to be done for the mirror to be what the rows are.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::fetch::WantedRow;
use crate::source::{
    FileRefusal,
    supabase::{
        mirror::MirroredFile,
        table::{desired::desired, listing::RowsByKey, refused::RowRefusalReason, row::RowToken},
    },
};

/// Rows whose content could not be downloaded, with the revision that failed.
pub type FailedRows = HashMap<String, (RowToken, RowRefusalReason)>;

#[derive(Debug, Default)]
pub struct MirrorSteps {
    pub wants: Vec<WantedRow>,
    /// Files whose row is still there, under another path or refused.
    pub left: Vec<String>,
    /// Files whose row was not in the listing, each with the key of its row. Whether they are gone
    /// takes a second look.
    pub absent: Vec<(String, Option<String>)>,
    /// Files whose row is known to be deleted.
    pub tombstoned: Vec<String>,
    pub refused: Vec<FileRefusal>,
    /// Files there are to be.
    pub files: usize,
}

/// `refetch` wants everything, for a table whose rows do not tell when they change.
pub fn steps(
    rows: &RowsByKey,
    held: &BTreeMap<String, MirroredFile>,
    bad: &FailedRows,
    tombstoned: &HashSet<String>,
    refetch: bool,
) -> MirrorSteps {
    let desired = desired(rows.iter());
    let mut steps = MirrorSteps {
        files: desired.files.len(),
        ..MirrorSteps::default()
    };
    for (&path, &(key, row)) in &desired.files {
        let now = held.get(path);
        let is_right = now
            .is_some_and(|held| held.token == Some(row.token) && held.key.as_deref() == Some(key));
        if is_right && !refetch {
            continue;
        }
        match bad.get(path) {
            Some((token, why)) if *token == row.token => {
                steps.refused.push(why.refuse(path));
            }
            _ => steps.wants.push(WantedRow {
                key: key.to_owned(),
                path: path.to_owned(),
                raw_path: row.path.clone(),
                size: row.size,
                token: row.token,
                is_executable: row.is_executable,
                // A file that is not what was written is written again in any case.
                held: now
                    .filter(|held| held.token.is_some())
                    .map(|held| (held.hash, held.is_executable)),
            }),
        }
    }
    for (path, held) in held {
        if desired.files.contains_key(path.as_str()) {
            continue;
        }
        match &held.key {
            _ if desired.refused_paths.contains(path.as_str()) => steps.left.push(path.clone()),
            Some(key) if rows.contains_key(key) => steps.left.push(path.clone()),
            Some(key) if tombstoned.contains(key) => steps.tombstoned.push(path.clone()),
            key => steps.absent.push((path.clone(), key.clone())),
        }
    }
    steps.refused.extend(desired.refused);
    steps
}
