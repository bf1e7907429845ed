//! Whether an app refuses the host name it was asked by, as its answer tells.
//!
//! Development servers and frameworks take requests for names they know and no others. Most know
//! `*.localhost`; some know `localhost` alone, and are to be told that.

/// What an answer says of the host name in its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostVerdict {
    Taken,
    /// It may be the name that is wrong, or anything else: asking by another one tells.
    Doubtful,
    Refused,
}

/// How much of an answer's body is worth reading for it.
pub const MOST_READ: usize = 8 << 10;

/// What refusals say, in lower case: webpack-dev-server, Starlette and servers of MCP; Vite and
/// what is made of it; Django; Werkzeug; Rails; Angular; Symfony; Jupyter.
const WORDS: [&str; 8] = [
    "invalid host",
    "blocked request. this host",
    "invalid http_host header",
    "is not trusted",
    "blocked host",
    "with hostname",
    "untrusted host",
    "request with non-local",
];

/// What older versions of webpack-dev-server say with status 200, and nothing else.
const WHOLE: [&str; 2] = ["invalid host header", "invalid host/origin header"];

/// `body` is the beginning of it; what is past [`MOST_READ`] is not looked at.
pub fn verdict(status: u16, body: &[u8]) -> HostVerdict {
    let body = &body[..body.len().min(MOST_READ)];
    let text = String::from_utf8_lossy(body).to_lowercase();
    let refuses = match status {
        200..=299 => WHOLE.contains(&text.trim()),
        400 | 403 | 404 | 421 => WORDS.iter().any(|words| text.contains(words)),
        _ => false,
    };
    match status {
        _ if refuses => HostVerdict::Refused,
        // Django without DEBUG says no more than this, and Flask with SERVER_NAME knows no page.
        400 | 404 | 421 => HostVerdict::Doubtful,
        _ => HostVerdict::Taken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_of_a_host_they_do_not_know() {
        use HostVerdict::{Doubtful, Refused, Taken};
        let table = [
            (200, "Invalid Host header", Refused),
            (200, "Invalid Host/Origin header\n", Refused),
            (403, "Invalid Host header", Refused),
            (400, "Invalid host header", Refused),
            (421, "Invalid Host header", Refused),
            (
                403,
                "Blocked request. This host (\"a.example\") is not allowed.",
                Refused,
            ),
            (
                400,
                "<title>DisallowedHost at /</title> Invalid HTTP_HOST header: &#x27;a.example&#x27;.",
                Refused,
            ),
            (
                400,
                "<p>Host &#39;shop.localhost:7070&#39; is not trusted.</p>",
                Refused,
            ),
            (403, "<h1>Blocked hosts: a.example</h1>", Refused),
            (
                400,
                "URL with hostname \"a.example\" is not allowed.",
                Refused,
            ),
            (400, "<h1>Bad Request (400)</h1>", Doubtful),
            (404, "<h1>Not Found</h1>", Doubtful),
            (421, "", Doubtful),
            (
                200,
                "<p>How to mend \"Invalid Host header\" in webpack</p>",
                Taken,
            ),
            (200, "", Taken),
            (302, "Invalid Host header", Taken),
            (403, "<h1>Forbidden</h1>", Taken),
            (401, "", Taken),
            (500, "Invalid Host header", Taken),
        ];
        for (status, body, want) in table {
            assert_eq!(verdict(status, body.as_bytes()), want, "{status} {body}");
        }
    }

    #[test]
    fn only_the_beginning_is_read() {
        let mut body = vec![b' '; MOST_READ];
        body.extend(b"Invalid Host header");
        assert_eq!(verdict(403, &body), HostVerdict::Taken);
        assert_eq!(verdict(403, &body[19..]), HostVerdict::Refused);
        assert_eq!(verdict(400, b"\xff\xfe"), HostVerdict::Doubtful);
    }
}
