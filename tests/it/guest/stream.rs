//! The stream itself: several at once, nonsense on it, and its end.

use codemate_preview::{
    engine::{
        EngineError,
        link::{GuestEvent, Link},
    },
    task::Scope,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpListener,
    time::timeout,
};

use super::{LIMIT, World, apply_one, event, held, put, shell};

const HELLO: [u8; 10] = [6, 0, 0, 0, 1, 0, 0, 0, 0, 3];

#[tokio::test]
async fn two_links_work_at_once_and_both_hear_of_the_app() {
    let world = World::new();
    let ((one, mut events_one), (two, mut events_two)) = tokio::join!(world.link(), world.link());
    let (first, second) = tokio::join!(
        one.apply(vec![put("a", "1")]),
        two.apply(vec![put("b", "2")])
    );
    assert!(first.unwrap()[0].is_ok() && second.unwrap()[0].is_ok());
    assert_eq!(held(&one).await, held(&two).await);
    one.start_app(shell("exit 0")).await.unwrap();
    for events in [&mut events_one, &mut events_two] {
        event(events, |event| {
            matches!(event, GuestEvent::AppStarted { .. }).then_some(())
        })
        .await;
        event(events, |event| {
            matches!(event, GuestEvent::AppExited { .. }).then_some(())
        })
        .await;
    }
    drop(one);
    drop(events_one);
    assert_eq!(apply_one(&two, put("c", "3")).await, Ok(()));
}

#[tokio::test]
async fn nonsense_ends_its_own_link_only() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let frame = |kind: u8, fields: &[u8]| {
        let mut frame = u32::try_from(fields.len() + 5)
            .unwrap()
            .to_le_bytes()
            .to_vec();
        frame.extend_from_slice(&[kind, 9, 0, 0, 0]);
        frame.extend_from_slice(fields);
        frame
    };
    let cases: Vec<Vec<u8>> = vec![
        vec![0xff; 64],
        vec![0; 64],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        // Before the greeting.
        frame(2, &[]),
        [&HELLO[..], &frame(99, &[])].concat(),
        [&HELLO[..], &frame(2, &[1])].concat(),
        // A path longer than the frame, a list without end, text that is none.
        [&HELLO[..], &frame(10, &[255, 255, 255, 255])].concat(),
        [&HELLO[..], &frame(14, &[255, 255, 255, 255])].concat(),
        [&HELLO[..], &frame(10, &[1, 0, 0, 0, 0xff])].concat(),
        // The same upload twice.
        [&HELLO[..], &begin(&frame), &begin(&frame)].concat(),
        // Another version.
        frame(1, &[77]),
    ];
    for case in cases {
        let mut raw = world.raw().await;
        raw.write_all(&case).await.unwrap();
        let mut rest = Vec::new();
        let ended = timeout(LIMIT, raw.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "still open after {case:?}");
    }
    // One that stops in the middle of a frame hurts nobody either.
    let mut half = world.raw().await;
    half.write_all(&HELLO[..7]).await.unwrap();
    apply_one(&link, put("a", "still here")).await.unwrap();
    assert_eq!(world.read("a"), "still here");
}

fn begin(frame: &dyn Fn(u8, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut fields = vec![1, 0, 0, 0, b'z'];
    fields.extend_from_slice(&[0; 4 + 32 + 8]);
    frame(5, &fields)
}

#[tokio::test]
async fn more_than_the_window_ends_the_link() {
    let world = World::new();
    let (_link, _events) = world.link().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut raw = world.raw().await;
    let mut bytes = HELLO.to_vec();
    bytes.extend_from_slice(&[7, 0, 0, 0, 16, 9, 0, 0, 0]);
    bytes.extend_from_slice(&port.to_le_bytes());
    let mut data = (65_536u32 + 9).to_le_bytes().to_vec();
    data.extend_from_slice(&[17, 9, 0, 0, 0]);
    data.extend_from_slice(&65_536u32.to_le_bytes());
    data.resize(data.len() + 65_536, 0);
    let (mut read, mut write) = raw.split();
    // Nobody accepts the connection: what the kernel does not take, the window has to.
    let send = async {
        let mut sent = write.write_all(&bytes).await;
        while sent.is_ok() {
            sent = write.write_all(&data).await;
        }
    };
    let mut rest = Vec::new();
    let ended = timeout(LIMIT, async {
        tokio::join!(send, read.read_to_end(&mut rest))
    })
    .await;
    assert!(ended.is_ok());
}

#[tokio::test]
async fn operations_end_when_the_guest_dies() {
    let mut world = World::new();
    let (link, mut events) = world.link().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stream = link.dial(port).await.unwrap();
    world.init.kill().await.unwrap();
    assert!(stream.read(&mut [0; 8]).await.is_err());
    timeout(LIMIT, link.closed()).await.unwrap();
    while events.recv().await.is_some() {}
    assert!(matches!(
        link.inventory().await,
        Err(EngineError::Link { .. })
    ));
    assert!(link.apply(vec![put("a", "1")]).await.is_err());
    assert!(link.dial(port).await.is_err());
}

#[tokio::test]
async fn the_link_ends_with_its_last_clone_and_with_its_scope() {
    let world = World::new();
    let (link, mut events) = world.link().await;
    let clone = link.clone();
    drop(link);
    apply_one(&clone, put("a", "1")).await.unwrap();
    drop(clone);
    while timeout(LIMIT, events.recv()).await.unwrap().is_some() {}

    let scope = Scope::new();
    let (link, _events) = Link::open(world.bridge(), &scope).await.unwrap();
    assert!(scope.close(LIMIT).await);
    timeout(LIMIT, link.closed()).await.unwrap();
}

/// A guest that lies: greets, then says `lie`.
async fn liar(mut io: DuplexStream, lie: Vec<u8>) {
    let mut hello = [0; 10];
    io.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello, HELLO);
    // This version, no app, no end of one, no ports.
    io.write_all(&[12, 0, 0, 0, 65, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    let _ = io.write_all(&lie).await;
    // Until the agent hangs up.
    let _ = io.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn a_guest_that_lies_loses_the_link_and_nothing_else() {
    let endless = [5, 0, 0, 0, 72, 0, 0, 0, 0].to_vec();
    let started = [&[9, 0, 0, 0, 72, 0, 0, 0, 0][..], &[1, 0, 0, 0]].concat();
    let lies = [
        vec![255; 400],
        endless,
        started.repeat(5000),
        vec![12, 0, 0, 0, 65, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0],
        vec![9, 0, 0, 0, 71, 0, 0, 0, 0, 255, 255, 255, 255],
    ];
    for lie in lies {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let scope = Scope::new();
        scope.spawn(liar(theirs, lie));
        let (link, _events) = Link::open(Box::pin(ours), &scope).await.unwrap();
        timeout(LIMIT, link.closed())
            .await
            .expect("it was believed");
        assert!(matches!(
            link.inventory().await,
            Err(EngineError::Link { .. })
        ));
        assert!(scope.close(LIMIT).await);
    }
}

#[tokio::test]
async fn a_guest_of_another_version_is_told_apart() {
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let scope = Scope::new();
    theirs
        .write_all(&[12, 0, 0, 0, 65, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    let Err(EngineError::Link { reason, .. }) = Link::open(Box::pin(ours), &scope).await.map(drop)
    else {
        panic!("it was believed")
    };
    assert!(reason.contains("version 9"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_says_nothing_is_given_up() {
    let (ours, _theirs) = tokio::io::duplex(1024);
    assert!(Link::open(Box::pin(ours), &Scope::new()).await.is_err());
}
