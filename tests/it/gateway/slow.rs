//! Visitors that take their time, and one that does not.
//!
//! The clock is the gateway's own: it stands still while the test moves it past the deadlines.

use std::time::Duration;

use codemate_preview::gateway::Load;
use hyper::Response;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    upgrades::agree,
    world::{Answer, World, data, fed, full, hello, soon},
};

/// See `gateway::patience` and `gateway::allowance`.
const HEADER: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_mins(1);

/// Let so much time pass at once for everybody.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// The tests of this room together open more than most shells let a program have.
fn allow_many_sockets() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum.or(Some(65_536)).min(Some(65_536));
    setrlimit(Resource::Nofile, limit).unwrap();
}

async fn begin(world: &World, text: &str) -> TcpStream {
    let mut stream = world.connect().await;
    let text = text.replace(": H", &format!(": {}", world.host()));
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Everything until the gateway closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    let _ = soon(stream.read_to_end(&mut rest)).await;
    String::from_utf8_lossy(&rest).into_owned()
}

/// Agrees to sockets and never ends one by itself; greets everybody else.
fn stubborn(request: hyper::Request<hyper::body::Incoming>) -> Answer {
    if !request.headers().contains_key("upgrade") {
        return hello(request);
    }
    let mut request = request;
    let upgraded = hyper::upgrade::on(&mut request);
    let scope = codemate_preview::task::Scope::new();
    scope.spawn(async move {
        let _stream = upgraded.await;
        std::future::pending::<()>().await;
    });
    Box::pin(async {
        let response = Response::builder()
            .status(101)
            .header("connection", "upgrade");
        response
            .header("upgrade", "websocket")
            .body(full(""))
            .unwrap()
    })
}

const WISH: &str = "GET / HTTP/1.1\r\nhost: H\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

#[tokio::test]
async fn a_good_visitor_is_answered_beside_600_slow_ones_that_all_end() {
    allow_many_sockets();
    let (world, _app) = World::with(stubborn).await;
    let mut good = world.visitor().await;
    let mut open = Vec::new();
    for number in 0..100 {
        let mut stream = begin(&world, WISH).await;
        let mut head = [0; 12];
        soon(stream.read_exact(&mut head)).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 101", "{number}");
        stream.shutdown().await.unwrap();
        open.push(stream);
    }
    let mut drips = Vec::new();
    for _ in 0..500 {
        drips.push(begin(&world, "GET / HTTP/1.1\r\nhost: H\r\nx: ").await);
    }
    for drip in &mut drips {
        drip.write_all(b"y").await.unwrap();
        good.ready().await.unwrap();
        let response = soon(good.send_request(world.get("/"))).await.unwrap();
        assert_eq!(super::world::read(response).await.1, "hello");
    }
    // And one who comes only now.
    assert_eq!(soon(world.ask(world.get("/"))).await.1, "hello");
    pass(HEADER).await;
    for drip in &mut drips {
        assert_eq!(rest(drip).await, "", "nothing is said to them");
    }
    assert_eq!(world.activity.load().sockets, 100, "these have more time");
    pass(STALL).await;
    for half in &mut open {
        rest(half).await;
    }
    let none = Load {
        requests: 0,
        sockets: 0,
    };
    soon(async {
        while world.activity.load() != none {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let (world, _app) = World::with(hello).await;
    for framing in [
        "content-length: 9\r\n\r\nhi",
        "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
    ] {
        let mut slow = begin(&world, &format!("POST / HTTP/1.1\r\nhost: H\r\n{framing}")).await;
        soon(async {
            while world.activity.load().requests == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        // It waits now for bytes, and not for the header.
        soon(world.ask(world.get("/"))).await;
        pass(STALL).await;
        let answer = rest(&mut slow).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("too slowly"), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_up() {
    let (feed, body) = fed();
    let body = std::sync::Mutex::new(Some(body));
    let (world, mut app) = World::with(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        Box::pin(async move { Response::new(body) })
    })
    .await;
    let slow = begin(&world, "GET / HTTP/1.1\r\nhost: H\r\n\r\n").await;
    let large: &'static str = Box::leak("x".repeat(16 << 20).into_boxed_str());
    feed.send(data(large)).unwrap();
    soon(async {
        while world.activity.load().requests == 0 {
            tokio::task::yield_now().await;
        }
        // Until it is stuck, everything moves.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    pass(STALL).await;
    app.closed().await;
    drop((slow, feed));
}

#[tokio::test]
async fn headers_have_a_size_and_a_number() {
    let (world, app) = World::with(hello).await;
    let many = "x: y\r\n".repeat(1000);
    let huge = format!("x: {}\r\n", "y".repeat(1 << 20));
    let endless = format!("{}: y\r\n", "x".repeat(60_000));
    for headers in [many, huge, endless] {
        let mut stream = begin(&world, "GET / HTTP/1.1\r\nhost: H\r\n").await;
        let _ = stream.write_all(headers.as_bytes()).await;
        let _ = stream.write_all(b"\r\n").await;
        let answer = rest(&mut stream).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
            "{answer}"
        );
    }
    assert_eq!(app.requests(), 0);
    assert_eq!(soon(world.ask(world.get("/"))).await.1, "hello");
}

#[tokio::test]
async fn a_socket_that_both_keep_may_be_silent() {
    let (world, _app) = World::with(agree).await;
    let mut stream = begin(&world, WISH).await;
    let mut head = [0; 12];
    soon(stream.read_exact(&mut head)).await.unwrap();
    pass(Duration::from_hours(1)).await;
    stream.write_all(b"still here\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.ends_with("still here\nbye\n"), "{said}");
}
