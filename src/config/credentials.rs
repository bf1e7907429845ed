//! The credentials that we know of: who takes each, which variables hold it, whether it is kept.

use std::sync::Arc;

use parking_lot::Mutex;

use super::env::text;
use crate::model::{CredentialKey, Credentials, Secret};

/// One credential.
#[derive(Debug, Clone, Copy)]
pub struct CredentialSpec {
    pub key: CredentialKey,
    /// The first of these that is set holds it.
    pub variables: &'static [&'static str],
    /// Whether the agent may keep it for the next agent, in a file that only its user can read.
    pub is_kept: bool,
    /// Whether it proves anything. An address does not.
    pub is_secret: bool,
}

pub const NGROK_AUTHTOKEN: CredentialKey = key("ngrok", "");
pub const CLOUDFLARE_TOKEN: CredentialKey = key("cloudflare", "");
/// Where the caller's ssh agent listens. It is as good as the session that it is of.
pub const SSH_AUTH_SOCK: CredentialKey = key("ssh_auth_sock", "");
pub const SUPABASE_URL: CredentialKey = key("supabase", "url");
pub const SUPABASE_KEY: CredentialKey = key("supabase", "key");
/// Of use only where the settings say `service`.
pub const SUPABASE_SERVICE_KEY: CredentialKey = key("supabase", "service_key");
/// A user's JWT, or one made for this host. `SUPABASE_ACCESS_TOKEN` is another thing, the management
/// API's.
pub const SUPABASE_TOKEN: CredentialKey = key("supabase", "token");

/// All of them. A provider of another kind adds a line here.
pub const CREDENTIALS: &[CredentialSpec] = &[
    secret(NGROK_AUTHTOKEN, &["NGROK_AUTHTOKEN"]),
    secret(CLOUDFLARE_TOKEN, &["CLOUDFLARE_API_TOKEN"]),
    CredentialSpec {
        is_kept: false,
        is_secret: false,
        ..secret(SSH_AUTH_SOCK, &["SSH_AUTH_SOCK"])
    },
    CredentialSpec {
        is_secret: false,
        ..secret(SUPABASE_URL, &["SUPABASE_URL"])
    },
    secret(
        SUPABASE_KEY,
        &[
            "SUPABASE_KEY",
            "SUPABASE_PUBLISHABLE_KEY",
            "SUPABASE_ANON_KEY",
        ],
    ),
    secret(
        SUPABASE_SERVICE_KEY,
        &["SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"],
    ),
    secret(SUPABASE_TOKEN, &["SUPABASE_USER_TOKEN"]),
];

const fn key(provider: &'static str, field: &'static str) -> CredentialKey {
    CredentialKey { provider, field }
}

const fn secret(key: CredentialKey, variables: &'static [&'static str]) -> CredentialSpec {
    CredentialSpec {
        key,
        variables,
        is_kept: true,
        is_secret: true,
    }
}

/// The first variable of a credential, to name it in a message.
pub fn variable_of(key: CredentialKey) -> &'static str {
    let spec = CREDENTIALS.iter().find(|spec| spec.key == key);
    spec.and_then(|spec| spec.variables.first())
        .copied()
        .unwrap_or(key.provider)
}

/// What this process's environment has. A value that is not UTF-8 counts as none.
pub(super) fn from_environment() -> Credentials {
    let value = |spec: &CredentialSpec| spec.variables.iter().find_map(|name| text(name));
    CREDENTIALS
        .iter()
        .fold(Credentials::default(), |all, spec| {
            all.with(spec.key, value(spec).map(Secret::new))
        })
}

/// What an agent knows: its own environment's, or that of the last command that had any. Its clones
/// know the same.
#[derive(Debug, Clone, Default)]
pub struct CredentialRegistry(Arc<Mutex<Credentials>>);

impl CredentialRegistry {
    pub fn new(known: Credentials) -> Self {
        Self(Arc::new(Mutex::new(known)))
    }

    /// Lay a command's over what is known. What no provider here takes is dropped. Says whether
    /// anything changed that is kept.
    pub fn merge(&self, newer: &Credentials) -> bool {
        let newer = newer.only(CREDENTIALS.iter().map(|spec| spec.key));
        let mut known = self.0.lock();
        let before = kept(&known);
        known.merge(newer);
        kept(&known) != before
    }

    /// All that is known now.
    pub fn current(&self) -> Credentials {
        self.0.lock().clone()
    }

    /// Those that the next agent may have.
    pub fn kept(&self) -> Credentials {
        kept(&self.current())
    }

    pub fn get(&self, key: CredentialKey) -> Option<Secret> {
        self.current().get(key).cloned()
    }
}

fn kept(all: &Credentials) -> Credentials {
    let specs = CREDENTIALS.iter().filter(|spec| spec.is_kept);
    all.only(specs.map(|spec| spec.key))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn with(key: CredentialKey, text: &str) -> Credentials {
        Credentials::default().with(key, Some(Secret::new(text)))
    }

    #[test]
    fn a_later_command_wins_and_one_without_any_changes_nothing() {
        let registry = CredentialRegistry::default();
        let clone = registry.clone();
        assert!(registry.merge(&with(NGROK_AUTHTOKEN, "first")));
        assert!(registry.merge(&with(NGROK_AUTHTOKEN, "second")));
        assert!(!registry.merge(&Credentials::default()));
        assert!(!registry.merge(&with(NGROK_AUTHTOKEN, "second")));
        let known = clone.get(NGROK_AUTHTOKEN).unwrap();
        assert_eq!(known.reveal(), "second");
    }

    #[test]
    fn an_agent_of_ssh_is_known_and_not_kept() {
        let registry = CredentialRegistry::default();
        assert!(!registry.merge(&with(SSH_AUTH_SOCK, "/agent")));
        assert!(registry.get(SSH_AUTH_SOCK).is_some());
        assert_eq!(registry.kept(), Credentials::default());
    }

    #[test]
    fn what_no_provider_takes_is_dropped() {
        const OTHER: CredentialKey = key("supabase", "password");
        let registry = CredentialRegistry::default();
        assert!(!registry.merge(&with(OTHER, "x")));
        assert_eq!(registry.current(), Credentials::default());
    }

    #[test]
    fn no_variable_and_no_key_stands_twice() {
        let variables: Vec<&str> = CREDENTIALS
            .iter()
            .flat_map(|spec| spec.variables)
            .copied()
            .collect();
        let once: BTreeSet<&str> = variables.iter().copied().collect();
        assert_eq!(once.len(), variables.len());
        let keys: BTreeSet<(&str, &str)> = CREDENTIALS
            .iter()
            .map(|spec| (spec.key.provider, spec.key.field))
            .collect();
        assert_eq!(keys.len(), CREDENTIALS.len());
    }
}
