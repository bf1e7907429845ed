//! Asking a public URL whether it leads to our own gateway.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use crate::{
    http_client::{self, innermost},
    model::{PublicUrl, Verification},
    tunnel::{Challenge, TunnelEndpoint, TunnelError},
};

/// How long a fresh URL is asked before it is shown unverified.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);
const ONE_REQUEST: Duration = Duration::from_secs(8);
/// More than any answer of ours.
const LARGEST: usize = 4096;

/// A client for public URLs. Nothing is kept between requests, names included.
#[derive(Clone)]
pub struct Verifier {
    client: reqwest::Client,
    patience: Duration,
}

impl Verifier {
    /// `resolve` are the settings' names; `authorities` a PEM bundle trusted beside the system's.
    pub fn new(
        resolve: &BTreeMap<String, String>,
        authorities: Option<&Path>,
    ) -> Result<Self, TunnelError> {
        let builder = http_client::builder(authorities)?
            .timeout(ONE_REQUEST)
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(Resolver::new(resolve)?));
        let client = http_client::build(builder)?;
        Ok(Self {
            client,
            patience: PATIENCE,
        })
    }

    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Ask until the answer is ours, or for as long as anyone would wait.
    pub async fn verify(&self, url: &PublicUrl, endpoint: &dyn TunnelEndpoint) -> Verification {
        let until = Instant::now() + self.patience;
        loop {
            let reason = match self.check_once(url, &endpoint.challenge()).await {
                Ok(()) => return Verification::EndToEnd,
                Err(reason) => reason,
            };
            if Instant::now() + PAUSE >= until {
                return Verification::Unverified { reason };
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn check_once(&self, url: &PublicUrl, challenge: &Challenge) -> Result<(), String> {
        let request = self
            .client
            .get(format!("{url}{}", challenge.path))
            // Without it ngrok answers browsers of free accounts with a page of its own.
            .header("ngrok-skip-browser-warning", "1")
            .header("cache-control", "no-cache");
        let mut response = request.send().await.map_err(|error| innermost(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                break;
            }
        }
        if body == challenge.answer.as_bytes() {
            Ok(())
        } else {
            Err(format!(
                "something else than this gateway answered, with status {}",
                status.as_u16()
            ))
        }
    }
}

/// The settings' names first, then the system's resolver.
struct Resolver {
    /// A name, or what follows the `*` of a pattern, and where it leads.
    exact: BTreeMap<String, SocketAddr>,
    below: Vec<(String, SocketAddr)>,
}

impl Resolver {
    fn new(settings: &BTreeMap<String, String>) -> Result<Self, TunnelError> {
        let mut resolver = Self {
            exact: BTreeMap::new(),
            below: Vec::new(),
        };
        for (name, address) in settings {
            let address: SocketAddr = address.parse().map_err(|_| TunnelError::Settings {
                what: format!(
                    "`tunnels.resolve` has `{address}` for `{name}`, which is no address"
                ),
                hint: "write it such as `127.0.0.1:8443`; port 0 keeps the URL's own".to_owned(),
            })?;
            match name.strip_prefix('*') {
                Some(tail) => resolver.below.push((tail.to_ascii_lowercase(), address)),
                None => drop(resolver.exact.insert(name.to_ascii_lowercase(), address)),
            }
        }
        Ok(resolver)
    }

    fn known(&self, name: &str) -> Option<SocketAddr> {
        let name = name.to_ascii_lowercase();
        let below = || {
            self.below
                .iter()
                .find(|(tail, _)| name.ends_with(tail))
                .map(|(_, address)| *address)
        };
        self.exact.get(&name).copied().or_else(below)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let known = self.known(name.as_str());
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = match known {
                Some(address) => vec![address],
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_settings_come_first() {
        let settings = BTreeMap::from([
            ("*.preview.example".to_owned(), "127.0.0.1:1".to_owned()),
            ("Own.example".to_owned(), "127.0.0.1:2".to_owned()),
        ]);
        let resolver = Resolver::new(&settings).unwrap();
        let port = |name: &str| resolver.known(name).map(|address| address.port());
        assert_eq!(port("shop.preview.example"), Some(1));
        assert_eq!(port("SHOP.preview.EXAMPLE"), Some(1));
        assert_eq!(port("own.example"), Some(2));
        assert_eq!(port("preview.example"), None);
        assert_eq!(port("xpreview.example"), None);
        let wrong = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        assert!(Resolver::new(&wrong).is_err());
    }
}
