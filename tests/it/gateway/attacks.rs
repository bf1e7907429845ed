//! What a hostile page in the browser of whoever is at this machine can send, against an app that
//! counts what changed it. Each class has a control: the same from the right place does change it.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http_body_util::BodyExt as _;
use hyper::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::world::{App, World, full, ready, soon};
use codemate_preview::model::ProxyHost;

/// What is sent: `O` is the app's own origin, `H` its host, `P` the port.
struct Attack {
    name: &'static str,
    /// Method, host and headers.
    line: &'static str,
    headers: &'static [&'static str],
}

const fn attack(
    name: &'static str,
    line: &'static str,
    headers: &'static [&'static str],
) -> Attack {
    Attack {
        name,
        line,
        headers,
    }
}

const EVIL: &str = "origin: https://evil.example";
const CROSS: &str = "sec-fetch-site: cross-site";
const SAME: &str = "sec-fetch-site: same-origin";
const OWN: &str = "origin: O";
const FORM: &str = "content-type: application/x-www-form-urlencoded";
const PARTS: &str = "content-type: multipart/form-data; boundary=x";
const TEXT: &str = "content-type: text/plain";
const JSON: &str = "content-type: application/json";
const CORS: &str = "sec-fetch-mode: cors";
const NO_CORS: &str = "sec-fetch-mode: no-cors";
const GO: &str = "sec-fetch-mode: navigate";
const SOCKET: &str = "connection: upgrade\r\nupgrade: websocket";

/// One name, or one address, that leads here and is not the app's.
const REBINDING: [Attack; 12] = [
    attack(
        "a name of theirs",
        "POST evil.example:P",
        &["origin: http://evil.example:P", SAME, JSON],
    ),
    attack(
        "without the port",
        "POST evil.example",
        &["origin: http://evil.example", SAME, JSON],
    ),
    attack(
        "ours as a prefix",
        "POST shop.localhost.evil.example:P",
        &[OWN, SAME, JSON],
    ),
    attack(
        "ours as a suffix",
        "POST evilshop.localhost:P",
        &[OWN, SAME, JSON],
    ),
    attack(
        "an address in a name",
        "POST 127.0.0.1.nip.example:P",
        &[OWN, SAME, JSON],
    ),
    attack(
        "0.0.0.0",
        "POST 0.0.0.0:P",
        &["origin: http://0.0.0.0:P", SAME, JSON],
    ),
    attack(
        "127.0.0.1",
        "POST 127.0.0.1:P",
        &["origin: http://127.0.0.1:P", SAME, JSON],
    ),
    attack(
        "[::1]",
        "POST [::1]:P",
        &["origin: http://[::1]:P", SAME, JSON],
    ),
    attack(
        "[::]",
        "POST [::]:P",
        &["origin: http://[::]:P", SAME, JSON],
    ),
    attack(
        "a dot at the end",
        "POST shop.localhost.:P",
        &["origin: http://shop.localhost.:P", SAME, JSON],
    ),
    attack(
        "another port",
        "POST shop.localhost:1",
        &["origin: http://shop.localhost:1", SAME, JSON],
    ),
    attack(
        "no preview's name",
        "POST localhost:P",
        &["origin: http://localhost:P", SAME, JSON],
    ),
];

const FORMS: [Attack; 11] = [
    attack("a form", "POST H", &[EVIL, CROSS, GO, FORM]),
    attack("a form with files", "POST H", &[EVIL, CROSS, GO, PARTS]),
    attack("a form of text", "POST H", &[EVIL, CROSS, GO, TEXT]),
    attack(
        "a form in a sandbox",
        "POST H",
        &["origin: null", CROSS, GO, FORM],
    ),
    attack(
        "a form in a frame",
        "POST H",
        &[EVIL, CROSS, GO, FORM, "sec-fetch-dest: iframe"],
    ),
    attack("no origin told", "POST H", &[CROSS, GO, FORM]),
    attack("no metadata told", "POST H", &[EVIL, FORM]),
    attack(
        "no metadata, no origin to tell",
        "POST H",
        &["origin: null", FORM],
    ),
    attack(
        "another port of the name",
        "POST H",
        &[
            "origin: http://shop.localhost:1",
            "sec-fetch-site: same-site",
            FORM,
        ],
    ),
    attack(
        "the name over TLS",
        "POST H",
        &["origin: https://shop.localhost:P", CROSS, FORM],
    ),
    attack(
        "another preview",
        "POST H",
        &["origin: http://blog.localhost:P", CROSS, GO, FORM],
    ),
];

const SCRIPTS: [Attack; 10] = [
    attack("a simple fetch", "POST H", &[EVIL, CROSS, NO_CORS, TEXT]),
    attack("a beacon", "POST H", &[EVIL, CROSS, NO_CORS, FORM]),
    attack("a fetch without a type", "POST H", &[EVIL, CROSS, NO_CORS]),
    attack(
        "JSON as text",
        "POST H",
        &[
            EVIL,
            CROSS,
            CORS,
            "content-type: text/plain; x=application/json",
        ],
    ),
    attack("JSON", "POST H", &[EVIL, CROSS, CORS, JSON]),
    attack("PUT", "PUT H", &[EVIL, CROSS, CORS, JSON]),
    attack("PATCH", "PATCH H", &[EVIL, CROSS, CORS, JSON]),
    attack("DELETE", "DELETE H", &[EVIL, CROSS, CORS]),
    attack(
        "another preview, simple",
        "POST H",
        &["origin: http://blog.localhost:P", CROSS, NO_CORS, TEXT],
    ),
    attack("two origins", "POST H", &[OWN, EVIL, JSON]),
];

const SOCKETS: [Attack; 9] = [
    attack("a socket", "GET H", &[SOCKET, EVIL]),
    attack("a socket of a sandbox", "GET H", &[SOCKET, "origin: null"]),
    attack("a socket of no origin", "GET H", &[SOCKET, CROSS]),
    attack("a socket of an empty one", "GET H", &[SOCKET, "origin:"]),
    attack(
        "a socket of another preview",
        "GET H",
        &[SOCKET, "origin: http://blog.localhost:P"],
    ),
    attack(
        "a socket of another port",
        "GET H",
        &[SOCKET, "origin: http://shop.localhost:1"],
    ),
    attack(
        "a socket of a server here",
        "GET H",
        &[SOCKET, "origin: http://localhost:3000"],
    ),
    attack(
        "a socket of an address",
        "GET H",
        &[SOCKET, "origin: http://127.0.0.1:P"],
    ),
    attack(
        "a socket by a name of theirs",
        "GET evil.example:P",
        &[SOCKET, "origin: http://evil.example:P"],
    ),
];

/// From the app's own pages, from an address bar, from programs, and from a front end on this
/// machine that the app has agreed to.
const CONTROLS: [Attack; 9] = [
    attack("JSON of its own", "POST H", &[OWN, SAME, CORS, JSON]),
    attack("a form of its own", "POST H", &[OWN, SAME, GO, FORM]),
    attack(
        "a form that hides where it is",
        "POST H",
        &["origin: null", SAME, GO, FORM],
    ),
    attack(
        "a form sent again",
        "POST H",
        &["sec-fetch-site: none", GO, FORM],
    ),
    attack("DELETE of its own", "DELETE H", &[OWN, SAME, CORS]),
    attack("a program", "POST H", &[FORM]),
    attack("a socket of its own", "GET H", &[SOCKET, OWN]),
    attack("a program's socket", "GET H", &[SOCKET]),
    attack(
        "a front end here",
        "POST H",
        &["origin: http://localhost:3000", CROSS, CORS, JSON],
    ),
];

struct Target {
    world: World,
    _app: App,
    changes: Arc<AtomicUsize>,
}

impl Target {
    async fn new() -> Self {
        let changes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&changes);
        let (world, app) = World::with(move |request| {
            let count = Arc::clone(&count);
            Box::pin(async move {
                let socket = request.headers().contains_key("upgrade");
                let reads = request.method().is_safe() && !socket;
                let _ = request.into_body().collect().await;
                count.fetch_add(usize::from(!reads), Ordering::SeqCst);
                Response::new(full("done"))
            })
        })
        .await;
        world.route("blog", ready(app.port, ProxyHost::Preserve, 1));
        Self {
            world,
            _app: app,
            changes,
        }
    }

    async fn send(&self, attack: &Attack) -> (usize, String) {
        let (method, host) = attack.line.split_once(' ').unwrap();
        let own = self.world.host();
        let host = if host == "H" {
            own.clone()
        } else {
            host.to_owned()
        };
        let body = if method == "GET" { "" } else { "{\"a\":1}" };
        let mut text = format!("{method} /change HTTP/1.1\r\nhost: {host}\r\n");
        for header in attack.headers {
            text += &header.replace(": O", &format!(": http://{own}"));
            text += "\r\n";
        }
        if !attack.headers.contains(&SOCKET) {
            write!(
                text,
                "content-length: {}\r\nconnection: close\r\n",
                body.len()
            )
            .unwrap();
        }
        let text = text.replace(":P", &format!(":{}", self.world.port)) + "\r\n" + body;
        let mut stream = self.world.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        // A refused socket's connection stays; leaving ends it.
        let mut answer = Vec::new();
        while !answer.windows(4).any(|it| it == b"\r\n\r\n") {
            assert!(
                soon(stream.read_buf(&mut answer)).await.unwrap() > 0,
                "{}",
                attack.name
            );
        }
        let changes = self.changes.swap(0, Ordering::SeqCst);
        (changes, String::from_utf8_lossy(&answer).into_owned())
    }
}

#[tokio::test]
async fn no_page_of_another_site_changes_anything() {
    let target = Target::new().await;
    let classes: [&[Attack]; 4] = [&REBINDING, &FORMS, &SCRIPTS, &SOCKETS];
    for attack in classes.into_iter().flatten() {
        let (changes, answer) = target.send(attack).await;
        assert_eq!(changes, 0, "{}: {answer}", attack.name);
        assert!(
            answer.starts_with("HTTP/1.1 4"),
            "{}: {answer}",
            attack.name
        );
        assert!(
            !answer.contains("access-control-"),
            "{}: {answer}",
            attack.name
        );
    }
}

#[tokio::test]
async fn the_same_from_the_right_place_does() {
    let target = Target::new().await;
    for attack in &CONTROLS {
        let (changes, answer) = target.send(attack).await;
        assert_eq!(changes, 1, "{}: {answer}", attack.name);
    }
}

#[tokio::test]
async fn who_is_refused_is_told_why() {
    let target = Target::new().await;
    let request = target.world.request("POST", "/change", full("a=1"));
    let (mut parts, body) = request.into_parts();
    parts
        .headers
        .insert("origin", "https://evil.example".parse().unwrap());
    parts.headers.insert("accept", "text/html".parse().unwrap());
    let request = hyper::Request::from_parts(parts, body);
    let (parts, text) = soon(target.world.ask(request)).await;
    assert_eq!(parts.status.as_u16(), 403);
    assert!(
        text.contains("page of another site sent this request"),
        "{text}"
    );
    assert!(
        text.contains("CORS") && text.contains("public URL"),
        "{text}"
    );
}

/// Links lead here from anywhere, and pages may show what may be shown.
#[tokio::test]
async fn reading_is_left_to_the_browser() {
    let target = Target::new().await;
    for headers in [&[CROSS, GO][..], &[EVIL, CROSS, CORS], &[CROSS, NO_CORS]] {
        let (changes, answer) = target
            .send(&Attack {
                name: "",
                line: "GET H",
                headers,
            })
            .await;
        assert!(
            changes == 0 && answer.starts_with("HTTP/1.1 200"),
            "{answer}"
        );
    }
    // The browser asks the app before it sends what a form could not.
    let preflight = attack(
        "",
        "OPTIONS H",
        &[EVIL, CROSS, CORS, "access-control-request-method: PUT"],
    );
    assert!(target.send(&preflight).await.1.starts_with("HTTP/1.1 200"));
}
