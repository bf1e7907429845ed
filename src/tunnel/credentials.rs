//! `Credentials`: what we prove to providers who we are with.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::TunnelError;
use crate::model::Secret;

/// From the environment of the agent, or of the last command that had any; settings may name
/// files instead.
#[derive(Debug, Default)]
pub struct Credentials(Mutex<ProvidedCredentials>);

/// What one environment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProvidedCredentials {
    /// `NGROK_AUTHTOKEN`
    pub ngrok: Option<Secret>,
    /// `CLOUDFLARE_API_TOKEN`
    pub cloudflare: Option<Secret>,
    /// `SSH_AUTH_SOCK`. It is as good as the session that it is of, so no store keeps it.
    pub ssh_auth_sock: Option<PathBuf>,
}

impl Credentials {
    pub fn new(given: ProvidedCredentials) -> Self {
        Self(Mutex::new(given))
    }

    /// Lay what a command has over what was known. Says whether that changed anything that is kept.
    pub fn merge(&self, given: ProvidedCredentials) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.clone();
        known.ssh_auth_sock = given.ssh_auth_sock.or(known.ssh_auth_sock.take());
        known.ngrok = given.ngrok.or(known.ngrok.take());
        known.cloudflare = given.cloudflare.or(known.cloudflare.take());
        (&known.ngrok, &known.cloudflare) != (&before.ngrok, &before.cloudflare)
    }

    pub fn provided(&self) -> ProvidedCredentials {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn ssh_auth_sock(&self) -> Option<PathBuf> {
        self.provided().ssh_auth_sock
    }

    pub fn ngrok(&self, file: Option<&Path>) -> Result<Secret, TunnelError> {
        find(
            self.provided().ngrok,
            file,
            "ngrok",
            "NGROK_AUTHTOKEN",
            "tunnels.ngrok.authtoken_file",
        )
    }

    pub fn cloudflare(&self, file: Option<&Path>) -> Result<Secret, TunnelError> {
        find(
            self.provided().cloudflare,
            file,
            "Cloudflare",
            "CLOUDFLARE_API_TOKEN",
            "tunnels.cloudflare.token_file",
        )
    }
}

fn find(
    given: Option<Secret>,
    file: Option<&Path>,
    by: &'static str,
    variable: &str,
    setting: &str,
) -> Result<Secret, TunnelError> {
    if let Some(secret) = given {
        return Ok(secret);
    }
    let hint = format!("set {variable}, or name a file that holds it as `{setting}`");
    let Some(path) = file else {
        let said = format!("there is none: {variable} is not set");
        return Err(TunnelError::Credential { by, said, hint });
    };
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text.trim())),
        Ok(_) => Err(TunnelError::Credential {
            by,
            said: format!("`{}` is empty", path.display()),
            hint,
        }),
        Err(error) => Err(TunnelError::Credential {
            by,
            said: format!("`{}` cannot be read: {error}", path.display()),
            hint,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_a_file_and_a_later_one_over_an_earlier() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, " from-file\n").unwrap();
        let credentials = Credentials::default();
        assert!(credentials.ngrok(None).is_err());
        assert_eq!(
            credentials.ngrok(Some(&file)).unwrap().reveal(),
            "from-file"
        );
        let given = |text: &str| ProvidedCredentials {
            ngrok: Some(Secret::new(text)),
            ..ProvidedCredentials::default()
        };
        assert!(credentials.merge(given("first")));
        assert!(credentials.merge(given("second")));
        assert!(!credentials.merge(ProvidedCredentials::default()));
        assert_eq!(credentials.ngrok(Some(&file)).unwrap().reveal(), "second");
        let agent = ProvidedCredentials {
            ssh_auth_sock: Some("/agent".into()),
            ..ProvidedCredentials::default()
        };
        assert!(!credentials.merge(agent), "nothing that is kept");
        assert_eq!(credentials.ssh_auth_sock(), Some("/agent".into()));
    }
}
