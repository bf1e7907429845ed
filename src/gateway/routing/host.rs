//! Which instance a request is for: an exact list of hosts, against requests by other names that
//! lead here.

use std::borrow::Cow;

use http::{HeaderValue, Uri, header, request::Parts};

pub(in crate::gateway) use crate::model::port_of;

/// What a `Host` that is ours stands for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateway) enum HostTarget<'a> {
    /// `<name>.localhost:<port>`, or `<app port>--<name>.localhost:<port>`. Whether there is such an
    /// instance is for the routes to say.
    Instance(Cow<'a, str>),
    /// The gateway itself, by a name no other machine's resolver decides on.
    Gateway,
    Unknown,
}

/// A request whose target cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum BadHost {
    #[error("the request names no host")]
    Missing,
    #[error("the request names two hosts")]
    Several,
    #[error("the request's host is malformed")]
    Malformed,
}

/// The one host a request names, in its `Host`, in its target, or in both alike. Behind somebody
/// else's TLS, a target may say `https`.
pub(in crate::gateway) fn host_of(parts: &Parts, behind_tls: bool) -> Result<HeaderValue, BadHost> {
    let mut named = parts.headers.get_all(header::HOST).iter();
    let host = named.next();
    if named.next().is_some() {
        return Err(BadHost::Several);
    }
    let host = match (host, parts.uri.authority()) {
        (Some(host), None) => host.clone(),
        (None, Some(authority)) if parts.version >= http::Version::HTTP_2 => {
            HeaderValue::from_str(authority.as_str()).map_err(|_| BadHost::Malformed)?
        }
        (None, _) => return Err(BadHost::Missing),
        (Some(host), Some(authority)) => {
            if !host
                .as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes())
            {
                return Err(BadHost::Several);
            }
            host.clone()
        }
    };
    let text = host.to_str().map_err(|_| BadHost::Malformed)?;
    if text.is_empty() || text.contains(['@', '/', ',', ' ', '\t', '?', '#', '%', '\\']) {
        return Err(BadHost::Malformed);
    }
    let is_ours = |scheme: &str| {
        scheme.eq_ignore_ascii_case("http") || behind_tls && scheme.eq_ignore_ascii_case("https")
    };
    if parts
        .uri
        .scheme_str()
        .is_some_and(|scheme| !is_ours(scheme))
    {
        return Err(BadHost::Malformed);
    }
    Ok(host)
}

const TAIL: &str = ".localhost";

/// What `host` stands for on a listener at `port`.
pub(in crate::gateway) fn local_target(host: &str, port: u16) -> HostTarget<'_> {
    let Some(bare) = at_port(host, port) else {
        return HostTarget::Unknown;
    };
    if bare.eq_ignore_ascii_case("localhost") || bare == "127.0.0.1" || bare == "[::1]" {
        return HostTarget::Gateway;
    }
    let Some((name, tail)) = bare
        .len()
        .checked_sub(TAIL.len())
        .and_then(|at| bare.split_at_checked(at))
    else {
        return HostTarget::Unknown;
    };
    if name.is_empty() || !tail.eq_ignore_ascii_case(TAIL) {
        return HostTarget::Unknown;
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        HostTarget::Instance(Cow::Owned(name.to_ascii_lowercase()))
    } else {
        HostTarget::Instance(Cow::Borrowed(name))
    }
}

/// The first part of the host of that port.
pub(in crate::gateway) fn with_port(port: u16, host: &str) -> String {
    format!("{port}--{host}")
}

/// Whether `host` is the address of a public listener at `port`.
pub(in crate::gateway) fn is_own(host: &str, port: u16) -> bool {
    at_port(host, port)
        .is_some_and(|bare| bare.eq_ignore_ascii_case("localhost") || bare == "127.0.0.1")
}

/// `host` without this very port.
fn at_port(host: &str, port: u16) -> Option<&str> {
    let mut digits = [0; 5];
    let digits = decimal(port, &mut digits);
    host.strip_suffix(digits)
        .and_then(|rest| rest.strip_suffix(':'))
}

/// `port` in decimal, without an allocation, for this runs on every request.
fn decimal(port: u16, digits: &mut [u8; 5]) -> &str {
    let mut rest = port;
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).expect("a digit is below 10");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    std::str::from_utf8(&digits[at..]).expect("digits are ASCII")
}

/// The target as an app expects it: a path and query, or `*`.
pub(in crate::gateway) fn origin_form(uri: &mut Uri) {
    if uri.authority().is_none() && uri.scheme().is_none() {
        return;
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.is_empty() { "/" } else { path };
    *uri = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_hosts_are_ours() {
        let table = [
            ("shop.localhost:7070", HostTarget::Instance("shop".into())),
            ("SHOP.LocalHost:7070", HostTarget::Instance("shop".into())),
            ("a.b.localhost:7070", HostTarget::Instance("a.b".into())),
            ("localhost:7070", HostTarget::Gateway),
            ("127.0.0.1:7070", HostTarget::Gateway),
            ("[::1]:7070", HostTarget::Gateway),
            ("shop.localhost", HostTarget::Unknown),
            ("shop.localhost:707", HostTarget::Unknown),
            ("shop.localhost:07070", HostTarget::Unknown),
            ("shop.localhost.:7070", HostTarget::Unknown),
            (".localhost:7070", HostTarget::Unknown),
            ("shoplocalhost:7070", HostTarget::Unknown),
            ("evil.example:7070", HostTarget::Unknown),
            ("shop.localhost.evil.example:7070", HostTarget::Unknown),
            ("0.0.0.0:7070", HostTarget::Unknown),
            ("é.localhost:7070", HostTarget::Instance("é".into())),
            ("élocalhost:7070", HostTarget::Unknown),
            (":7070", HostTarget::Unknown),
            ("", HostTarget::Unknown),
        ];
        for (host, want) in table {
            assert_eq!(local_target(host, 7070), want, "{host:?}");
        }
        assert_eq!(
            local_target("x.localhost:1", 1),
            HostTarget::Instance("x".into())
        );
        assert_eq!(
            local_target("x.localhost:65535", 65535),
            HostTarget::Instance("x".into())
        );
    }

    #[test]
    fn one_host_or_none() {
        let ask_at = |behind_tls, target: &str, hosts: &[&str]| {
            let mut request = http::Request::get(target);
            for host in hosts {
                request = request.header("host", *host);
            }
            host_of(&request.body(()).unwrap().into_parts().0, behind_tls)
        };
        let ask = |target: &str, hosts: &[&str]| ask_at(false, target, hosts);
        let good = Ok(HeaderValue::from_static("a.localhost:1"));
        assert_eq!(ask("/", &["a.localhost:1"]), good);
        assert_eq!(ask("http://A.localhost:1/x", &["a.localhost:1"]), good);
        assert_eq!(ask("/", &[]), Err(BadHost::Missing));
        assert_eq!(ask("http://a.localhost:1/", &[]), Err(BadHost::Missing));
        assert_eq!(
            ask("/", &["a.localhost:1", "a.localhost:1"]),
            Err(BadHost::Several)
        );
        assert_eq!(
            ask("http://b.localhost:1/", &["a.localhost:1"]),
            Err(BadHost::Several)
        );
        assert_eq!(
            ask("https://a.localhost:1/", &["a.localhost:1"]),
            Err(BadHost::Malformed)
        );
        assert_eq!(
            ask_at(true, "https://a.localhost:1/", &["a.localhost:1"]),
            good
        );
        assert_eq!(
            ask_at(true, "ftp://a.localhost:1/", &["a.localhost:1"]),
            Err(BadHost::Malformed)
        );
        for host in ["u@a.localhost:1", "a,b", "a b", "a/b", "", "a%2eb"] {
            assert_eq!(ask("/", &[host]), Err(BadHost::Malformed), "{host:?}");
        }
    }

    #[test]
    fn a_port_stands_before_a_name() {
        let table = [
            ("3001--shop", Some((3001, "shop"))),
            ("1--a", Some((1, "a"))),
            ("65535--a.example:8080", Some((65535, "a.example:8080"))),
            ("80--3001--shop", Some((80, "3001--shop"))),
            ("3001--my--shop", Some((3001, "my--shop"))),
            ("shop", None),
            ("3001-shop", None),
            ("3001--", None),
            ("--shop", None),
            ("0--shop", None),
            ("03001--shop", None),
            ("+3001--shop", None),
            ("65536--shop", None),
            ("99999999999--shop", None),
            ("3001---shop", None),
            ("3001--.localhost", None),
            ("3001--:80", None),
            ("shop--3001", None),
            ("30a1--shop", None),
            ("", None),
        ];
        for (host, want) in table {
            assert_eq!(port_of(host), want, "{host:?}");
            if let Some((port, rest)) = want {
                assert_eq!(with_port(port, rest), host);
            }
        }
    }

    #[test]
    fn an_absolute_target_becomes_a_path() {
        for (given, want) in [
            ("http://a:1/x?y", "/x?y"),
            ("http://a:1", "/"),
            ("/x", "/x"),
        ] {
            let mut uri: Uri = given.parse().unwrap();
            origin_form(&mut uri);
            assert_eq!(uri.to_string(), want);
        }
    }
}
