//! The end of leave: who came by a link that is taken back, or whose time is over, is put out.

use std::{future::Future, time::Duration};

use codemate_preview::{
    gateway::{AccessPolicy, PublicListener},
    model::{PublicAccess, Secret, Shares},
    security,
    task::Scope,
};
use http::StatusCode;
use hyper::{Response, body::Incoming};
use jiff::{Span, Timestamp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    links::{HOST, URL, keep, mint, private, shop},
    world::{Answer, World, data, fed, soon},
};

/// An app that answers `/feed` by one event and no end, `/never` by nothing at all, and takes every
/// upgrade and echoes.
fn endless(mut request: http::Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let upgraded = hyper::upgrade::on(&mut request);
    Box::pin(async move {
        if path == "/never" {
            std::future::pending::<()>().await;
        }
        if path == "/feed" {
            let (feed, body) = fed();
            feed.send(data("one")).unwrap();
            // For as long as the test.
            std::mem::forget(feed);
            return Response::new(body);
        }
        Scope::new().spawn(async move {
            let stream = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
            let (mut read, mut write) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut read, &mut write).await;
        });
        Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .body(super::world::full(""))
            .unwrap()
    })
}

/// A visitor who is in, and what they read until now.
struct In(TcpStream);

impl In {
    async fn new(entrance: &PublicListener, path: &str, token: Option<&Secret>) -> Self {
        let token = token.map_or(String::new(), |it| {
            format!("x-cm-token: {}\r\n", it.reveal())
        });
        let upgrade = match path {
            "/socket" => format!("connection: upgrade\r\nupgrade: websocket\r\norigin: {URL}\r\n"),
            _ => String::new(),
        };
        let head = format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\n{token}{upgrade}\r\n");
        let mut stream = TcpStream::connect(entrance.addr()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut this = Self(stream);
        match path {
            "/socket" => {
                this.reads("\r\n\r\n").await;
                this.echoes().await;
            }
            "/feed" => this.reads("one").await,
            _ => {}
        }
        this
    }

    async fn reads(&mut self, what: &str) {
        let mut seen = String::new();
        while !seen.contains(what) {
            let mut piece = [0; 512];
            let read = soon(self.0.read(&mut piece)).await.unwrap();
            assert!(read > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    }

    async fn echoes(&mut self) {
        self.0.write_all(b"ping").await.unwrap();
        self.reads("ping").await;
    }

    /// Everything that still comes, once the other side has closed.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = soon(self.0.read_to_end(&mut rest)).await;
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Well under the second that is promised; a loaded machine is given more.
async fn at_once<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .expect("nobody was put out")
}

#[tokio::test]
async fn taking_a_link_back_ends_all_that_came_by_it_and_nothing_else() {
    let (world, app) = World::with(endless).await;
    let (one, two) = (mint(), mint());
    let gate = private(&[&one.grant, &two.grant]);
    let entrance = world.entrance_by(&gate, &[URL]);
    let mut socket = In::new(&entrance, "/socket", Some(&one.token)).await;
    let mut feed = In::new(&entrance, "/feed", Some(&one.token)).await;
    let mut never = In::new(&entrance, "/never", Some(&one.token)).await;
    let mut stays = In::new(&entrance, "/socket", Some(&two.token)).await;
    while app.requests() < 4 {
        tokio::task::yield_now().await;
    }
    // Saying the same again disturbs nobody.
    keep(&gate, &[&one.grant, &two.grant]);
    socket.echoes().await;
    keep(&gate, &[&two.grant]);
    at_once(async {
        socket.rest().await;
        let rest = feed.rest().await;
        assert!(!rest.ends_with("0\r\n\r\n"), "it broke off: {rest}");
    })
    .await;
    let mut refused = [0; 12];
    at_once(never.0.read_exact(&mut refused)).await.unwrap();
    assert_eq!(&refused, b"HTTP/1.1 401");
    stays.echoes().await;
}

#[tokio::test]
async fn what_was_public_and_is_private_now_keeps_holders_of_a_link() {
    let (world, _app) = World::with(endless).await;
    let one = mint();
    let gate = AccessPolicy::new(shop(), &[]);
    gate.update(&Shares {
        public: Some(PublicAccess { expires: None }),
        grants: vec![one.grant.clone()],
        ..Shares::default()
    });
    let entrance = world.entrance_by(&gate, &[URL]);
    let mut anyone = In::new(&entrance, "/socket", None).await;
    let mut holder = In::new(&entrance, "/socket", Some(&one.token)).await;
    keep(&gate, &[&one.grant]);
    at_once(anyone.rest()).await;
    holder.echoes().await;
}

#[tokio::test]
async fn the_end_of_its_time_is_the_end_of_a_socket() {
    let (world, _app) = World::with(endless).await;
    let now = Timestamp::now();
    let soon_over = now.checked_add(Span::new().seconds(3)).unwrap();
    let one = security::mint(&shop(), None, now, Some(soon_over));
    let gate = private(&[]);
    // The entrance is open before there is anything whose end it has to wait for.
    let entrance = world.entrance_by(&gate, &[URL]);
    let two = mint();
    keep(&gate, &[&one.grant, &two.grant]);
    let mut socket = In::new(&entrance, "/socket", Some(&one.token)).await;
    let mut stays = In::new(&entrance, "/socket", Some(&two.token)).await;
    at_once(socket.rest()).await;
    assert!(Timestamp::now() >= soon_over, "not before its time");
    stays.echoes().await;
    let (parts, _) = super::links::ask(
        &world,
        &entrance,
        "/",
        &[("x-cm-token", one.token.reveal())],
    )
    .await;
    assert_eq!(parts.status, StatusCode::UNAUTHORIZED);
}
