//! Whom a server lets in, and which server it is.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use codemate_preview::{
    config::{CredentialRegistry, SshSettings, credentials::SSH_AUTH_SOCK},
    model::{Code, Credentials, Secret, TunnelKind},
    tunnel::{Provider as _, Retry, Ssh, TunnelError, Verdict},
};

use super::{
    hold, ssh,
    sshd::{Sshd, fingerprint, keygen},
    tools,
};
use crate::world::{Door, block_on, until};

pub fn a_wrong_key_is_said() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let stranger = state.path().join("stranger");
        keygen(&stranger, "");
        for (key, hint) in [(Some(stranger), "stranger.pub"), (None, "tunnels.ssh.key")] {
            let settings = SshSettings {
                key,
                ..sshd.settings()
            };
            let provider = ssh(&tools(&scope, state.path(), settings));
            let error = hold(&scope, &provider, door.addr).ended().await;
            assert!(matches!(error, TunnelError::Credential { .. }), "{error}");
            assert_eq!(error.retry(), Retry::Never);
            assert_eq!(error.problem().code, Code::Credential);
            let said = error.problem().hint.unwrap();
            assert!(said.contains(hint), "{said}");
        }
    });
}

pub fn a_bad_key_file_is_said() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let at = |name: &str| state.path().join(name);
        keygen(&at("locked"), "secret");
        keygen(&at("open"), "");
        fs::set_permissions(at("open"), Permissions::from_mode(0o644)).unwrap();
        fs::write(at("garbage"), "garbage").unwrap();
        fs::copy(sshd.file("key.pub"), at("public")).unwrap();
        for name in ["garbage", "public"] {
            fs::set_permissions(at(name), Permissions::from_mode(0o600)).unwrap();
        }
        for (name, said) in [
            ("locked", "ssh-add"),
            ("open", "chmod 600"),
            ("garbage", "ssh-keygen"),
            ("public", "public key"),
            ("missing", "tunnels.ssh.key"),
        ] {
            let settings = SshSettings {
                key: Some(at(name)),
                ..sshd.settings()
            };
            let provider = ssh(&tools(&scope, state.path(), settings));
            let error = hold(&scope, &provider, door.addr).ended().await;
            assert!(matches!(error, TunnelError::Credential { .. }), "{error}");
            let hint = error.problem().hint.unwrap();
            assert!(hint.contains(said), "{name}: {hint}");
            let checks = provider.check(false).await;
            let found = checks.iter().find(|check| check.verdict == Verdict::Bad);
            assert_eq!(found.unwrap().fix.as_ref(), Some(&hint), "{name}");
        }
    });
}

/// A real `ssh-agent`; it ends with the test.
struct Agent(Child);

impl Agent {
    fn start(socket: &Path) -> Self {
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("the agent listens", || {
            std::os::unix::net::UnixStream::connect(socket).ok()
        });
        Self(child)
    }

    fn add(socket: &Path, key: &Path) {
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", socket)
            .status()
            .unwrap();
        assert!(added.success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub fn the_agents_keys_are_used() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let socket = state.path().join("agent");
        let agent = Agent::start(&socket);
        let settings = SshSettings {
            key: None,
            ..sshd.settings()
        };
        let mut tools = tools(&scope, state.path(), settings);
        let listens = Some(Secret::new(socket.to_str().unwrap()));
        let known = Credentials::default().with(SSH_AUTH_SOCK, listens);
        tools.credentials = CredentialRegistry::new(known);
        let provider = ssh(&tools);
        let error = hold(&scope, &provider, door.addr).ended().await;
        assert!(matches!(error, TunnelError::Credential { .. }), "{error}");

        // One that is not known there comes first.
        let stranger = state.path().join("stranger");
        keygen(&stranger, "");
        Agent::add(&socket, &stranger);
        Agent::add(&socket, &sshd.file("key"));
        let mut holding = hold(&scope, &provider, door.addr);
        holding.up().await;
        holding.close().await;
        drop(agent);
    });
}

pub fn a_changed_host_key_is_refused() {
    let mut sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let provider = ssh(&tools(&scope, state.path(), sshd.settings()));
        let old = fingerprint(&sshd.file("host.pub"));
        for _ in 0..2 {
            let mut holding = hold(&scope, &provider, door.addr);
            holding.up().await;
            holding.close().await;
        }
        let known = state.path().join("tunnels/known_hosts");
        let text = fs::read_to_string(&known).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 ", sshd.port)));
        let mode = fs::metadata(&known).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        sshd.kill();
        sshd.new_host_key();
        sshd.restart();
        let error = hold(&scope, &provider, door.addr).ended().await;
        let TunnelError::HostKeyChanged {
            seen,
            expected,
            hint,
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(*seen, fingerprint(&sshd.file("host.pub")));
        assert_eq!(*expected, old);
        assert!(hint.contains(known.to_str().unwrap()), "{hint}");
        assert_eq!(error.retry(), Retry::Never);
        assert_eq!(fs::read_to_string(&known).unwrap(), text, "it was kept");
    });
}

pub fn a_pinned_host_key_is_the_only_one() {
    let sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let door = Door::open(&scope).await;
        let pinned = |pin: String| SshSettings {
            host_key: Some(pin),
            ..sshd.settings()
        };
        let right = fingerprint(&sshd.file("host.pub"));
        let provider = ssh(&tools(&scope, state.path(), pinned(right.clone())));
        let mut holding = hold(&scope, &provider, door.addr);
        holding.up().await;
        holding.close().await;

        let wrong = fingerprint(&sshd.file("key.pub"));
        let provider = ssh(&tools(&scope, state.path(), pinned(wrong.clone())));
        let error = hold(&scope, &provider, door.addr).ended().await;
        let TunnelError::HostKeyChanged {
            seen,
            expected,
            hint,
            ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((seen, expected), (right, wrong));
        assert!(hint.contains("tunnels.ssh.host_key"), "{hint}");
        assert!(!state.path().join("tunnels/known_hosts").exists());
    });
}

pub fn doctor_looks_at_all_of_it() {
    let mut sshd = Sshd::start();
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let verdicts = |checks: &[codemate_preview::tunnel::Check]| {
            checks.iter().map(|check| check.verdict).collect::<Vec<_>>()
        };
        let unset = ssh(&tools(&scope, state.path(), SshSettings::default()));
        assert_eq!(verdicts(&unset.check(true).await), [Verdict::Absent]);

        let tools = tools(&scope, state.path(), sshd.settings());
        let provider = ssh(&tools);
        let offline = provider.check(false).await;
        assert_eq!(verdicts(&offline), [Verdict::Good; 2]);
        let online = provider.check(true).await;
        assert_eq!(verdicts(&online), [Verdict::Good; 3]);
        let host_key = fingerprint(&sshd.file("host.pub"));
        assert!(online[2].detail.contains(&host_key), "{online:?}");
        until("the probe left", || {
            sshd.sessions().is_empty().then_some(())
        });
        sshd.kill();
        let online = provider.check(true).await;
        assert_eq!(online[2].verdict, Verdict::Bad, "{online:?}");
        sshd.restart();

        // The server of these settings is not for the kinds that have one of their own.
        for (kind, at) in [
            (TunnelKind::LocalhostRun, "at `localhost.run`"),
            (TunnelKind::Pinggy, "at `[a.pinggy.io]:443`"),
        ] {
            let checks = Ssh::new(kind, &tools).check(false).await;
            assert!(checks[0].detail.contains(at), "{checks:?}");
            let key = sshd.file("key").display().to_string();
            assert!(checks[1].detail.contains(&key), "{checks:?}");
        }
    });
}
