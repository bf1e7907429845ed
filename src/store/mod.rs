//! What should exist, on disk: one record an instance, and who this host's agent is.
//!
//! Every call blocks until the disk has it; call from a thread that may wait.

mod access;
mod disk;
mod error;
mod images;
mod last_run;
mod migrate;
mod mirror;
mod record;
mod registry;
mod remedies;
mod run;
mod tunnel;
mod waste;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::model::InstanceId;

pub use access::{InstanceSecrets, SetSecret, TokenRecord};
pub use error::StoreError;
pub use last_run::PastEvent;
pub use migrate::VERSION;
pub use record::{Intent, Record, SourceRecord};
pub use registry::RegistrySeen;
pub use remedies::{MoreMemory, OtherVersion, ReasonedNames, ReasonedVariable, Remedies};
pub use tunnel::{ProcessMark, TunnelRecord};

use migrate::Unread;

/// What the agent itself wants to find.
const SETTINGS: &str = "agent.json";

/// The directory in which everything is kept.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    /// Held while a file of secrets, or of what the agent wants to find, is read and written again.
    changing: Arc<Mutex<()>>,
}

/// Every record that could be read, by id, and every one that could not.
#[derive(Debug, Default)]
pub struct Loaded {
    pub records: Vec<Record>,
    pub unreadable: Vec<Unreadable>,
}

/// A record this program cannot use. It is kept, for someone may repair it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it is now.
    pub path: PathBuf,
    pub reason: String,
}

/// What the agent itself wants to find again.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct StoreSettings {
    gateway_port: Option<u16>,
    /// What has been told once and is not told again.
    told: BTreeSet<String>,
}

impl Store {
    /// Make the directories if they are not there, for this user's eyes alone.
    pub fn open(dir: PathBuf) -> Result<Self, StoreError> {
        let store = Self {
            dir,
            changing: Arc::default(),
        };
        disk::private_dir(&store.dir)?;
        disk::private_dir(&store.instances())?;
        Ok(store)
    }

    /// Free to us on the disk that all this is on.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        disk::free_bytes(&self.dir)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keep this record in place of an older one; a crash leaves one or the other, whole.
    pub fn save(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.record_path(&record.id);
        let (text, values) = migrate::write(record).map_err(|source| StoreError::Encode {
            path: path.clone(),
            source,
        })?;
        self.give_secrets(&record.id, &values)?;
        disk::replace(&path, text.as_bytes())
    }

    /// `None` if there is no record of that instance, or none that can be read.
    pub fn load(&self, id: &InstanceId) -> Result<Option<Record>, StoreError> {
        let path = self.record_path(id);
        let Some(text) = disk::read(&path)? else {
            return Ok(None);
        };
        match migrate::read(&text) {
            Ok(read) if read.record.id == *id => Ok(Some(self.with_values(read)?)),
            _ => Ok(None),
        }
    }

    /// Read every record. Those that are damaged are put aside under another name; those of a
    /// newer version stay where they are.
    pub fn load_all(&self) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::default();
        for path in disk::entries(&self.instances())? {
            let file = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if file.starts_with(disk::TEMPORARY) {
                self.drop_if_abandoned(&path);
                continue;
            }
            let Some(stem) = file.strip_suffix(".json") else {
                continue;
            };
            let Some(text) = disk::read(&path)? else {
                continue;
            };
            match migrate::read(&text) {
                Ok(read) if read.record.id.as_str() == stem => {
                    loaded.records.push(self.with_values(read)?);
                }
                Ok(read) => {
                    let reason = format!("it is the record of {}", read.record.id);
                    loaded.unreadable.push(Unreadable {
                        path: disk::put_aside(&path)?,
                        reason,
                    });
                }
                Err(Unread::Newer(version)) => {
                    let reason = format!("version {version} is newer than this program");
                    loaded.unreadable.push(Unreadable { path, reason });
                }
                Err(Unread::Damaged(reason)) => {
                    loaded.unreadable.push(Unreadable {
                        path: disk::put_aside(&path)?,
                        reason,
                    });
                }
            }
        }
        loaded.records.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(loaded)
    }

    /// Forget an instance. Forgotten already is success.
    pub fn remove(&self, id: &InstanceId) -> Result<(), StoreError> {
        self.remove_last_run(id)?;
        disk::remove(&self.record_path(id))?;
        self.remove_secrets(id)
    }

    /// Who owns what the agent makes: 16 hex digits, chosen at random the first time and never
    /// changed.
    pub fn owner(&self) -> Result<String, StoreError> {
        let path = self.dir.join("owner");
        if disk::read(&path)?.is_none() {
            let id = format!("{:016x}", u64::from_ne_bytes(disk::random()?));
            // Whoever comes second reads what the first wrote.
            disk::create_once(&path, id.as_bytes())?;
        }
        let text = disk::read(&path)?.unwrap_or_default();
        let id = text.trim();
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if id.len() == 16 && id.bytes().all(is_hex) {
            Ok(id.to_owned())
        } else {
            Err(StoreError::Damaged { path })
        }
    }

    /// The port the gateway had, so that addresses survive the agent.
    pub fn gateway_port(&self) -> Result<Option<u16>, StoreError> {
        Ok(self.settings()?.gateway_port)
    }

    pub fn set_gateway_port(&self, port: u16) -> Result<(), StoreError> {
        let mut settings = self.settings()?;
        settings.gateway_port = Some(port);
        self.save_private(SETTINGS, &settings)
    }

    /// Whether it is asked for the first time about this.
    pub fn is_first(&self, what: &str) -> Result<bool, StoreError> {
        let _alone = self.changing.lock();
        let mut settings = self.settings()?;
        let is_first = settings.told.insert(what.to_owned());
        if is_first {
            self.save_private(SETTINGS, &settings)?;
        }
        Ok(is_first)
    }

    fn settings(&self) -> Result<StoreSettings, StoreError> {
        self.load_private(SETTINGS)
    }

    /// Keep it under this name, for its user's eyes alone.
    fn save_private(&self, name: &str, what: &impl Serialize) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        let text = serde_json::to_string(what).map_err(|source| StoreError::Encode {
            path: path.clone(),
            source,
        })?;
        disk::replace(&path, text.as_bytes())
    }

    /// What is not there or cannot be read is as if it had never been kept.
    fn load_private<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, StoreError> {
        let text = disk::read(&self.dir.join(name))?.unwrap_or_default();
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    fn instances(&self) -> PathBuf {
        self.dir.join("instances")
    }

    fn record_path(&self, id: &InstanceId) -> PathBuf {
        self.instances().join(format!("{id}.json"))
    }

    /// A crash between writing and renaming leaves a file nobody will ever ask for.
    fn drop_if_abandoned(&self, path: &Path) {
        const ABANDONED: Duration = Duration::from_hours(1);
        let age = fs::metadata(path)
            .and_then(|found| found.modified())
            .and_then(|at| at.elapsed().map_err(io::Error::other));
        if age.is_ok_and(|age| age > ABANDONED)
            && let Err(error) = disk::remove(path)
        {
            tracing::debug!(%error, dir = %self.dir.display(), "a left-over file stays");
        }
    }
}
