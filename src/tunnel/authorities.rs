//! Which authorities our own HTTP clients trust: the system's, and those of the settings.

use std::path::Path;

use super::TunnelError;

/// `bundle` is a PEM file, trusted beside the system's authorities.
pub(super) fn trust(
    builder: reqwest::ClientBuilder,
    bundle: Option<&Path>,
) -> Result<reqwest::Client, TunnelError> {
    let mut builder = builder;
    if let Some(path) = bundle {
        let unusable = |why: String| TunnelError::Settings {
            what: format!("the CA bundle `{}` cannot be used: {why}", path.display()),
            hint: "it has to be a PEM file of certificates".to_owned(),
        };
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let authorities = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| unusable(error.to_string()))?;
        builder = builder.tls_certs_merge(authorities);
    }
    builder.build().map_err(|error| TunnelError::Settings {
        what: format!("no HTTP client can be made: {error}"),
        hint: "see `ca_bundle` in the user's settings".to_owned(),
    })
}
