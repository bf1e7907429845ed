//! Connections to the app: kept, found stale, replaced, cancelled, drained.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use codemate_preview::{
    gateway::{Gateway, Load},
    model::ProxyHost,
};
use http::StatusCode;
use hyper::Response;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::world::{App, World, data, fed, full, hello, next, read, soon};

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let (world, app) = World::with(hello).await;
    let mut visitor = world.visitor().await;
    for number in 0..5 {
        let body = if number % 2 == 0 {
            full("")
        } else {
            full("some text")
        };
        let response = visitor
            .send_request(world.request("POST", "/", body))
            .await
            .unwrap();
        assert_eq!(read(response).await.1, "hello");
        visitor.ready().await.unwrap();
    }
    // Another visitor gets the same connection, for no two requests overlap.
    assert_eq!(world.ask(world.get("/")).await.1, "hello");
    assert_eq!((app.connections(), app.requests()), (1, 6));
}

#[tokio::test]
async fn requests_at_the_same_time_have_connections_of_their_own() {
    let (world, app) = World::with(hello).await;
    let asks = (0..8).map(|_| world.ask(world.get("/")));
    for (parts, _) in futures_util::future::join_all(asks).await {
        assert_eq!(parts.status, StatusCode::OK);
    }
    assert!(app.connections() <= 8);
    assert_eq!(app.requests(), 8);
}

/// Reads one request's header from a bare connection.
async fn read_header(stream: &mut TcpStream) -> String {
    let mut header = Vec::new();
    while !header.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => header.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(header).unwrap()
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An app that answers once on its first connection, takes another request there and closes
/// without a word; then it answers once more. Tells the requests it saw.
async fn fickle(world: &World) -> mpsc::UnboundedReceiver<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    world.show(
        listener.local_addr().unwrap().port(),
        ProxyHost::Preserve,
        1,
    );
    let (saw, seen) = mpsc::unbounded_channel();
    world.scope.spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        saw.send(read_header(&mut first).await).unwrap();
        first.write_all(OK).await.unwrap();
        saw.send(read_header(&mut first).await).unwrap();
        drop(first);
        let (mut second, _) = listener.accept().await.unwrap();
        saw.send(read_header(&mut second).await).unwrap();
        second.write_all(OK).await.unwrap();
    });
    seen
}

#[tokio::test]
async fn a_kept_connection_that_closes_under_a_harmless_request_is_replaced() {
    let world = World::new();
    let mut seen = fickle(&world).await;
    assert_eq!(world.ask(world.get("/1")).await.1, "ok");
    let (parts, text) = soon(world.ask(world.get("/2"))).await;
    assert_eq!((parts.status, text.as_str()), (StatusCode::OK, "ok"));
    for want in ["GET /1 ", "GET /2 ", "GET /2 "] {
        assert!(soon(seen.recv()).await.unwrap().starts_with(want));
    }
}

#[tokio::test]
async fn a_request_that_may_have_had_an_effect_is_not_repeated() {
    let world = World::new();
    let mut seen = fickle(&world).await;
    assert_eq!(world.ask(world.get("/1")).await.1, "ok");
    let (parts, _) = soon(world.ask(world.request("POST", "/2", full("")))).await;
    assert_eq!(parts.status, StatusCode::BAD_GATEWAY);
    for want in ["GET /1 ", "POST /2 "] {
        assert!(soon(seen.recv()).await.unwrap().starts_with(want));
    }
}

#[tokio::test]
async fn a_connection_the_app_closed_while_it_idled_is_not_noticed_by_anyone() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let world = World::new();
    world.show(
        listener.local_addr().unwrap().port(),
        ProxyHost::Preserve,
        1,
    );
    world.scope.spawn(async move {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_header(&mut stream).await;
            stream.write_all(OK).await.unwrap();
        }
    });
    for _ in 0..3 {
        let (parts, _) = soon(world.ask(world.request("POST", "/", full("")))).await;
        assert_eq!(parts.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_new_generation_closes_the_old_ones_connections() {
    let (world, mut app) = World::with(hello).await;
    world.ask(world.get("/")).await;
    let newer = App::start(&world.scope, hello).await;
    world.show(newer.port, ProxyHost::Preserve, 2);
    app.closed().await;
    world.ask(world.get("/")).await;
    assert_eq!((app.requests(), newer.requests()), (1, 1));
}

#[tokio::test]
async fn the_same_generation_set_again_keeps_them() {
    let (world, app) = World::with(hello).await;
    for _ in 0..3 {
        world.ask(world.get("/")).await;
        world.show(app.port, ProxyHost::Preserve, 1);
    }
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn a_visitor_who_leaves_takes_the_request_along() {
    struct Tell(mpsc::UnboundedSender<()>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (tell, mut told) = mpsc::unbounded_channel();
    let (world, _app) = World::with(move |_| {
        let (began, ended) = (tell.clone(), Tell(tell.clone()));
        Box::pin(async move {
            let _ended = ended;
            began.send(()).unwrap();
            pending().await
        })
    })
    .await;
    let mut stream = world.connect().await;
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", world.host());
    stream.write_all(request.as_bytes()).await.unwrap();
    soon(told.recv()).await.unwrap();
    assert_eq!(
        world.activity.load(),
        Load {
            requests: 1,
            sockets: 0
        }
    );
    drop(stream);
    soon(told.recv()).await.unwrap();
    while world.activity.load().requests > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_visitor_who_leaves_in_mid_answer_closes_the_apps_connection() {
    let (feed, body) = fed();
    let body = Mutex::new(Some(body));
    let (world, mut app) = World::with(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        Box::pin(async move { Response::new(body) })
    })
    .await;
    let mut visitor = world.visitor().await;
    let mut response = visitor.send_request(world.get("/")).await.unwrap();
    feed.send(data("one")).unwrap();
    assert_eq!(next(response.body_mut()).await, "one");
    drop((response, visitor));
    app.closed().await;
}

#[tokio::test]
async fn the_end_of_the_scope_lets_open_requests_finish() {
    let (feed, body) = fed();
    let body = Arc::new(Mutex::new(Some(body)));
    let mut world = World::new();
    let apps = codemate_preview::task::Scope::new();
    let app = App::start(&apps, move |_| {
        let body = body.lock().unwrap().take().unwrap();
        Box::pin(async move { Response::new(body) })
    })
    .await;
    world.show(app.port, ProxyHost::Preserve, 1);
    let mut idle = world.connect().await;
    let mut visitor = world.visitor().await;
    let mut response = visitor.send_request(world.get("/")).await.unwrap();
    feed.send(data("one")).unwrap();
    assert_eq!(next(response.body_mut()).await, "one");

    world.scope.cancel();
    assert_eq!(
        soon(idle.read(&mut [0])).await.unwrap_or(0),
        0,
        "who idles is sent away"
    );
    feed.send(data("two")).unwrap();
    assert_eq!(next(response.body_mut()).await, "two");
    drop(feed);
    assert_eq!(soon(read(response)).await.1, "");
    soon(&mut world.served).await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", world.port)).await.is_err());
    apps.cancel();
}

#[tokio::test]
async fn a_port_that_is_taken_is_not_insisted_on() {
    let first = Gateway::bind(Some(0)).unwrap();
    let second = Gateway::bind(Some(first.port())).unwrap();
    assert_ne!(first.port(), second.port());
    let name = "shop".parse().unwrap();
    assert_eq!(
        first.url(&name),
        format!("http://shop.localhost:{}", first.port())
    );
}
