//! A sidecar: the container that owns a preview's network namespace. It is made, believed once it
//! said that its rules hold, and taken away with its network.

use super::{body, bridge::Claim, rules, said, warden};
use crate::{
    engine::{
        EngineError, Result,
        docker::{Docker, client::Client, container},
    },
    model::{ContainerSpec, Egress},
    security::firewall::{Around, netns_table},
};

/// One that holds, for one app.
#[derive(Debug)]
pub struct Sidecar {
    /// Of the container, and of its network if it has one. While this is held nobody sweeps it away.
    pub claim: Claim,
    pub container: String,
    pub endpoint: String,
}

#[cfg(test)]
impl Sidecar {
    pub fn for_tests(name: &str) -> Self {
        Self {
            claim: Claim::take(&std::sync::Arc::default(), name.to_owned())
                .expect("nobody else has it"),
            container: "0".repeat(64),
            endpoint: "1".repeat(64),
        }
    }
}

/// The table of previews that may reach the internet.
pub fn open_table(held: &warden::Held) -> String {
    netns_table(&Egress::Open, &held.around)
}

/// What a sidecar is given.
struct Given<'a> {
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
        client: &Client,
        spec: &ContainerSpec,
    ) -> Result<Sidecar> {
        let id = &spec.id.as_str()[..6];
        let name = format!("{}n{id}-{}", self.network_prefix(), spec.generation);
        let Some(claim) = Claim::take(&self.inner.network.busy, name) else {
            return Err(EngineError::Refused {
                act: format!("start {}", spec.name),
                status: 409,
                reason: "it is being started".to_owned(),
            });
        };
        let table = netns_table(&Egress::None, &Around::default());
        let given = Given {
            network: "none",
            dns: &[],
            table: &table,
            env: &[],
        };
        let made = self.run_sidecar(client, claim, &given).await;
        made.map_err(|(error, _)| error)
    }

    /// One on a network of its own, whose table is for this egress.
    pub(super) async fn make_sidecar(
        &self,
        client: &Client,
        held: &warden::Held,
        egress: &Egress,
    ) -> Result<Sidecar> {
        let table = netns_table(egress, &held.around);
        let words = |all: Vec<String>, between: &str| all.join(between);
        let resolvers: Vec<String> = held
            .around
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
                        held.around.reach.iter().map(ToString::to_string).collect(),
                        " ",
                    ),
                ),
            ],
        };
        let claim = self.make_network(client, held.pool).await?;
        let network = claim.name.clone();
        let given = Given {
            network: &network,
            dns: &resolvers,
            table: &table,
            env: &env,
        };
        match self.run_sidecar(client, claim, &given).await {
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
        client: &Client,
        claim: Claim,
        given: &Given<'_>,
    ) -> Result<Sidecar, (EngineError, Claim)> {
        let mark = self.mark(given.table);
        let common = self.common(given.table, &mark);
        let body = body::sidecar(common, given.network, given.dns, given.env);
        let name = claim.name.clone();
        let believed = async {
            self.create_container(client, &name, &body).await?;
            let run = warden::start(client, &name).await?;
            let limit = self.inner.settings.network.ready_within;
            let said = said::until(client, &run, "ready ", limit).await?;
            let ready = format!("ready {}", rules::fingerprint(given.table));
            if said.last() == Some(&ready) {
                return Ok(run);
            }
            Err(EngineError::Unguarded {
                reason: "the sidecar holds another table than it was told to".to_owned(),
            })
        };
        match believed.await {
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
        client: &Client,
        name: &str,
    ) -> Result<()> {
        container::force_remove(client, name).await?;
        self.drop_network(client, name).await
    }
}
