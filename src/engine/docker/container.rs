//! The container of an instance: made, watched over, found and removed by its labels.

use std::{collections::HashMap, time::Duration};

use bollard::{
    models::{ContainerCreateBody, ContainerSummary},
    query_parameters as query,
};

use super::{
    Docker, applied,
    client::{self, Client, HEAVY, SIMPLE},
    error::Act,
    image,
    network::Sidecar,
    spec::{self, Surroundings},
};
use crate::{
    engine::{EngineError, Observed, Result, labels},
    model::{ContainerSpec, InstanceId},
};

/// A container found by its labels.
#[derive(Debug, Clone)]
pub struct Found {
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
        let older = self.find(&client, &spec.id).await?;
        if let Some(newer) = older
            .iter()
            .find(|found| found.generation > spec.generation)
        {
            return Err(EngineError::Refused {
                act: format!("start generation {} of {}", spec.generation, spec.name),
                status: 409,
                reason: format!("generation {} exists", newer.generation),
            });
        }
        for found in &older {
            self.remove_found(&client, found).await?;
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
        client: &Client,
        spec: &ContainerSpec,
        image: &image::Inspected,
        sidecar: &Sidecar,
    ) -> Result<()> {
        let contents = &self.inner.contents;
        let around = Surroundings {
            owner: &self.inner.settings.owner,
            guest_volume: &contents.volume,
            has_ca: contents.has_ca(),
            image_env: &image.info.env,
            sidecar,
            knows_swappiness: client.facts().await?.knows_swappiness,
        };
        let body = spec::container(spec, around);
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
        client: &Client,
        name: &str,
        body: &ContainerCreateBody,
    ) -> Result<()> {
        let what = format!("container {name}");
        let act = Act {
            verb: "create",
            what: &what,
        };
        let create = || {
            let options = query::CreateContainerOptionsBuilder::default()
                .name(name)
                .build();
            client.within(
                act,
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
        let held = client::present(client.within(act, SIMPLE, inspect).await)?;
        if let Some(held) = held {
            let labels = held
                .config
                .and_then(|config| config.labels)
                .unwrap_or_default();
            // A name holds only a part of the id.
            let wanted = body.labels.as_ref().and_then(|own| own.get(labels::ID));
            if !self.is_ours(&labels) || labels.get(labels::ID) != wanted {
                return Err(EngineError::Refused {
                    act: act.to_string(),
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
    pub(super) async fn find(&self, client: &Client, id: &InstanceId) -> Result<Vec<Found>> {
        let listed = self
            .list(client, &[(labels::ID, id.as_str()), (labels::ROLE, "app")])
            .await?;
        let mut found: Vec<Found> = listed.iter().filter_map(found).collect();
        found.sort_by_key(|found| std::cmp::Reverse(found.generation));
        Ok(found)
    }

    /// The newest of them, which must be there.
    pub(super) async fn newest(&self, client: &Client, id: &InstanceId) -> Result<Found> {
        let found = self.find(client, id).await?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| EngineError::Missing {
                what: format!("container of {id}"),
            })
    }

    pub(super) async fn remove_container(&self, id: &InstanceId, grace: Duration) -> Result<()> {
        let client = self.client().await?;
        for found in self.find(&client, id).await? {
            if !grace.is_zero() {
                stop(&client, &found.container, grace).await?;
            }
            self.remove_found(&client, &found).await?;
        }
        Ok(())
    }

    /// The container, then the sidecar whose network it had.
    async fn remove_found(&self, client: &Client, found: &Found) -> Result<()> {
        force_remove(client, &found.container).await?;
        match &found.sidecar {
            Some(sidecar) => self.drop_sidecar(client, sidecar).await,
            None => Ok(()),
        }
    }

    pub(super) async fn observe_container(&self, id: &InstanceId) -> Result<Observed> {
        let client = self.client().await?;
        let Some(found) = self.find(&client, id).await?.into_iter().next() else {
            return Ok(Observed::Absent);
        };
        let what = format!("container of {id}");
        let inspect = client
            .api
            .inspect_container(&found.container, None::<query::InspectContainerOptions>);
        let inspected = client
            .within(
                Act {
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
        let generation = found.generation;
        Ok(if state.running == Some(true) {
            Observed::Running {
                generation,
                paused: state.paused == Some(true),
            }
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
        client: &Client,
        with: &[(&str, &str)],
    ) -> Result<Vec<ContainerSummary>> {
        let filters = self.filters(with);
        let options = query::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let act = Act {
            verb: "list",
            what: "containers",
        };
        client
            .within(act, SIMPLE, client.api.list_containers(Some(options)))
            .await
    }

    /// A filter for this owner's objects that have these labels too.
    pub(super) fn filters(&self, with: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
        let owner = (labels::OWNER, self.inner.settings.owner.0.as_str());
        let all = with.iter().copied().chain([owner]);
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
async fn run(client: &Client, name: &str, asked: &ContainerCreateBody) -> Result<()> {
    let what = format!("container {name}");
    let inspect = client
        .api
        .inspect_container(name, None::<query::InspectContainerOptions>);
    let got = client
        .within(
            Act {
                verb: "inspect",
                what: &what,
            },
            SIMPLE,
            inspect,
        )
        .await?;
    if let Some(what) = applied::weaker(asked, &got) {
        return Err(EngineError::Weakened { what });
    }
    let start = client
        .api
        .start_container(name, None::<query::StartContainerOptions>);
    client
        .within(
            Act {
                verb: "start",
                what: &what,
            },
            HEAVY,
            start,
        )
        .await
}

pub async fn stop(client: &Client, container: &str, grace: Duration) -> Result<()> {
    let seconds = i32::try_from(grace.as_secs().max(1)).unwrap_or(i32::MAX);
    let options = query::StopContainerOptionsBuilder::default()
        .t(seconds)
        .build();
    let what = format!("container {container}");
    let act = Act {
        verb: "stop",
        what: &what,
    };
    let limit = HEAVY.saturating_add(grace);
    let stopped = client
        .within(
            act,
            limit,
            client.api.stop_container(container, Some(options)),
        )
        .await;
    client::present(stopped).map(drop)
}

/// Kill and remove it, and wait until it is gone.
pub async fn force_remove(client: &Client, container: &str) -> Result<()> {
    let what = format!("container {container}");
    let act = Act {
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
            act,
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
                    if client::present(client.within(act, SIMPLE, inspect).await)?.is_none() {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let waited = tokio::time::timeout(HEAVY, gone).await;
            waited.unwrap_or_else(|_| Err(super::error::hanging(&client.endpoint, HEAVY)))
        }
        answer => answer.map(drop),
    }
}

fn found(container: &ContainerSummary) -> Option<Found> {
    let labels = container.labels.as_ref()?;
    Some(Found {
        container: container.id.clone()?,
        generation: labels.get(labels::GENERATION)?.parse().ok()?,
        sidecar: labels.get(labels::SIDECAR).cloned(),
    })
}
