//! Bytes of which two readers could disagree where one request ends and the next begins, with an
//! app behind the gateway that keeps every byte.
//!
//! Each vector is followed by a whole request for `/sentinel`. What the app is sent is exactly what
//! was accepted, and nothing of what only a proxy may say.

use codemate_preview::model::ProxyHost;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    tape::{Arrived, Tape, fields},
    vectors::{VECTORS, Vector, Want},
    world::{World, soon},
};

const SENTINEL: &str = "GET /sentinel HTTP/1.1\r\nhost: H\r\nconnection: close\r\nx-end: 1\r\n\r\n";
const FORGED: &str = "x-forwarded-for: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nx_forwarded_host: evil.example\r\nproxy-connection: keep-alive\r\nkeep-alive: timeout=6.6.6.6\r\n";

/// What a visitor does before it sends the vector, in the same breath.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    /// Ask for an upgrade that the app refuses.
    Refused,
    /// Ask for one that it agrees to: all that follows belongs to the new protocol.
    Agreed,
}

/// `\n` stands for CR LF, `␊` for LF, `␍` for CR and `␀` for NUL.
fn spell(text: &str, host: &str) -> String {
    let forged = FORGED.replace("\r\n", "\n");
    let text = text.replacen(": H\n", &format!(": H\n{forged}"), 1);
    let text = text
        .replace('\n', "\r\n")
        .replace('␊', "\n")
        .replace('␍', "\r");
    let text = text.replace('␀', "\0").replace("LONG", &"y".repeat(40_000));
    in_the_name_of(&text, host)
}

fn in_the_name_of(text: &str, host: &str) -> String {
    let mut text = text.to_owned();
    for (from, to) in [(": H", ": "), ("//H/", "//"), ("@H", "@")] {
        let tail = if from.ends_with('/') { "/" } else { "" };
        text = text.replace(from, &format!("{to}{host}{tail}"));
    }
    text
}

fn before(kind: Before, host: &str) -> String {
    let target = match kind {
        Before::Nothing => return String::new(),
        Before::Refused => "/up/no",
        Before::Agreed => "/up/yes",
    };
    format!(
        "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    )
}

async fn send(port: u16, bytes: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // The gateway may have answered and closed before it has read everything.
    let _ = stream.write_all(bytes.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Says what is wrong with what the app was sent.
fn judge(vector: &Vector, kind: Before, sent: &str, answer: &str, seen: &[Arrived]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut want: Vec<String> = match kind {
        Before::Nothing => Vec::new(),
        Before::Refused => vec!["GET /up/no ".to_owned()],
        Before::Agreed => vec!["GET /up/yes ".to_owned()],
    };
    if kind != Before::Agreed {
        let (Want::Alone(gists) | Want::Then(gists)) = vector.want;
        want.extend(gists.iter().map(|&gist| gist.to_owned()));
        if matches!(vector.want, Want::Then(_)) {
            want.push("GET /sentinel ".to_owned());
        }
    }
    // One that broke off on its way was told so, and is nobody's request.
    let gists: Vec<_> = seen
        .iter()
        .filter(|it| it.whole)
        .map(Arrived::gist)
        .collect();
    if gists != want {
        wrong.push(format!("wanted {want:?}, the app saw {gists:?}"));
    }
    let accepted = answer.matches(" 200 OK\r\n").count() + answer.matches("HTTP/1.1 101 ").count();
    if accepted != gists.len() {
        wrong.push(format!(
            "{accepted} were accepted, the app saw {}",
            gists.len()
        ));
    }
    if kind == Before::Agreed && seen.first().is_none_or(|first| first.tunnel != sent) {
        wrong.push(format!("the new protocol was changed: {seen:?}"));
    }
    wrong.extend(seen.iter().filter_map(ill_formed));
    wrong
}

/// What no request of the gateway's may have.
fn ill_formed(arrived: &Arrived) -> Option<String> {
    let head = &arrived.head;
    let upgrade = head.contains(" /up/");
    let count = |name| arrived.values(name).len();
    let bare = head.replace("\r\n", "");
    let hops = ["keep-alive", "proxy-connection", "http2-settings", "via"];
    let framing = count("content-length") + count("transfer-encoding");
    let sound = count("host") == 1
        && framing <= 1
        && arrived
            .values("transfer-encoding")
            .iter()
            .all(|&it| it == "chunked")
        && (upgrade || count("upgrade") == 0 && count("connection") == count("te"))
        && (upgrade || arrived.values("connection").iter().all(|&it| it == "te"))
        && arrived.values("te").iter().all(|&it| it == "trailers")
        && hops.iter().all(|name| count(name) == 0)
        && fields(head).all(|(name, _)| !name.contains(['_', ' ', '\t']))
        && !bare.contains(['\r', '\n', '\0'])
        && !["6.6.6.6", "evil.example"]
            .iter()
            .any(|forged| head.contains(forged) || arrived.body.contains(forged));
    (!sound).then(|| format!("this arrived: {arrived:?}"))
}

async fn attack(at_the_entrance: bool) {
    let world = World::new();
    let tape = Tape::start(&world.scope).await;
    world.show(tape.port, ProxyHost::Preserve, 1);
    let entrance = world.entrance(&["https://a.example"]);
    let (port, host) = if at_the_entrance {
        (entrance.addr().port(), "a.example".to_owned())
    } else {
        (world.port, world.host())
    };
    let mut wrong = Vec::new();
    for kind in [Before::Nothing, Before::Refused, Before::Agreed] {
        for vector in VECTORS {
            let sent = spell(vector.text, &host) + &in_the_name_of(SENTINEL, &host);
            let bytes = before(kind, &host) + &sent;
            let answer = soon(send(port, &bytes)).await;
            for what in judge(vector, kind, &sent, &answer, &tape.take()) {
                wrong.push(format!("{} {kind:?}: {what}", vector.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn an_app_sees_what_was_accepted_at_the_local_door() {
    attack(false).await;
}

#[tokio::test]
async fn an_app_sees_what_was_accepted_at_an_entrance() {
    attack(true).await;
}

/// The requests a proxy sees that believes the first length it finds, and passes bytes on as they are.
fn naive(bytes: &str) -> usize {
    let (mut rest, mut believed) = (bytes, 0);
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let named = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("content-length");
        let len = fields(head)
            .find(named)
            .and_then(|(_, len)| len.parse().ok());
        believed += 1;
        rest = after.get(len.unwrap_or(0)..).unwrap_or_default();
    }
    believed
}

/// The control: through such a proxy the same app sees other requests than were let through.
#[tokio::test]
async fn a_proxy_that_passes_bytes_on_lets_requests_through() {
    let world = World::new();
    let tape = Tape::start(&world.scope).await;
    let (mut smuggled, mut forged) = (Vec::new(), 0);
    for vector in VECTORS {
        let bytes = spell(vector.text, "a") + &in_the_name_of(SENTINEL, "a");
        let mut stream = TcpStream::connect(("127.0.0.1", tape.port)).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answers = Vec::new();
        let _ = soon(stream.read_to_end(&mut answers)).await;
        let seen = tape.take();
        forged += seen.iter().filter(|it| ill_formed(it).is_some()).count();
        if seen.len() != naive(&bytes) {
            smuggled.push(vector.name);
        }
    }
    assert!(smuggled.len() >= 8, "{smuggled:?}");
    assert!(forged >= 40, "{forged}");
}
