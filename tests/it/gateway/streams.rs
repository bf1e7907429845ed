//! Bodies: passed on as they come, both ways, over either version of the protocol.

use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::{Request, Response, body::Frame, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::world::{Answer, Body, World, data, fed, full, mirror, next, read, soon};

/// Gives a request's body back as it comes.
fn echo(request: Request<Incoming>) -> Answer {
    Box::pin(async move {
        let body = request.into_body().map_err(|error| panic!("{error}"));
        Response::new(body.boxed_unsync())
    })
}

#[tokio::test]
async fn an_event_arrives_before_the_next_is_sent() {
    let (feed, body) = fed();
    let body = Mutex::new(Some(body));
    let (world, _app) = World::with(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        Box::pin(async move {
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(body)
                .unwrap()
        })
    })
    .await;
    let mut response = world
        .visitor()
        .await
        .send_request(world.get("/"))
        .await
        .unwrap();
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        feed.send(data(event)).unwrap();
        assert_eq!(next(response.body_mut()).await, event);
    }
    drop(feed);
    assert_eq!(soon(read(response)).await.1, "");
}

#[tokio::test]
async fn both_bodies_flow_at_the_same_time() {
    let (world, app) = World::with(echo).await;
    for method in ["POST", "DELETE", "OPTIONS", "GET"] {
        let (feed, body) = fed();
        let mut request = world.request(method, "/", body);
        request
            .headers_mut()
            .insert("transfer-encoding", HeaderValue::from_static("chunked"));
        feed.send(data("first")).unwrap();
        let mut visitor = world.visitor().await;
        let mut response = soon(visitor.send_request(request)).await.unwrap();
        assert_eq!(next(response.body_mut()).await, "first", "{method}");
        for chunk in ["second", "third"] {
            feed.send(data(chunk)).unwrap();
            assert_eq!(next(response.body_mut()).await, chunk, "{method}");
        }
        drop(feed);
        assert_eq!(soon(read(response)).await.1, "");
    }
    assert_eq!(
        app.connections(),
        1,
        "a duplex exchange leaves a connection that can be used again"
    );
}

#[tokio::test]
async fn a_large_body_comes_back_whole() {
    let (world, _app) = World::with(echo).await;
    let large: Bytes = (0..3_000_000_u32)
        .map(|i| u8::try_from(i % 251).unwrap())
        .collect();
    let request = world.request("POST", "/", full(large.clone()));
    let response = world.visitor().await.send_request(request).await.unwrap();
    let back = soon(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes();
    assert!(back == large);
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let (world, _app) = World::with(|request| {
        Box::pin(async move {
            let asked = request.headers().get("te").cloned();
            let trailers = request
                .into_body()
                .collect()
                .await
                .unwrap()
                .trailers()
                .cloned();
            let (feed, body) = fed();
            feed.send(data("x")).unwrap();
            feed.send(Frame::trailers(trailers.unwrap_or_default()))
                .unwrap();
            let mut response = Response::new(body);
            response
                .headers_mut()
                .insert("trailer", HeaderValue::from_static("x-sum"));
            response.headers_mut().insert("x-te", asked.unwrap());
            response
        })
    })
    .await;
    let (feed, body) = fed();
    let sum: HeaderMap = [("x-sum".parse().unwrap(), HeaderValue::from_static("42"))]
        .into_iter()
        .collect();
    feed.send(data("x")).unwrap();
    feed.send(Frame::trailers(sum.clone())).unwrap();
    drop(feed);
    let mut request = world.request("POST", "/", body);
    request
        .headers_mut()
        .insert("te", HeaderValue::from_static("gzip, trailers"));
    request
        .headers_mut()
        .insert("trailer", HeaderValue::from_static("x-sum"));
    let response = world.visitor().await.send_request(request).await.unwrap();
    assert_eq!(response.headers()["x-te"], "trailers");
    let whole = soon(response.into_body().collect()).await.unwrap();
    assert_eq!(whole.trailers(), Some(&sum));
}

#[tokio::test]
async fn answers_without_a_body_stay_without() {
    let (world, app) = World::with(|request| {
        Box::pin(async move {
            let response = Response::builder();
            match (request.method().as_str(), request.uri().path()) {
                ("HEAD", _) => response.header("content-length", "1234").body(full("")),
                (_, "/204") => response.status(204).body(full("")),
                _ => response.status(304).header("etag", "\"1\"").body(full("")),
            }
            .unwrap()
        })
    })
    .await;
    let mut visitor = world.visitor().await;
    for (method, path, status) in [
        ("HEAD", "/", 200),
        ("GET", "/204", 204),
        ("GET", "/304", 304),
    ] {
        visitor.ready().await.unwrap();
        let response = visitor
            .send_request(world.request(method, path, full("")))
            .await
            .unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("transfer-encoding"));
        if method == "HEAD" {
            assert_eq!(response.headers()["content-length"], "1234");
        }
        assert_eq!(soon(read(response)).await.1, "");
    }
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn who_waits_for_100_is_told_to_go_on() {
    let (world, _app) = World::with(mirror).await;
    let mut stream = world.connect().await;
    let host = world.host();
    let header = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: 4\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(header.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    soon(stream.read_exact(&mut go_on)).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("body"),
        "{answer}"
    );
    assert!(!answer.contains("expect"), "{answer}");
}

#[tokio::test]
async fn an_old_client_gets_an_answer_it_understands() {
    let (world, _app) = World::with(|_| {
        let (feed, body) = fed();
        feed.send(data("unknown length")).unwrap();
        Box::pin(async move { Response::new(body) })
    })
    .await;
    let answer = world
        .raw(format!("GET / HTTP/1.0\r\nhost: {}\r\n\r\n", world.host()).as_bytes())
        .await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nunknown length"), "{answer}");
}

pub async fn h2(world: &World, port: u16) -> hyper::client::conn::http2::SendRequest<Body> {
    let io = TokioIo::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    world.scope.spawn(async move { connection.await.ok() });
    sender
}

#[tokio::test]
async fn http2_in_http1_out() {
    let (world, _app) = World::with(mirror).await;
    let mut visitor = h2(&world, world.port).await;
    let url = format!("http://{}/path?q", world.host());
    let request = Request::get(&url).body(full("")).unwrap();
    let response = soon(visitor.send_request(request)).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let text = soon(read(response)).await.1;
    assert!(text.starts_with("GET /path?q\n"), "{text}");
    assert!(
        text.contains(&format!("host: {}\n", world.host())),
        "{text}"
    );

    let (feed, body) = fed();
    feed.send(data("some ")).unwrap();
    feed.send(data("text")).unwrap();
    drop(feed);
    let request = Request::post(&url).body(body).unwrap();
    let text = soon(read(soon(visitor.send_request(request)).await.unwrap()))
        .await
        .1;
    assert!(text.ends_with("\nsome text"), "{text}");
    assert!(text.contains("transfer-encoding: chunked"), "{text}");

    let elsewhere = Request::get(format!("http://other.localhost:{}/", world.port)).body(full(""));
    let response = soon(visitor.send_request(elsewhere.unwrap()))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn http2_streams_do_not_wait_for_one_another() {
    let (world, _app) = World::with(echo).await;
    let mut visitor = h2(&world, world.port).await;
    let url = format!("http://{}/", world.host());
    let mut open = Vec::new();
    for _ in 0..3 {
        let (feed, body) = fed();
        feed.send(data("a")).unwrap();
        let request = Request::post(&url).body(body).unwrap();
        let mut response = soon(visitor.send_request(request)).await.unwrap();
        assert_eq!(next(response.body_mut()).await, "a");
        open.push((feed, response));
    }
    for (feed, response) in open.iter_mut().rev() {
        feed.send(data("b")).unwrap();
        assert_eq!(next(response.body_mut()).await, "b");
    }
}
