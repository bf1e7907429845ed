//! What each kind of tunnel needs to know, under `[tunnels]` in the user's settings.
//!
//! A project's own files may choose a kind and nothing more: programs, servers and credentials are
//! the user's.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TunnelSettings {
    /// Where public names are found when a URL is verified, for hosts whose own resolver does not
    /// know them: `"*.preview.example.com" = "127.0.0.1:8443"`.
    pub resolve: BTreeMap<String, String>,
    pub cloudflare: CloudflareSettings,
    pub ngrok: NgrokSettings,
    pub ssh: SshSettings,
    pub command: CommandSettings,
    #[serde(rename = "static")]
    pub fixed: StaticSettings,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CloudflareSettings {
    /// `cloudflared`; looked for on `PATH` when not given.
    pub program: Option<PathBuf>,
    /// Holds the API token; `CLOUDFLARE_API_TOKEN` wins.
    pub token_file: Option<PathBuf>,
    pub account: Option<String>,
    /// The id of the zone that `domain` is in.
    pub zone: Option<String>,
    /// Previews are at `https://<name>.<domain>`.
    pub domain: Option<String>,
    /// The API's base URL, when it is not Cloudflare's own.
    pub api: Option<String>,
    /// The quick-tunnel service's base URL, when it is not Cloudflare's own.
    pub quick_service: Option<String>,
    /// The edge's `host:port`, when it is not Cloudflare's own.
    pub edge: Option<String>,
    /// PEM file of the authorities the edge is checked by, when it is not Cloudflare's own.
    pub edge_ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NgrokSettings {
    /// Holds the authtoken; `NGROK_AUTHTOKEN` wins.
    pub authtoken_file: Option<PathBuf>,
    /// A domain of the account, such as `{name}.example.ngrok.app`; ngrok chooses when not given.
    pub domain: Option<String>,
    /// The server's `host:port`, when it is not ngrok's own.
    pub server: Option<String>,
    /// PEM file of the authorities the server is checked by, when it is not ngrok's own.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SshSettings {
    /// What the server does with a forwarded port; `plain` when not given.
    pub preset: Option<SshPreset>,
    /// A name of the user's `~/.ssh/config` will do.
    pub host: Option<String>,
    /// The preset's, or what `ssh` takes by itself, when not given.
    pub port: Option<u16>,
    /// Who one is there; the preset's, or what `ssh` takes by itself, when not given.
    pub user: Option<String>,
    /// Private key. With a passphrase it has to be in the agent at `SSH_AUTH_SOCK`. When not given,
    /// `ssh` takes what the agent and the user's configuration have.
    pub key: Option<PathBuf>,
    /// `SHA256:…` of the server's key. When not given, the key of the first connection is kept.
    pub host_key: Option<String>,
    /// The public URL with `{name}` and `{port}` in it, such as `https://{name}.example.com`; for
    /// `plain`. Other servers say it.
    pub url: Option<String>,
    /// The address the server listens on; `localhost` when not given.
    pub remote_host: Option<String>,
    /// The port the server listens on; it chooses one when not given.
    pub remote_port: Option<u16>,
}

/// What an ssh server does with `-R`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SshPreset {
    /// OpenSSH: forwards a port, and that is all.
    #[serde(rename = "plain")]
    Plain,
    #[serde(rename = "sish")]
    Sish,
    #[serde(rename = "localhost.run")]
    LocalhostRun,
    #[serde(rename = "pinggy")]
    Pinggy,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandSettings {
    /// The program and its arguments, with `{port}`, `{host}` and `{name}` in them.
    pub argv: Vec<String>,
    /// Added to its environment, with the same placeholders.
    pub env: BTreeMap<String, String>,
    /// Finds the URL in what it prints: the first group, or the whole match.
    pub url_pattern: Option<String>,
    /// The URL, where it is known beforehand, with `{name}` in it; or, with `url_pattern`, made of
    /// what that found, `{1}`.
    pub url: Option<String>,
    /// How long it may take to print the URL, such as `30s`.
    pub timeout: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StaticSettings {
    /// The public URL, such as `https://{name}.preview.example.com`.
    pub url: Option<String>,
    /// The port on 127.0.0.1 that the reverse proxy passes requests on to.
    pub port: Option<u16>,
}
