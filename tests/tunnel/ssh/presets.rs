//! What sish, localhost.run and pinggy say, by a real `sshd` whose sessions say it.

use std::{
    fs, io::Write as _, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf,
    process::Command,
};

use codemate_preview::{
    config::{SshPreset, SshSettings},
    model::{PublicUrl, TunnelKind},
    task::Scope,
    tunnel::{Connection, Provider as _, Retry, Ssh, TunnelError},
};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{
    Holding, hold, ssh,
    sshd::{Sshd, free_port},
    tools,
    visit::get,
};
use crate::world::{Door, PATIENCE, block_on, until};

/// One server, and what the session of whoever logs in says.
struct Public {
    sshd: Sshd,
    /// The session ends when this is closed.
    pen: Option<fs::File>,
    dir: TempDir,
    /// Where it listens for us.
    port: u16,
}

impl Public {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (fifo, script) = (dir.path().join("fifo"), dir.path().join("session"));
        let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        // The session has its end of the pipe before anybody hears that it has begun.
        let text = format!(
            "#!/bin/sh\ncd '{}'\nexec 3< fifo\nprintf '%s' \"$SSH_ORIGINAL_COMMAND\" > new\n\
             mv new asked\nexec cat <&3\n",
            dir.path().display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let more = format!(
            "AllowTcpForwarding remote\nForceCommand {}",
            script.display()
        );
        // Open for both, so that it waits for no reader.
        let mut pen = fs::OpenOptions::new();
        let pen = pen.read(true).write(true).open(&fifo).unwrap();
        Self {
            sshd: Sshd::start_with(&more),
            pen: Some(pen),
            dir,
            port: free_port(),
        }
    }

    fn settings(&self, preset: SshPreset) -> SshSettings {
        SshSettings {
            preset: Some(preset),
            url: None,
            remote_port: Some(self.port),
            ..self.sshd.settings()
        }
    }

    /// Hold a tunnel there, whose session says this first.
    async fn hold(&mut self, scope: &Scope, preset: SshPreset, text: &str) -> Holding {
        let state = self.dir.path().join("state");
        let provider = ssh(&tools(scope, &state, self.settings(preset)));
        let door = Door::open(scope).await;
        let holding = hold(scope, &provider, door.addr);
        self.say(text);
        holding
    }

    fn say(&mut self, text: &str) {
        let pen = self.pen.as_mut().unwrap();
        // As a network may cut it.
        for piece in text.as_bytes().chunks(11) {
            pen.write_all(piece).unwrap();
        }
    }

    fn asked(&self) -> PathBuf {
        self.dir.path().join("asked")
    }

    /// End the session, once it has begun.
    fn end(&mut self) {
        until("a session", || self.asked().exists().then_some(()));
        self.pen = None;
    }

    async fn sees_the_door(&self) {
        let at = SocketAddr::from(([127, 0, 0, 1], self.port));
        assert_eq!(get(at, "/page").await, "GET /page at shop.test: ");
    }
}

async fn moved_to(holding: &mut Holding, url: &str) {
    let url: PublicUrl = url.parse().unwrap();
    let wanted = Connection::Up(url);
    let found = holding.connection.wait_for(|now| *now == wanted);
    timeout(PATIENCE, found)
        .await
        .expect("not in time")
        .unwrap();
}

const SISH: &str = "Press Ctrl-C to close the session.\r\n\r\n\
    Starting SSH Forwarding service for \u{1b}[32mhttp:80\u{1b}[0m. Forwarded connections can be \
    accessed via the following methods:\r\n\
    \u{1b}[94mHTTP\u{1b}[0m: http://shop.tuns.test\r\n\
    \u{1b}[94mHTTPS\u{1b}[0m: https://shop.tuns.test\r\n";

pub fn sish_says_its_url() {
    block_on(|scope| async move {
        let mut public = Public::start();
        let mut holding = public.hold(&scope, SshPreset::Sish, SISH).await;
        assert_eq!(holding.up().await.to_string(), "https://shop.tuns.test");
        public.sees_the_door().await;
        assert_eq!(fs::read_to_string(public.asked()).unwrap(), "", "a shell");
        holding.close().await;
    });
}

/// Where there is no better address, the plain one is taken after a pause.
pub fn sish_without_tls_says_its_url() {
    const TEXT: &str =
        "Press Ctrl-C to close the session.\r\n\r\nHTTP: http://shop.tuns.test:8080\r\n";
    block_on(|scope| async move {
        let mut public = Public::start();
        let mut holding = public.hold(&scope, SshPreset::Sish, TEXT).await;
        assert_eq!(holding.up().await.to_string(), "http://shop.tuns.test:8080");
        holding.close().await;
    });
}

pub fn sish_refuses_a_taken_name() {
    block_on(|scope| async move {
        let mut public = Public::start();
        let other = std::net::TcpListener::bind(("127.0.0.1", public.port)).unwrap();
        let holding = public.hold(&scope, SshPreset::Sish, "").await;
        let error = holding.ended().await;
        let TunnelError::HostTaken { host, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*host, format!("shop:{}", public.port));
        assert_eq!(error.retry(), Retry::Never);
        drop(other);
    });
}

pub fn localhost_run_says_its_url() {
    const TEXT: &str = "\r\nWelcome to localhost.run!\r\n\r\nhttps://localhost.run/docs/\r\n\
        ** your connection id is 26493725-4c74, please mention it. **\r\n\
        f27f21.lhr.test tunneled with tls termination, https://f27f21.lhr.test\r\n\
        create an account and add your key for a longer lasting domain name. see \
        https://localhost.run/docs/forever-free/ for more information.\r\n";
    block_on(|scope| async move {
        let mut public = Public::start();
        let mut holding = public.hold(&scope, SshPreset::LocalhostRun, TEXT).await;
        assert_eq!(holding.up().await.to_string(), "https://f27f21.lhr.test");
        public.sees_the_door().await;
        let asked = fs::read_to_string(public.asked()).unwrap();
        assert_eq!(asked, "--output json");
        holding.close().await;

        let state = tempfile::tempdir().unwrap();
        let tools = tools(&scope, state.path(), SshSettings::default());
        let checks = Ssh::new(TunnelKind::LocalhostRun, &tools)
            .check(false)
            .await;
        assert_eq!(checks[0].detail, "`nokey` at `localhost.run`");
    });
}

/// A free address changes while the connection stays.
pub fn localhost_run_moves() {
    const TEXT: &str = concat!(
        r#"{"connection_id":"abc","event":"authn","message":"authenticated as anonymous user"}"#,
        "\n",
        r#"{"connection_id":"abc","event":"tcpip-forward","address":"a1.lhr.test","#,
        r#""message":"a1.lhr.test tunneled with tls termination, https://a1.lhr.test","#,
        r#""listen_host":"a1.lhr.test","status":"success"}"#,
        "\n",
    );
    block_on(|scope| async move {
        let mut public = Public::start();
        let mut holding = public.hold(&scope, SshPreset::LocalhostRun, TEXT).await;
        assert_eq!(holding.up().await.to_string(), "https://a1.lhr.test");
        public.say(&TEXT.replace("a1.", "b2."));
        moved_to(&mut holding, "https://b2.lhr.test").await;
        public.sees_the_door().await;
        holding.close().await;
    });
}

pub fn pinggy_says_its_url_and_expires() {
    const TEXT: &str = "You are not authenticated.\r\nYour tunnel will expire in 60 minutes. \
        Upgrade to Pinggy Pro to get unrestricted tunnels. https://dashboard.pinggy.io\r\n\r\n\
        http://rnckk-1-2-3-4.a.free.pinggy.test\r\nhttps://rnckk-1-2-3-4.a.free.pinggy.test\r\n";
    block_on(|scope| async move {
        let mut public = Public::start();
        let mut holding = public.hold(&scope, SshPreset::Pinggy, TEXT).await;
        assert_eq!(
            holding.up().await.to_string(),
            "https://rnckk-1-2-3-4.a.free.pinggy.test"
        );
        public.sees_the_door().await;
        public.say("Tunnel expired.\r\n");
        public.end();
        let error = holding.ended().await;
        assert!(matches!(error, TunnelError::Lost { .. }), "{error}");
        assert!(error.to_string().contains("Tunnel expired."), "{error}");
    });
}

pub fn a_server_that_says_no_url() {
    block_on(|scope| async move {
        let mut public = Public::start();
        let text = "This client is too old.\r\n";
        let holding = public.hold(&scope, SshPreset::Pinggy, text).await;
        public.end();
        let error = holding.ended().await;
        assert!(matches!(error, TunnelError::Rejected { .. }), "{error}");
        assert!(error.to_string().contains("too old"), "{error}");
    });
}
