//! What goes wrong at a server of one's own, and what is said of it.

use codemate_preview::{
    config::{SshPreset, SshSettings},
    task::Scope,
    tunnel::{Retry, TunnelError},
};
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
    visit::{address, get},
};
use crate::world::{Door, PATIENCE, block_on};

pub fn a_busy_port_is_said() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let settings = SshSettings {
            remote_port: Some(port),
            ..sshd.settings()
        };
        let provider = ssh(&tools(&scope, state.path(), settings));
        let door = Door::open(&scope).await;
        let error = hold(&scope, &provider, door.addr).ended().await;
        let TunnelError::HostTaken { host, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*host, format!("localhost:{port}"));
        assert_eq!(error.retry(), Retry::Never);
    });
}

/// After a loss the server may not have noticed yet; that is no stranger's port.
pub fn a_port_still_kept_is_waited_for() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let settings = SshSettings {
            remote_port: Some(free_port()),
            ..sshd.settings()
        };
        let provider = ssh(&tools(&scope, state.path(), settings));
        let door = Door::open(&scope).await;
        let mut first = hold(&scope, &provider, door.addr);
        let url = first.up().await;
        sshd.signal_sessions(Signal::STOP);
        let error = first.ended().await;
        assert!(matches!(error, TunnelError::Lost { .. }), "{error}");
        let error = hold(&scope, &provider, door.addr).ended().await;
        assert!(matches!(error, TunnelError::Unreachable { .. }), "{error}");
        assert_eq!(error.retry(), Retry::Backoff);
        sshd.signal_sessions(Signal::KILL);
        crate::world::until("the port is free", || {
            std::net::TcpListener::bind(address(&url)).ok()
        });
        let mut third = hold(&scope, &provider, door.addr);
        assert_eq!(third.up().await, url);
        third.close().await;
    });
}

pub fn no_forwarding_is_said() {
    let sshd = Sshd::start_with("AllowTcpForwarding no");
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        for remote_port in [None, Some(free_port())] {
            let settings = SshSettings {
                remote_port,
                ..sshd.settings()
            };
            let provider = ssh(&tools(&scope, state.path(), settings));
            let error = hold(&scope, &provider, door.addr).ended().await;
            assert!(matches!(error, TunnelError::Rejected { .. }), "{error}");
            let hint = error.problem().hint.unwrap();
            assert!(hint.contains("AllowTcpForwarding"), "{hint}");
        }
    });
}

pub fn a_frozen_server_is_lost() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let provider = ssh(&tools(&scope, state.path(), sshd.settings()));
        let door = Door::open(&scope).await;
        let mut holding = hold(&scope, &provider, door.addr);
        holding.up().await;
        sshd.signal_sessions(Signal::STOP);
        let error = holding.ended().await;
        assert!(matches!(error, TunnelError::Lost { .. }), "{error}");
        assert_eq!(error.retry(), Retry::Backoff);
        sshd.signal_sessions(Signal::CONT);
    });
}

/// A server that sends as much as is taken, on every connection.
async fn flood(scope: &Scope) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let inner = scope.clone();
    scope.spawn(async move {
        while let Some(Ok((mut stream, _))) =
            inner.token().run_until_cancelled(listener.accept()).await
        {
            let each = inner.clone();
            inner.spawn(async move {
                let sending = async { while stream.write_all(&[b'x'; 8192]).await.is_ok() {} };
                each.token().run_until_cancelled(sending).await;
            });
        }
    });
    target
}

/// What cannot be written must not keep anybody from seeing that nothing is heard.
pub fn a_server_frozen_while_we_write_is_lost() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let provider = ssh(&tools(&scope, state.path(), sshd.settings()));
        let target = flood(&scope).await;
        let mut holding = hold(&scope, &provider, target);
        let at = address(&holding.up().await);
        // More than both ends of a connection buffer: each may send 2 MiB ahead.
        for _ in 0..40 {
            let mut visitor = TcpStream::connect(at).await.unwrap();
            let mut one = [0_u8; 8192];
            visitor.read_exact(&mut one).await.unwrap();
            let each = scope.clone();
            scope.spawn(async move {
                let reading = async { while visitor.read(&mut one).await.is_ok_and(|n| n > 0) {} };
                each.token().run_until_cancelled(reading).await;
            });
        }
        sshd.signal_sessions(Signal::STOP);
        let error = holding.ended().await;
        assert!(matches!(error, TunnelError::Lost { .. }), "{error}");
        // Its visitors would wait for it for ever.
        sshd.signal_sessions(Signal::KILL);
    });
}

/// All visitors share one connection: who sends what nobody takes must not hold up the others.
pub fn one_who_stalls_holds_nobody_up() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let provider = ssh(&tools(&scope, state.path(), sshd.settings()));
        // The first connection is taken and never read; the second gets an answer.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let (stalls, stalled) = tokio::sync::oneshot::channel();
        scope.spawn(async move {
            let (silent, _) = listener.accept().await.unwrap();
            stalls.send(()).unwrap();
            let (mut other, _) = listener.accept().await.unwrap();
            other.read_u8().await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            other.write_all(answer).await.unwrap();
            drop(silent);
        });
        let mut holding = hold(&scope, &provider, target);
        let at = address(&holding.up().await);
        let mut slow_visitor = TcpStream::connect(at).await.unwrap();
        let sending = scope
            .spawn(async move { while slow_visitor.write_all(&[b'x'; 8192]).await.is_ok() {} });
        timeout(PATIENCE, stalled).await.unwrap().unwrap();
        assert_eq!(get(at, "/").await, "ok");
        holding.close().await;
        timeout(PATIENCE, sending).await.unwrap().unwrap();
    });
}

pub fn no_ssh_is_said() {
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let settings = SshSettings {
            preset: Some(SshPreset::Sish),
            host: Some("127.0.0.1".to_owned()),
            ..SshSettings::default()
        };
        let mut tools = tools(&scope, state.path(), settings);
        tools.path = Some(state.path().into());
        let error = hold(&scope, &ssh(&tools), door.addr).ended().await;
        assert!(
            matches!(error, TunnelError::ProgramMissing { .. }),
            "{error}"
        );
        let hint = error.problem().hint.unwrap();
        assert!(hint.contains("apt-get install openssh-client"), "{hint}");
    });
}

pub fn nobody_there_is_said() {
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let settings = SshSettings {
            preset: Some(SshPreset::Sish),
            host: Some("127.0.0.1".to_owned()),
            port: Some(free_port()),
            ..SshSettings::default()
        };
        let provider = ssh(&tools(&scope, state.path(), settings.clone()));
        let error = hold(&scope, &provider, door.addr).ended().await;
        assert!(matches!(error, TunnelError::Unreachable { .. }), "{error}");
        assert_eq!(error.retry(), Retry::Backoff);

        // There, and no ssh server: it talks HTTP.
        let settings = SshSettings {
            port: Some(door.addr.port()),
            ..settings
        };
        let provider = ssh(&tools(&scope, state.path(), settings));
        let error = hold(&scope, &provider, door.addr).ended().await;
        assert!(matches!(error, TunnelError::Unreachable { .. }), "{error}");
    });
}

pub fn settings_that_miss_are_said() {
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let whole = SshSettings {
            host: Some("127.0.0.1".to_owned()),
            url: Some("http://127.0.0.1:{port}".to_owned()),
            ..SshSettings::default()
        };
        let no = |change: fn(&mut SshSettings)| {
            let mut settings = whole.clone();
            change(&mut settings);
            settings
        };
        for (settings, named) in [
            (no(|s| s.host = None), "tunnels.ssh.host"),
            (
                no(|s| s.host = Some("-oX=y".to_owned())),
                "tunnels.ssh.host",
            ),
            (
                no(|s| s.user = Some("-oX=y".to_owned())),
                "tunnels.ssh.user",
            ),
            (no(|s| s.url = None), "tunnels.ssh.url"),
            (no(|s| s.url = Some("http://{prot}".to_owned())), "{prot}"),
            (no(|s| s.host_key = Some("abc".to_owned())), "host_key"),
        ] {
            let provider = ssh(&tools(&scope, state.path(), settings));
            let error = hold(&scope, &provider, door.addr).ended().await;
            assert!(matches!(error, TunnelError::Settings { .. }), "{error}");
            assert!(error.to_string().contains(named), "{error}");
        }
    });
}
