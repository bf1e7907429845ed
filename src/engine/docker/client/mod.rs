//! A connection whose API version was agreed on, and the deadline every call of it has.

pub(super) mod connect;
pub(super) mod error;
pub(super) mod facts;
pub(super) mod http;
pub(super) mod info;

use std::{future::Future, sync::Arc, time::Duration};

use bollard::{ClientVersion, errors::Error, models::SystemVersion};
use tokio::{sync::OnceCell, time::Instant};

use crate::engine::{EngineError, Result};
use connect::DockerEndpoint;
use error::Operation;
use facts::Facts;

/// For what the engine answers from memory. 3 s were too few,
/// at times, where 10 to 15 programs waited for 2 CPUs.
pub const SIMPLE: Duration = Duration::from_secs(10);
/// How often the limit of a call may pass while the engine answers others.
const ROUNDS: u32 = 3;
/// For what makes the engine work: create, start, stop, remove, upload.
pub const HEAVY: Duration = Duration::from_mins(1);
/// Silence in a build or a pull after which it is given up. A single step may well be quiet for
/// minutes, as a compiler is.
pub const SILENCE: Duration = Duration::from_mins(10);

/// The newest API this program knows, and the oldest it can work with: Engine 20.10's.
const NEWEST: (usize, usize) = (1, 53);
const OLDEST: (usize, usize) = (1, 41);

#[derive(Debug, Clone)]
pub struct DockerClient {
    pub api: bollard::Docker,
    pub endpoint: DockerEndpoint,
    /// Such as `1.41`.
    pub version: String,
    pub(super) facts: Arc<OnceCell<Facts>>,
}

impl DockerClient {
    /// Find out what both sides speak.
    pub async fn connect(endpoint: DockerEndpoint) -> Result<Self> {
        let version: SystemVersion = http::get(&endpoint, "/version", SIMPLE).await?;
        let version = agree(&endpoint, &version)?;
        let bollards = ClientVersion {
            major_version: version.0,
            minor_version: version.1,
        };
        // bollard's own limit covers only the head of an answer. Ours are in `within`, and this is
        // longer than the longest of them.
        let limit = 24 * 3600;
        let api = match &endpoint {
            DockerEndpoint::Unix(path) => {
                bollard::Docker::connect_with_unix(&path.to_string_lossy(), limit, &bollards)
            }
            DockerEndpoint::Tcp(address) => {
                bollard::Docker::connect_with_http(address, limit, &bollards)
            }
        };
        let operation = Operation {
            verb: "connect to",
            what: "the engine",
        };
        let api = api.map_err(|error| error::of_bollard(error, &endpoint, operation))?;
        Ok(Self {
            api,
            endpoint,
            version: format!("{}.{}", version.0, version.1),
            facts: Arc::default(),
        })
    }

    /// Await a call for `limit`, and for some times that while the engine answers what is easy: then
    /// the machine is busy.
    pub async fn within<T>(
        &self,
        operation: Operation<'_>,
        limit: Duration,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T> {
        tokio::pin!(call);
        let began = Instant::now();
        for round in 1..=ROUNDS {
            if let Ok(answer) = tokio::time::timeout(limit, &mut call).await {
                let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::debug!(act = %operation, ms, ok = answer.is_ok(), "the engine answered");
                return answer.map_err(|error| self.error(error, operation));
            }
            let pinged = tokio::time::timeout(SIMPLE, self.api.ping()).await;
            if !matches!(pinged, Ok(Ok(_))) {
                return Err(error::hanging(&self.endpoint, limit * round));
            }
            tracing::warn!(act = %operation, seconds = limit.as_secs(), round, "the engine takes long");
        }
        Err(error::hanging(&self.endpoint, limit * ROUNDS))
    }

    pub fn error(&self, error: Error, operation: Operation<'_>) -> EngineError {
        error::of_bollard(error, &self.endpoint, operation)
    }
}

/// What is not there is `None`.
pub fn present<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(EngineError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn agree(endpoint: &DockerEndpoint, version: &SystemVersion) -> Result<(usize, usize)> {
    let bad = |reason: String| EngineError::BadEndpoint {
        endpoint: endpoint.to_string(),
        reason,
    };
    let read = |text: &Option<String>| text.as_deref().and_then(parse);
    let Some(newest) = read(&version.api_version) else {
        return Err(bad("what answers there is not a Docker engine".to_owned()));
    };
    let oldest = read(&version.min_api_version).unwrap_or((1, 0));
    if newest < OLDEST {
        return Err(bad(format!(
            "it speaks API {}.{}; Engine 20.10 (API {}.{}) or newer is needed",
            newest.0, newest.1, OLDEST.0, OLDEST.1
        )));
    }
    if oldest > NEWEST {
        return Err(bad(format!(
            "it no longer speaks API {}.{}; a newer version of this program is needed",
            NEWEST.0, NEWEST.1
        )));
    }
    Ok(newest.min(NEWEST))
}

fn parse(text: &str) -> Option<(usize, usize)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(newest: &str, oldest: &str) -> Result<(usize, usize)> {
        let version = SystemVersion {
            api_version: Some(newest.to_owned()),
            min_api_version: Some(oldest.to_owned()),
            ..SystemVersion::default()
        };
        agree(&DockerEndpoint::Unix("/s".into()), &version)
    }

    #[test]
    fn versions_are_agreed_from_engine_20_10_to_what_is_known() {
        assert_eq!(agreed("1.41", "1.12").unwrap(), (1, 41));
        assert_eq!(agreed("1.52", "1.44").unwrap(), (1, 52));
        assert_eq!(agreed("1.60", "1.44").unwrap(), NEWEST);
        assert!(matches!(
            agreed("1.40", "1.12"),
            Err(EngineError::BadEndpoint { .. })
        ));
        assert!(matches!(
            agreed("2.10", "2.0"),
            Err(EngineError::BadEndpoint { .. })
        ));
        assert!(matches!(
            agreed("new", "1.0"),
            Err(EngineError::BadEndpoint { .. })
        ));
    }
}
