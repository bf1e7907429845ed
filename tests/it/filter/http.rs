//! HTTP requests: which host they are for, and that nothing follows the first.

use proptest::prelude::*;

use super::parts::http::{HttpRequest, RequestHead, head};

fn request(text: &str) -> Option<HttpRequest> {
    match head(text.as_bytes()) {
        RequestHead::Request(request) => Some(request),
        RequestHead::Incomplete => panic!("incomplete: {text:?}"),
        RequestHead::Bad(_) => None,
    }
}

#[test]
fn a_request_goes_on_as_the_only_one_of_its_connection() {
    let text = "GET /a?b=c HTTP/1.1\r\nUser-Agent: x\r\nhost: a.example.com\r\nConnection: keep-alive, X-Hop\r\n\
        Keep-Alive: 5\r\nX-Hop: 1\r\nUpgrade: h2c\r\nAccept:  */* \r\n\r\nGET / HTTP/1.1\r\n";
    let request = request(text).unwrap();
    assert_eq!(request.host, b"a.example.com");
    assert!(request.body.is_done());
    assert_eq!(&text[request.consumed..], "GET / HTTP/1.1\r\n");
    assert_eq!(
        String::from_utf8(request.head).unwrap(),
        "GET /a?b=c HTTP/1.1\r\nUser-Agent: x\r\nhost: a.example.com\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
}

#[test]
fn an_absolute_target_names_the_same_host() {
    let good = request("GET http://A.example.com:80/x HTTP/1.1\r\nHost: a.example.com\r\n\r\n");
    assert!(good.unwrap().head.starts_with(b"GET /x HTTP/1.1\r\n"));
    let bare = request("GET http://a.example.com HTTP/1.0\r\nHost: a.example.com:80\r\n\r\n");
    let bare = bare.unwrap();
    assert!(bare.head.starts_with(b"GET / HTTP/1.0\r\n"));
    assert_eq!(bare.host, b"a.example.com");
    let asks = request("GET http://a.example.com?b=c/d HTTP/1.1\r\nHost: a.example.com\r\n\r\n");
    assert!(asks.unwrap().head.starts_with(b"GET /?b=c/d HTTP/1.1\r\n"));
    for target in [
        "http://b.example.com/",
        "http://b.example.com@a.example.com/",
        "http://a.example.com@b.example.com/",
        "http://a.example.com:81/",
        "http://",
        "https://a.example.com/",
        "ftp://a.example.com/",
        "a.example.com:443",
        "*",
        "",
        "/a b",
        "/a#b",
        "http://a.example.com#b",
        "/\u{7f}",
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a.example.com\r\n\r\n");
        assert_eq!(request(&text), None, "{target}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for (what, rest) in [
        ("no host", ""),
        (
            "two hosts",
            "Host: a.example.com\r\nHost: b.example.com\r\n",
        ),
        (
            "two equal hosts",
            "Host: a.example.com\r\nhost: a.example.com\r\n",
        ),
        ("an empty host", "Host: \r\n"),
        ("a list of hosts", "Host: a.example.com, b.example.com\r\n"),
        ("a host with a user", "Host: u@a.example.com\r\n"),
        ("another port", "Host: a.example.com:8080\r\n"),
        ("an address with colons", "Host: [::1]\r\n"),
        (
            "a folded header",
            "Host: a.example.com\r\n b.example.com\r\n",
        ),
        ("a space before the colon", "Host : a.example.com\r\n"),
        ("a bare CR", "Host: a.example.com\rX: y\r\n"),
        ("a bare LF", "Host: a.example.com\nHost: b.example.com\r\n"),
        ("a NUL", "Host: a.example.com\0b\r\n"),
        ("no colon", "Host: a.example.com\r\nnonsense\r\n"),
    ] {
        assert_eq!(
            request(&format!("GET / HTTP/1.1\r\n{rest}\r\n")),
            None,
            "{what}"
        );
    }
}

#[test]
fn a_body_that_can_end_in_two_places_is_refused() {
    let host = "Host: a.example.com\r\n";
    for (what, rest) in [
        ("two lengths", "Content-Length: 1\r\nContent-Length: 2\r\n"),
        (
            "two equal lengths",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
        ),
        ("a list of lengths", "Content-Length: 1, 1\r\n"),
        ("a signed length", "Content-Length: +1\r\n"),
        ("a length in hex", "Content-Length: 0x1\r\n"),
        ("an empty length", "Content-Length: \r\n"),
        ("a huge length", "Content-Length: 99999999999999999999\r\n"),
        (
            "both",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        ),
        ("another coding", "Transfer-Encoding: gzip, chunked\r\n"),
        ("a coding in disguise", "Transfer-Encoding: xchunked\r\n"),
        (
            "two codings",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        ),
        ("a host to be dropped", "Connection: close, Host\r\n"),
        (
            "a length to be dropped",
            "Connection: content-length\r\nContent-Length: 1\r\n",
        ),
    ] {
        assert_eq!(
            request(&format!("POST / HTTP/1.1\r\n{host}{rest}\r\n")),
            None,
            "{what}"
        );
    }
    let chunked = "POST / HTTP/1.0\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(request(chunked), None, "chunks in HTTP/1.0");
}

#[test]
fn only_plain_requests_are_taken() {
    let host = "Host: a.example.com\r\n";
    for line in [
        "CONNECT a.example.com:443 HTTP/1.1",
        "GET / HTTP/2.0",
        "GET / HTTP/0.9",
        "GET / http/1.1",
        "GET /",
        "GET  / HTTP/1.1",
        " GET / HTTP/1.1",
        "G@T / HTTP/1.1",
        "PRI * HTTP/2.0",
        "",
    ] {
        assert_eq!(request(&format!("{line}\r\n{host}\r\n")), None, "{line}");
    }
    let many = format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(100));
    assert_eq!(request(&many), None, "too many headers");
    assert!(
        request(&format!("GET / HTTP/1.1\r\n{host}\r\n")).is_some(),
        "the control"
    );
}

/// Give a body in pieces of `size`; how much of `bytes` belongs to it.
fn taken(headers: &str, bytes: &[u8], size: usize) -> Result<(usize, bool), &'static str> {
    let text = format!("POST / HTTP/1.1\r\nHost: a.example.com\r\n{headers}\r\n\r\n");
    let mut body = request(&text).unwrap().body;
    let mut taken = 0;
    for piece in bytes.chunks(size) {
        taken += body.take(piece)?;
    }
    Ok((taken, body.is_done()))
}

#[test]
fn a_body_ends_where_its_framing_says() {
    let next = b"GET /b HTTP/1.1\r\nHost: b.example.com\r\n\r\n";
    for (headers, body) in [
        ("Content-Length: 0", &b""[..]),
        ("Content-Length: 5", b"12345"),
        ("Transfer-Encoding: chunked", b"0\r\n\r\n"),
        (
            "Transfer-Encoding: Chunked",
            b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
        ),
    ] {
        for size in [1, 2, 3, 7, 1000] {
            let bytes = [body, next].concat();
            assert_eq!(
                taken(headers, &bytes, size),
                Ok((body.len(), true)),
                "{headers} {size}"
            );
        }
        if !body.is_empty() {
            let short = &body[..body.len() - 1];
            assert_eq!(
                taken(headers, short, 2),
                Ok((short.len(), false)),
                "{headers}"
            );
        }
    }
}

#[test]
fn chunks_that_can_be_read_in_two_ways_are_refused() {
    for bytes in [
        "3;ext=1\r\nabc\r\n",
        "3\nabc\r\n",
        " 3\r\nabc\r\n",
        "+3\r\nabc\r\n",
        "0x3\r\nabc\r\n",
        "\r\n",
        "ffffffffffffffff\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\n",
        "0\r\nfolded\r\n",
        "0\r\n x: y\r\n",
        "0\r\nx: y\n",
    ] {
        assert!(
            taken("Transfer-Encoding: chunked", bytes.as_bytes(), 3).is_err(),
            "{bytes:?}"
        );
    }
    let endless = "1".repeat(300);
    assert!(taken("Transfer-Encoding: chunked", endless.as_bytes(), 64).is_err());
    let trailers = format!("0\r\n{}", "x: y\r\n".repeat(2000));
    assert!(taken("Transfer-Encoding: chunked", trailers.as_bytes(), 64).is_err());
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = head(&bytes);
        let _ = head(&[&b"GET / HTTP/1.1\r\nHost: a.example.com\r\n"[..], &bytes, b"\r\n\r\n"].concat());
        let _ = taken("Transfer-Encoding: chunked", &bytes, 5);
    }

    #[test]
    fn no_second_host_gets_through(lines in prop::collection::vec("[ -~\\r\\n\\t]{0,30}", 0..6)) {
        let text = format!("GET / HTTP/1.1\r\nHost: a.example.com\r\n{}\r\n\r\n", lines.join("\r\n"));
        if let RequestHead::Request(request) = head(text.as_bytes()) {
            let sent = String::from_utf8(request.head).unwrap().to_ascii_lowercase();
            let hosts = sent.split("\r\n").filter(|line| line.trim_start().starts_with("host")
                && line.split(':').next().is_some_and(|name| name.trim() == "host"));
            prop_assert_eq!(hosts.count(), 1);
            prop_assert_eq!(sent.matches("\r\n\r\n").count(), 1);
        }
    }
}
