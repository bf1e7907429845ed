//! Ports: seen, dialled, and relayed without one holding up another.

use std::{net::TcpListener as StdListener, time::Duration};

use codemate_preview::engine::link::{DialError, GuestEvent, ListeningPort, PortScope};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use super::{LIMIT, World, event};

async fn listen(address: &str) -> (TcpListener, u16) {
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn heard(listener: ListeningPort) -> impl FnMut(GuestEvent) -> Option<()> {
    move |event| match event {
        GuestEvent::Listening(set) => set.contains(&listener).then_some(()),
        _ => None,
    }
}

#[tokio::test]
async fn ports_are_told_with_their_scope_and_when_they_are_gone() {
    let world = World::new();
    let (_before, early) = listen("127.0.0.1:0").await;
    let (link, mut events) = world.link().await;
    let early = ListeningPort {
        port: early,
        scope: PortScope::Loopback,
    };
    assert!(link.hello().listeners.contains(&early));
    let cases = [
        ("127.0.0.1:0", PortScope::Loopback),
        ("0.0.0.0:0", PortScope::Any),
        ("[::1]:0", PortScope::Loopback),
        ("[::]:0", PortScope::Any),
    ];
    for (address, scope) in cases {
        let Ok(listener) = StdListener::bind(address) else {
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        event(&mut events, heard(ListeningPort { port, scope })).await;
        drop(listener);
        event(&mut events, |event| match event {
            GuestEvent::Listening(set) => set.iter().all(|one| one.port != port).then_some(()),
            _ => None,
        })
        .await;
    }
}

#[tokio::test]
async fn a_port_nobody_listens_on_refuses() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let (listener, port) = listen("127.0.0.1:0").await;
    drop(listener);
    assert!(
        matches!(link.dial(port).await, Err(DialError::Refused { port: named }) if named == port)
    );
}

#[tokio::test]
async fn loopback_of_either_family_is_reached() {
    let world = World::new();
    let (link, _events) = world.link().await;
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "127.0.0.9:0"] {
        let Ok(listener) = TcpListener::bind(address).await else {
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        // An unusual address is known once the port was seen.
        let stream = async {
            loop {
                match link.dial(port).await {
                    Ok(stream) => return stream,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let (mut stream, accepted) = tokio::join!(stream, listener.accept());
        let (mut accepted, _) = accepted.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut four = [0; 4];
        accepted.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"ping");
    }
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let (listener, port) = listen("127.0.0.1:0").await;
    let (stream, accepted) = tokio::join!(link.dial(port), listener.accept());
    let (mut stream, (mut app, _)) = (stream.unwrap(), accepted.unwrap());
    stream.write_all(b"question").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut question = String::new();
    app.read_to_string(&mut question).await.unwrap();
    app.write_all(format!("{question}? answer").as_bytes())
        .await
        .unwrap();
    app.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "question? answer");

    // The other way round: the app ends first and still reads.
    let (stream, accepted) = tokio::join!(link.dial(port), listener.accept());
    let (mut stream, (mut app, _)) = (stream.unwrap(), accepted.unwrap());
    app.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    stream.write_all(b"still here").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    app.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "still here");
}

#[tokio::test]
async fn a_dropped_stream_and_a_reset_one_are_told_to_the_other_side() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let (listener, port) = listen("127.0.0.1:0").await;
    let (stream, accepted) = tokio::join!(link.dial(port), listener.accept());
    let (stream, (mut app, _)) = (stream.unwrap(), accepted.unwrap());
    drop(stream);
    assert!(matches!(app.read(&mut [0; 8]).await, Ok(0) | Err(_)));

    let (stream, accepted) = tokio::join!(link.dial(port), listener.accept());
    let (mut stream, (app, _)) = (stream.unwrap(), accepted.unwrap());
    app.set_zero_linger().unwrap();
    drop(app);
    let error = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(stream.write_all(b"x").await.is_err());
}

#[tokio::test]
async fn many_megabytes_pass_beside_a_stream_that_stands_still() {
    const LEN: usize = 50 << 20;
    let world = World::new();
    let (link, _events) = world.link().await;
    let (listener, port) = listen("127.0.0.1:0").await;
    let (stalled, accepted) = tokio::join!(link.dial(port), listener.accept());
    let (mut stalled, (mut silent, _)) = (stalled.unwrap(), accepted.unwrap());
    // Both of its windows are full: the app reads nothing, and nobody reads what it wrote.
    let flood = vec![1; 16 << 20];
    let fill = async { tokio::join!(stalled.write_all(&flood), silent.write_all(&flood)) };
    assert!(timeout(Duration::from_millis(300), fill).await.is_err());

    let (stream, accepted) = tokio::join!(link.dial(port), listener.accept());
    let mut tasks = JoinSet::new();
    let (app, _) = accepted.unwrap();
    tasks.spawn(echo(app));
    let (mut read, mut write) = tokio::io::split(stream.unwrap());
    tasks.spawn(async move {
        let bytes: Vec<u8> = (0..LEN).map(pattern).collect();
        write.write_all(&bytes).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    timeout(LIMIT, read.read_to_end(&mut back))
        .await
        .unwrap()
        .unwrap();
    assert!(
        back.len() == LEN
            && back
                .iter()
                .enumerate()
                .all(|(at, &byte)| byte == pattern(at))
    );
    while tasks.join_next().await.is_some() {}
}

fn pattern(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]
}

async fn echo(mut app: TcpStream) {
    let (mut read, mut write) = app.split();
    tokio::io::copy(&mut read, &mut write).await.unwrap();
    write.shutdown().await.unwrap();
}

#[tokio::test]
async fn events_of_a_long_answer_arrive_one_by_one() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let (listener, port) = listen("127.0.0.1:0").await;
    let (stream, accepted) = tokio::join!(link.dial(port), listener.accept());
    let (mut stream, (mut app, _)) = (stream.unwrap(), accepted.unwrap());
    for round in 0..200 {
        let event = format!("data: {round}\n\n");
        app.write_all(event.as_bytes()).await.unwrap();
        let mut got = vec![0; event.len()];
        // The next is not written before this one has arrived.
        timeout(LIMIT, stream.read_exact(&mut got))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(got, event.as_bytes());
    }
}
