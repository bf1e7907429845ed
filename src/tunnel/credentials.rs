//! A credential that a provider needs: the environment's, or a file's that the settings name.

use std::{fs, path::Path};

use super::TunnelError;
use crate::{
    config::{CredentialRegistry, credentials::variable_of},
    model::{CredentialKey, Secret},
};

/// What is needed, and where else it may be.
pub struct NeededCredential<'a> {
    pub key: CredentialKey,
    /// As people call the provider.
    pub provider: &'static str,
    pub file: Option<&'a Path>,
    /// The setting that names `file`.
    pub setting: &'static str,
}

/// Blocking: reads the file if the environment has none.
pub fn find_credential(
    known: &CredentialRegistry,
    needed: &NeededCredential,
) -> Result<Secret, TunnelError> {
    if let Some(secret) = known.get(needed.key) {
        return Ok(secret);
    }
    let variable = variable_of(needed.key);
    let missing = |said: String| TunnelError::Credential {
        by: needed.provider,
        said,
        hint: format!(
            "set {variable}, or name a file that holds it as `{}`",
            needed.setting
        ),
    };
    let Some(path) = needed.file else {
        return Err(missing(format!("there is none: {variable} is not set")));
    };
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text.trim())),
        Ok(_) => Err(missing(format!("`{}` is empty", path.display()))),
        Err(error) => Err(missing(format!(
            "`{}` cannot be read: {error}",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::credentials::NGROK_AUTHTOKEN, model::Credentials};

    #[test]
    fn the_environment_wins_over_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, " from-file\n").unwrap();
        let known = CredentialRegistry::default();
        let find = |file: Option<&Path>| {
            find_credential(
                &known,
                &NeededCredential {
                    key: NGROK_AUTHTOKEN,
                    provider: "ngrok",
                    file,
                    setting: "tunnels.ngrok.authtoken_file",
                },
            )
        };
        let missing = find(None).unwrap_err();
        let TunnelError::Credential { said, .. } = &missing else {
            panic!("{missing:?}");
        };
        assert_eq!(said, "there is none: NGROK_AUTHTOKEN is not set");
        assert_eq!(find(Some(&file)).unwrap().reveal(), "from-file");
        let environment = Credentials::default().with(NGROK_AUTHTOKEN, Some(Secret::new("own")));
        known.merge(&environment);
        assert_eq!(find(Some(&file)).unwrap().reveal(), "own");
    }
}
