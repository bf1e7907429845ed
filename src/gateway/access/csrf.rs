//! What pages of other sites may not do to an app at `<name>.localhost`.
//!
//! Any page a person at this machine has open can send requests here in that person's name, and
//! development servers rarely check who asks. So what changes something, and every socket, has to
//! come from the app's own pages. Reading is left to the browser's rules, and so is a request for
//! which the browser had to ask the app first, if a page of this machine sends it: a front end at
//! `localhost:3000` can use an API here as far as that API's own CORS rules go. Programs that are
//! no browsers send none of these headers and are not concerned.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What a page of another site asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum CsrfRefusal {
    #[error("a page of another site sent this request")]
    Write,
    #[error("a page of another site asked for this socket")]
    Socket,
}

/// Whose page sent a request, by what its browser says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestSender {
    /// The app's own, or a person's address bar, or no browser at all.
    Own,
    /// Another server on this machine, another preview among them.
    Loopback,
    CrossSite,
}

/// Refuse what only a page of `name`'s own may ask for at the local listener at `port`.
pub(in crate::gateway) fn check(
    parts: &Parts,
    upgrade: bool,
    name: &str,
    port: u16,
) -> Result<(), CsrfRefusal> {
    if parts.method.is_safe() && !upgrade {
        return Ok(());
    }
    let own = format!("http://{name}.localhost:{port}");
    let from = sender(&parts.headers, &own);
    match from {
        RequestSender::Own => Ok(()),
        _ if upgrade => Err(CsrfRefusal::Socket),
        RequestSender::Loopback if was_preflighted(parts) => Ok(()),
        RequestSender::Loopback | RequestSender::CrossSite => Err(CsrfRefusal::Write),
    }
}

fn sender(headers: &HeaderMap, own: &str) -> RequestSender {
    let site = only(headers, &SEC_FETCH_SITE);
    let inside = match site {
        Ok(None) => None,
        Ok(Some(site)) => Some(matches!(site, "same-origin" | "none")),
        Err(Duplicated) => return RequestSender::CrossSite,
    };
    let origin = match only(headers, &header::ORIGIN) {
        Ok(origin) => origin,
        Err(Duplicated) => return RequestSender::CrossSite,
    };
    match (origin, inside) {
        (Some(origin), None | Some(true)) if origin.eq_ignore_ascii_case(own) => RequestSender::Own,
        // A page that hides where it is, to itself too.
        (None, None) | (None | Some("null"), Some(true)) => RequestSender::Own,
        (Some(origin), _) if is_loopback(origin) => RequestSender::Loopback,
        _ => RequestSender::CrossSite,
    }
}

struct Duplicated;

/// The one value of a header, if it is there. What is no text is no value a browser sends.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Duplicated> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(HeaderValue::to_str);
    match (first, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        _ => Err(Duplicated),
    }
}

/// Whether an origin is a server on this machine.
fn is_loopback(origin: &str) -> bool {
    let Some(rest) = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    let host = match rest.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => rest,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
        || host
            .strip_suffix(".localhost")
            .is_some_and(|name| !name.is_empty() && !name.contains(['/', '@', ':']))
}

/// Whether a browser sends this for another site only after the app has agreed to it: forms, and
/// scripts that did not ask, are bound to POST and to three kinds of body.
fn was_preflighted(parts: &Parts) -> bool {
    let cors = parts.headers.get(SEC_FETCH_MODE);
    if cors.is_some_and(|mode| mode != "cors") {
        return false;
    }
    if parts.method != Method::POST {
        return true;
    }
    let kind = only(&parts.headers, &header::CONTENT_TYPE).ok().flatten();
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kind.is_some_and(|kind| {
        let simple = [
            "",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "text/plain",
        ];
        !simple
            .iter()
            .any(|simple| kind.eq_ignore_ascii_case(simple))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "http://shop.localhost:7070";

    fn verdict(method: &str, headers: &[(&str, &str)], upgrade: bool) -> Result<(), CsrfRefusal> {
        let mut request = http::Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts, upgrade, "shop", 7070)
    }

    #[test]
    fn who_may_write() {
        let site = |value| ("sec-fetch-site", value);
        let origin = |value| ("origin", value);
        let json = ("content-type", "application/json");
        let refused: [&[(&str, &str)]; 17] = [
            &[origin("https://evil.example")],
            &[origin("null")],
            &[origin("")],
            &[origin("http://shop.localhost:7071")],
            &[origin("https://shop.localhost:7070")],
            &[origin("http://other.localhost:7070")],
            &[origin("http://shop.localhost")],
            &[origin("http://shop.localhost:70700")],
            &[origin("http://shop.localhost.evil.example:7070"), json],
            &[origin("http://evil@shop.localhost:7070"), json],
            &[origin(OWN), origin("https://evil.example")],
            &[origin(OWN), site("cross-site")],
            &[site("cross-site")],
            &[site("same-site")],
            &[origin("https://evil.example"), json],
            &[
                origin("http://localhost:3000"),
                ("content-type", "text/plain; a=application/json"),
            ],
            &[
                origin("http://localhost:3000"),
                json,
                ("sec-fetch-mode", "no-cors"),
            ],
        ];
        for headers in refused {
            assert_eq!(
                verdict("POST", headers, false),
                Err(CsrfRefusal::Write),
                "{headers:?}"
            );
            assert_eq!(verdict("GET", headers, false), Ok(()), "{headers:?}");
        }
        let fine: [&[(&str, &str)]; 10] = [
            &[],
            &[origin(OWN)],
            &[origin("HTTP://SHOP.localhost:7070")],
            &[origin(OWN), site("same-origin")],
            &[origin("null"), site("same-origin")],
            &[site("same-origin")],
            &[site("none")],
            &[origin("http://localhost:3000"), site("cross-site"), json],
            &[
                origin("http://[::1]:3000"),
                json,
                ("sec-fetch-mode", "cors"),
            ],
            &[origin("http://web.localhost:7070"), json],
        ];
        for headers in fine {
            assert_eq!(verdict("POST", headers, false), Ok(()), "{headers:?}");
        }
    }

    #[test]
    fn a_method_no_form_has_was_asked_for() {
        let local = ("origin", "http://localhost:3000");
        for method in ["PUT", "PATCH", "DELETE", "PROPFIND"] {
            assert_eq!(verdict(method, &[local], false), Ok(()));
            let evil = ("origin", "https://evil.example");
            assert_eq!(verdict(method, &[evil], false), Err(CsrfRefusal::Write));
        }
    }

    #[test]
    fn who_may_have_a_socket() {
        for origin in ["https://evil.example", "null", "http://localhost:3000", ""] {
            let headers = [("origin", origin)];
            assert_eq!(
                verdict("GET", &headers, true),
                Err(CsrfRefusal::Socket),
                "{origin}"
            );
        }
        assert_eq!(verdict("GET", &[("origin", OWN)], true), Ok(()));
        assert_eq!(verdict("GET", &[], true), Ok(()));
    }
}
