//! What an owner has on the engine, by its labels.

use bollard::{
    models::{ContainerSummary, ContainerSummaryStateEnum},
    query_parameters as query,
};

use super::{
    Docker,
    client::{SIMPLE, error::Operation},
};
use crate::engine::{Owned, Result, labels};

impl Docker {
    pub(super) async fn list_all_owned(&self) -> Result<Vec<Owned>> {
        let client = self.client().await?;
        let containers = self.list(&client, &[(labels::ROLE, labels::APP)]).await?;
        let mut owned: Vec<Owned> = containers.iter().filter_map(owned_container).collect();
        let filters = self.filters(&[(labels::ROLE, "home")]);
        let options = query::ListVolumesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let operation = Operation {
            verb: "list",
            what: "home volumes",
        };
        let volumes = client
            .within(operation, SIMPLE, client.api.list_volumes(Some(options)))
            .await?;
        owned.extend(volumes.volumes.into_iter().flatten().filter_map(|volume| {
            let id = volume.labels.get(labels::ID)?.parse().ok()?;
            Some(Owned::Home {
                volume: volume.name,
                id,
            })
        }));
        Ok(owned)
    }
}

fn owned_container(container: &ContainerSummary) -> Option<Owned> {
    let labels = container.labels.as_ref()?;
    Some(Owned::Container {
        id: labels.get(labels::ID)?.parse().ok()?,
        name: labels.get(labels::NAME)?.parse().ok()?,
        generation: labels.get(labels::GENERATION)?.parse().ok()?,
        running: matches!(
            container.state,
            Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::PAUSED)
        ),
    })
}
