//! What the gateway takes out of a message's headers and puts in, both ways.

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};

/// Names and values together, with their separators.
const LARGEST: usize = 32 << 10;

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(in crate::gateway) const X_FORWARDED_PROTO: HeaderName =
    HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Headers no request is forwarded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum BadHeaders {
    #[error("the request's headers are larger than 32 KiB")]
    TooLarge,
    #[error("the request's transfer encoding is not `chunked`")]
    Encoding,
    #[error("the request expects something other than `100-continue`")]
    Expectation,
}

/// What a visitor wants of the connection, read before it is taken out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) struct ConnectionOptions {
    /// The protocol to change to.
    pub upgrade: Option<HeaderValue>,
    /// It reads trailers.
    pub trailers: bool,
}

/// Take out what concerns only the visitor's connection, and what only a proxy may say.
pub(super) fn clean_request(
    headers: &mut HeaderMap,
    version: Version,
) -> Result<ConnectionOptions, BadHeaders> {
    let mut options = ConnectionOptions::default();
    let mut upgrade = None;
    let mut upgrades = 0;
    let mut asked = false;
    let mut size = 0;
    let mut removed = Vec::new();
    for (name, value) in &*headers {
        size += name.as_str().len() + value.len() + 4;
        match *name {
            header::CONNECTION => {
                asked |= lists(value, "upgrade");
                named(value, &mut removed);
            }
            header::UPGRADE => {
                upgrade = Some(value.clone());
                upgrades += 1;
            }
            header::TE => options.trailers |= lists(value, "trailers"),
            header::TRANSFER_ENCODING => {
                if version != Version::HTTP_11 || !value.as_bytes().eq_ignore_ascii_case(b"chunked")
                {
                    return Err(BadHeaders::Encoding);
                }
            }
            header::EXPECT => {
                if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
                    return Err(BadHeaders::Expectation);
                }
            }
            header::FORWARDED | header::VIA | header::PROXY_AUTHORIZATION => {}
            _ if is_ours_to_say(name.as_str()) => {}
            _ => continue,
        }
        removed.push(name.clone());
    }
    if size > LARGEST {
        return Err(BadHeaders::TooLarge);
    }
    let encodings = headers.get_all(header::TRANSFER_ENCODING).iter().count();
    if encodings > 1 {
        return Err(BadHeaders::Encoding);
    }
    for name in removed {
        headers.remove(name);
    }
    // Cleartext HTTP/2 would take every later request past the gateway's eyes.
    if asked && upgrades == 1 && version == Version::HTTP_11 {
        options.upgrade = upgrade.filter(|protocol| !lists(protocol, "h2c"));
    }
    Ok(options)
}

/// The same for what follows a request's body.
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    let removed: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| {
            let framing = matches!(
                **name,
                header::HOST
                    | header::CONTENT_LENGTH
                    | header::TRANSFER_ENCODING
                    | header::CONNECTION
                    | header::FORWARDED
                    | header::VIA
            );
            framing || is_ours_to_say(name.as_str())
        })
        .cloned()
        .collect();
    for name in removed {
        trailers.remove(name);
    }
}

/// Whether an answer is a stream that is read as it comes and joined anew when it ends.
pub(super) fn is_of_events(headers: &HeaderMap) -> bool {
    const KINDS: [&[u8]; 4] = [
        b"text/event-stream",
        b"multipart/x-mixed-replace",
        b"application/x-ndjson",
        b"application/stream+json",
    ];
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| KINDS.iter().any(|it| kind.starts_with(it)))
}

/// Take out what concerns only the app's connection, and what reaches beyond its own origin.
pub(super) fn clean_response(headers: &mut HeaderMap) {
    let mut removed = Vec::new();
    for (name, value) in &*headers {
        match *name {
            header::CONNECTION => named(value, &mut removed),
            header::TE
            | header::TRANSFER_ENCODING
            | header::UPGRADE
            | header::PROXY_AUTHENTICATE
            | header::ALT_SVC
            | header::STRICT_TRANSPORT_SECURITY => {}
            _ if matches!(
                name.as_str(),
                "keep-alive" | "proxy-connection" | "clear-site-data"
            ) => {}
            _ => continue,
        }
        removed.push(name.clone());
    }
    for name in removed {
        headers.remove(name);
    }
}

/// Whether only a proxy may say it. Underscores count as hyphens, for gateway interfaces such as
/// CGI and WSGI do not tell them apart.
fn is_ours_to_say(name: &str) -> bool {
    if !name.contains('_') {
        return ours(name);
    }
    let plain = name.replace('_', "-");
    let framing = matches!(
        plain.as_str(),
        "host" | "content-length" | "transfer-encoding" | "forwarded" | "via" | "connection"
    );
    framing || ours(&plain)
}

/// Besides what concerns one connection, what frameworks and their middleware believe of where a
/// request came from, what it asked for, and over which scheme. Some proxies replace the path by
/// such a header, past everything that looked at it before. `x-middleware-subrequest` is how
/// Next.js tells itself to skip an app's checks. Who a visitor is by name, as `remote-user` says
/// it, is left: a user's own proxy may be the one that says so.
fn ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("x-") else {
        return matches!(
            name,
            "keep-alive"
                | "proxy-connection"
                | "proxy"
                | "forwarded-for"
                | "client-ip"
                | "true-client-ip"
                | "remote-addr"
                | "cf-connecting-ip"
                | "cf-connecting-ipv6"
                | "cf-pseudo-ipv4"
                | "cf-visitor"
                | "fastly-client-ip"
                | "fly-client-ip"
                | "do-connecting-ip"
                | "front-end-https"
        );
    };
    rest.starts_with("cm-")
        || rest.starts_with("forwarded")
        || rest.starts_with("original-")
        || rest.starts_with("envoy-")
        || matches!(
            rest,
            "real-ip"
                | "client-ip"
                | "cluster-client-ip"
                | "remote-ip"
                | "remote-addr"
                | "originating-ip"
                | "appengine-user-ip"
                | "azure-clientip"
                | "host"
                | "scheme"
                | "url-scheme"
                | "script-name"
                | "rewrite-url"
                | "waws-unencoded-url"
                | "middleware-subrequest"
        )
}

/// The headers a `Connection` names, but for those that say where a message ends or goes: these
/// are the gateway's to set and no visitor's to take out.
fn named(value: &HeaderValue, into: &mut Vec<HeaderName>) {
    for token in tokens(value) {
        if token.eq_ignore_ascii_case("close") || token.eq_ignore_ascii_case("keep-alive") {
            continue;
        }
        if let Ok(name) = HeaderName::from_bytes(token.as_bytes())
            && !matches!(name, header::HOST | header::CONTENT_LENGTH)
        {
            into.push(name);
        }
    }
}

pub(super) fn lists(value: &HeaderValue, token: &str) -> bool {
    tokens(value).any(|other| other.eq_ignore_ascii_case(token))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    #[test]
    fn what_a_request_loses() {
        let gone = [
            ("connection", "keep-alive, x-private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eA=="),
            ("te", "gzip"),
            ("upgrade", "websocket"),
            ("forwarded", "for=1.2.3.4"),
            ("via", "1.1 other"),
            ("proxy", "http://evil"),
            ("x-cm-token", "secret"),
            ("x_cm_user", "1"),
            ("x-real-ip", "1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-prefix", "/x"),
            ("x_forwarded_for", "1.2.3.4"),
            ("x-forwarded", "for=1.2.3.4"),
            ("x-original-url", "/admin"),
            ("x-original-forwarded-for", "1.2.3.4"),
            ("x-rewrite-url", "/admin"),
            ("x_rewrite_url", "/admin"),
            ("x-client-ip", "127.0.0.1"),
            ("client-ip", "127.0.0.1"),
            ("true-client-ip", "127.0.0.1"),
            ("cf-connecting-ip", "127.0.0.1"),
            ("cf-visitor", "{\"scheme\":\"https\"}"),
            ("x-host", "evil.example"),
            ("x-scheme", "https"),
            ("front-end-https", "on"),
            ("x-envoy-original-path", "/admin"),
            ("x-middleware-subrequest", "middleware"),
            ("content_length", "7"),
        ];
        let kept = [
            ("host", "a.localhost:1"),
            ("content-length", "3"),
            ("cookie", "a=b"),
            ("accept", "*/*"),
            ("x_mine", "1"),
            ("x-forwarder", "1"),
            ("x-original", "1"),
            ("cf-ray", "1"),
            ("x-requested-with", "XMLHttpRequest"),
            ("remote-user", "ada"),
            ("client-version", "1"),
        ];
        let mut headers = map(&[&gone[..], &kept[..]].concat());
        let options = clean_request(&mut headers, Version::HTTP_11).unwrap();
        assert_eq!(
            options,
            ConnectionOptions::default(),
            "no `Connection: upgrade`, no upgrade"
        );
        assert_eq!(headers, map(&kept));
    }

    #[test]
    fn connection_cannot_name_what_frames_the_message() {
        let mut headers = map(&[
            ("connection", "content-length, host"),
            ("content-length", "3"),
            ("host", "a"),
        ]);
        clean_request(&mut headers, Version::HTTP_11).unwrap();
        assert_eq!(headers, map(&[("content-length", "3"), ("host", "a")]));
    }

    #[test]
    fn which_upgrades_are_wished() {
        let wish = |lines: &[(&str, &str)], version| {
            clean_request(&mut map(lines), version).unwrap().upgrade
        };
        let socket = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ];
        assert_eq!(
            wish(&socket, Version::HTTP_11),
            Some(HeaderValue::from_static("websocket"))
        );
        assert_eq!(wish(&socket, Version::HTTP_10), None);
        assert_eq!(
            wish(
                &[("connection", "upgrade"), ("upgrade", "h2c")],
                Version::HTTP_11
            ),
            None
        );
        assert_eq!(
            wish(
                &[("connection", "upgrade"), ("upgrade", "a, H2C")],
                Version::HTTP_11
            ),
            None
        );
        assert_eq!(
            wish(
                &[
                    ("connection", "upgrade"),
                    ("upgrade", "a"),
                    ("upgrade", "b")
                ],
                Version::HTTP_11
            ),
            None
        );
    }

    #[test]
    fn what_is_refused() {
        let table: [(&[(&str, &str)], BadHeaders); 5] = [
            (
                &[("transfer-encoding", "gzip, chunked")],
                BadHeaders::Encoding,
            ),
            (&[("transfer-encoding", "xchunked")], BadHeaders::Encoding),
            (
                &[
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked"),
                ],
                BadHeaders::Encoding,
            ),
            (&[("expect", "200-ok")], BadHeaders::Expectation),
            (&[("x", &"y".repeat(LARGEST))], BadHeaders::TooLarge),
        ];
        for (lines, want) in table {
            assert_eq!(clean_request(&mut map(lines), Version::HTTP_11), Err(want));
        }
    }

    #[test]
    fn what_a_response_loses() {
        let mut headers = map(&[
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("alt-svc", "h3=\":443\""),
            ("strict-transport-security", "max-age=1"),
            ("clear-site-data", "\"cookies\""),
            ("trailer", "x-sum"),
            ("server", "app"),
        ]);
        clean_response(&mut headers);
        assert_eq!(headers, map(&[("trailer", "x-sum"), ("server", "app")]));
    }
}
