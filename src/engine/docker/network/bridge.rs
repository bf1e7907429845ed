//! One network a preview: a bridge with a name of ours and eight addresses of the pool.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bollard::{
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters as query,
};
use parking_lot::Mutex;

use super::subnet_pool::{SubnetPool, bridges, tag};
use crate::engine::{
    EngineError, Result,
    docker::{
        Docker,
        client::{self, DockerClient, HEAVY, SIMPLE, error::Operation},
    },
    labels,
};

/// Slots tried before it is said that there is none: other agents on the engine have some.
const ATTEMPTS: u32 = 256;

/// A name that somebody is at work on, so that it is nobody's orphan. Given back when dropped.
#[derive(Debug)]
pub struct NameClaim {
    pub name: String,
    claimed: Arc<Mutex<BTreeSet<String>>>,
}

impl NameClaim {
    /// `None` if somebody else has it.
    pub fn take(claimed: &Arc<Mutex<BTreeSet<String>>>, name: String) -> Option<Self> {
        let mut names = claimed.lock();
        names.insert(name.clone()).then(|| Self {
            name,
            claimed: claimed.clone(),
        })
    }
}

impl Drop for NameClaim {
    fn drop(&mut self) {
        let mut names = self.claimed.lock();
        names.remove(&self.name);
    }
}

impl Docker {
    /// What the names of an owner's networks and sidecars begin with.
    pub(super) fn network_prefix(&self) -> String {
        format!("cmn-{}-", tag(&self.inner.settings.owner))
    }

    /// Make a network in a slot that nobody has.
    pub(super) async fn make_network(
        &self,
        client: &DockerClient,
        pool: SubnetPool,
    ) -> Result<NameClaim> {
        let owner = &self.inner.settings.owner;
        let taken: BTreeSet<String> = self.networks(client).await?.into_iter().collect();
        // Agents on one engine begin at different places.
        let first = u32::from_str_radix(&tag(owner)[..4], 16).unwrap_or(0);
        for attempt in 0..ATTEMPTS.min(pool.slots()) {
            let slot = (first + attempt) % pool.slots();
            let name = format!("{}{slot:05x}", self.network_prefix());
            if taken.contains(&name) {
                continue;
            }
            let Some(claim) = NameClaim::take(&self.inner.network.claimed_names, name) else {
                continue;
            };
            let request = NetworkCreateRequest {
                name: claim.name.clone(),
                driver: Some("bridge".to_owned()),
                enable_ipv6: Some(false),
                ipam: Some(Ipam {
                    config: Some(vec![IpamConfig {
                        subnet: Some(pool.slot(slot)),
                        ..IpamConfig::default()
                    }]),
                    ..Ipam::default()
                }),
                options: Some(HashMap::from([
                    (
                        "com.docker.network.bridge.name".to_owned(),
                        format!("{}{slot:05x}", bridges(owner)),
                    ),
                    (
                        "com.docker.network.bridge.enable_icc".to_owned(),
                        "false".to_owned(),
                    ),
                ])),
                labels: Some(HashMap::from([
                    (labels::OWNER.to_owned(), owner.0.clone()),
                    (labels::ROLE.to_owned(), "net".to_owned()),
                ])),
                ..NetworkCreateRequest::default()
            };
            let what = format!("network {}", claim.name);
            let operation = Operation {
                verb: "create",
                what: &what,
            };
            match client
                .within(operation, HEAVY, client.api.create_network(request))
                .await
            {
                Ok(_) => return Ok(claim),
                // Somebody's addresses, or somebody's name.
                Err(EngineError::Refused {
                    status: 400 | 403 | 409,
                    ..
                }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::NoNetwork {
            pool: pool.to_string(),
        })
    }

    /// The names of this owner's.
    pub(super) async fn networks(&self, client: &DockerClient) -> Result<Vec<String>> {
        let filters = self.filters(&[(labels::ROLE, "net")]);
        let options = query::ListNetworksOptionsBuilder::default()
            .filters(&filters)
            .build();
        let operation = Operation {
            verb: "list",
            what: "networks",
        };
        let listed = client
            .within(operation, SIMPLE, client.api.list_networks(Some(options)))
            .await?;
        Ok(listed
            .into_iter()
            .filter_map(|network| network.name)
            .collect())
    }

    /// Gone already is success.
    pub(super) async fn drop_network(&self, client: &DockerClient, name: &str) -> Result<()> {
        let what = format!("network {name}");
        let operation = Operation {
            verb: "remove",
            what: &what,
        };
        let call = client.api.remove_network(name);
        client::present(client.within(operation, HEAVY, call).await).map(drop)
    }
}
