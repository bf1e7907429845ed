//! `Credentials`: what we prove to providers who we are with.

use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::TunnelError;
use crate::model::Secret;

/// From the environment of the agent, or of the last command that had any; settings may name
/// files instead.
#[derive(Debug, Default)]
pub struct Credentials(Mutex<Given>);

/// What one environment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// `NGROK_AUTHTOKEN`
    pub ngrok: Option<Secret>,
    /// `CLOUDFLARE_API_TOKEN`
    pub cloudflare: Option<Secret>,
}

impl Credentials {
    pub fn new(given: Given) -> Self {
        Self(Mutex::new(given))
    }

    /// Lay what a command has over what was known. Says whether that changed anything.
    pub fn learn(&self, given: Given) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.clone();
        known.ngrok = given.ngrok.or(known.ngrok.take());
        known.cloudflare = given.cloudflare.or(known.cloudflare.take());
        *known != before
    }

    pub fn given(&self) -> Given {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn ngrok(&self, file: Option<&Path>) -> Result<Secret, TunnelError> {
        find(
            self.given().ngrok,
            file,
            "ngrok",
            "NGROK_AUTHTOKEN",
            "tunnels.ngrok.authtoken_file",
        )
    }

    pub fn cloudflare(&self, file: Option<&Path>) -> Result<Secret, TunnelError> {
        find(
            self.given().cloudflare,
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
        let given = |text: &str| Given {
            ngrok: Some(Secret::new(text)),
            cloudflare: None,
        };
        assert!(credentials.learn(given("first")));
        assert!(credentials.learn(given("second")));
        assert!(!credentials.learn(Given::default()));
        assert_eq!(credentials.ngrok(Some(&file)).unwrap().reveal(), "second");
    }
}
