//! What of the store's directory may be of nobody any more, with its size.

use std::{collections::BTreeSet, fs, path::Path};

use super::{Store, StoreError, disk};
use crate::model::InstanceId;

impl Store {
    /// Every instance that has a record under any name: read, newer, or put aside.
    pub fn recorded(&self) -> Result<BTreeSet<InstanceId>, StoreError> {
        let all = disk::entries(&self.instances())?;
        Ok(all.iter().filter_map(|path| named(path)).collect())
    }

    /// Every mirror of rows there is.
    pub fn mirrors(&self) -> Result<Vec<(InstanceId, u64)>, StoreError> {
        let dir = self.mirrors_dir();
        if !dir.is_dir() {
            return Ok(Vec::new());
        }
        let all = disk::entries(&dir)?;
        Ok(all
            .iter()
            .filter_map(|path| Some((named(path)?, size(path))))
            .collect())
    }

    /// Logs that were put aside for a newer one.
    pub fn old_logs(&self) -> Vec<(String, u64)> {
        let path = self.dir.join("agent.log.1");
        let found = fs::metadata(&path).ok();
        let describe = |known: fs::Metadata| (path.display().to_string(), known.len());
        found.map(describe).into_iter().collect()
    }
}

/// The instance a file is named after, whatever follows the id.
fn named(path: &Path) -> Option<InstanceId> {
    let name = path.file_name()?.to_str()?;
    name.split('.').next()?.parse().ok()
}

fn size(path: &Path) -> u64 {
    let Ok(known) = path.symlink_metadata() else {
        return 0;
    };
    let inside = match fs::read_dir(path) {
        Ok(entries) if known.is_dir() => entries.flatten().map(|it| size(&it.path())).sum(),
        _ => 0,
    };
    known.len() + inside
}
