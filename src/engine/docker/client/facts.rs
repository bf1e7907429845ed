//! What an engine says it can do, as far as it changes what is asked of it.

use std::time::Duration;

use bollard::models::{SystemInfo, SystemInfoCgroupVersionEnum};

use super::{DockerClient, HEAVY, error::Operation};
use crate::{engine::Result, security::Abilities};

#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The first version of control groups alone knows a container's swappiness.
    pub knows_swappiness: bool,
    pub abilities: Abilities,
}

impl Facts {
    pub fn of(info: &SystemInfo) -> Self {
        let runtimes = info.runtimes.iter().flatten();
        Self {
            knows_swappiness: info.cgroup_version == Some(SystemInfoCgroupVersionEnum::_1),
            abilities: Abilities {
                runtimes: runtimes.map(|(name, _)| name.clone()).collect(),
                cpus: info
                    .ncpu
                    .and_then(|cpus| u32::try_from(cpus).ok())
                    .unwrap_or(0),
                memory_bytes: info
                    .mem_total
                    .and_then(|bytes| u64::try_from(bytes).ok())
                    .unwrap_or(0),
                unenforced: unenforced(info),
            },
        }
    }
}

impl DockerClient {
    /// The engine runs programs of its own to tell their versions, so on a busy host this takes
    /// long.
    pub async fn info(&self, limit: Duration) -> Result<SystemInfo> {
        let operation = Operation {
            verb: "describe",
            what: "the engine",
        };
        self.within(operation, limit, self.api.info()).await
    }

    /// Asked once for a connection: an engine has to restart to change any of it.
    pub async fn facts(&self) -> Result<&Facts> {
        let ask = async || Ok(Facts::of(&self.info(HEAVY).await?));
        self.facts.get_or_try_init(ask).await
    }
}

pub fn unenforced(info: &SystemInfo) -> Vec<String> {
    let limits = [
        ("memory", info.memory_limit),
        ("swap", info.swap_limit),
        ("cpu", info.cpu_cfs_quota),
        ("pids", info.pids_limit),
    ];
    let missing = limits
        .into_iter()
        .filter(|(_, enforced)| *enforced != Some(true));
    let mut missing: Vec<String> = missing.map(|(name, _)| name.to_owned()).collect();
    let options = info.security_options.as_deref().unwrap_or_default();
    // A daemon that runs every container unconfined by default still takes a profile of ours.
    if !options
        .iter()
        .any(|option| option.starts_with("name=seccomp"))
    {
        missing.push("seccomp".to_owned());
    }
    missing
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bollard::models::Runtime;

    use super::*;

    fn able() -> SystemInfo {
        SystemInfo {
            memory_limit: Some(true),
            swap_limit: Some(true),
            cpu_cfs_quota: Some(true),
            pids_limit: Some(true),
            security_options: Some(vec!["name=seccomp,profile=default".to_owned()]),
            ..SystemInfo::default()
        }
    }

    #[test]
    fn what_an_engine_cannot_enforce_is_named() {
        let mut info = able();
        assert_eq!(unenforced(&info), [""; 0]);
        info.swap_limit = Some(false);
        info.pids_limit = None;
        info.security_options = Some(vec!["name=apparmor".to_owned()]);
        assert_eq!(unenforced(&info), ["swap", "pids", "seccomp"]);
    }

    #[test]
    fn a_daemon_without_a_default_profile_takes_ours() {
        let mut info = able();
        info.security_options = Some(vec!["name=seccomp,profile=unconfined".to_owned()]);
        assert_eq!(unenforced(&info), [""; 0]);
    }

    #[test]
    fn runtimes_and_control_groups_are_told() {
        let mut info = able();
        info.runtimes = Some(HashMap::from([
            ("runc".to_owned(), Runtime::default()),
            ("runsc".to_owned(), Runtime::default()),
        ]));
        let facts = Facts::of(&info);
        let runtimes: Vec<&str> = facts
            .abilities
            .runtimes
            .iter()
            .map(String::as_str)
            .collect();
        assert_eq!(runtimes, ["runc", "runsc"]);
        assert!(!facts.knows_swappiness);
        info.cgroup_version = Some(SystemInfoCgroupVersionEnum::_1);
        assert!(Facts::of(&info).knows_swappiness);
    }
}
