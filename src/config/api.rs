//! `[api]` of the user's settings: the agent's API over TCP, for programs that open no Unix socket.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSettings {
    /// Such as `127.0.0.1:7443`; no TCP at all when not given. Beyond loopback it takes TLS.
    pub listen: Option<SocketAddr>,
    /// PEM file of the certificate and its chain; with `tls_key`.
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the private key, which others must not be able to read.
    pub tls_key: Option<PathBuf>,
    /// What clients may call this host beside the address, as in `Host`: `previews.example:7443`.
    pub hosts: Vec<String>,
    /// Web pages that may call it: `https://ide.example`. None when empty.
    pub allowed_origins: Vec<String>,
    /// Requests of one caller; 600 when not given.
    pub rate_per_minute: Option<u32>,
    /// Previews that each of the API's users may have, those that are down too; 10 when not given.
    pub previews: Option<usize>,
    /// Images that previews of the API's users may run in beside this program's own: exactly
    /// `node:22`, or all that begin so, as in `registry.example.com/acme/*`.
    pub images: Vec<String>,
    /// Whether previews of the API's users get a public URL where `tunnel` is set for this host.
    pub tunnels: bool,
    pub supabase: ApiSupabaseSettings,
}

/// Whose JWTs are believed: the users of one Supabase project, each for their own previews.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSupabaseSettings {
    /// `https://<project>.supabase.co/auth/v1/.well-known/jwks.json`; for `ES256` and `RS256`.
    pub jwks_url: Option<String>,
    /// Holds the project's shared secret, for `HS256`; `CODEMATE_PREVIEW_API_JWT_SECRET` wins.
    pub jwt_secret_file: Option<PathBuf>,
    /// The one algorithm that is believed; `ES256` with `jwks_url` and `HS256` with a secret when
    /// not given.
    pub algorithm: Option<JwtAlgorithm>,
    /// `authenticated` when not given.
    pub audience: Option<String>,
    /// Such as `https://<project>.supabase.co/auth/v1`.
    pub issuer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JwtAlgorithm {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{UserSettings, from_toml};

    #[test]
    fn settings_are_read_and_misspelt_ones_refused() {
        let text = "[api]\nlisten = \"127.0.0.1:7443\"\nimages = [\"node:22\"]\n[api.supabase]\nalgorithm = \"RS256\"\n";
        let settings = from_toml::<UserSettings>(text).unwrap().api;
        assert_eq!(settings.listen, "127.0.0.1:7443".parse().ok());
        assert_eq!(settings.supabase.algorithm, Some(JwtAlgorithm::Rs256));
        assert_eq!((settings.images.len(), settings.tunnels), (1, false));
        for wrong in [
            "[api]\nlisten = \"somewhere\"",
            "[api]\norigins = []",
            "[api.supabase]\nalgorithm = \"none\"",
            "[api.supabase]\njwt_secret = \"x\"",
        ] {
            assert!(from_toml::<UserSettings>(wrong).is_err(), "{wrong}");
        }
    }
}
