//! From `[api]` of the settings to a port that is taken, or the reason why not.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tokio_rustls::TlsAcceptor;
use url::Url;

use super::{Remote, jwt_users::JwtUsers, origin_policy::OriginPolicy, rate_limit::RateLimit, tls};
use crate::{
    config::{ApiSettings, ApiSupabaseSettings, JwtAlgorithm},
    http_client::{self, HttpClientError},
    http_server::PerIpLimit,
    model::{Code, Problem, Secret},
    security::{JwtAlg, JwtKeys, JwtRules, LEAST_SECRET},
};

/// Of one caller, unless the settings say otherwise.
const USUAL_RATE: u32 = 600;
/// Requests without a good credential, of one address and minute.
const BAD_RATE: u32 = 30;
/// Connections of one address.
const MOST_OF_ONE: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("`[api] listen` is {0}, which others can reach, and there is no TLS")]
    NoTls(SocketAddr),
    #[error("`[api]` names one of `tls_cert` and `tls_key` without the other")]
    HalfTls,
    #[error("`[api] listen` is {0}: which hosts is it called by?")]
    NoHosts(SocketAddr),
    #[error("`{0}` in `allowed_origins` is no origin")]
    Origin(String),
    #[error("`{0}` in `[api] hosts` is no host")]
    Host(String),
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}`: {why}", path.display())]
    Pem { path: PathBuf, why: String },
    #[error("others can read `{}`", path.display())]
    Open { path: PathBuf },
    #[error("`[api.supabase]` {0}")]
    JwtUsers(&'static str),
    #[error("cannot listen on {at}: {source}")]
    Listen { at: SocketAddr, source: io::Error },
    #[error(transparent)]
    Http(HttpClientError),
}

impl RemoteError {
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Config, self.to_string());
        match self {
            Self::NoTls(_) => problem.hint("set `tls_cert` and `tls_key`, or listen on 127.0.0.1"),
            Self::HalfTls => problem.hint("set both, or neither"),
            Self::NoHosts(_) => problem.hint("say `hosts = [\"previews.example:7443\"]`"),
            Self::Origin(_) => problem.hint("write it such as `https://ide.example`"),
            Self::Host(_) => problem.hint("write it such as `previews.example:7443`"),
            Self::Open { path } => problem.hint(format!("chmod 600 {}", path.display())),
            Self::Listen { .. } => problem.hint("choose another port in `[api] listen`"),
            Self::Read { .. } | Self::Pem { .. } | Self::JwtUsers(_) => problem,
            Self::Http(error) => problem.hint(error.hint()),
        }
    }
}

/// What is beside the settings.
pub struct RemoteParams<'a> {
    pub jwt_secret: Option<&'a Secret>,
    pub ca_bundle: Option<&'a Path>,
}

impl Remote {
    /// Blocking. `None` where no address is given, which is how it is unless somebody asks.
    pub fn bind(
        settings: &ApiSettings,
        params: &RemoteParams<'_>,
    ) -> Result<Option<Self>, RemoteError> {
        let Some(at) = settings.listen else {
            return Ok(None);
        };
        let tls = tls_of(settings, at)?;
        let users = users(&settings.supabase, params)?;
        let origins = settings
            .allowed_origins
            .iter()
            .map(|text| origin(text))
            .collect::<Result<_, _>>()?;
        let listener = TcpListener::bind(at)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|source| RemoteError::Listen { at, source })?;
        let bound = listener
            .local_addr()
            .map_err(|source| RemoteError::Listen { at, source })?;
        Ok(Some(Self {
            listener,
            tls,
            users,
            origin_policy: OriginPolicy {
                hosts: hosts(settings, bound)?,
                origins,
            },
            rate_limit: RateLimit::new(settings.rate_per_minute.unwrap_or(USUAL_RATE)),
            unauthenticated: RateLimit::new(BAD_RATE),
            per_ip: PerIpLimit::new(MOST_OF_ONE),
        }))
    }
}

fn tls_of(settings: &ApiSettings, at: SocketAddr) -> Result<Option<TlsAcceptor>, RemoteError> {
    match (&settings.tls_cert, &settings.tls_key) {
        (Some(cert), Some(key)) => tls::acceptor(cert, key).map(Some),
        (None, None) if at.ip().to_canonical().is_loopback() => Ok(None),
        (None, None) => Err(RemoteError::NoTls(at)),
        _ => Err(RemoteError::HalfTls),
    }
}

fn hosts(
    settings: &ApiSettings,
    bound: SocketAddr,
) -> Result<std::collections::BTreeSet<String>, RemoteError> {
    let is_host = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        !text.is_empty() && text.chars().all(plain)
    };
    let mut hosts = std::collections::BTreeSet::new();
    for host in &settings.hosts {
        if !is_host(host) {
            return Err(RemoteError::Host(host.clone()));
        }
        hosts.insert(host.to_ascii_lowercase());
    }
    if bound.ip().is_unspecified() {
        if hosts.is_empty() {
            return Err(RemoteError::NoHosts(bound));
        }
        return Ok(hosts);
    }
    hosts.insert(bound.to_string());
    if bound.ip().is_loopback() {
        hosts.insert(format!("localhost:{}", bound.port()));
    }
    Ok(hosts)
}

/// As browsers send it: no path, no default port, lower case.
fn origin(text: &str) -> Result<String, RemoteError> {
    let bad = || RemoteError::Origin(text.to_owned());
    let url = Url::parse(text).map_err(|_| bad())?;
    let is_web = matches!(url.scheme(), "http" | "https");
    if is_web && url.origin().ascii_serialization() == text {
        Ok(text.to_owned())
    } else {
        Err(bad())
    }
}

fn users(
    settings: &ApiSupabaseSettings,
    params: &RemoteParams<'_>,
) -> Result<Option<JwtUsers>, RemoteError> {
    let secret = match (params.jwt_secret, &settings.jwt_secret_file) {
        (Some(secret), _) => Some(secret.clone()),
        (None, Some(file)) => Some(secret_in(file)?),
        (None, None) => None,
    };
    let alg = match (settings.algorithm, &settings.jwks_url, &secret) {
        (_, None, None) => return Ok(None),
        (_, Some(_), Some(_)) => {
            return Err(RemoteError::JwtUsers(
                "has both `jwks_url` and a secret: one algorithm is believed",
            ));
        }
        (Some(JwtAlgorithm::Hs256), Some(_), None)
        | (Some(JwtAlgorithm::Rs256 | JwtAlgorithm::Es256), None, Some(_)) => {
            return Err(RemoteError::JwtUsers(
                "names an algorithm that its key is not for",
            ));
        }
        (_, None, Some(_)) => JwtAlg::Hs256,
        (Some(JwtAlgorithm::Rs256), Some(_), None) => JwtAlg::Rs256,
        (_, Some(_), None) => JwtAlg::Es256,
    };
    let issuer = settings
        .issuer
        .clone()
        .ok_or(RemoteError::JwtUsers("says no `issuer`"))?;
    let audience = settings.audience.clone();
    let rules = JwtRules {
        alg,
        audience: audience.unwrap_or_else(|| "authenticated".to_owned()),
        issuer,
    };
    match (secret, &settings.jwks_url) {
        (Some(secret), _) if secret.reveal().len() < LEAST_SECRET => Err(RemoteError::JwtUsers(
            "has a secret of less than 32 bytes, which can be guessed",
        )),
        (Some(secret), _) => Ok(Some(JwtUsers::by_secret(rules, JwtKeys::secret(&secret)))),
        (None, Some(url)) => {
            let url = key_set(url)?;
            Ok(Some(JwtUsers::by_set(rules, url, http(params.ca_bundle)?)))
        }
        (None, None) => Ok(None),
    }
}

fn secret_in(file: &Path) -> Result<Secret, RemoteError> {
    let read = |source| RemoteError::Read {
        path: file.to_owned(),
        source,
    };
    if fs::metadata(file).map_err(read)?.mode() & 0o077 != 0 {
        return Err(RemoteError::Open {
            path: file.to_owned(),
        });
    }
    Ok(Secret::new(fs::read_to_string(file).map_err(read)?.trim()))
}

/// Keys that came over plain HTTP could be anybody's, except from this host.
fn key_set(text: &str) -> Result<Url, RemoteError> {
    let bad = RemoteError::JwtUsers("has a `jwks_url` that is no `https://` URL");
    let Ok(url) = Url::parse(text) else {
        return Err(bad);
    };
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => Err(bad),
    }
}

fn http(ca_bundle: Option<&Path>) -> Result<reqwest::Client, RemoteError> {
    let client = http_client::builder(ca_bundle).and_then(http_client::build);
    client.map_err(RemoteError::Http)
}
