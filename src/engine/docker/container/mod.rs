//! The container of an instance: made, watched over, found and removed by its labels.

pub(super) mod applied;
mod control_group;
pub(super) mod cpu_set;
pub(super) mod egress_denials;
pub(super) mod exec;
pub(super) mod frames;
pub(super) mod link;
pub(super) mod logs;
pub(super) mod masks;
mod remove;
pub(super) mod seccomp;
pub(super) mod spec;
pub(super) mod usage;

use std::{collections::HashMap, time::Duration};

use bollard::{
    models::{ContainerCreateBody, ContainerSummary},
    query_parameters as query,
};

use super::{
    Docker,
    client::{self, DockerClient, HEAVY, SIMPLE, error::Operation},
    image,
    network::Sidecar,
};
use crate::{
    engine::{EngineError, Observed, Result, labels},
    model::{ContainerSpec, InstanceId},
};
use spec::CreateContext;

pub use remove::{force_remove, stop};

/// A container found by its labels.
#[derive(Debug, Clone)]
pub struct ContainerRef {
    pub container: String,
    pub generation: u64,
    pub sidecar: Option<String>,
}

impl Docker {
    pub(super) async fn start_container(&self, spec: &ContainerSpec) -> Result<()> {
        let client = self.client().await?;
        let Some(image) = image::inspect(&client, &spec.image).await? else {
            return Err(EngineError::NoImage {
                image: spec.image.to_string(),
                reason: "it was neither built nor pulled".to_owned(),
            });
        };
        let older = self.find_containers(&client, &spec.id).await?;
        if let Some(newer) = older
            .iter()
            .find(|container_ref| container_ref.generation > spec.generation)
        {
            return Err(EngineError::Refused {
                operation: format!("start generation {} of {}", spec.generation, spec.name),
                status: 409,
                reason: format!("generation {} exists", newer.generation),
            });
        }
        for container_ref in &older {
            self.remove_found(&client, container_ref).await?;
        }
        self.ensure_guest(&client, &spec.image).await?;
        // Both to their end, for one that is dropped half-way would leave its helper behind.
        let (home, sidecar) = tokio::join!(
            self.ensure_home(&client, spec, image.is_ours()),
            self.sidecar(&client, spec),
        );
        let sidecar = sidecar?;
        let started = match home {
            Ok(()) => self.start_app(&client, spec, &image, &sidecar).await,
            Err(error) => Err(error),
        };
        if started.is_err()
            && let Err(error) = self.drop_sidecar(&client, &sidecar.claim.name).await
        {
            tracing::warn!(sidecar = sidecar.claim.name, %error, "a sidecar without an app stays");
        }
        started
    }

    /// Make and start the container itself, in the namespace of a sidecar that holds.
    async fn start_app(
        &self,
        client: &DockerClient,
        spec: &ContainerSpec,
        image: &image::InspectedImage,
        sidecar: &Sidecar,
    ) -> Result<()> {
        let contents = &self.inner.contents;
        let context = CreateContext {
            owner: &self.inner.settings.owner,
            guest_volume: &contents.volume,
            has_ca: contents.has_ca(),
            image_env: &image.info.env,
            sidecar,
            knows_swappiness: client.facts().await?.knows_swappiness,
        };
        let body = spec::container(spec, context);
        let name = spec::container_name(&self.inner.settings.owner, spec);
        self.create_container(client, &name, &body).await?;
        let started = run(client, &name, &body).await;
        if started.is_err() {
            // The reason to fail is the first one; what stays is found by its labels.
            if let Err(error) = force_remove(client, &name).await {
                tracing::warn!(container = name, %error, "a container that failed to start stays");
            }
        }
        started
    }

    /// Create it; one of ours that holds the name is from a run that was cut short, and goes.
    pub(super) async fn create_container(
        &self,
        client: &DockerClient,
        name: &str,
        body: &ContainerCreateBody,
    ) -> Result<()> {
        let what = format!("container {name}");
        let operation = Operation {
            verb: "create",
            what: &what,
        };
        let create = || {
            let options = query::CreateContainerOptionsBuilder::default()
                .name(name)
                .build();
            client.within(
                operation,
                HEAVY,
                client.api.create_container(Some(options), body.clone()),
            )
        };
        match create().await {
            Ok(_) => return Ok(()),
            Err(EngineError::Refused { status: 409, .. }) => {}
            Err(EngineError::Missing { .. }) => {
                let image = body.image.clone().unwrap_or_default();
                return Err(EngineError::NoImage {
                    image,
                    reason: "it was removed".to_owned(),
                });
            }
            Err(error) => return Err(error),
        }
        let inspect = client
            .api
            .inspect_container(name, None::<query::InspectContainerOptions>);
        let existing = client::present(client.within(operation, SIMPLE, inspect).await)?;
        if let Some(existing) = existing {
            let labels = existing
                .config
                .and_then(|config| config.labels)
                .unwrap_or_default();
            // A name holds only a part of the id.
            let expected_id = body.labels.as_ref().and_then(|own| own.get(labels::ID));
            if !self.is_ours(&labels) || labels.get(labels::ID) != expected_id {
                return Err(EngineError::Refused {
                    operation: operation.to_string(),
                    status: 409,
                    reason: "the name is taken by another container".to_owned(),
                });
            }
            force_remove(client, name).await?;
        }
        create().await?;
        Ok(())
    }

    /// The instance's containers, newest generation first.
    pub(super) async fn find_containers(
        &self,
        client: &DockerClient,
        id: &InstanceId,
    ) -> Result<Vec<ContainerRef>> {
        let listed = self
            .list(
                client,
                &[(labels::ID, id.as_str()), (labels::ROLE, labels::APP)],
            )
            .await?;
        let mut container_ref: Vec<ContainerRef> =
            listed.iter().filter_map(container_ref).collect();
        container_ref.sort_by_key(|container_ref| std::cmp::Reverse(container_ref.generation));
        Ok(container_ref)
    }

    /// The newest of them, which must be there.
    pub(super) async fn newest(
        &self,
        client: &DockerClient,
        id: &InstanceId,
    ) -> Result<ContainerRef> {
        let container_ref = self.find_containers(client, id).await?;
        container_ref
            .into_iter()
            .next()
            .ok_or_else(|| EngineError::Missing {
                what: format!("container of {id}"),
            })
    }

    pub(super) async fn remove_container(&self, id: &InstanceId, grace: Duration) -> Result<()> {
        let client = self.client().await?;
        for container_ref in self.find_containers(&client, id).await? {
            if !grace.is_zero() {
                stop(&client, &container_ref.container, grace).await?;
            }
            self.remove_found(&client, &container_ref).await?;
        }
        Ok(())
    }

    /// The container, then the sidecar whose network it had.
    async fn remove_found(
        &self,
        client: &DockerClient,
        container_ref: &ContainerRef,
    ) -> Result<()> {
        force_remove(client, &container_ref.container).await?;
        match &container_ref.sidecar {
            Some(sidecar) => self.drop_sidecar(client, sidecar).await,
            None => Ok(()),
        }
    }

    pub(super) async fn observe_container(&self, id: &InstanceId) -> Result<Observed> {
        let client = self.client().await?;
        let Some(container_ref) = self.find_containers(&client, id).await?.into_iter().next()
        else {
            return Ok(Observed::Absent);
        };
        let what = format!("container of {id}");
        let inspect = client.api.inspect_container(
            &container_ref.container,
            None::<query::InspectContainerOptions>,
        );
        let inspected = client
            .within(
                Operation {
                    verb: "inspect",
                    what: &what,
                },
                SIMPLE,
                inspect,
            )
            .await;
        let Some(state) = client::present(inspected)?.and_then(|container| container.state) else {
            return Ok(Observed::Absent);
        };
        let generation = container_ref.generation;
        Ok(if state.running == Some(true) {
            Observed::Running { generation }
        } else {
            Observed::Exited {
                generation,
                code: state.exit_code.unwrap_or_default(),
                out_of_memory: state.oom_killed == Some(true),
            }
        })
    }

    pub(super) async fn list(
        &self,
        client: &DockerClient,
        required: &[(&str, &str)],
    ) -> Result<Vec<ContainerSummary>> {
        let filters = self.filters(required);
        let options = query::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let operation = Operation {
            verb: "list",
            what: "containers",
        };
        client
            .within(operation, SIMPLE, client.api.list_containers(Some(options)))
            .await
    }

    /// A filter for this owner's objects that have these labels too.
    pub(super) fn filters(&self, required: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
        let owner = (labels::OWNER, self.inner.settings.owner.0.as_str());
        let all = required.iter().copied().chain([owner]);
        HashMap::from([(
            "label".to_owned(),
            all.map(|(key, value)| format!("{key}={value}")).collect(),
        )])
    }

    pub(super) fn is_ours(&self, labels: &HashMap<String, String>) -> bool {
        labels.get(labels::OWNER) == Some(&self.inner.settings.owner.0)
    }
}

/// Start what was created, if it is as it was asked for.
async fn run(client: &DockerClient, name: &str, asked: &ContainerCreateBody) -> Result<()> {
    let what = format!("container {name}");
    let inspect = client
        .api
        .inspect_container(name, None::<query::InspectContainerOptions>);
    let applied = client
        .within(
            Operation {
                verb: "inspect",
                what: &what,
            },
            SIMPLE,
            inspect,
        )
        .await?;
    if let Some(what) = applied::weaker(asked, &applied) {
        return Err(EngineError::Weakened { what });
    }
    let start = client
        .api
        .start_container(name, None::<query::StartContainerOptions>);
    client
        .within(
            Operation {
                verb: "start",
                what: &what,
            },
            HEAVY,
            start,
        )
        .await
}

fn container_ref(container: &ContainerSummary) -> Option<ContainerRef> {
    let labels = container.labels.as_ref()?;
    Some(ContainerRef {
        container: container.id.clone()?,
        generation: labels.get(labels::GENERATION)?.parse().ok()?,
        sidecar: labels.get(labels::SIDECAR).cloned(),
    })
}
