//! What an instance's last run left behind: what it wrote, and what happened to it.
//!
//! Nobody waits for the disk here: after a power cut these files may be missing or cut short, and
//! whoever reads them takes the lines that are whole.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Store, StoreError, disk};
use crate::model::{Event, InstanceId, LogLine};

/// One event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastEvent {
    pub at: Timestamp,
    pub event: Event,
}

impl Store {
    /// Keep what a run wrote in place of what an older one did.
    pub fn keep_log<'a>(
        &self,
        id: &InstanceId,
        lines: impl IntoIterator<Item = &'a LogLine>,
    ) -> Result<(), StoreError> {
        self.keep_lines(&self.log_path(id), lines)
    }

    /// What the last run wrote, oldest first. Empty where nothing is kept.
    pub fn kept_log(&self, id: &InstanceId) -> Result<Vec<LogLine>, StoreError> {
        kept_lines(&self.log_path(id))
    }

    /// A new run has begun: what the last one wrote is not told as this one's.
    pub fn forget_log(&self, id: &InstanceId) -> Result<(), StoreError> {
        forget(&self.log_path(id))
    }

    pub fn keep_events(&self, id: &InstanceId, events: &[PastEvent]) -> Result<(), StoreError> {
        self.keep_lines(&self.events_path(id), events)
    }

    /// Events of kinds that this version does not know are left out.
    pub fn kept_events(&self, id: &InstanceId) -> Result<Vec<PastEvent>, StoreError> {
        kept_lines(&self.events_path(id))
    }

    pub(super) fn remove_last_run(&self, id: &InstanceId) -> Result<(), StoreError> {
        forget(&self.log_path(id))?;
        forget(&self.events_path(id))
    }

    fn log_path(&self, id: &InstanceId) -> PathBuf {
        self.runs().join(format!("{id}.log"))
    }

    fn events_path(&self, id: &InstanceId) -> PathBuf {
        self.runs().join(format!("{id}.events"))
    }

    fn runs(&self) -> PathBuf {
        self.dir.join("runs")
    }

    fn keep_lines<'a, T: Serialize + 'a>(
        &self,
        path: &Path,
        lines: impl IntoIterator<Item = &'a T>,
    ) -> Result<(), StoreError> {
        disk::private_dir(&self.runs())?;
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line).map_err(|source| StoreError::Encode {
                path: path.to_owned(),
                source,
            })?;
            text.push(b'\n');
        }
        let write = || {
            let mut file = tempfile::Builder::new()
                .prefix(disk::TEMPORARY)
                .tempfile_in(self.runs())?;
            file.write_all(&text)?;
            file.persist(path).map_err(|error| error.error)
        };
        write()
            .map(drop)
            .map_err(|error| StoreError::io("write", path, error))
    }
}

fn kept_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, StoreError> {
    let text = disk::read(path)?.unwrap_or_default();
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

fn forget(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::model::LogStream;

    fn line(text: &str) -> LogLine {
        LogLine {
            at: Timestamp::UNIX_EPOCH,
            stream: LogStream::Stdout,
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_run_is_kept_for_its_user_alone_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_owned()).unwrap();
        let id: InstanceId = "0123456789ab".parse().unwrap();
        assert!(store.kept_log(&id).unwrap().is_empty());
        let lines = [line("one"), line("two\nof it")];
        store.keep_log(&id, &lines).unwrap();
        let event = PastEvent {
            at: Timestamp::UNIX_EPOCH,
            event: Event::Heartbeat {},
        };
        store
            .keep_events(&id, std::slice::from_ref(&event))
            .unwrap();
        assert_eq!(store.kept_log(&id).unwrap(), lines);
        assert_eq!(store.kept_events(&id).unwrap(), [event]);
        let mode = fs::metadata(store.log_path(&id)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        store.remove(&id).unwrap();
        assert!(store.kept_log(&id).unwrap().is_empty());
        assert!(store.kept_events(&id).unwrap().is_empty());
    }

    #[test]
    fn lines_that_are_not_whole_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_owned()).unwrap();
        let id: InstanceId = "0123456789ab".parse().unwrap();
        store.keep_log(&id, &[line("whole")]).unwrap();
        let path = store.log_path(&id);
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"at\":\"1970");
        fs::write(&path, text).unwrap();
        assert_eq!(store.kept_log(&id).unwrap(), [line("whole")]);
    }
}
