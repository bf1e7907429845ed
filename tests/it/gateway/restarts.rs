//! What is open with an app when it is about to be asked to stop.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::{Response, body::Incoming};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    sync::mpsc,
};

use super::{
    upgrades::{agree, header, line},
    world::{Body, World, data, fed, full, next, read, soon},
};

/// An app whose one answer is that body, of that kind.
async fn with(
    body: Body,
    headers: &'static [(&'static str, &'static str)],
) -> (World, super::world::App) {
    let body = Mutex::new(Some(body));
    World::with(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        Box::pin(async move {
            let mut response = Response::builder();
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            response.body(body).unwrap()
        })
    })
    .await
}

async fn ask(world: &World) -> Response<Incoming> {
    let mut visitor = world.visitor().await;
    soon(visitor.send_request(world.get("/"))).await.unwrap()
}

#[tokio::test]
async fn a_stream_of_events_ends_as_if_the_app_had_ended_it() {
    let (feed, body) = fed();
    let (world, mut app) = with(body, &[("content-type", "text/event-stream")]).await;
    let mut response = ask(&world).await;
    feed.send(data("data: 1\n\n")).unwrap();
    assert_eq!(next(response.body_mut()).await, "data: 1\n\n");
    world.activity.end_streams();
    assert_eq!(soon(read(response)).await.1, "");
    soon(app.closed()).await;
}

#[tokio::test]
async fn an_answer_that_does_not_go_on_breaks_off() {
    let (feed, body) = fed();
    let (world, mut app) = with(body, &[]).await;
    let mut response = ask(&world).await;
    feed.send(data("half")).unwrap();
    assert_eq!(next(response.body_mut()).await, "half");
    world.activity.end_streams();
    assert!(
        soon(response.into_body().collect()).await.is_err(),
        "it must not look whole"
    );
    soon(app.closed()).await;
}

#[tokio::test]
async fn an_answer_with_an_end_comes_to_it() {
    let (feed, body) = fed();
    let (world, _app) = with(body, &[("content-length", "11")]).await;
    let mut response = ask(&world).await;
    feed.send(data("first")).unwrap();
    assert_eq!(next(response.body_mut()).await, "first");
    world.activity.end_streams();
    feed.send(data("second")).unwrap();
    assert_eq!(soon(read(response)).await.1, "second");
}

#[tokio::test]
async fn a_question_that_is_not_answered_is_asked_the_next_app() {
    let asked = AtomicUsize::new(0);
    let (told, mut heard) = mpsc::unbounded_channel();
    let (world, _app) = World::with(move |_| {
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        told.send(()).unwrap();
        Box::pin(async move {
            if first {
                std::future::pending::<()>().await;
            }
            Response::new(full("the next"))
        })
    })
    .await;
    let mut visitor = world.visitor().await;
    let answer = visitor.send_request(world.get("/poll"));
    let (answer, ()) = tokio::join!(soon(answer), async {
        soon(heard.recv()).await.unwrap();
        world.activity.end_streams();
    });
    assert_eq!(read(answer.unwrap()).await.1, "the next");
}

#[tokio::test]
async fn what_may_not_be_repeated_is_left_to_the_app() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let (go, went) = tokio::sync::watch::channel(false);
    let (world, app) = World::with(move |_| {
        told.send(()).unwrap();
        let mut went = went.clone();
        Box::pin(async move {
            went.wait_for(|went| *went).await.unwrap();
            Response::new(full("paid"))
        })
    })
    .await;
    let mut visitor = world.visitor().await;
    let answer = visitor.send_request(world.request("POST", "/pay", full("")));
    let (answer, ()) = tokio::join!(soon(answer), async {
        soon(heard.recv()).await.unwrap();
        world.activity.end_streams();
        go.send(true).unwrap();
    });
    let (answer, text) = read(answer.unwrap()).await;
    assert_eq!((answer.status, text.as_str()), (StatusCode::OK, "paid"));
    assert_eq!(app.requests(), 1);
}

#[tokio::test]
async fn a_socket_is_closed() {
    let (world, mut app) = World::with(agree).await;
    let mut stream = BufReader::new(world.connect().await);
    let wish = format!(
        "GET /socket HTTP/1.1\r\nhost: {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
        world.host()
    );
    stream.write_all(wish.as_bytes()).await.unwrap();
    header(&mut stream).await;
    assert_eq!(line(&mut stream).await, "welcome\n");
    world.activity.end_streams();
    let mut rest = Vec::new();
    let _ = soon(stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty() || rest == b"bye\n", "{rest:?}");
    soon(app.closed()).await;
    // One that is opened afterwards is of the next app.
    let mut next = BufReader::new(world.connect().await);
    next.write_all(wish.as_bytes()).await.unwrap();
    header(&mut next).await;
    assert_eq!(line(&mut next).await, "welcome\n");
    next.write_all(b"hello\n").await.unwrap();
    assert_eq!(line(&mut next).await, "hello\n");
}
