//! Where a visitor is: the origin in the address bar, and how an app is told of it.

use http::{HeaderMap, HeaderValue};

use tokio_util::sync::CancellationToken;

use crate::model::{ProxyHost, PublicUrl};

use super::{host, virtual_hosts::HostMatch};
use crate::gateway::{
    access::policy::AccessGrant,
    proxy::{
        headers,
        rewrite::{self, OriginHeader, OriginMapping},
    },
};

/// A public URL as requests spell it, made once and not for every request.
pub(in crate::gateway) struct PublicOrigin {
    /// `https://host`, without a port that the scheme implies, as browsers write it.
    pub(in crate::gateway) origin: String,
    /// Without the port.
    host: String,
    authority: HeaderValue,
    proto: HeaderValue,
    /// What may follow the authority all the same, such as `:443`.
    implied: Option<String>,
}

impl PublicOrigin {
    pub(in crate::gateway) fn new(url: &PublicUrl) -> Self {
        let authority = url.authority();
        Self {
            origin: url.to_string(),
            host: url.host().to_owned(),
            implied: (authority == url.host()).then(|| format!(":{}", url.port())),
            authority: HeaderValue::from_str(&authority)
                .expect("a host that was parsed is visible ASCII"),
            proto: HeaderValue::from_static(url.scheme().as_str()),
        }
    }

    /// Where a port of it is found, asked for by its number.
    pub(super) fn of_port(&self, port: u16) -> Self {
        let authority = self.authority.to_str().unwrap_or_default();
        let authority = host::with_port(port, authority);
        Self {
            origin: format!("{}://{authority}", self.proto.to_str().unwrap_or_default()),
            host: host::with_port(port, &self.host),
            authority: HeaderValue::from_str(&authority)
                .expect("digits and hyphens before visible ASCII are"),
            proto: self.proto.clone(),
            implied: self.implied.clone(),
        }
    }

    pub(in crate::gateway) fn is_secure(&self) -> bool {
        self.proto == "https"
    }

    /// Whether a `Host` names it.
    pub(super) fn is_at(&self, host: &str) -> bool {
        let bare = self
            .implied
            .as_ref()
            .and_then(|port| host.strip_suffix(port.as_str()))
            .unwrap_or(host);
        bare.as_bytes()
            .eq_ignore_ascii_case(self.authority.as_bytes())
    }
}

pub(in crate::gateway) enum RequestOrigin {
    /// `<name>.localhost:<port>`
    Local {
        port: u16,
    },
    Public(HostMatch, AccessGrant),
}

/// What an app is to be told of its visitors' way, as its route says.
pub(in crate::gateway) struct HostOptions<'a> {
    pub(in crate::gateway) host: &'a ProxyHost,
    pub(in crate::gateway) forwarded: bool,
    /// The first part of its name at this machine.
    pub(in crate::gateway) label: &'a str,
    /// The app's own port.
    pub(in crate::gateway) port: u16,
    /// The port that people at this machine come in at.
    pub(in crate::gateway) gateway_port: u16,
}

impl RequestOrigin {
    /// Tell the app by which name it is visited, and how to undo that.
    pub(in crate::gateway) fn rewrite_host(
        &self,
        headers: &mut HeaderMap,
        options: &HostOptions<'_>,
    ) -> OriginMapping {
        let (outer, proto) = match self {
            Self::Local { port } => (
                format!("http://{}.localhost:{port}", options.label),
                HeaderValue::from_static("http"),
            ),
            Self::Public(host_match, _) => {
                if let Some(alias) = alias(host_match) {
                    rewrite::move_origin(headers, &alias, &host_match.public_origin.origin);
                }
                (
                    host_match.public_origin.origin.clone(),
                    host_match.public_origin.proto.clone(),
                )
            }
        };
        headers.insert(headers::X_FORWARDED_PROTO, proto);
        let inner = match options.host {
            ProxyHost::Name => format!("{}.localhost:{}", options.label, options.gateway_port),
            ProxyHost::Localhost => format!("localhost:{}", options.port),
            ProxyHost::Fixed(authority) => authority.as_str().to_owned(),
            ProxyHost::Preserve => rewrite::authority(&outer).to_owned(),
        };
        let origin_header = match options.host {
            ProxyHost::Preserve => OriginHeader::Outer {
                forwarded: options.forwarded,
            },
            // What compares `Origin` with the forwarded host has to find one story.
            _ if options.forwarded => OriginHeader::Outer { forwarded: true },
            _ => OriginHeader::Inner,
        };
        let mapping = OriginMapping {
            outer,
            inner,
            port: options.port,
            origin_header,
        };
        mapping.apply_to_request(headers);
        mapping
    }

    /// What puts the visitor out; never anything for people at this machine.
    pub(in crate::gateway) fn revoked(&self) -> CancellationToken {
        match self {
            Self::Local { .. } => CancellationToken::new(),
            Self::Public(_, grant) => grant.revoked.clone(),
        }
    }

    /// Keep the app's cookies to this host.
    pub(in crate::gateway) fn narrow_cookies(&self, headers: &mut HeaderMap, label: &str) {
        match self {
            Self::Local { .. } => rewrite::narrow_cookies(headers, &[label, ".localhost"]),
            Self::Public(host_match, _) => {
                rewrite::narrow_cookies(headers, &[&host_match.public_origin.host]);
            }
        }
    }
}

/// The origin in the words of a tunnel program that says its target instead of the public name. If
/// it does so for `Origin` too, that is put right along with `Host`.
fn alias(host_match: &HostMatch) -> Option<String> {
    let host = host_match.alias.as_ref()?.to_str().ok()?;
    Some(format!("http://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shown_authority_is_taken() {
        let table: [(&str, &[&str], &[&str]); 4] = [
            (
                "https://a.example",
                &["a.example", "A.Example", "a.example:443"],
                &[
                    "a.example:80",
                    "a.example:444",
                    "a.example:0443",
                    "a.example.",
                    "xa.example",
                    "b.a.example",
                    "a.example:",
                    "a.example:443:443",
                    "",
                    ":443",
                ],
            ),
            ("http://a.example", &["a.example:80"], &["a.example:443"]),
            (
                "https://a.example:8443",
                &["a.example:8443"],
                &["a.example", "a.example:443", "a.example:8443:443"],
            ),
            ("http://[::1]", &["[::1]", "[::1]:80"], &["[::1]:81", "::1"]),
        ];
        for (url, good, bad) in table {
            let public_origin = PublicOrigin::new(&url.parse().unwrap());
            for host in good {
                assert!(public_origin.is_at(host), "{url} {host}");
            }
            for host in bad {
                assert!(!public_origin.is_at(host), "{url} {host}");
            }
        }
    }
}
