//! How every HTTP client is made: with our name, without redirects, trusting what its user trusts.

use std::path::{Path, PathBuf};

use reqwest::{Certificate, Client, ClientBuilder, redirect};

/// Not a browser's: Supabase refuses a secret key that comes with one of those.
pub const USER_AGENT: &str = concat!("codemate-preview/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpClientError {
    #[error("the CA bundle `{}` cannot be used: {why}", .path.display())]
    BadBundle { path: PathBuf, why: String },
    #[error("no HTTP client can be made: {why}")]
    Unusable { why: String },
}

impl HttpClientError {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BadBundle { .. } => "it has to be a PEM file of certificates",
            Self::Unusable { .. } => "see `ca_bundle` in the user's settings",
        }
    }
}

/// Trusts the authorities of a PEM file beside the system's. A redirect is an answer and is not
/// followed: it would carry a key to who knows where. Blocking: reads the file.
pub fn builder(authorities: Option<&Path>) -> Result<ClientBuilder, HttpClientError> {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none());
    match authorities {
        None => Ok(builder),
        Some(path) => Ok(builder.tls_certs_merge(certificates(path)?)),
    }
}

/// Blocking: reads the system's authorities.
pub fn build(builder: ClientBuilder) -> Result<Client, HttpClientError> {
    builder.build().map_err(|error| HttpClientError::Unusable {
        why: innermost(&error),
    })
}

/// The certificates of a PEM file.
pub fn certificates(path: &Path) -> Result<Vec<Certificate>, HttpClientError> {
    let unusable = |why: String| HttpClientError::BadBundle {
        path: path.to_owned(),
        why,
    };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| unusable(error.to_string()))
}

/// What went wrong at the bottom. What is above it says the same in other words.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_used_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let missing = builder(Some(&path)).unwrap_err();
        assert!(missing.to_string().contains("No such file"), "{missing}");
        let damaged = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, damaged).unwrap();
        let damaged = builder(Some(&path)).unwrap_err();
        assert!(matches!(damaged, HttpClientError::BadBundle { .. }));
        assert!(build(builder(None).unwrap()).is_ok(), "the control");
    }
}
