//! The status of the network's containers: what the engine says of a run, and the lines it prints.

use std::time::Duration;

use bollard::{container::LogOutput, query_parameters as query};
use futures_util::{StreamExt, TryStreamExt};

use crate::engine::{
    EngineError, Result,
    docker::client::{DockerClient, SIMPLE, error::Operation},
};

/// One run of a container, as the engine describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRun {
    pub container: String,
    pub started: String,
    /// When the run before it ended. What this run says comes later than that, but may come before
    /// the engine counts it as started.
    after: Option<jiff::Timestamp>,
    pub running: bool,
    pub rules: Option<String>,
    pub endpoint: Option<String>,
}

/// `None` if there is no such container.
pub async fn inspect_run(client: &DockerClient, name: &str) -> Result<Option<ContainerRun>> {
    let what = format!("container {name}");
    let operation = Operation {
        verb: "inspect",
        what: &what,
    };
    let call = client
        .api
        .inspect_container(name, None::<query::InspectContainerOptions>);
    let inspected =
        crate::engine::docker::client::present(client.within(operation, SIMPLE, call).await)?;
    Ok(inspected.map(|inspected| {
        let state = inspected.state.unwrap_or_default();
        let labels = inspected.config.and_then(|config| config.labels);
        let networks = inspected.network_settings.and_then(|net| net.networks);
        ContainerRun {
            container: inspected.id.unwrap_or_default(),
            started: state.started_at.unwrap_or_default(),
            after: state.finished_at.and_then(|at| at.parse().ok()),
            running: state.running == Some(true) && state.restarting != Some(true),
            rules: labels.and_then(|mut labels| labels.remove(crate::engine::labels::RULES)),
            endpoint: networks.and_then(|all| all.into_values().find_map(|end| end.endpoint_id)),
        }
    }))
}

/// Wait until the run has said a line that begins with `word`; all it said before, and that line's
/// rest, last. A run that ends first, or takes longer than `limit`, is not to be relied on.
pub async fn wait_for_line(
    client: &DockerClient,
    run: &ContainerRun,
    word: &str,
    limit: Duration,
) -> Result<Vec<String>> {
    let options = query::LogsOptionsBuilder::default()
        .follow(true)
        .stdout(true)
        .timestamps(true)
        .build();
    let mut frames = client.api.logs(&run.container, Some(options)).boxed();
    let mut lines = Vec::new();
    // The engine may have started it again before it was looked at.
    let mut earlier = "what holds it ended".to_owned();
    let read = async {
        let operation = Operation {
            verb: "hear",
            what: "the network sidecar",
        };
        while let Some(frame) = frames
            .try_next()
            .await
            .map_err(|error| client.error(error, operation))?
        {
            let (LogOutput::StdOut { message } | LogOutput::Console { message }) = frame else {
                continue;
            };
            let text = String::from_utf8_lossy(&message);
            let Some((at, line)) = text.trim_end().split_once(' ') else {
                continue;
            };
            // Of an earlier run of the same container.
            let at: Option<jiff::Timestamp> = at.parse().ok();
            let failed = line.strip_prefix("failed ").map(str::to_owned);
            if at < run.after {
                earlier = failed.unwrap_or(earlier);
                continue;
            }
            lines.push(line.to_owned());
            if let Some(reason) = failed {
                return Err(EngineError::Unguarded { reason });
            }
            if line.starts_with(word) {
                return Ok(());
            }
        }
        Err(EngineError::Unguarded { reason: earlier })
    };
    match tokio::time::timeout(limit, read).await {
        Ok(outcome) => outcome.map(|()| lines),
        Err(_) => Err(EngineError::Unguarded {
            reason: format!("what holds it said nothing within {} s", limit.as_secs()),
        }),
    }
}
