//! Messages of which two readers could disagree where they end, or to whom they go.
//!
//! The oracle: the app sees exactly as many requests as the visitor gets accepted, whole.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_body_util::BodyExt as _;
use hyper::Response;

use super::world::{World, full, soon};

const LONG: Duration = Duration::from_secs(8);

/// What may come back.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Want {
    /// So many requests accepted, and not one more.
    Accepted(usize),
    /// Nothing accepted; one of these, or the connection closed without a word.
    Refused(&'static [u16]),
}

use Want::{Accepted, Refused};

const BAD: Want = Refused(&[400]);
/// The visitor leaves before the request is whole.
const CUT_OFF: Want = Refused(&[400, 499]);
/// What would be a second request if the first were read the wrong way.
const SECOND: &str = "GET /second HTTP/1.1\r\nhost: H\r\nconnection: close\r\n\r\n";

/// Bodies of which it is unclear where they end.
#[expect(clippy::too_many_lines, reason = "one table")]
fn bodies() -> Vec<(&'static str, String, Want)> {
    let post =
        |headers: &str, body: &str| format!("POST / HTTP/1.1\r\nhost: H\r\n{headers}\r\n{body}");
    let get =
        |headers: &str| format!("GET / HTTP/1.1\r\nhost: H\r\n{headers}connection: close\r\n\r\n");
    let zero = format!("0\r\n\r\n{SECOND}");
    let chunked = "transfer-encoding: chunked\r\n";
    let close = "connection: close\r\n";
    vec![
        ("plain", get(""), Accepted(1)),
        (
            "two in a row",
            format!("GET / HTTP/1.1\r\nhost: H\r\n\r\n{SECOND}"),
            Accepted(2),
        ),
        (
            "length, then a second",
            post("content-length: 2\r\n", &format!("hi{SECOND}")),
            Accepted(2),
        ),
        (
            "chunks, then a second",
            post(chunked, &format!("2\r\nhi\r\n{zero}")),
            Accepted(2),
        ),
        // Both: chunks win, the length is dropped, and the connection ends there.
        (
            "CL + TE",
            post(&format!("content-length: 99\r\n{chunked}"), &zero),
            Accepted(1),
        ),
        (
            "TE + CL",
            post(&format!("{chunked}content-length: 4\r\n"), &zero),
            Accepted(1),
        ),
        (
            "TE tab",
            post("transfer-encoding:\tchunked\r\n", &zero),
            Accepted(2),
        ),
        (
            "TE VT",
            post("transfer-encoding: \x0bchunked\r\n", &zero),
            BAD,
        ),
        (
            "TE space before colon",
            post("transfer-encoding : chunked\r\n", &zero),
            BAD,
        ),
        ("TE twice", post(&chunked.repeat(2), &zero), Refused(&[501])),
        (
            "TE chunked, identity",
            post("transfer-encoding: chunked, identity\r\n", &zero),
            BAD,
        ),
        (
            "TE identity, chunked",
            post("transfer-encoding: identity, chunked\r\n", &zero),
            Refused(&[501]),
        ),
        (
            "TE gzip, chunked",
            post("transfer-encoding: gzip, chunked\r\n", &zero),
            Refused(&[501]),
        ),
        (
            "TE xchunked",
            post("transfer-encoding: xchunked\r\n", &zero),
            BAD,
        ),
        (
            "TE identity",
            post("transfer-encoding: identity\r\n", &zero),
            BAD,
        ),
        ("TE empty", post("transfer-encoding:\r\n", &zero), BAD),
        (
            "TE quoted",
            post("transfer-encoding: \"chunked\"\r\n", &zero),
            BAD,
        ),
        (
            "TE in 1.0",
            format!("POST / HTTP/1.0\r\nhost: H\r\n{chunked}\r\n{zero}"),
            BAD,
        ),
        (
            "TE with underscore",
            post(
                &format!("transfer_encoding: chunked\r\ncontent-length: 0\r\n{close}"),
                &zero,
            ),
            Accepted(1),
        ),
        (
            "CL twice, same",
            post(
                &format!("content-length: 2\r\ncontent-length: 2\r\n{close}"),
                "hi",
            ),
            Accepted(1),
        ),
        (
            "CL twice, different",
            post("content-length: 2\r\ncontent-length: 3\r\n", "hii"),
            BAD,
        ),
        ("CL list", post("content-length: 2, 2\r\n", "hi"), BAD),
        ("CL +2", post("content-length: +2\r\n", "hi"), BAD),
        ("CL -1", post("content-length: -1\r\n", "hi"), BAD),
        ("CL 0x2", post("content-length: 0x2\r\n", "hi"), BAD),
        ("CL empty", post("content-length:\r\n", "hi"), BAD),
        (
            "CL overflow",
            post("content-length: 18446744073709551618\r\n", "hi"),
            Refused(&[400, 413, 431]),
        ),
        (
            "CL space inside",
            post("content-length: 1 0\r\n", "hi"),
            BAD,
        ),
        ("CL on GET", get("content-length: 0\r\n"), Accepted(1)),
        (
            "chunk size overflow",
            post(chunked, &format!("fffffffffffffffff\r\nhi\r\n{zero}")),
            BAD,
        ),
        (
            "chunk size 0x",
            post(chunked, &format!("0x2\r\nhi\r\n{zero}")),
            BAD,
        ),
        (
            "chunk size negative",
            post(chunked, &format!("-2\r\nhi\r\n{zero}")),
            BAD,
        ),
        (
            "chunk size empty",
            post(chunked, &format!("\r\nhi\r\n{zero}")),
            BAD,
        ),
        (
            "chunk longer than said",
            post(chunked, &format!("2\r\nhiho\r\n{zero}")),
            BAD,
        ),
        (
            "LF in a chunk extension",
            post(chunked, &format!("2;x\nhi\r\n{zero}")),
            BAD,
        ),
        (
            "CR alone in a chunk extension",
            post(chunked, &format!("2;x\rhi\r\n{zero}")),
            BAD,
        ),
        (
            "LF ends a chunk size",
            post(chunked, &format!("2\nhi\r\n{zero}")),
            BAD,
        ),
        (
            "endless chunk extension",
            post(
                chunked,
                &format!("2;{}\r\nhi\r\n{zero}", "x".repeat(40_000)),
            ),
            BAD,
        ),
        ("101 headers", get(&"x: y\r\n".repeat(101)), Refused(&[431])),
        (
            "expects something else",
            post(
                "expect: 42\r\ncontent-length: 2\r\nconnection: close\r\n",
                "hi",
            ),
            Refused(&[417]),
        ),
        // Lines that end in LF alone are read as lines, and written with CR LF.
        ("body cut off", post("content-length: 9\r\n", "hi"), CUT_OFF),
    ]
}

/// Headers and targets of which it is unclear what they say.
fn heads() -> Vec<(&'static str, String, Want)> {
    let get =
        |headers: &str| format!("GET / HTTP/1.1\r\nhost: H\r\n{headers}connection: close\r\n\r\n");
    vec![
        ("folded header", get("x: a\r\n b\r\n"), BAD),
        ("header begins with a space", get(" x: a\r\n"), BAD),
        ("NUL in a value", get("x: a\0b\r\n"), BAD),
        ("bare CR in a value", get("x: a\rb\r\n"), BAD),
        ("no colon", get("x\r\n"), BAD),
        ("empty name", get(": a\r\n"), BAD),
        ("two hosts", get("host: other.localhost:1\r\n"), BAD),
        ("the same host twice", get("host: H\r\n"), BAD),
        (
            "no host",
            "GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(),
            BAD,
        ),
        (
            "userinfo in host",
            get("").replace("host: H", "host: u@H"),
            BAD,
        ),
        (
            "target and host agree",
            get("").replace("GET /", "GET http://H/"),
            Accepted(1),
        ),
        (
            "target and host differ",
            get("").replace("GET /", "GET http://other.localhost:1/"),
            BAD,
        ),
        (
            "userinfo in target",
            get("").replace("GET /", "GET http://u@H/"),
            BAD,
        ),
        ("HTTP/0.9", "GET /\r\n\r\n".to_owned(), BAD),
        ("HTTP/1.2", get("").replace("HTTP/1.1", "HTTP/1.2"), BAD),
        (
            "space in target",
            get("").replace("GET / ", "GET /a b "),
            BAD,
        ),
        (
            "CR before the version",
            get("").replace("/ HTTP", "/\rHTTP"),
            BAD,
        ),
        (
            "header of 40 KB",
            get(&format!("x: {}\r\n", "y".repeat(40_000))),
            Refused(&[431]),
        ),
        ("LF only", get("").replace("\r\n", "\n"), Accepted(1)),
    ]
}

#[tokio::test]
async fn nobody_sees_a_request_that_was_not_sent() {
    let whole = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&whole);
    let (world, _app) = World::with(move |request| {
        let count = Arc::clone(&count);
        Box::pin(async move {
            if request.into_body().collect().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
            Response::new(full("accepted"))
        })
    })
    .await;
    let mut wrong = Vec::new();
    for (what, bytes, want) in bodies().into_iter().chain(heads()) {
        let before = whole.load(Ordering::SeqCst);
        let bytes = bytes.replace(": H\r", &format!(": {}\r", world.host()));
        let bytes = bytes.replace(": H\n", &format!(": {}\n", world.host()));
        let bytes = bytes.replace("//H/", &format!("//{}/", world.host()));
        let bytes = bytes.replace("@H", &format!("@{}", world.host()));
        let answer = if want == CUT_OFF {
            cut_off(&world, bytes.as_bytes()).await
        } else {
            tokio::time::timeout(LONG, world.raw(bytes.as_bytes()))
                .await
                .unwrap_or_else(|_| {
                    panic!("{what}: the connection stays open and nothing more is said")
                })
        };
        let seen = whole.load(Ordering::SeqCst) - before;
        let accepted = answer.matches("HTTP/1.1 200 OK").count();
        let status = answer
            .get(9..12)
            .and_then(|status| status.parse::<u16>().ok());
        let right = match want {
            Accepted(count) => accepted == count && seen == count,
            Refused(with) => {
                accepted == 0 && seen == 0 && status.is_none_or(|status| with.contains(&status))
            }
        };
        if !right {
            wrong.push(format!(
                "{what}: wanted {want:?}; accepted {accepted}, seen {seen}, {status:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // And nothing is left over in a connection that is kept.
    assert_eq!(soon(world.ask(world.get("/"))).await.1, "accepted");
}

/// Send and leave.
async fn cut_off(world: &World, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = world.connect().await;
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}
