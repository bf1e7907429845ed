//! Protocols the gateway carries without speaking them.

use codemate_preview::gateway::Load;
use http::StatusCode;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::world::{Answer, World, full, hello, mirror, soon};

/// Agrees to anything, then says each line back, and `bye` when the visitor has ended.
pub fn agree(mut request: Request<Incoming>) -> Answer {
    let scope = codemate_preview::task::Scope::new();
    let upgraded = hyper::upgrade::on(&mut request);
    let protocol = request.headers()["upgrade"].clone();
    scope.spawn(async move {
        let mut stream = BufReader::new(TokioIo::new(upgraded.await.unwrap()));
        stream.write_all(b"welcome\n").await.unwrap();
        let mut line = String::new();
        while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
            stream.write_all(line.as_bytes()).await.unwrap();
            line.clear();
        }
        let _ = stream.write_all(b"bye\n").await;
        let _ = stream.shutdown().await;
    });
    Box::pin(async move {
        let response = Response::builder()
            .status(101)
            .header("connection", "upgrade");
        response
            .header("upgrade", protocol)
            .header("x-own", "1")
            .body(full(""))
            .unwrap()
    })
}

fn wish(world: &World, protocol: &str) -> String {
    format!(
        "GET /socket HTTP/1.1\r\nhost: {}\r\nconnection: keep-alive, Upgrade\r\nupgrade: {protocol}\r\n\r\n",
        world.host()
    )
}

pub async fn header(stream: &mut BufReader<TcpStream>) -> String {
    let mut header = String::new();
    while !header.ends_with("\r\n\r\n") {
        assert!(
            soon(stream.read_line(&mut header)).await.unwrap() > 0,
            "{header}"
        );
    }
    header
}

pub async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    soon(stream.read_line(&mut line)).await.unwrap();
    line
}

#[tokio::test]
async fn a_socket_is_carried_and_ends_one_side_at_a_time() {
    let (world, mut app) = World::with(agree).await;
    for protocol in ["websocket", "anything"] {
        let mut stream = BufReader::new(world.connect().await);
        stream
            .write_all(wish(&world, protocol).as_bytes())
            .await
            .unwrap();
        let header = header(&mut stream).await;
        assert!(header.starts_with("HTTP/1.1 101 "), "{header}");
        assert!(
            header.contains(&format!("upgrade: {protocol}\r\n")),
            "{header}"
        );
        assert!(
            header.contains("connection: upgrade\r\n") && header.contains("x-own: 1"),
            "{header}"
        );
        assert_eq!(line(&mut stream).await, "welcome\n");
        stream.write_all(b"\x00\x01raw\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "\x00\x01raw\n");
        assert_eq!(
            world.activity.load(),
            Load {
                requests: 0,
                sockets: 1
            }
        );
        stream.get_mut().shutdown().await.unwrap();
        assert_eq!(
            line(&mut stream).await,
            "bye\n",
            "the other half is still open"
        );
        assert_eq!(line(&mut stream).await, "");
        app.closed().await;
        while world.activity.load().sockets > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(
        app.connections(),
        2,
        "an upgraded connection is never used again"
    );
}

#[tokio::test]
async fn bytes_sent_before_the_answer_are_no_request() {
    let (world, app) = World::with(agree).await;
    let mut stream = BufReader::new(world.connect().await);
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nhost: {}\r\n\r\n", world.host());
    let bytes = wish(&world, "websocket") + &smuggled;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    assert!(header(&mut stream).await.starts_with("HTTP/1.1 101 "));
    assert_eq!(line(&mut stream).await, "welcome\n");
    assert_eq!(
        line(&mut stream).await,
        "GET /smuggled HTTP/1.1\r\n",
        "they reach the new protocol"
    );
    assert_eq!(app.requests(), 1);
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_answer_and_the_next_request_a_request() {
    let (world, app) = World::with(hello).await;
    let mut stream = BufReader::new(world.connect().await);
    let next = format!(
        "GET /next HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        world.host()
    );
    stream
        .write_all((wish(&world, "websocket") + &next).as_bytes())
        .await
        .unwrap();
    let mut answers = String::new();
    soon(stream.read_to_string(&mut answers)).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(app.requests(), 2);
}

#[tokio::test]
async fn upgrades_that_would_lead_past_the_gateway_are_not_passed_on() {
    let (world, _app) = World::with(mirror).await;
    let vectors = [
        wish(&world, "h2c"),
        // Without the connection's word for it, an `Upgrade` is only a header.
        wish(&world, "websocket").replace("keep-alive, Upgrade", "keep-alive"),
        // A body, of which nobody could say whether it belongs to the new protocol.
        wish(&world, "websocket").replace("\r\n\r\n", "\r\ncontent-length: 2\r\n\r\nhi"),
    ];
    for vector in vectors {
        let mut stream = BufReader::new(world.connect().await);
        stream.write_all(vector.as_bytes()).await.unwrap();
        assert!(
            header(&mut stream).await.starts_with("HTTP/1.1 200"),
            "{vector}"
        );
        assert_eq!(line(&mut stream).await, "GET /socket\n");
        loop {
            let line = line(&mut stream).await;
            assert!(!line.starts_with("upgrade"), "{vector}");
            if line == "\n" {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_app_that_changes_protocols_unasked_is_an_error() {
    let (world, _app) = World::with(|_| {
        Box::pin(async {
            let response = Response::builder().status(101).header("upgrade", "x");
            response
                .header("connection", "upgrade")
                .body(full(""))
                .unwrap()
        })
    })
    .await;
    let (parts, _) = soon(world.ask(world.get("/"))).await;
    assert_eq!(parts.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn sockets_end_with_the_scope() {
    let (mut world, _app) = World::with(agree).await;
    let mut stream = BufReader::new(world.connect().await);
    stream
        .write_all(wish(&world, "websocket").as_bytes())
        .await
        .unwrap();
    header(&mut stream).await;
    assert_eq!(line(&mut stream).await, "welcome\n");
    world.scope.cancel();
    assert_eq!(soon(stream.read(&mut [0])).await.unwrap_or(0), 0);
    soon(&mut world.served).await.unwrap();
}
