//! Telling an app that it is visited at `localhost`, and telling the visitor otherwise.
//!
//! Development servers refuse hosts they do not know, and compare Host, Origin and Referer with
//! one another; so all of them change together, or an app sees an attack. A foreign Origin is
//! left alone: the app's own checks shall still see it.
//!
//! On the way back it is the headers a browser acts on: `Location`, `Access-Control-Allow-Origin`
//! and cookies. `Link`, `Content-Location` and `Refresh` are left, as bodies are: an app that
//! writes whole URLs there writes them into its pages too, and has to be told its URL.

use http::{HeaderMap, HeaderValue, header};

/// The two names of one app.
pub(super) struct Names {
    /// The origin that is visited, in lower case.
    ours: String,
    /// The app's own port.
    port: u16,
}

impl Names {
    pub(super) fn new(ours: String, port: u16) -> Self {
        Self { ours, port }
    }

    /// Make a request look as if it came to `localhost`.
    pub(super) fn inward(&self, headers: &mut HeaderMap) {
        let theirs = format!("http://localhost:{}", self.port);
        set(headers, header::HOST, &theirs["http://".len()..]);
        move_origin(headers, &self.ours, &theirs);
    }

    /// Make what the app says of `localhost` true for the visitor.
    pub(super) fn outward(&self, headers: &mut HeaderMap) {
        let ours = &self.ours;
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            let theirs = format!("http://{host}:{}", self.port);
            if let Some(moved) = moved(headers.get(header::LOCATION), &theirs, ours).or_else(|| {
                moved(
                    headers.get(header::LOCATION),
                    &theirs["http:".len()..],
                    ours,
                )
            }) {
                set(headers, header::LOCATION, &moved);
            }
            let allows_itself = |value: &HeaderValue| value == theirs.as_str();
            if headers
                .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
                .is_some_and(allows_itself)
            {
                set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, ours);
            }
        }
    }
}

/// Make what a request says of where it was made on say `to` instead of `from`.
pub(super) fn move_origin(headers: &mut HeaderMap, from: &str, to: &str) {
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
pub(super) fn narrow_cookies(headers: &mut HeaderMap, host: &[&str]) {
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
        let keep =
            |part: &&[u8]| domain(part).is_none_or(|it| it.eq_ignore_ascii_case(own.as_bytes()));
        let mut parts = cookie.as_bytes().split(|byte| *byte == b';');
        let first = parts.next().unwrap_or_default();
        let narrowed: Vec<&[u8]> = std::iter::once(first).chain(parts.filter(keep)).collect();
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

    #[test]
    fn only_our_own_origin_is_rewritten() {
        let names = Names::new("http://shop.localhost:7070".to_owned(), 5173);
        let table = [
            (
                header::ORIGIN,
                "http://shop.localhost:7070",
                "http://localhost:5173",
            ),
            (
                header::ORIGIN,
                "http://other.localhost:7070",
                "http://other.localhost:7070",
            ),
            (header::ORIGIN, "http://evil.example", "http://evil.example"),
            (header::ORIGIN, "null", "null"),
            (
                header::REFERER,
                "http://shop.localhost:7070/a?b",
                "http://localhost:5173/a?b",
            ),
            (
                header::REFERER,
                "http://shop.localhost:70701/",
                "http://shop.localhost:70701/",
            ),
            (
                header::REFERER,
                "http://evil.example/",
                "http://evil.example/",
            ),
        ];
        for (name, given, want) in table {
            let mut headers = one(name.clone(), given);
            names.inward(&mut headers);
            assert_eq!(headers[&name], want);
            assert_eq!(headers[header::HOST], "localhost:5173");
        }
    }

    #[test]
    fn what_the_app_says_of_itself_is_mapped_back() {
        let names = Names::new("http://shop.localhost:7070".to_owned(), 5173);
        let table = [
            (
                header::LOCATION,
                "http://localhost:5173/x?y#z",
                "http://shop.localhost:7070/x?y#z",
            ),
            (
                header::LOCATION,
                "http://127.0.0.1:5173",
                "http://shop.localhost:7070",
            ),
            (
                header::LOCATION,
                "//localhost:5173/x",
                "http://shop.localhost:7070/x",
            ),
            (header::LOCATION, "/x", "/x"),
            (
                header::LOCATION,
                "http://localhost:51730/",
                "http://localhost:51730/",
            ),
            (
                header::LOCATION,
                "http://elsewhere.example/",
                "http://elsewhere.example/",
            ),
            (
                header::ACCESS_CONTROL_ALLOW_ORIGIN,
                "http://localhost:5173",
                "http://shop.localhost:7070",
            ),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*", "*"),
        ];
        for (name, given, want) in table {
            let mut headers = one(name.clone(), given);
            names.outward(&mut headers);
            assert_eq!(headers[&name], want);
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
