//! The credentials of a link: in the URL, in a header, in a cookie. They are taken out of the request,
//! so that the app never sees them.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts};
use percent_encoding::percent_decode_str;

use jiff::Timestamp;

use crate::{
    model::{InstanceId, PublicUrl, Secret},
    security,
};

/// The parameter of a link's query.
const PARAMETER: &str = "__cm";
const HEADER: HeaderName = HeaderName::from_static("x-cm-token");

/// How names of our cookies begin: over TLS one that no other host can set, elsewhere one that says
/// no more than it can keep.
const SECURE: &str = "__Host-cm-";
const PLAIN: &str = "cm-link-";

/// More secrets than this in one request is nobody's mistake.
const MOST: usize = 8;

/// Everything that was shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) struct LinkCredentials {
    /// Of links, from the URL and from the header.
    pub(in crate::gateway) links: Vec<String>,
    /// Of this instance's cookie.
    pub(in crate::gateway) cookies: Vec<String>,
    /// One was in the URL, where it would stay to be seen.
    pub(super) in_url: bool,
}

impl LinkCredentials {
    /// Take them out. Cookies of ours for other instances at the same host go too: an app may not
    /// have them.
    pub(super) fn extract(parts: &mut Parts, cookie: &str) -> Self {
        let mut credentials = Self::default();
        credentials.extract_from_url(&mut parts.uri);
        for value in parts.headers.get_all(HEADER) {
            credentials.links.extend(value.to_str().map(str::to_owned));
        }
        parts.headers.remove(HEADER);
        credentials.extract_cookies(&mut parts.headers, cookie);
        if let Some(referer) = parts.headers.get(header::REFERER)
            && find(referer.as_bytes(), PARAMETER.as_bytes())
        {
            parts.headers.remove(header::REFERER);
        }
        credentials.links.truncate(MOST);
        credentials.cookies.truncate(MOST);
        credentials
    }

    fn extract_from_url(&mut self, uri: &mut Uri) {
        let Some(query) = uri.query() else {
            return;
        };
        let mut rest = Vec::new();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if is_parameter(key) {
                self.in_url = true;
                self.links.push(value.to_owned());
            } else {
                rest.push(pair);
            }
        }
        if !self.in_url {
            return;
        }
        let path = uri.path();
        let target = if rest.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", rest.join("&"))
        };
        let mut of = std::mem::take(uri).into_parts();
        of.path_and_query = target.parse().ok();
        // What is left of a target that was well-formed is.
        *uri = Uri::from_parts(of).unwrap_or_default();
    }

    fn extract_cookies(&mut self, headers: &mut HeaderMap, own: &str) {
        let any_of_ours = |value: &HeaderValue| pairs(value).any(|pair| is_ours(name_of(pair)));
        if !headers.get_all(header::COOKIE).iter().any(any_of_ours) {
            return;
        }
        let mut rest: Vec<&[u8]> = Vec::new();
        let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
        for pair in lines.iter().flat_map(pairs) {
            let name = name_of(pair);
            if !is_ours(name) {
                rest.push(pair);
            } else if name == own.as_bytes()
                && let Some(value) = pair.get(name.len() + 1..)
            {
                self.cookies
                    .extend(std::str::from_utf8(value).map(str::to_owned));
            }
        }
        headers.remove(header::COOKIE);
        if !rest.is_empty()
            && let Ok(value) = HeaderValue::from_bytes(&rest.join(&b"; "[..]))
        {
            headers.insert(header::COOKIE, value);
        }
    }
}

/// What a grant's secret makes of a URL that everyone may know.
pub fn link_url(url: &PublicUrl, token: &Secret) -> Secret {
    Secret::new(format!("{url}/?{PARAMETER}={}", token.reveal()))
}

/// What the cookie of an instance is called. Its id is a hash of a path on this host, which is
/// nobody's to check guesses against.
pub(super) fn cookie_name(instance: &InstanceId, secure: bool) -> String {
    let prefix = if secure { SECURE } else { PLAIN };
    let hash = blake3::derive_key(
        "codemate-preview 2026-11 cookie name",
        instance.as_str().as_bytes(),
    );
    hash[..4]
        .iter()
        .fold(prefix.to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

/// How a browser gets a cookie.
pub(in crate::gateway) struct CookieOptions {
    pub(super) secure: bool,
    /// Within a page of somebody else's that may frame this one.
    pub(super) framed: bool,
    pub(super) expires: Option<Timestamp>,
}

/// The cookie for whoever came by the link.
pub(in crate::gateway) fn cookie(
    token: &str,
    instance: &InstanceId,
    options: &CookieOptions,
    now: Timestamp,
) -> Option<HeaderValue> {
    let name = cookie_name(instance, options.secure);
    let value = security::cookie_of(token, instance);
    let mut text = format!("{name}={}; Path=/; HttpOnly", value.reveal());
    text.push_str(match (options.secure, options.framed) {
        (true, true) => "; Secure; SameSite=None; Partitioned",
        (true, false) => "; Secure; SameSite=Lax",
        (false, _) => "; SameSite=Lax",
    });
    if let Some(end) = options.expires {
        let seconds = end.as_second().saturating_sub(now.as_second()).max(0);
        let _ = write!(text, "; Max-Age={seconds}");
    }
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Take out of an answer the cookies that only the gateway may set.
pub(in crate::gateway) fn keep_own_cookies(headers: &mut HeaderMap) {
    let sets_ours = |value: &HeaderValue| {
        let first = pairs(value).next().unwrap_or_default();
        // Without a name, a cookie is sent back as its value alone, which may look like one of ours.
        let unnamed = first.strip_prefix(b"=").unwrap_or_default().trim_ascii();
        is_ours(name_of(first)) || is_ours(name_of(unnamed)) || is_ours(first)
    };
    if !headers.get_all(header::SET_COOKIE).iter().any(sets_ours) {
        return;
    }
    let rest: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|value| !sets_ours(value))
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for cookie in rest {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Where a browser goes on without the secret: this very place, named by its path alone, and never
/// one that a browser takes for another host.
pub(super) fn path_only(uri: &Uri) -> HeaderValue {
    let path = uri
        .path()
        .trim_start_matches(['/', '\\'])
        .replace('\\', "%5C");
    let text = match uri.query() {
        Some(query) => format!("/{path}?{query}"),
        None => format!("/{path}"),
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("/"))
}

fn pairs(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// Whatever a server may take for one of ours: some do not tell the case of names.
fn is_ours(name: &[u8]) -> bool {
    let name = name.trim_ascii();
    [SECURE, PLAIN].iter().any(|prefix| {
        name.get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

fn is_parameter(key: &str) -> bool {
    key == PARAMETER || key.contains('%') && percent_decode_str(key).eq(PARAMETER.bytes())
}

fn find(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted(target: &str, headers: &[(&str, &str)]) -> (LinkCredentials, Parts) {
        let mut request = http::Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        let credentials = LinkCredentials::extract(&mut parts, "__Host-cm-aa");
        (credentials, parts)
    }

    #[test]
    fn a_link_leaves_the_url_and_nothing_else_does() {
        for (target, links, rest) in [
            ("/", &[][..], "/"),
            ("/?a=1&b", &[], "/?a=1&b"),
            ("/?__cm=x", &["x"], "/"),
            ("/p/?a=1&__cm=x&b=%26", &["x"], "/p/?a=1&b=%26"),
            ("/?%5f_cm=x&__cm=y", &["x", "y"], "/"),
            ("/?__cm", &[""], "/"),
            ("/?__cmx=1&x__cm=2&a=__cm", &[], "/?__cmx=1&x__cm=2&a=__cm"),
            ("http://a.example/x?__cm=y", &["y"], "http://a.example/x"),
            ("http://a.example?__cm=y", &["y"], "http://a.example/"),
            ("//evil/?__cm=y", &["y"], "//evil/"),
        ] {
            let (credentials, parts) = extracted(target, &[]);
            assert_eq!(credentials.links, links, "{target}");
            assert_eq!(credentials.in_url, !links.is_empty(), "{target}");
            assert_eq!(parts.uri.to_string(), rest, "{target}");
        }
    }

    #[test]
    fn headers_and_cookies_of_ours_leave_the_request() {
        let (credentials, parts) = extracted(
            "/",
            &[
                ("x-cm-token", "t"),
                ("cookie", "a=1; __Host-cm-aa=one;b=2"),
                ("cookie", "__Host-cm-bb=other; cm-link-aa=plain"),
                ("cookie", "__HOST-CM-aa=x; c==3;; cm=kept"),
                ("referer", "https://a.example/?__cm=t"),
            ],
        );
        assert_eq!(credentials.links, ["t"]);
        assert_eq!(credentials.cookies, ["one"]);
        assert!(!credentials.in_url);
        assert_eq!(parts.headers.len(), 1, "{:?}", parts.headers);
        assert_eq!(parts.headers[header::COOKIE], "a=1; b=2; c==3; ; cm=kept");
        // The control: a request that shows nothing stays as it is.
        let plain = [
            ("cookie", "a=1;b=2"),
            ("cookie", "c=3"),
            ("referer", "https://a.example/?cm=1"),
        ];
        let (credentials, parts) = extracted("/", &plain);
        assert_eq!(credentials, LinkCredentials::default());
        assert_eq!(parts.headers.get_all(header::COOKIE).iter().count(), 2);
        assert_eq!(parts.headers[header::COOKIE], "a=1;b=2");
        assert!(parts.headers.contains_key(header::REFERER));
    }

    #[test]
    fn only_the_gateway_sets_its_cookies() {
        let mut headers = HeaderMap::new();
        let (good, bad) = (
            [
                "a=1; Path=/",
                "cm=1",
                "x-__Host-cm-aa=1",
                "=plain",
                "b=\u{e9}",
            ],
            [
                "__Host-cm-aa=1; Path=/; Secure",
                "__hOST-cm-zz=1",
                "cm-link-aa=1",
                " cm-link-aa =1",
                "=__Host-cm-aa=1",
                "= cm-link-aa=1",
                "cm-link-aa",
            ],
        );
        for value in good.iter().chain(&bad) {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(header::SET_COOKIE, value);
        }
        keep_own_cookies(&mut headers);
        let rest: Vec<_> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        assert_eq!(rest, good.map(str::as_bytes));
    }

    #[test]
    fn a_browser_is_sent_nowhere_else() {
        for (target, want) in [
            ("/", "/"),
            ("/a//b?c=//d", "/a//b?c=//d"),
            ("//evil.example", "/evil.example"),
            ("///evil.example/x", "/evil.example/x"),
            ("/\\evil.example", "/evil.example"),
            ("\\/\\evil.example", "/evil.example"),
            ("/a\\..\\b", "/a%5C..%5Cb"),
            ("/%2F%2Fevil.example", "/%2F%2Fevil.example"),
            ("/%0d%0aset-cookie:x", "/%0d%0aset-cookie:x"),
        ] {
            let path = target
                .strip_prefix('\\')
                .map_or(target.to_owned(), |rest| format!("/\\{rest}"));
            let uri: Uri = path.parse().unwrap();
            assert_eq!(path_only(&uri), want, "{target}");
        }
    }

    #[test]
    fn a_cookie_says_no_more_than_its_scheme_can_keep() {
        let id: InstanceId = "0123456789ab".parse().unwrap();
        let token = "a".repeat(43);
        let at = |second| Timestamp::from_second(second).unwrap();
        let made = |secure, framed, expires| {
            let options = CookieOptions {
                secure,
                framed,
                expires,
            };
            let value = cookie(&token, &id, &options, at(40)).unwrap();
            let text = value.to_str().unwrap().to_owned();
            assert!(
                !text.contains(&token),
                "it holds another value than the link"
            );
            assert!(!text.contains(id.as_str()));
            let (name, rest) = text.split_once('=').unwrap();
            assert_eq!(name, cookie_name(&id, secure));
            rest.split_once("; ").unwrap().1.to_owned()
        };
        let lax = "Path=/; HttpOnly; Secure; SameSite=Lax";
        assert_eq!(made(true, false, None), lax);
        assert_eq!(
            made(true, false, Some(at(100))),
            format!("{lax}; Max-Age=60")
        );
        assert_eq!(
            made(true, true, Some(at(1))),
            "Path=/; HttpOnly; Secure; SameSite=None; Partitioned; Max-Age=0"
        );
        assert_eq!(made(false, true, None), "Path=/; HttpOnly; SameSite=Lax");
        assert!(cookie_name(&id, true).starts_with("__Host-"));
        assert!(!cookie_name(&id, false).starts_with("__"));
        let other: InstanceId = "ba9876543210".parse().unwrap();
        assert_ne!(cookie_name(&id, true), cookie_name(&other, true));
    }
}
