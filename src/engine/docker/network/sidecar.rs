//! A sidecar: the container that owns a preview's network namespace. It is made, believed once it
//! said that its rules hold, and taken away with its network.

use guest_api::ruleset;

use super::{bridge::NameClaim, container_body, container_status, host_firewall};
use crate::{
    engine::{
        EngineError, Result,
        docker::{Docker, client::DockerClient, container},
    },
    model::{ContainerSpec, Egress},
    security::firewall::{HostNetwork, netns_table},
};

/// One that holds, for one app.
#[derive(Debug)]
pub struct Sidecar {
    /// Of the container, and of its network if it has one. While this is held nobody sweeps it away.
    pub claim: NameClaim,
    pub container: String,
    pub endpoint: String,
}

#[cfg(test)]
impl Sidecar {
    pub fn for_tests(name: &str) -> Self {
        Self {
            claim: NameClaim::take(&std::sync::Arc::default(), name.to_owned())
                .expect("nobody else has it"),
            container: "0".repeat(64),
            endpoint: "1".repeat(64),
        }
    }
}

/// The table of previews that may reach the internet.
pub fn open_table(firewall: &host_firewall::HostFirewall) -> String {
    netns_table(&Egress::Open, &firewall.host_network)
}

/// What a sidecar is given.
struct SidecarParams<'a> {
    /// The name of its network, or `none`.
    network: &'a str,
    dns: &'a [String],
    table: &'a str,
    env: &'a [(String, String)],
}

impl Docker {
    /// For a preview without egress: no network at all, and rules that let nothing out of it.
    pub(super) async fn make_closed(
        &self,
        client: &DockerClient,
        spec: &ContainerSpec,
    ) -> Result<Sidecar> {
        let id = &spec.id.as_str()[..6];
        let name = format!("{}n{id}-{}", self.network_prefix(), spec.generation);
        let Some(claim) = NameClaim::take(&self.inner.network.claimed_names, name) else {
            return Err(EngineError::Refused {
                operation: format!("start {}", spec.name),
                status: 409,
                reason: "it is being started".to_owned(),
            });
        };
        let table = netns_table(&Egress::None, &HostNetwork::default());
        let params = SidecarParams {
            network: "none",
            dns: &[],
            table: &table,
            env: &[],
        };
        let sidecar = self.run_sidecar(client, claim, &params).await;
        sidecar.map_err(|(error, _)| error)
    }

    /// One on a network of its own, whose table is for this egress.
    pub(super) async fn make_sidecar(
        &self,
        client: &DockerClient,
        firewall: &host_firewall::HostFirewall,
        egress: &Egress,
    ) -> Result<Sidecar> {
        let table = netns_table(egress, &firewall.host_network);
        let words = |all: Vec<String>, between: &str| all.join(between);
        let resolvers: Vec<String> = firewall
            .host_network
            .resolvers
            .iter()
            .map(ToString::to_string)
            .collect();
        let env = match egress {
            Egress::Open | Egress::None => Vec::new(),
            Egress::Allow(names) => vec![
                ("CODEMATE_NET_ALLOW".to_owned(), words(names.clone(), "\n")),
                ("CODEMATE_NET_DNS".to_owned(), words(resolvers.clone(), " ")),
                (
                    "CODEMATE_NET_REACH".to_owned(),
                    words(
                        firewall
                            .host_network
                            .reach
                            .iter()
                            .map(ToString::to_string)
                            .collect(),
                        " ",
                    ),
                ),
            ],
        };
        let claim = self.make_network(client, firewall.pool).await?;
        let network = claim.name.clone();
        let params = SidecarParams {
            network: &network,
            dns: &resolvers,
            table: &table,
            env: &env,
        };
        match self.run_sidecar(client, claim, &params).await {
            Ok(sidecar) => Ok(sidecar),
            Err((error, _claim)) => {
                if let Err(second) = self.drop_network(client, &network).await {
                    tracing::warn!(network, error = %second, "a network without a sidecar stays");
                }
                Err(error)
            }
        }
    }

    /// The claim comes back with a failure, for there may be more to take away under its name.
    async fn run_sidecar(
        &self,
        client: &DockerClient,
        claim: NameClaim,
        params: &SidecarParams<'_>,
    ) -> Result<Sidecar, (EngineError, NameClaim)> {
        let fingerprint = self.fingerprint(params.table);
        let common_body = self.common_body(params.table, &fingerprint);
        let body = container_body::sidecar(common_body, params.network, params.dns, params.env);
        let name = claim.name.clone();
        let ready_run = async {
            self.create_container(client, &name, &body).await?;
            let run = host_firewall::start(client, &name).await?;
            let limit = self.inner.settings.network.ready_within;
            let lines = container_status::wait_for_line(client, &run, "ready ", limit).await?;
            let ready = format!("ready {}", ruleset::fingerprint(params.table));
            if lines.last() == Some(&ready) {
                return Ok(run);
            }
            Err(EngineError::Unguarded {
                reason: "the sidecar holds another table than it was told to".to_owned(),
            })
        };
        match ready_run.await {
            Ok(run) => Ok(Sidecar {
                claim,
                container: run.container,
                endpoint: run.endpoint.unwrap_or_default(),
            }),
            Err(error) => {
                if let Err(second) = container::force_remove(client, &name).await {
                    tracing::warn!(sidecar = name, error = %second, "a sidecar that failed stays");
                }
                Err((error, claim))
            }
        }
    }

    /// Take away a sidecar and its network. Gone already is success.
    pub(in crate::engine::docker) async fn drop_sidecar(
        &self,
        client: &DockerClient,
        name: &str,
    ) -> Result<()> {
        container::force_remove(client, name).await?;
        self.drop_network(client, name).await
    }
}
