//! A server of one's own: what comes through, and what comes back.

use std::{
    net::{SocketAddr, TcpStream as StdStream},
    sync::Arc,
};

use codemate_preview::{
    config::SshSettings,
    model::{TunnelKind, TunnelState, Verification},
    task::Scope,
    tunnel::{Provider as _, Tunnel, TunnelError, TunnelTarget, Tunnels},
};
use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    hold, ssh,
    sshd::{Sshd, free_port},
    tools,
    visit::{address, get, read_until, request},
};
use crate::world::{Door, PATIENCE, an_id, block_on, until};

pub fn serves_requests() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let provider = ssh(&tools(&scope, state.path(), sshd.settings()));
        assert!(
            !provider.capabilities().stable_url,
            "the server chooses the port"
        );
        let door = Door::open(&scope).await;
        let mut holding = hold(&scope, &provider, door.addr);
        let url = holding.up().await;
        assert_ne!(url.port(), sshd.port);
        let at = address(&url);
        assert_eq!(get(at, "/page").await, "GET /page at shop.test: ");

        let mut socket = request(
            at,
            "GET /socket HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: echo",
        )
        .await;
        let head = read_until(&mut socket, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        for text in ["ping", "pong"] {
            socket.write_all(text.as_bytes()).await.unwrap();
            assert_eq!(read_until(&mut socket, text).await, text);
        }

        // The third event is here though the answer never ends.
        let mut events = request(at, "GET /sse HTTP/1.1").await;
        read_until(&mut events, "data: 2\n\n").await;
        holding.close().await;
    });
}

pub fn keeps_half_closes() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let provider = ssh(&tools(&scope, state.path(), sshd.settings()));
        // Answers only when the other side has said all, and only then.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        scope.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            let sum: u64 = all.iter().map(|byte| u64::from(*byte)).sum();
            let text = format!("{} bytes, {sum} in all", all.len());
            stream.write_all(text.as_bytes()).await.unwrap();
        });
        let mut holding = hold(&scope, &provider, target);
        let url = holding.up().await;
        let much: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let sum: u64 = much.iter().map(|byte| u64::from(*byte)).sum();
        let mut stream = TcpStream::connect(address(&url)).await.unwrap();
        let answer = async {
            stream.write_all(&much).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = timeout(PATIENCE, answer).await.unwrap();
        assert_eq!(answer, format!("3000000 bytes, {sum} in all"));
        holding.close().await;
    });
}

pub fn serves_many_at_once() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let provider = ssh(&tools(&scope, state.path(), sshd.settings()));
        let door = Door::open(&scope).await;
        let mut holding = hold(&scope, &provider, door.addr);
        let at = address(&holding.up().await);
        let open = join_all((0..20).map(|_| async {
            let mut events = request(at, "GET /sse HTTP/1.1").await;
            read_until(&mut events, "data: 2\n\n").await;
            events
        }))
        .await;
        let bodies = join_all((0..60).map(|n| async move {
            let body = get(at, &format!("/page/{n}")).await;
            (body, format!("GET /page/{n} at shop.test: "))
        }))
        .await;
        for (body, want) in bodies {
            assert_eq!(body, want);
        }
        drop(open);
        holding.close().await;
    });
}

/// The whole way: the supervisor, with the gateway's door at the end of it.
fn open(scope: &Scope, state: &std::path::Path, settings: SshSettings, door: &Door) -> Tunnel {
    let tunnels = Tunnels::new(&tools(scope, state, settings)).unwrap();
    let visit = TunnelTarget {
        id: an_id(),
        name: "shop".parse().unwrap(),
        target: door.addr,
        endpoint: Arc::new(door.clone()),
    };
    tunnels.open(TunnelKind::Ssh, visit).unwrap()
}

async fn state_of(tunnel: &mut Tunnel, wanted: impl FnMut(&TunnelState) -> bool) -> TunnelState {
    let found = timeout(PATIENCE, tunnel.states.wait_for(wanted));
    found.await.expect("not in time").unwrap().clone()
}

pub fn verifies_end_to_end() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let mut tunnel = open(&scope, state.path(), sshd.settings(), &door);
        let ready = state_of(&mut tunnel, |now| matches!(now, TunnelState::Ready { .. })).await;
        let TunnelState::Ready { url, verified } = ready else {
            unreachable!()
        };
        assert_eq!(verified, Verification::EndToEnd);
        assert_eq!(door.shown(), [url]);
        tunnel.close().await;
    });
}

pub fn comes_back_with_its_url() {
    let mut sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let settings = SshSettings {
            remote_port: Some(free_port()),
            ..sshd.settings()
        };
        let provider = ssh(&tools(&scope, state.path(), settings.clone()));
        assert!(provider.capabilities().stable_url);
        let door = Door::open(&scope).await;
        let mut tunnel = open(&scope, state.path(), settings, &door);
        let is_ready = |now: &TunnelState| matches!(now, TunnelState::Ready { .. });
        let first = state_of(&mut tunnel, is_ready).await;
        sshd.kill();
        let waiting = state_of(&mut tunnel, |now| {
            matches!(now, TunnelState::Waiting { .. })
        })
        .await;
        let TunnelState::Waiting { problem, .. } = waiting else {
            unreachable!()
        };
        assert!(problem.retryable, "{problem:?}");
        sshd.restart();
        let second = state_of(&mut tunnel, is_ready).await;
        assert_eq!(first, second);
        let TunnelState::Ready { url, .. } = second else {
            unreachable!()
        };
        assert_eq!(get(address(&url), "/").await, "GET / at shop.test: ");
        tunnel.close().await;
    });
}

pub fn asks_for_its_last_port() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let provider = ssh(&tools(&scope, state.path(), sshd.settings()));
        let door = Door::open(&scope).await;
        let mut first = hold(&scope, &provider, door.addr);
        let url = first.up().await;
        sshd.signal_sessions(Signal::KILL);
        let error = first.ended().await;
        assert!(matches!(error, TunnelError::Lost { .. }), "{error}");

        let mut second = hold(&scope, &provider, door.addr);
        assert_eq!(second.up().await, url);
        second.close().await;

        // Someone else has it meanwhile: any other will do.
        let other = TcpListener::bind(address(&url)).await.unwrap();
        let mut third = hold(&scope, &provider, door.addr);
        let moved = third.up().await;
        assert_ne!(moved, url);
        assert_eq!(get(address(&moved), "/").await, "GET / at shop.test: ");
        third.close().await;
        drop(other);
    });
}

pub fn leaves_nothing_when_closed() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let settings = SshSettings {
            remote_port: Some(free_port()),
            ..sshd.settings()
        };
        let provider = ssh(&tools(&scope, state.path(), settings));
        let door = Door::open(&scope).await;
        let mut holding = hold(&scope, &provider, door.addr);
        let at: SocketAddr = address(&holding.up().await);
        let mut visitor = request(at, "GET /sse HTTP/1.1").await;
        read_until(&mut visitor, "data: 2\n\n").await;
        holding.close().await;
        // The server sees the end of the connection in its own time.
        until("the port is given back", || {
            StdStream::connect(at).is_err().then_some(())
        });
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, visitor.read_to_end(&mut rest))
            .await
            .unwrap();
        until("the server has no session", || {
            sshd.sessions().is_empty().then_some(())
        });
    });
}
