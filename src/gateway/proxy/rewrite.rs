//! Telling an app by which name it is visited, and telling the visitor otherwise.
//!
//! Development servers refuse hosts they do not know, and compare Host, Origin and Referer with
//! one another; so all of them change together, or an app sees an attack. A foreign Origin is
//! left alone: the app's own checks shall still see it.
//!
//! On the way back it is the headers that lead a browser somewhere, and cookies. Bodies are left:
//! an app that writes whole URLs into its pages has to be told its URL.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::headers::X_FORWARDED_HOST;

/// Headers that begin with a URL a browser, or a script of the app's own pages, goes to.
const URL_HEADERS: [HeaderName; 6] = [
    header::LOCATION,
    header::CONTENT_LOCATION,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderName::from_static("hx-redirect"),
    HeaderName::from_static("turbolinks-location"),
    HeaderName::from_static("x-inertia-location"),
];

/// What an app is told of its visitors' way to it.
pub(in crate::gateway) struct OriginMapping {
    /// The origin that is visited, in lower case.
    pub(in crate::gateway) outer: String,
    /// What the app is told in `Host`.
    pub(in crate::gateway) inner: String,
    /// The app's own port.
    pub(in crate::gateway) port: u16,
    /// What the app's own pages are told to be on, in `Origin` and `Referer`.
    pub(in crate::gateway) origin_header: OriginHeader,
}

/// Which name `Origin` and `Referer` of the app's own pages have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum OriginHeader {
    /// The one that `Host` has, over http: it is plain HTTP that the app speaks.
    Inner,
    /// The visitor's own; `X-Forwarded-Host` says it too where `forwarded` is set.
    Outer { forwarded: bool },
}

impl OriginMapping {
    /// Make a request look as if it came by the inner name.
    pub(in crate::gateway) fn apply_to_request(&self, headers: &mut HeaderMap) {
        set(headers, header::HOST, &self.inner);
        match self.origin_header {
            OriginHeader::Inner => {
                let inner = format!("http://{}", self.inner);
                if inner != self.outer {
                    move_origin(headers, &self.outer, &inner);
                }
            }
            OriginHeader::Outer { forwarded: true } => {
                set(headers, X_FORWARDED_HOST, authority(&self.outer));
            }
            OriginHeader::Outer { forwarded: false } => {}
        }
    }

    /// Make what the app says of the inner name true for the visitor.
    pub(super) fn apply_to_response(&self, headers: &mut HeaderMap) {
        for name in URL_HEADERS {
            change(headers, &name, |text| self.moved(text));
        }
        change(headers, &header::REFRESH, |text| {
            let at = text.to_ascii_lowercase().find("url=")? + "url=".len();
            let (front, url) = text.split_at(at);
            let quoted = url.trim_start_matches(['"', '\'', ' ']);
            let (gap, url) = url.split_at(url.len() - quoted.len());
            Some(format!("{front}{gap}{}", self.moved(url)?))
        });
        change(headers, &header::LINK, |text| {
            let mut pieces = text.split('<');
            let mut moved = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                moved.push('<');
                let changed = piece.split_once('>').and_then(|(url, rest)| {
                    let url = self.moved(url)?;
                    Some(format!("{url}>{rest}"))
                });
                moved.push_str(changed.as_deref().unwrap_or(piece));
            }
            Some(moved)
        });
    }

    /// A URL as the visitor has to spell it, if it is one of the app.
    fn moved(&self, url: &str) -> Option<String> {
        let rest = ["http://", "https://", "//"]
            .into_iter()
            .find_map(|scheme| {
                let (front, rest) = url.split_at_checked(scheme.len())?;
                front.eq_ignore_ascii_case(scheme).then_some(rest)
            })?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        self.is_inner(authority)
            .then(|| format!("{}{rest}", self.outer))
    }

    /// Whether the app may mean itself by it: what it was told, the same without a port, or its own
    /// port on its own machine.
    fn is_inner(&self, authority: &str) -> bool {
        let is = |own: &str| authority.eq_ignore_ascii_case(own);
        if is(&self.inner) || without_port(&self.inner).is_some_and(is) {
            return true;
        }
        let Some((host, port)) = authority.rsplit_once(':') else {
            return false;
        };
        let here = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];
        port.parse() == Ok(self.port) && here.iter().any(|it| host.eq_ignore_ascii_case(it))
    }
}

/// What follows the scheme of an origin.
pub(in crate::gateway) fn authority(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |it| it.1)
}

/// Of `shop.localhost:7070`; nothing of what is no name, such as `localhost:3000`, which others
/// have too.
fn without_port(authority: &str) -> Option<&str> {
    let (host, port) = authority.rsplit_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && host.contains('.') && !host.ends_with(|c: char| c.is_ascii_digit())).then_some(host)
}

/// Change each value of a header that `how` has another one for.
fn change(headers: &mut HeaderMap, name: &HeaderName, how: impl Fn(&str) -> Option<String>) {
    let http::header::Entry::Occupied(mut entry) = headers.entry(name) else {
        return;
    };
    for value in entry.iter_mut() {
        let changed = value.to_str().ok().and_then(&how);
        if let Some(Ok(changed)) = changed.map(|text| HeaderValue::from_str(&text)) {
            *value = changed;
        }
    }
}

/// Make what a request says of where it was made on say `to` instead of `from`.
pub(in crate::gateway) fn move_origin(headers: &mut HeaderMap, from: &str, to: &str) {
    let is_from = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(from.as_bytes());
    if headers.get(header::ORIGIN).is_some_and(is_from) {
        set(headers, header::ORIGIN, to);
    }
    if let Some(moved) = moved(headers.get(header::REFERER), from, to) {
        set(headers, header::REFERER, &moved);
    }
}

/// Keep cookies to the one preview that set them: a `Domain` wider than its own host, which
/// `localhost` is, would hand them to every other one. The host comes in pieces, for it is rarely
/// wanted whole.
pub(in crate::gateway) fn narrow_cookies(headers: &mut HeaderMap, host: &[&str]) {
    let has_domain = |value: &HeaderValue| {
        let mut parts = value.as_bytes().split(|byte| *byte == b';').skip(1);
        parts.any(|part| domain(part).is_some())
    };
    if !headers.get_all(header::SET_COOKIE).iter().any(has_domain) {
        return;
    }
    let own = host.concat();
    let cookies: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        let is_retained =
            |part: &&[u8]| domain(part).is_none_or(|it| it.eq_ignore_ascii_case(own.as_bytes()));
        let mut parts = cookie.as_bytes().split(|byte| *byte == b';');
        let first = parts.next().unwrap_or_default();
        let narrowed: Vec<&[u8]> = std::iter::once(first)
            .chain(parts.filter(is_retained))
            .collect();
        if let Ok(narrowed) = HeaderValue::from_bytes(&narrowed.join(&b';')) {
            headers.append(header::SET_COOKIE, narrowed);
        }
    }
}

/// The value of a cookie's `Domain` attribute, if this is one.
fn domain(part: &[u8]) -> Option<&[u8]> {
    let at = part.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (part[..at].trim_ascii(), part[at + 1..].trim_ascii());
    key.eq_ignore_ascii_case(b"domain")
        .then(|| value.strip_prefix(b".").unwrap_or(value))
}

/// `value` with the origin `from` at its front replaced, if that is what stands there.
fn moved(value: Option<&HeaderValue>, from: &str, to: &str) -> Option<String> {
    let text = value?.to_str().ok()?;
    let (front, rest) = text.split_at_checked(from.len())?;
    let ends = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    (front.eq_ignore_ascii_case(from) && ends).then(|| format!("{to}{rest}"))
}

fn set(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn mapping(inner: &str, origin_header: OriginHeader) -> OriginMapping {
        OriginMapping {
            outer: "https://a.example".to_owned(),
            inner: inner.to_owned(),
            port: 5173,
            origin_header,
        }
    }

    #[test]
    fn only_our_own_origin_is_rewritten() {
        let table = [
            (
                header::ORIGIN,
                "https://a.example",
                "http://shop.localhost:7070",
            ),
            (
                header::ORIGIN,
                "HTTPS://A.example",
                "http://shop.localhost:7070",
            ),
            (header::ORIGIN, "http://a.example", "http://a.example"),
            (header::ORIGIN, "http://evil.example", "http://evil.example"),
            (header::ORIGIN, "null", "null"),
            (
                header::REFERER,
                "https://a.example/a?b",
                "http://shop.localhost:7070/a?b",
            ),
            (
                header::REFERER,
                "https://a.example:444/",
                "https://a.example:444/",
            ),
            (
                header::REFERER,
                "http://evil.example/",
                "http://evil.example/",
            ),
        ];
        for (name, given, want) in table {
            let mut headers = one(name.clone(), given);
            mapping("shop.localhost:7070", OriginHeader::Inner).apply_to_request(&mut headers);
            assert_eq!(headers[&name], want);
            assert_eq!(headers[header::HOST], "shop.localhost:7070");
            assert!(!headers.contains_key(X_FORWARDED_HOST));
        }
    }

    #[test]
    fn who_is_told_the_outer_name_is_told_it_everywhere() {
        for forwarded in [true, false] {
            let mut headers = one(header::ORIGIN, "https://a.example");
            mapping("shop.localhost:7070", OriginHeader::Outer { forwarded })
                .apply_to_request(&mut headers);
            assert_eq!(headers[header::ORIGIN], "https://a.example");
            let origin_header = headers.get(X_FORWARDED_HOST).map(HeaderValue::as_bytes);
            assert_eq!(origin_header, forwarded.then_some(&b"a.example"[..]));
        }
    }

    /// What the visitor gets of a header of the app's.
    fn public(name: &HeaderName, given: &'static str) -> String {
        let mut headers = one(name.clone(), given);
        mapping("shop.localhost:7070", OriginHeader::Inner).apply_to_response(&mut headers);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn where_the_app_leads_to_is_mapped_back() {
        for given in [
            "http://shop.localhost:7070/x?y#z",
            "https://SHOP.localhost:7070/x?y#z",
            "http://shop.localhost/x?y#z",
            "//shop.localhost:7070/x?y#z",
            "http://localhost:5173/x?y#z",
            "http://127.0.0.1:5173/x?y#z",
            "http://[::1]:5173/x?y#z",
            "https://0.0.0.0:5173/x?y#z",
        ] {
            let moved = public(&header::LOCATION, given);
            assert_eq!(moved, "https://a.example/x?y#z", "{given}");
        }
        for given in ["http://localhost:5173", "http://shop.localhost:7070"] {
            assert_eq!(public(&header::LOCATION, given), "https://a.example");
        }
        for given in [
            "/x",
            "//",
            "",
            "http://localhost:51730/",
            "http://localhost/",
            "http://shop.localhost:70700/",
            "http://shop.localhost.evil/",
            "http://shop.localhost:7070@evil/",
            "http://elsewhere.example/",
        ] {
            assert_eq!(public(&header::LOCATION, given), given);
        }
    }

    #[test]
    fn every_header_that_leads_somewhere_is_mapped_back() {
        let own = "http://shop.localhost:7070";
        let allow = &header::ACCESS_CONTROL_ALLOW_ORIGIN;
        assert_eq!(public(allow, own), "https://a.example");
        assert_eq!(public(allow, "*"), "*");
        assert_eq!(
            public(&header::CONTENT_LOCATION, "http://localhost:5173/a"),
            "https://a.example/a"
        );
        for (given, want) in [
            (
                "5; url=http://shop.localhost:7070/x",
                "5; url=https://a.example/x",
            ),
            (
                "0;URL='http://localhost:5173/x'",
                "0;URL='https://a.example/x'",
            ),
            ("5", "5"),
        ] {
            assert_eq!(public(&header::REFRESH, given), want);
        }
        for (given, want) in [
            (
                "<http://shop.localhost:7070/2>; rel=next, </3>; rel=last, <http://b.example/>",
                "<https://a.example/2>; rel=next, </3>; rel=last, <http://b.example/>",
            ),
            ("</a.css>; rel=preload", "</a.css>; rel=preload"),
        ] {
            assert_eq!(public(&header::LINK, given), want);
        }
    }

    #[test]
    fn a_bare_localhost_is_nobodys() {
        let table = [
            ("http://localhost:5173/", "https://a.example/"),
            ("http://localhost/", "http://localhost/"),
            ("http://localhost:3000/", "http://localhost:3000/"),
        ];
        for (given, want) in table {
            let mut headers = one(header::LOCATION, given);
            mapping("localhost:5173", OriginHeader::Inner).apply_to_response(&mut headers);
            assert_eq!(headers[header::LOCATION], want);
        }
    }

    #[test]
    fn a_cookie_stays_with_its_preview() {
        let table = [
            ("a=b; Domain=localhost; Path=/", "a=b; Path=/"),
            ("a=b; domain=.localhost", "a=b"),
            (
                "a=b; Domain=shop.localhost; Secure",
                "a=b; Domain=shop.localhost; Secure",
            ),
            ("a=b; HttpOnly", "a=b; HttpOnly"),
            ("a=é; Domain=localhost", "a=é"),
            ("domain=x; Domain=other.localhost", "domain=x"),
        ];
        for (given, want) in table {
            let given = HeaderValue::from_bytes(given.as_bytes()).unwrap();
            let mut headers = HeaderMap::from_iter([(header::SET_COOKIE, given)]);
            narrow_cookies(&mut headers, &["shop", ".localhost"]);
            assert_eq!(headers[header::SET_COOKIE].as_bytes(), want.as_bytes());
        }
    }
}
