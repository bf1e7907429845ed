//! Where a visitor is: the origin in the address bar, and how an app is told of it.

use http::{HeaderMap, HeaderValue};

use tokio_util::sync::CancellationToken;

use crate::model::{ProxyHost, PublicUrl};

use super::{
    gate::Pass,
    headers, host,
    lobby::Visit,
    rewrite::{self, Names, Told},
};

/// A public URL as requests spell it, made once and not for every request.
pub(super) struct Shown {
    /// `https://host`, without a port that the scheme implies, as browsers write it.
    pub(super) origin: String,
    /// Without the port.
    host: String,
    authority: HeaderValue,
    proto: HeaderValue,
    /// What may follow the authority all the same, such as `:443`.
    implied: Option<String>,
}

impl Shown {
    pub(super) fn new(url: &PublicUrl) -> Self {
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

    pub(super) fn is_secure(&self) -> bool {
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

pub(super) enum Place {
    /// `<name>.localhost:<port>`
    Local {
        port: u16,
    },
    Public(Visit, Pass),
}

/// What an app is to be told of its visitors' way, as its route says.
pub(super) struct Wanted<'a> {
    pub(super) host: &'a ProxyHost,
    pub(super) forwarded: bool,
    /// The first part of its name at this machine.
    pub(super) label: &'a str,
    /// The app's own port.
    pub(super) port: u16,
    /// The port that people at this machine come in at.
    pub(super) door: u16,
}

impl Place {
    /// Tell the app by which name it is visited, and how to undo that.
    pub(super) fn tell(&self, headers: &mut HeaderMap, wanted: &Wanted<'_>) -> Names {
        let (outer, proto) = match self {
            Self::Local { port } => (
                format!("http://{}.localhost:{port}", wanted.label),
                HeaderValue::from_static("http"),
            ),
            Self::Public(visit, _) => {
                if let Some(alias) = alias(visit) {
                    rewrite::move_origin(headers, &alias, &visit.shown.origin);
                }
                (visit.shown.origin.clone(), visit.shown.proto.clone())
            }
        };
        headers.insert(headers::X_FORWARDED_PROTO, proto);
        let inner = match wanted.host {
            ProxyHost::Name => format!("{}.localhost:{}", wanted.label, wanted.door),
            ProxyHost::Localhost => format!("localhost:{}", wanted.port),
            ProxyHost::Given(authority) => authority.as_str().to_owned(),
            ProxyHost::Preserve => rewrite::authority(&outer).to_owned(),
        };
        let told = match wanted.host {
            ProxyHost::Preserve => Told::Outer {
                forwarded: wanted.forwarded,
            },
            // What compares `Origin` with the forwarded host has to find one story.
            _ if wanted.forwarded => Told::Outer { forwarded: true },
            _ => Told::Inner,
        };
        let names = Names {
            outer,
            inner,
            port: wanted.port,
            told,
        };
        names.inward(headers);
        names
    }

    /// What puts the visitor out; never anything for people at this machine.
    pub(super) fn ends(&self) -> CancellationToken {
        match self {
            Self::Local { .. } => CancellationToken::new(),
            Self::Public(_, pass) => pass.ends.clone(),
        }
    }

    /// Keep the app's cookies to this host.
    pub(super) fn narrow_cookies(&self, headers: &mut HeaderMap, label: &str) {
        match self {
            Self::Local { .. } => rewrite::narrow_cookies(headers, &[label, ".localhost"]),
            Self::Public(visit, _) => rewrite::narrow_cookies(headers, &[&visit.shown.host]),
        }
    }
}

/// The origin in the words of a tunnel program that says its target instead of the public name. If
/// it does so for `Origin` too, that is put right along with `Host`.
fn alias(visit: &Visit) -> Option<String> {
    let host = visit.alias.as_ref()?.to_str().ok()?;
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
            let shown = Shown::new(&url.parse().unwrap());
            for host in good {
                assert!(shown.is_at(host), "{url} {host}");
            }
            for host in bad {
                assert!(!shown.is_at(host), "{url} {host}");
            }
        }
    }
}
