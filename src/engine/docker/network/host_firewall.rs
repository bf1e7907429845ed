//! The host firewall: one container for each owner, which keeps the host's packet filter. Its role on
//! engine objects is `warden`. Here it is started, checked and removed.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use bollard::query_parameters as query;

use guest_api::ruleset;

use super::{
    container_body::{self, CommonBody},
    container_status,
    subnet_pool::{SubnetPool, bridges, tag},
};
use crate::{
    engine::{
        EngineError, Result,
        docker::{
            Docker,
            client::{DockerClient, HEAVY, SIMPLE, error::Operation},
            container,
        },
        labels,
    },
    security::firewall::{HostNetwork, host_table},
};

/// A host firewall that is in place, and what it reported of the host's network.
#[derive(Debug)]
pub struct HostFirewall {
    run: container_status::ContainerRun,
    pub host_network: HostNetwork,
    pub pool: SubnetPool,
}

impl Docker {
    pub(super) fn host_firewall_name(&self) -> String {
        format!("cmp-{}-warden", tag(&self.inner.settings.owner))
    }

    /// What a container of the network is made with.
    pub(super) fn common_body<'a>(
        &'a self,
        rules: &'a str,
        fingerprint: &'a str,
    ) -> CommonBody<'a> {
        CommonBody {
            owner: &self.inner.settings.owner.0,
            image: self.inner.settings.network.image.as_str(),
            guest_volume: &self.inner.contents.volume,
            firewall_program: self.inner.contents.firewall_program(),
            rules,
            fingerprint,
        }
    }

    /// Tells a container that was given these rules and runs this program from any other.
    pub(super) fn fingerprint(&self, rules: &str) -> String {
        let program = &self.inner.contents.volume;
        format!("{}-{program}", ruleset::fingerprint(rules))
    }

    /// Make sure that the host's packet filter is in place.
    pub(super) async fn ensure_host_firewall(
        &self,
        client: &DockerClient,
    ) -> Result<Arc<HostFirewall>> {
        let mut cached = self.inner.network.host_firewall.lock().await;
        let name = self.host_firewall_name();
        let existing = container_status::inspect_run(client, &name).await?;
        if let (Some(firewall), Some(existing)) = (&*cached, &existing)
            && existing.running
            && firewall.run == *existing
        {
            return Ok(firewall.clone());
        }
        *cached = None;
        let settings = &self.inner.settings;
        let table = host_table(
            &format!("codemate_{}", tag(&settings.owner)),
            &bridges(&settings.owner),
            &HostNetwork {
                resolvers: settings.network.dns.clone(),
                reach: settings.network.reach.clone(),
                ..HostNetwork::default()
            },
        );
        let fingerprint = self.fingerprint(&table);
        let run = match existing {
            Some(run) if run.running && run.rules.as_deref() == Some(&fingerprint) => run,
            _ => Box::pin(self.start_host_firewall(client, &name, &table, &fingerprint)).await?,
        };
        let firewall = self.read_status(client, run, &table).await;
        if firewall.is_err() {
            // The engine would start it again and again.
            if let Err(error) = container::force_remove(client, &name).await {
                tracing::warn!(warden = name, %error, "a warden that does not hold stays");
            }
        }
        let firewall = Arc::new(firewall?);
        *cached = Some(firewall.clone());
        Ok(firewall)
    }

    async fn start_host_firewall(
        &self,
        client: &DockerClient,
        name: &str,
        table: &str,
        fingerprint: &str,
    ) -> Result<container_status::ContainerRun> {
        let settings = &self.inner.settings;
        self.ensure_guest(client, &settings.network.image).await?;
        // One that ran with other rules is killed for its name, and the kernel keeps its table until
        // this one replaces it.
        let body = container_body::host_firewall(self.common_body(table, fingerprint));
        self.create_container(client, name, &body).await?;
        start(client, name).await
    }

    /// Wait until it reports that its table is in place, and read what else it reports.
    async fn read_status(
        &self,
        client: &DockerClient,
        run: container_status::ContainerRun,
        table: &str,
    ) -> Result<HostFirewall> {
        let settings = &self.inner.settings.network;
        let lines =
            container_status::wait_for_line(client, &run, "holds ", settings.ready_within).await?;
        let all = |word: &str| -> Vec<String> {
            let words = lines.iter().filter_map(|line| line.strip_prefix(word));
            words.map(str::to_owned).collect()
        };
        let addresses = |word: &str| -> Vec<Ipv4Addr> {
            all(word)
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect()
        };
        let resolvers = if settings.dns.is_empty() {
            addresses("resolver ")
        } else {
            settings.dns.clone()
        };
        let expected = ruleset::fingerprint(&ruleset::with_resolvers(table, &resolvers));
        if all("holds ").last() != Some(&expected) {
            return Err(EngineError::Unguarded {
                reason: "the host's table is another one than it was told to hold".to_owned(),
            });
        }
        let pool = match settings.networks {
            Some(pool) => pool,
            None => self.free_pool(client, &all("network ")).await?,
        };
        Ok(HostFirewall {
            run,
            host_network: HostNetwork {
                resolvers,
                reach: settings.reach.clone(),
                host: addresses("address "),
                pool: Some(pool.parts()),
            },
            pool,
        })
    }

    /// The first candidate that neither the host nor the engine has a network in. Networks of this
    /// program's are cut from the same pool, whoever's they are.
    async fn free_pool(&self, client: &DockerClient, routes: &[String]) -> Result<SubnetPool> {
        let (ours, others) = self.subnets(client).await?;
        let routes = routes.iter().filter_map(|text| SubnetPool::network(text));
        let taken: Vec<SubnetPool> = routes
            .filter(|route| !ours.contains(route))
            .chain(others)
            .collect();
        let candidates = SubnetPool::CANDIDATES
            .iter()
            .filter_map(|text| SubnetPool::parse(text));
        let free = |pool: &SubnetPool| !taken.iter().any(|other| other.overlaps(*pool));
        candidates
            .into_iter()
            .find(free)
            .ok_or_else(|| EngineError::NoNetwork {
                pool: SubnetPool::CANDIDATES.join(", "),
            })
    }

    /// End it, so that it takes the table with it.
    pub(super) async fn remove_host_firewall(&self, client: &DockerClient) -> Result<()> {
        let mut cached = self.inner.network.host_firewall.lock().await;
        *cached = None;
        let name = self.host_firewall_name();
        container::stop(client, &name, Duration::from_secs(5)).await?;
        container::force_remove(client, &name).await
    }
}

/// Start a container that was made; its run.
pub async fn start(client: &DockerClient, name: &str) -> Result<container_status::ContainerRun> {
    let what = format!("container {name}");
    let operation = Operation {
        verb: "start",
        what: &what,
    };
    let call = client
        .api
        .start_container(name, None::<query::StartContainerOptions>);
    client.within(operation, HEAVY, call).await?;
    container_status::inspect_run(client, name)
        .await?
        .ok_or(EngineError::Missing { what })
}

impl Docker {
    /// The subnets of this program's networks, and of all others.
    async fn subnets(&self, client: &DockerClient) -> Result<(Vec<SubnetPool>, Vec<SubnetPool>)> {
        let operation = Operation {
            verb: "list",
            what: "networks",
        };
        let call = client.api.list_networks(None::<query::ListNetworksOptions>);
        let networks = client.within(operation, SIMPLE, call).await?;
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for network in networks {
            let is_ours = network
                .labels
                .is_some_and(|labels| labels.contains_key(labels::OWNER));
            let configs = network
                .ipam
                .and_then(|ipam| ipam.config)
                .unwrap_or_default();
            let subnets = configs
                .into_iter()
                .filter_map(|config| SubnetPool::network(&config.subnet?));
            if is_ours { &mut ours } else { &mut others }.extend(subnets);
        }
        Ok((ours, others))
    }
}
