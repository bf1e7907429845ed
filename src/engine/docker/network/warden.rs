//! The warden: one container an owner, which holds the host's table. Here it is started, believed
//! once it said so, and looked after.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use bollard::query_parameters as query;

use super::{
    body::{self, Common},
    rules, said,
    settings::{Pool, bridges, tag},
};
use crate::{
    engine::{
        EngineError, Result,
        docker::{
            Docker,
            client::{Client, HEAVY, SIMPLE},
            container,
            error::Act,
        },
        labels,
    },
    security::firewall::{Around, host_table},
};

/// A warden that holds, and what it saw from where it is.
#[derive(Debug)]
pub struct Held {
    run: said::Run,
    pub around: Around,
    pub pool: Pool,
}

impl Docker {
    pub(super) fn warden_name(&self) -> String {
        format!("cmp-{}-warden", tag(&self.inner.settings.owner))
    }

    /// What a container of the network is made with.
    pub(super) fn common<'a>(&'a self, rules: &'a str, mark: &'a str) -> Common<'a> {
        Common {
            owner: &self.inner.settings.owner.0,
            image: self.inner.settings.network.image.as_str(),
            guest_volume: &self.inner.contents.volume,
            keeper: self.inner.contents.keeper(),
            rules,
            mark,
        }
    }

    /// Tells a container that was given these rules and runs this program from any other.
    pub(super) fn mark(&self, rules: &str) -> String {
        let program = &self.inner.contents.volume;
        format!("{}-{program}", rules::fingerprint(rules))
    }

    /// See to it that the host's table holds.
    pub(super) async fn hold_host(&self, client: &Client) -> Result<Arc<Held>> {
        let mut known = self.inner.network.warden.lock().await;
        let name = self.warden_name();
        let there = said::look(client, &name).await?;
        if let (Some(held), Some(there)) = (&*known, &there)
            && there.running
            && held.run == *there
        {
            return Ok(held.clone());
        }
        *known = None;
        let settings = &self.inner.settings;
        let table = host_table(
            &format!("codemate_{}", tag(&settings.owner)),
            &bridges(&settings.owner),
            &Around {
                resolvers: settings.network.dns.clone(),
                reach: settings.network.reach.clone(),
                ..Around::default()
            },
        );
        let mark = self.mark(&table);
        let run = match there {
            Some(run) if run.running && run.rules.as_deref() == Some(&mark) => run,
            _ => Box::pin(self.start_warden(client, &name, &table, &mark)).await?,
        };
        let held = self.believe(client, run, &table).await;
        if held.is_err() {
            // The engine would start it again and again.
            if let Err(error) = container::force_remove(client, &name).await {
                tracing::warn!(warden = name, %error, "a warden that does not hold stays");
            }
        }
        let held = Arc::new(held?);
        *known = Some(held.clone());
        Ok(held)
    }

    async fn start_warden(
        &self,
        client: &Client,
        name: &str,
        table: &str,
        mark: &str,
    ) -> Result<said::Run> {
        let settings = &self.inner.settings;
        self.ensure_guest(client, &settings.network.image).await?;
        // One that ran with other rules is killed for its name, and the kernel keeps its table until
        // this one replaces it.
        let body = body::warden(self.common(table, mark));
        self.create_container(client, name, &body).await?;
        start(client, name).await
    }

    /// Hear it say that it holds what it was told to.
    async fn believe(&self, client: &Client, run: said::Run, table: &str) -> Result<Held> {
        let settings = &self.inner.settings.network;
        let said = said::until(client, &run, "holds ", settings.ready_within).await?;
        let all = |word: &str| -> Vec<String> {
            let words = said.iter().filter_map(|line| line.strip_prefix(word));
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
        let expected = rules::fingerprint(&rules::with_resolvers(table, &resolvers));
        if all("holds ").last() != Some(&expected) {
            return Err(EngineError::Unguarded {
                reason: "the host's table is another one than it was told to hold".to_owned(),
            });
        }
        let pool = match settings.networks {
            Some(pool) => pool,
            None => self.free_pool(client, &all("network ")).await?,
        };
        Ok(Held {
            run,
            around: Around {
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
    async fn free_pool(&self, client: &Client, routes: &[String]) -> Result<Pool> {
        let (ours, others) = self.subnets(client).await?;
        let routes = routes.iter().filter_map(|text| Pool::network(text));
        let taken: Vec<Pool> = routes
            .filter(|route| !ours.contains(route))
            .chain(others)
            .collect();
        let candidates = Pool::CANDIDATES.iter().filter_map(|text| Pool::parse(text));
        let free = |pool: &Pool| !taken.iter().any(|other| other.overlaps(*pool));
        candidates
            .into_iter()
            .find(free)
            .ok_or_else(|| EngineError::NoNetwork {
                pool: Pool::CANDIDATES.join(", "),
            })
    }

    /// End it, so that it takes the table with it.
    pub(super) async fn dismiss_warden(&self, client: &Client) -> Result<()> {
        let mut known = self.inner.network.warden.lock().await;
        *known = None;
        let name = self.warden_name();
        container::stop(client, &name, Duration::from_secs(5)).await?;
        container::force_remove(client, &name).await
    }
}

/// Start a container that was made; its run.
pub async fn start(client: &Client, name: &str) -> Result<said::Run> {
    let what = format!("container {name}");
    let act = Act {
        verb: "start",
        what: &what,
    };
    let call = client
        .api
        .start_container(name, None::<query::StartContainerOptions>);
    client.within(act, HEAVY, call).await?;
    said::look(client, name)
        .await?
        .ok_or(EngineError::Missing { what })
}

impl Docker {
    /// The subnets of this program's networks, and of all others.
    async fn subnets(&self, client: &Client) -> Result<(Vec<Pool>, Vec<Pool>)> {
        let act = Act {
            verb: "list",
            what: "networks",
        };
        let call = client.api.list_networks(None::<query::ListNetworksOptions>);
        let networks = client.within(act, SIMPLE, call).await?;
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
                .filter_map(|config| Pool::network(&config.subnet?));
            if is_ours { &mut ours } else { &mut others }.extend(subnets);
        }
        Ok((ours, others))
    }
}
