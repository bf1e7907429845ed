//! Whether an app refuses the host name it was asked by, as its answer tells.
//!
//! Development servers and frameworks take requests for names they know and no others. Most know
//! `*.localhost`; some know `localhost` alone, and are to be told that.

/// What refusals say, in lower case: webpack-dev-server, Starlette and servers of MCP; Vite and
/// what is made of it; Django; Werkzeug; Rails; Angular; Symfony; Jupyter.
const WORDS: [&str; 8] = [
    "invalid host",
    "blocked request. this host",
    "invalid http_host header",
    "is not trusted",
    "blocked host",
    "url with hostname",
    "untrusted host",
    "request with non-local",
];

/// What older versions of webpack-dev-server say with status 200, and nothing else.
const WHOLE: [&str; 2] = ["invalid host header", "invalid host/origin header"];

/// Whether the beginning of an answer's body says that it is the host that is not served.
pub fn refuses(status: u16, text: &str) -> bool {
    let text = text.to_lowercase();
    match status {
        200..=299 => WHOLE.contains(&text.trim()),
        400 | 403 | 404 | 421 => WORDS.iter().any(|words| text.contains(words)),
        _ => false,
    }
}

/// Whether it may be the host all the same: Django without DEBUG says no more than that the request
/// is bad, and Flask with a `SERVER_NAME` has no page anywhere else. Asking by another name tells.
pub fn may_refuse(status: u16) -> bool {
    matches!(status, 400 | 404 | 421)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_of_a_host_they_do_not_know() {
        for (status, text) in [
            (200, "Invalid Host header"),
            (200, "Invalid Host/Origin header\n"),
            (403, "Invalid Host header"),
            (400, "Invalid host header"),
            (421, "Invalid Host header"),
            (
                403,
                "Blocked request. This host (\"a.example\") is not allowed.",
            ),
            (
                400,
                "<title>DisallowedHost at /</title> Invalid HTTP_HOST header: &#x27;a.example&#x27;.",
            ),
            (
                400,
                "<p>Host &#39;shop.localhost:7070&#39; is not trusted.</p>",
            ),
            (403, "<h1>Blocked hosts: a.example</h1>"),
            (400, "URL with hostname \"a.example\" is not allowed."),
        ] {
            assert!(refuses(status, text), "{status} {text}");
        }
        for (status, text) in [
            (200, "<p>How to mend \"Invalid Host header\" in webpack</p>"),
            (200, ""),
            (302, "Invalid Host header"),
            (400, "<h1>Bad Request (400)</h1>"),
            (403, "<h1>Forbidden</h1>"),
            (404, "<h1>Not Found</h1>"),
            (401, ""),
            (500, "Invalid Host header"),
        ] {
            assert!(!refuses(status, text), "{status} {text}");
        }
    }

    #[test]
    fn what_leaves_room_for_doubt() {
        for (status, doubtful) in [
            (400, true),
            (404, true),
            (421, true),
            (200, false),
            (401, false),
            (403, false),
            (500, false),
        ] {
            assert_eq!(may_refuse(status), doubtful, "{status}");
        }
    }
}
