//! A connection whose API version was agreed on, and the deadline every call of it has.

use std::{future::Future, sync::Arc, time::Duration};

use bollard::{ClientVersion, errors::Error, models::SystemVersion};
use tokio::sync::OnceCell;

use super::{
    connect::Endpoint,
    error::{self, Act},
    facts::Facts,
    wire,
};
use crate::engine::{EngineError, Result};

/// For what the engine answers from memory. 3 s were too few,
/// at times, where 10 to 15 programs waited for 2 CPUs.
pub const SIMPLE: Duration = Duration::from_secs(10);
/// How often the limit of a call may pass while the engine answers others.
const ROUNDS: u32 = 3;
/// For what makes the engine work: create, start, stop, remove, upload.
pub const HEAVY: Duration = Duration::from_secs(60);
/// Silence in a build or a pull after which it is given up. A single step may well be quiet for
/// minutes, as a compiler is.
pub const SILENCE: Duration = Duration::from_secs(600);

/// The newest API this program knows, and the oldest it can work with: Engine 20.10's.
const NEWEST: (usize, usize) = (1, 53);
const OLDEST: (usize, usize) = (1, 41);

#[derive(Debug, Clone)]
pub struct Client {
    pub api: bollard::Docker,
    pub endpoint: Endpoint,
    /// Such as `1.41`.
    pub version: String,
    pub(super) facts: Arc<OnceCell<Facts>>,
}

impl Client {
    /// Find out what both sides speak.
    pub async fn connect(endpoint: Endpoint) -> Result<Self> {
        let told: SystemVersion = wire::get(&endpoint, "/version", SIMPLE).await?;
        let version = agree(&endpoint, &told)?;
        let bollards = ClientVersion {
            major_version: version.0,
            minor_version: version.1,
        };
        // bollard's own limit covers only the head of an answer. Ours are in `within`, and this is
        // longer than the longest of them.
        let limit = 24 * 3600;
        let api = match &endpoint {
            Endpoint::Unix(path) => {
                bollard::Docker::connect_with_unix(&path.to_string_lossy(), limit, &bollards)
            }
            Endpoint::Tcp(address) => bollard::Docker::connect_with_http(address, limit, &bollards),
        };
        let act = Act {
            verb: "connect to",
            what: "the engine",
        };
        let api = api.map_err(|error| error::of_bollard(error, &endpoint, act))?;
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
        act: Act<'_>,
        limit: Duration,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T> {
        tokio::pin!(call);
        for round in 1..=ROUNDS {
            if let Ok(answer) = tokio::time::timeout(limit, &mut call).await {
                return answer.map_err(|error| self.error(error, act));
            }
            let pinged = tokio::time::timeout(SIMPLE, self.api.ping()).await;
            if !matches!(pinged, Ok(Ok(_))) {
                return Err(error::hanging(&self.endpoint, limit * round));
            }
            tracing::warn!(%act, seconds = limit.as_secs(), round, "the engine takes long");
        }
        Err(error::hanging(&self.endpoint, limit * ROUNDS))
    }

    pub fn error(&self, error: Error, act: Act<'_>) -> EngineError {
        error::of_bollard(error, &self.endpoint, act)
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

fn agree(endpoint: &Endpoint, told: &SystemVersion) -> Result<(usize, usize)> {
    let bad = |reason: String| EngineError::BadEndpoint {
        endpoint: endpoint.to_string(),
        reason,
    };
    let read = |text: &Option<String>| text.as_deref().and_then(parse);
    let Some(newest) = read(&told.api_version) else {
        return Err(bad("what answers there is not a Docker engine".to_owned()));
    };
    let oldest = read(&told.min_api_version).unwrap_or((1, 0));
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
        let told = SystemVersion {
            api_version: Some(newest.to_owned()),
            min_api_version: Some(oldest.to_owned()),
            ..SystemVersion::default()
        };
        agree(&Endpoint::Unix("/s".into()), &told)
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
