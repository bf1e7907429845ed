//! `TunnelRecord`: what an open tunnel would leave behind if the agent were killed now.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, disk};
use crate::model::{InstanceId, TunnelKind};

/// Written before anything is made, and brought up to date as it is; removed when nothing is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelRecord {
    /// Names the file: an instance's id, or the kind of a tunnel that instances share.
    pub key: String,
    pub kind: TunnelKind,
    /// The instances that it serves.
    pub instances: Vec<InstanceId>,
    /// In the environment of every process that was started for it, so that each is known by it.
    pub mark: String,
    /// Of the kernel it was written under; a process id means nothing under another.
    pub boot_id: String,
    /// `None` until it runs, and for tunnels without a program.
    #[serde(default)]
    pub process: Option<ProcessMark>,
    /// What was made at the provider, by what it is: ids, never secrets.
    #[serde(default)]
    pub remote: BTreeMap<String, String>,
}

/// One process, told apart from every other that has had or will have its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMark {
    pub pid: i32,
    /// In clock ticks since boot: field 22 of `/proc/<pid>/stat`.
    pub started: u64,
    pub exe: PathBuf,
}

impl Store {
    pub fn save_tunnel(&self, record: &TunnelRecord) -> Result<(), StoreError> {
        let path = self.tunnel_path(&record.key);
        disk::private_dir(&self.tunnels())?;
        let text = serde_json::to_string_pretty(record).map_err(|source| StoreError::Encode {
            path: path.clone(),
            source,
        })?;
        disk::replace(&path, text.as_bytes())
    }

    /// Forgotten already is success.
    pub fn remove_tunnel(&self, key: &str) -> Result<(), StoreError> {
        disk::remove(&self.tunnel_path(key))
    }

    /// Every record that can be read. Another stays where it is, for someone may repair it.
    pub fn load_tunnels(&self) -> Result<Vec<TunnelRecord>, StoreError> {
        disk::private_dir(&self.tunnels())?;
        let mut records = Vec::new();
        for path in disk::entries(&self.tunnels())? {
            let is_record = path.extension().is_some_and(|ending| ending == "json");
            if !is_record {
                continue;
            }
            let Some(text) = disk::read(&path)? else {
                continue;
            };
            match serde_json::from_str(&text) {
                Ok(record) => records.push(record),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "a tunnel's record cannot be read");
                }
            }
        }
        Ok(records)
    }

    /// Where tunnels keep files of their own.
    pub fn tunnels(&self) -> PathBuf {
        self.dir.join("tunnels")
    }

    fn tunnel_path(&self, key: &str) -> PathBuf {
        self.tunnels().join(format!("{key}.json"))
    }
}
