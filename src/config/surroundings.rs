//! `Surroundings`: what of the environment says where the engine is and how the internet is reached.
//! An agent has those of who started it; a command that has others should know.

use std::{collections::BTreeMap, sync::OnceLock};

/// They name the engine.
const ENGINE: [&str; 3] = ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"];
const AUTHORITIES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Their values may hold a password.
const PROXIES: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// Values by name, of those that are set; of a proxy's only a hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings(BTreeMap<String, String>);

impl Surroundings {
    /// This process's, as it was started.
    pub fn of_this_process() -> &'static Self {
        static FOUND: OnceLock<Surroundings> = OnceLock::new();
        FOUND.get_or_init(|| Self::from(super::env::text))
    }

    /// As an agent tells of its own.
    pub fn from_map(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }

    fn from(value: impl Fn(&str) -> Option<String>) -> Self {
        let plain = ENGINE.iter().chain(&AUTHORITIES);
        let plain = plain.filter_map(|name| Some(((*name).to_owned(), value(name)?)));
        let hashed = PROXIES.iter().filter_map(|name| {
            let hash = blake3::hash(value(name)?.as_bytes());
            Some(((*name).to_owned(), hash.to_hex()[..16].to_owned()))
        });
        Self(plain.chain(hashed).collect())
    }

    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The names of what differs between the two.
    pub fn differing<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let all: std::collections::BTreeSet<&String> =
            self.0.keys().chain(other.0.keys()).collect();
        all.into_iter()
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .map(String::as_str)
            .collect()
    }

    /// Which engine is named, for people.
    pub fn engine(&self) -> String {
        let named = ENGINE.iter().filter_map(|name| {
            let value = self.0.get(*name)?;
            Some(format!("{name}={value}"))
        });
        let named: Vec<String> = named.collect();
        match named.as_slice() {
            [] => "none by name, so the usual one".to_owned(),
            named => named.join(" "),
        }
    }

    /// Whether a variable of that name says where the engine is.
    pub fn is_of_engine(name: &str) -> bool {
        ENGINE.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&str, &str)]) -> Surroundings {
        Surroundings::from(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_differs_is_named_and_no_proxy_is_shown() {
        let here = with(&[
            ("DOCKER_HOST", "unix:///a.sock"),
            ("HTTPS_PROXY", "http://user:hunter2@proxy:3128"),
            ("PATH", "/bin"),
        ]);
        let there = with(&[("DOCKER_HOST", "unix:///b.sock"), ("PATH", "/usr/bin")]);
        assert_eq!(here.differing(&there), ["DOCKER_HOST", "HTTPS_PROXY"]);
        assert_eq!(here.differing(&here.clone()), [""; 0]);
        assert!(!format!("{here:?}").contains("hunter2"));
        assert_eq!(here.engine(), "DOCKER_HOST=unix:///a.sock");
        assert_eq!(with(&[]).engine(), "none by name, so the usual one");
    }
}
