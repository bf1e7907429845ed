//! What a browser's page may make of this API: nothing, unless its origin is allowed.
//!
//! The hosts we answer to are an exact list, so that no foreign name that leads here is taken for
//! ours; credentials are in a header that only scripts set, never ambient.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};

/// Which hosts and which pages.
#[derive(Debug, Clone, Default)]
pub struct OriginPolicy {
    /// In lower case, with the port where a client sends one.
    pub hosts: BTreeSet<String>,
    /// Exactly as browsers send them.
    pub origins: BTreeSet<String>,
}

/// Where a request that may go on comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestSender {
    /// No page, or one of our own, of which there are none.
    Program,
    /// A page of an allowed origin.
    Page(HeaderValue),
    /// Such a page's browser asks whether it may.
    Preflight(HeaderValue),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    #[error("this is not a name of this host")]
    Host,
    #[error("pages of this origin may not call it")]
    Origin,
    #[error("only JSON is taken")]
    NotJson,
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl PolicyRefusal {
    pub fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

impl OriginPolicy {
    pub fn check(&self, parts: &Parts) -> Result<RequestSender, PolicyRefusal> {
        self.host(parts)?;
        let sender = self.sender(parts)?;
        if parts.method == Method::POST && !is_json(&parts.headers) {
            return Err(PolicyRefusal::NotJson);
        }
        Ok(sender)
    }

    fn host(&self, parts: &Parts) -> Result<(), PolicyRefusal> {
        let host = only(&parts.headers, &header::HOST).map_err(|()| PolicyRefusal::Host)?;
        let host = host
            .and_then(|host| host.to_str().ok())
            .ok_or(PolicyRefusal::Host)?;
        // A target with a host of its own says the same or nothing.
        let same = parts
            .uri
            .authority()
            .is_none_or(|target| target.as_str().eq_ignore_ascii_case(host));
        if same && self.hosts.contains(&host.to_ascii_lowercase()) {
            Ok(())
        } else {
            Err(PolicyRefusal::Host)
        }
    }

    fn sender(&self, parts: &Parts) -> Result<RequestSender, PolicyRefusal> {
        let headers = &parts.headers;
        let origin = only(headers, &header::ORIGIN).map_err(|()| PolicyRefusal::Origin)?;
        let Some(origin) = origin else {
            // A browser that sends no origin still says where its page is from.
            let mut sites = headers.get_all(FETCH_SITE).iter();
            let is_own = sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
            return if is_own {
                Ok(RequestSender::Program)
            } else {
                Err(PolicyRefusal::Origin)
            };
        };
        let is_allowed = origin
            .to_str()
            .is_ok_and(|text| self.origins.contains(text));
        if !is_allowed {
            return Err(PolicyRefusal::Origin);
        }
        let asks = parts.method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Ok(if asks {
            RequestSender::Preflight(origin.clone())
        } else {
            RequestSender::Page(origin.clone())
        })
    }
}

/// The one value of a header; an error if there are several.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, ()> {
    let mut all = headers.get_all(name).iter();
    let first = all.next();
    if all.next().is_some() {
        return Err(());
    }
    Ok(first)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Ok(Some(kind)) = only(headers, &header::CONTENT_TYPE) else {
        return false;
    };
    let essence = kind.to_str().unwrap_or_default().split(';').next();
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// What every answer says to a browser, whoever asked.
pub fn add_cors_headers(headers: &mut HeaderMap, sender: Option<&RequestSender>) {
    const PLAIN: [(HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in PLAIN {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    let Some(RequestSender::Page(origin) | RequestSender::Preflight(origin)) = sender else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Retry-After"),
    );
    if matches!(sender, Some(RequestSender::Preflight(_))) {
        const ALLOWED: [(HeaderName, &str); 3] = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "Authorization, Content-Type",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        for (name, value) in ALLOWED {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<RequestSender, PolicyRefusal> {
        let origin_policy = OriginPolicy {
            hosts: ["127.0.0.1:7443", "localhost:7443"]
                .map(str::to_owned)
                .into(),
            origins: ["https://ide.example".to_owned()].into(),
        };
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        origin_policy.check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_exact_hosts_are_ours() {
        for host in ["127.0.0.1:7443", "LOCALHOST:7443"] {
            assert_eq!(
                ask("GET", "/", &[("host", host)]),
                Ok(RequestSender::Program)
            );
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1:744",
            "127.0.0.1:07443",
            "127.0.0.1.:7443",
            "evil.example:7443",
            "localhost:7443.evil.example",
            "localhost.:7443",
            "u@localhost:7443",
            "[::1]:7443",
            "0.0.0.0:7443",
            "",
        ] {
            let refused = ask("GET", "/", &[("host", host)]);
            assert_eq!(refused, Err(PolicyRefusal::Host), "{host}");
        }
        assert_eq!(ask("GET", "/", &[]), Err(PolicyRefusal::Host));
        let two = [("host", "localhost:7443"), ("host", "localhost:7443")];
        assert_eq!(ask("GET", "/", &two), Err(PolicyRefusal::Host));
        let absolute = "http://evil.example:7443/";
        let refused = ask("GET", absolute, &[("host", "localhost:7443")]);
        assert_eq!(refused, Err(PolicyRefusal::Host));
    }

    #[test]
    fn only_pages_of_allowed_origins_get_on() {
        let from = |headers: &[(&str, &str)]| {
            let host = [("host", "localhost:7443")];
            ask("GET", "/", &[&host, headers].concat())
        };
        let good = HeaderValue::from_static("https://ide.example");
        assert_eq!(
            from(&[
                ("origin", "https://ide.example"),
                ("sec-fetch-site", "cross-site")
            ]),
            Ok(RequestSender::Page(good))
        );
        assert_eq!(
            from(&[("sec-fetch-site", "none")]),
            Ok(RequestSender::Program)
        );
        for headers in [
            &[("origin", "null")] as &[_],
            &[("origin", "http://ide.example")],
            &[("origin", "https://ide.example:444")],
            &[("origin", "https://IDE.example")],
            &[("origin", "https://ide.example.evil.example")],
            &[("origin", "http://localhost:7443")],
            &[
                ("origin", "https://ide.example"),
                ("origin", "https://ide.example"),
            ],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "cross-site"),
            ],
        ] {
            assert_eq!(from(headers), Err(PolicyRefusal::Origin), "{headers:?}");
        }
    }

    #[test]
    fn only_json_is_posted() {
        let post = |kind: &[(&str, &str)]| {
            let host = [("host", "localhost:7443")];
            ask("POST", "/", &[&host, kind].concat())
        };
        let json = "application/json; charset=utf-8";
        assert_eq!(post(&[("content-type", json)]), Ok(RequestSender::Program));
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "",
        ] {
            assert_eq!(post(&[("content-type", kind)]), Err(PolicyRefusal::NotJson));
        }
        assert_eq!(post(&[]), Err(PolicyRefusal::NotJson));
    }
}
