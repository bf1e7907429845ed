//! Stopping and removing a container.

use std::time::Duration;

use bollard::query_parameters as query;

use crate::engine::{
    EngineError, Result,
    docker::client::{
        self, DockerClient, HEAVY, SIMPLE,
        error::{self, Operation},
    },
};

pub async fn stop(client: &DockerClient, container: &str, grace: Duration) -> Result<()> {
    let seconds = i32::try_from(grace.as_secs().max(1)).unwrap_or(i32::MAX);
    let options = query::StopContainerOptionsBuilder::default()
        .t(seconds)
        .build();
    let what = format!("container {container}");
    let operation = Operation {
        verb: "stop",
        what: &what,
    };
    let limit = HEAVY.saturating_add(grace);
    let stopped = client
        .within(
            operation,
            limit,
            client.api.stop_container(container, Some(options)),
        )
        .await;
    client::present(stopped).map(drop)
}

/// Kill and remove it, and wait until it is gone.
pub async fn force_remove(client: &DockerClient, container: &str) -> Result<()> {
    let what = format!("container {container}");
    let operation = Operation {
        verb: "remove",
        what: &what,
    };
    let remove = || {
        // Also the anonymous volumes an image may declare. Named ones stay.
        let options = query::RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        client.within(
            operation,
            HEAVY,
            client.api.remove_container(container, Some(options)),
        )
    };
    match client::present(remove().await) {
        // Someone else is removing it: the end is the same, but it has to be waited for.
        Err(EngineError::Refused { status: 409, .. }) => {
            let gone = async {
                loop {
                    let inspect = client
                        .api
                        .inspect_container(container, None::<query::InspectContainerOptions>);
                    if client::present(client.within(operation, SIMPLE, inspect).await)?.is_none() {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let waited = tokio::time::timeout(HEAVY, gone).await;
            waited.unwrap_or_else(|_| Err(error::hanging(&client.endpoint, HEAVY)))
        }
        answer => answer.map(drop),
    }
}
