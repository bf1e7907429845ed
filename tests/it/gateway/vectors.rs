//! Requests that are not what they seem, and what becomes of each.

pub struct Vector {
    pub name: &'static str,
    /// See `smuggling::spell`.
    pub text: &'static str,
    pub want: Want,
}

/// What the app is to see: method, target and body of each request.
pub enum Want {
    /// Nothing after these: the connection ends.
    Alone(&'static [&'static str]),
    /// And what follows is a request of its own.
    Then(&'static [&'static str]),
}

use Want::{Alone, Then};

const NONE: Want = Alone(&[]);

const fn row(name: &'static str, text: &'static str, want: Want) -> Vector {
    Vector { name, text, want }
}

macro_rules! post {
    ($headers:literal, $body:literal) => {
        concat!("POST / HTTP/1.1\nhost: H\n", $headers, "\n", $body)
    };
}
macro_rules! get {
    ($headers:literal) => {
        concat!("GET / HTTP/1.1\nhost: H\n", $headers, "\n")
    };
}

pub const VECTORS: &[Vector] = &[
    row("plain", get!(""), Then(&["GET / "])),
    row(
        "length",
        post!("content-length: 2\n", "hi"),
        Then(&["POST / hi"]),
    ),
    row(
        "chunks",
        post!("transfer-encoding: chunked\n", "2\nhi\n0\n\n"),
        Then(&["POST / hi"]),
    ),
    row(
        "CL + TE",
        post!("content-length: 99\ntransfer-encoding: chunked\n", "0\n\n"),
        Alone(&["POST / "]),
    ),
    row(
        "TE + CL",
        post!("transfer-encoding: chunked\ncontent-length: 4\n", "0\n\n"),
        Alone(&["POST / "]),
    ),
    row(
        "TE tab",
        post!("transfer-encoding:\tchunked\n", "0\n\n"),
        Then(&["POST / "]),
    ),
    row(
        "TE VT",
        post!("transfer-encoding: \u{b}chunked\n", "0\n\n"),
        NONE,
    ),
    row(
        "TE space before colon",
        post!("transfer-encoding : chunked\n", "0\n\n"),
        NONE,
    ),
    row(
        "TE twice",
        post!(
            "transfer-encoding: chunked\ntransfer-encoding: chunked\n",
            "0\n\n"
        ),
        NONE,
    ),
    row(
        "TE and TE identity",
        post!(
            "transfer-encoding: chunked\ntransfer-encoding: identity\n",
            "0\n\n"
        ),
        NONE,
    ),
    row(
        "TE chunked, identity",
        post!("transfer-encoding: chunked, identity\n", "0\n\n"),
        NONE,
    ),
    row(
        "TE xchunked",
        post!("transfer-encoding: xchunked\n", "0\n\n"),
        NONE,
    ),
    row(
        "TE folded",
        post!("transfer-encoding:\n chunked\n", "0\n\n"),
        NONE,
    ),
    row(
        "TE after a bare LF",
        post!("x: y␊transfer-encoding: chunked\n", "0\n\n"),
        Then(&["POST / "]),
    ),
    row(
        "TE after a bare CR",
        post!("x: y␍transfer-encoding: chunked\n", "0\n\n"),
        NONE,
    ),
    row(
        "CL twice, different",
        post!("content-length: 2\ncontent-length: 3\n", "hii"),
        NONE,
    ),
    row(
        "CL twice, same",
        post!("content-length: 2\ncontent-length: 2\n", "hi"),
        Then(&["POST / hi"]),
    ),
    row("CL list", post!("content-length: 2, 2\n", "hi"), NONE),
    row("CL +2", post!("content-length: +2\n", "hi"), NONE),
    row("CL 0x2", post!("content-length: 0x2\n", "hi"), NONE),
    row(
        "CL overflow",
        post!("content-length: 18446744073709551618\n", "hi"),
        NONE,
    ),
    row(
        "CL space before colon",
        post!("content-length : 2\n", "hi"),
        NONE,
    ),
    row(
        "CL with underscore",
        post!("content_length: 49\n", ""),
        Then(&["POST / "]),
    ),
    row(
        "CL named by Connection",
        post!("connection: content-length\ncontent-length: 2\n", "hi"),
        Then(&["POST / hi"]),
    ),
    row(
        "TE named by Connection",
        post!(
            "connection: transfer-encoding\ntransfer-encoding: chunked\n",
            "2\nhi\n0\n\n"
        ),
        Then(&["POST / hi"]),
    ),
    row(
        "Host named by Connection",
        get!("connection: host\n"),
        Then(&["GET / "]),
    ),
    row(
        "chunk size overflow",
        post!(
            "transfer-encoding: chunked\n",
            "10000000000000002\nhi\n0\n\n"
        ),
        NONE,
    ),
    row(
        "LF in a chunk extension",
        post!("transfer-encoding: chunked\n", "2;x␊hi\n0\n\n"),
        NONE,
    ),
    row(
        "LF after a chunk size",
        post!("transfer-encoding: chunked\n", "2␊hi\n0\n\n"),
        NONE,
    ),
    row(
        "CR in a chunk extension",
        post!("transfer-encoding: chunked\n", "2;x␍hi\n0\n\n"),
        NONE,
    ),
    row(
        "chunk longer than said",
        post!("transfer-encoding: chunked\n", "2\nhiho\n0\n\n"),
        NONE,
    ),
    row(
        "trailers",
        post!(
            "transfer-encoding: chunked\n",
            "2\nhi\n0\ncontent-length: 9\nx-forwarded-for: 6.6.6.6\n\n"
        ),
        Then(&["POST / hi"]),
    ),
    row(
        "announced trailers",
        post!(
            "te: trailers\ntrailer: host\ntransfer-encoding: chunked\n",
            "2\nhi\n0\nhost: evil.example\n\n"
        ),
        Then(&["POST / hi"]),
    ),
    row(
        "announced trailers that only a proxy may say",
        post!(
            "te: trailers\ntrailer: x-forwarded-for, x-sum\ntransfer-encoding: chunked\n",
            "2\nhi\n0\nx-forwarded-for: 6.6.6.6\nx-sum: 1\n\n"
        ),
        Then(&["POST / hix-sum: 1"]),
    ),
    row(
        "GET with a length",
        "GET / HTTP/1.1\nhost: H\ncontent-length: 2\n\nhi",
        Then(&["GET / hi"]),
    ),
    row(
        "DELETE with chunks",
        "DELETE / HTTP/1.1\nhost: H\ntransfer-encoding: chunked\n\n2\nhi\n0\n\n",
        Then(&["DELETE / hi"]),
    ),
    row(
        "OPTIONS with chunks",
        "OPTIONS / HTTP/1.1\nhost: H\ntransfer-encoding: chunked\n\n2\nhi\n0\n\n",
        Then(&["OPTIONS / hi"]),
    ),
    row("HEAD", "HEAD / HTTP/1.1\nhost: H\n\n", Then(&["HEAD / "])),
    row("TRACE", "TRACE / HTTP/1.1\nhost: H\n\n", NONE),
    row("CONNECT", "CONNECT a:1 HTTP/1.1\nhost: H\n\n", NONE),
    row(
        "expects to be asked",
        post!("expect: 100-continue\ncontent-length: 2\n", "hi"),
        Then(&["POST / hi"]),
    ),
    row(
        "expects something else",
        post!("expect: 7\ncontent-length: 2\n", "hi"),
        NONE,
    ),
    row(
        "h2c",
        get!(
            "connection: upgrade, http2-settings\nupgrade: h2c\nhttp2-settings: AAMAAABkAAQAAP__\n"
        ),
        Then(&["GET / "]),
    ),
    row("HTTP/2 from the start", "PRI * HTTP/2.0\n\nSM\n\n", NONE),
    row(
        "upgrade with a body",
        post!(
            "connection: upgrade\nupgrade: websocket\ncontent-length: 2\n",
            "hi"
        ),
        Then(&["POST / hi"]),
    ),
    row(
        "upgrade in 1.0",
        "GET / HTTP/1.0\nhost: H\nconnection: upgrade\nupgrade: websocket\n\n",
        Alone(&["GET / "]),
    ),
    row("HTTP/0.9", "GET /\n\n", NONE),
    row(
        "1.0 that stays",
        "GET / HTTP/1.0\nhost: H\nconnection: keep-alive\n\n",
        Then(&["GET / "]),
    ),
    row(
        "1.0 with chunks",
        "POST / HTTP/1.0\nhost: H\ntransfer-encoding: chunked\n\n0\n\n",
        NONE,
    ),
    row("HTTP/1.2", "GET / HTTP/1.2\nhost: H\n\n", NONE),
    row(
        "target and host agree",
        "GET http://H/x HTTP/1.1\nhost: H\n\n",
        Then(&["GET /x "]),
    ),
    row(
        "target and host differ",
        "GET http://evil.example/ HTTP/1.1\nhost: H\n\n",
        NONE,
    ),
    row(
        "userinfo in target",
        "GET http://u@H/ HTTP/1.1\nhost: H\n\n",
        NONE,
    ),
    row("two hosts", get!("host: evil.example\n"), NONE),
    row("the same host twice", get!("host: H\n"), NONE),
    row("no host", "GET / HTTP/1.1\n\n", NONE),
    row("userinfo in host", "GET / HTTP/1.1\nhost: u@H\n\n", NONE),
    row("folded header", get!("x: a\n b\n"), NONE),
    row("NUL in a value", get!("x: a␀b\n"), NONE),
    row("CR in a value", get!("x: a␍b\n"), NONE),
    row("header without a name", get!(": a\n"), NONE),
    row("space in a name", get!("x y: a\n"), NONE),
    row("header of 40 KB", get!("x: LONG\n"), NONE),
    row("CR in the target", "GET /␍x HTTP/1.1\nhost: H\n\n", NONE),
    row(
        "space in the target",
        "GET /a b HTTP/1.1\nhost: H\n\n",
        NONE,
    ),
    row("LF alone", "GET / HTTP/1.1␊host: H\n␊", Then(&["GET / "])),
    row(
        "empty lines first",
        "\n\nGET / HTTP/1.1\nhost: H\n\n",
        Then(&["GET / "]),
    ),
];
