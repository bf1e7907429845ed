//! Whether the engine answers, what it is, and which limits it cannot enforce.

use bollard::models::SystemInfo;

use super::{
    Docker,
    client::SIMPLE,
    error::{self, Act},
};
use crate::engine::{EngineInfo, Result};

impl Docker {
    pub(super) async fn probe_engine(&self) -> Result<EngineInfo> {
        let endpoint = self.inner.candidates.pick().clone();
        let probe = async {
            let client = self.reconnect().await?;
            let act = Act {
                verb: "describe",
                what: "the engine",
            };
            let info = client.within(act, SIMPLE, client.api.info()).await?;
            Ok(translate(
                &info,
                client.version,
                client.endpoint.to_string(),
            ))
        };
        // One deadline over both calls.
        let probed = tokio::time::timeout(SIMPLE, probe).await;
        probed.unwrap_or_else(|_| Err(error::hanging(&endpoint, SIMPLE)))
    }
}

fn translate(info: &SystemInfo, api: String, endpoint: String) -> EngineInfo {
    let version = info
        .server_version
        .as_deref()
        .unwrap_or("of unknown version");
    EngineInfo {
        product: format!("Docker Engine {version}"),
        api,
        endpoint,
        cpus: info
            .ncpu
            .and_then(|cpus| u64::try_from(cpus).ok())
            .unwrap_or_default(),
        memory_bytes: info
            .mem_total
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or_default(),
        unenforced: unenforced(info),
    }
}

fn unenforced(info: &SystemInfo) -> Vec<String> {
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
    let seccomp = options
        .iter()
        .find(|option| option.starts_with("name=seccomp"));
    if seccomp.is_none_or(|option| option.contains("unconfined")) {
        missing.push("seccomp".to_owned());
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_cannot_enforce_is_named() {
        let mut info = SystemInfo {
            memory_limit: Some(true),
            swap_limit: Some(true),
            cpu_cfs_quota: Some(true),
            pids_limit: Some(true),
            security_options: Some(vec!["name=seccomp,profile=default".to_owned()]),
            ..SystemInfo::default()
        };
        assert_eq!(unenforced(&info), [""; 0]);
        info.swap_limit = Some(false);
        info.security_options = Some(vec!["name=seccomp,profile=unconfined".to_owned()]);
        assert_eq!(unenforced(&info), ["swap", "seccomp"]);
    }
}
