//! Whether the engine answers, what it is, and which limits it cannot enforce.

use bollard::models::SystemInfo;

use super::{SIMPLE, error, facts};
use crate::engine::{EngineInfo, Result, docker::Docker};

impl Docker {
    pub(in crate::engine::docker) async fn probe_engine(&self) -> Result<EngineInfo> {
        let endpoint = self.inner.candidates.pick().clone();
        let probe = async {
            let client = self.reconnect().await?;
            let info = client.info(SIMPLE).await?;
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
        unenforced: facts::unenforced(info),
    }
}
