//! Servers that say what sish, localhost.run and pinggy say, and forward for real.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use codemate_preview::{
    config::{SshPreset, SshSettings},
    model::PublicUrl,
    task::Scope,
    tunnel::{Connection, Retry, TunnelError},
};
use russh::{
    Channel, ChannelId, MethodKind, MethodSet,
    keys::{PrivateKey, ssh_key::private::Ed25519Keypair},
    server::{self, Auth, ChannelOpenHandle, Handle, Msg, Session},
};
use tokio::{io::copy_bidirectional, net::TcpListener, sync::watch, time::timeout};

use super::{Holding, hold, ssh, tools, visit::get};
use crate::world::{Door, PATIENCE, block_on};

/// What one server does and has seen.
#[derive(Clone)]
struct Public {
    shared: Arc<Shared>,
    scope: Scope,
}

struct Shared {
    /// Printed on the session channel, piece by piece, when the port is forwarded.
    text: &'static str,
    grants: bool,
    seen: Mutex<Vec<String>>,
    /// Where the service's visitors would arrive.
    listens: watch::Sender<Option<SocketAddr>>,
    session: watch::Sender<Option<(ChannelId, Handle)>>,
}

impl Public {
    /// Serve one connection, and say where.
    async fn serve(scope: &Scope, text: &'static str, grants: bool) -> (Self, SocketAddr) {
        let public = Self {
            shared: Arc::new(Shared {
                text,
                grants,
                seen: Mutex::default(),
                listens: watch::Sender::default(),
                session: watch::Sender::default(),
            }),
            scope: scope.clone(),
        };
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let config = Arc::new(server::Config {
            keys: vec![key],
            methods: MethodSet::from(&[MethodKind::None][..]),
            auth_rejection_time: Duration::ZERO,
            ..server::Config::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (handler, inner) = (public.clone(), scope.clone());
        scope.spawn(async move {
            let serving = async {
                let (stream, _) = listener.accept().await.unwrap();
                let session = server::run_stream(config, stream, handler).await.unwrap();
                let _ = session.await;
            };
            inner.token().run_until_cancelled(serving).await;
        });
        (public, addr)
    }

    fn saw(&self, what: String) {
        self.shared.seen.lock().unwrap().push(what);
    }

    fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    async fn listens(&self) -> SocketAddr {
        let mut listens = self.shared.listens.subscribe();
        let found = timeout(PATIENCE, listens.wait_for(Option::is_some)).await;
        found.unwrap().unwrap().unwrap()
    }

    async fn session(&self) -> (ChannelId, Handle) {
        let mut session = self.shared.session.subscribe();
        let found = timeout(PATIENCE, session.wait_for(Option::is_some)).await;
        found.unwrap().unwrap().clone().unwrap()
    }

    async fn say(&self, text: &str) {
        let (channel, handle) = self.session().await;
        // As a network may cut it.
        for piece in text.as_bytes().chunks(11) {
            handle.data(channel, piece.to_vec()).await.unwrap();
        }
    }

    /// Talk once both the port and the session are there, whichever comes first.
    fn begin(&self) {
        let public = self.clone();
        self.scope.spawn(async move {
            let (text, token) = (public.shared.text, public.scope.token());
            token.run_until_cancelled(public.say(text)).await;
        });
    }

    fn begin_session(&self, channel: ChannelId, session: &mut Session) {
        session.channel_success(channel).unwrap();
        self.shared
            .session
            .send_replace(Some((channel, session.handle())));
    }
}

impl server::Handler for Public {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, russh::Error> {
        self.saw(format!("user {user}"));
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.saw("shell".to_owned());
        self.begin_session(channel, session);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.saw(format!("exec {}", String::from_utf8_lossy(command)));
        self.begin_session(channel, session);
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, russh::Error> {
        self.saw(format!("forward {address}:{port}"));
        self.begin();
        if !self.shared.grants {
            return Ok(false);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let listens = listener.local_addr()?;
        let (handle, address, port) = (session.handle(), address.to_owned(), *port);
        let scope = self.scope.clone();
        self.scope.spawn(async move {
            let token = scope.token();
            while let Some(Ok((mut visitor, peer))) =
                token.run_until_cancelled(listener.accept()).await
            {
                let (handle, address, token) = (handle.clone(), address.clone(), scope.token());
                let from = peer.ip().to_string();
                scope.spawn(async move {
                    let through = async {
                        let channel = handle
                            .channel_open_forwarded_tcpip(address, port, from, peer.port().into())
                            .await?;
                        copy_bidirectional(&mut visitor, &mut channel.into_stream()).await?;
                        Ok::<_, russh::Error>(())
                    };
                    token.run_until_cancelled(through).await
                });
            }
        });
        self.shared.listens.send_replace(Some(listens));
        Ok(true)
    }
}

fn settings(preset: SshPreset, server: SocketAddr) -> SshSettings {
    SshSettings {
        preset: Some(preset),
        host: Some(server.ip().to_string()),
        port: Some(server.port()),
        ..SshSettings::default()
    }
}

/// Open it, and fetch a page through the channel that the server forwards on.
async fn open(
    scope: &Scope,
    preset: SshPreset,
    text: &'static str,
    want: &str,
) -> (Public, Holding) {
    let state = tempfile::tempdir().unwrap();
    let (public, addr) = Public::serve(scope, text, true).await;
    let provider = ssh(&tools(scope, state.path(), settings(preset, addr)));
    let door = Door::open(scope).await;
    let mut holding = hold(scope, &provider, door.addr);
    assert_eq!(holding.up().await.to_string(), want);
    let body = get(public.listens().await, "/page").await;
    assert_eq!(body, "GET /page at shop.test: ");
    (public, holding)
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
        let (public, holding) = open(&scope, SshPreset::Sish, SISH, "https://shop.tuns.test").await;
        let seen = public.seen();
        for want in ["forward shop:80", "shell"] {
            assert!(seen.iter().any(|it| it == want), "{seen:?}");
        }
        holding.close().await;
    });
}

/// Where there is no better address, the plain one is taken after a pause.
pub fn sish_without_tls_says_its_url() {
    const TEXT: &str = "Press Ctrl-C to close the session.\r\n\r\nHTTP: http://shop.tuns.test:8080";
    block_on(|scope| async move {
        let (_, holding) = open(&scope, SshPreset::Sish, TEXT, "http://shop.tuns.test:8080").await;
        holding.close().await;
    });
}

pub fn sish_refuses_a_taken_name() {
    const TEXT: &str = "The subdomain \u{1b}[33mshop.tuns.test\u{1b}[0m is unavailable.\r\n";
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let (_, addr) = Public::serve(&scope, TEXT, false).await;
        let provider = ssh(&tools(
            &scope,
            state.path(),
            settings(SshPreset::Sish, addr),
        ));
        let door = Door::open(&scope).await;
        let error = hold(&scope, &provider, door.addr).ended().await;
        let TunnelError::HostTaken { host, said, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(host, "shop:80");
        assert_eq!(said, "The subdomain shop.tuns.test is unavailable.");
        assert_eq!(error.retry(), Retry::Never);
    });
}

pub fn localhost_run_says_its_url() {
    const TEXT: &str = "\r\nWelcome to localhost.run!\r\n\r\nhttps://localhost.run/docs/\r\n\
        ** your connection id is 26493725-4c74, please mention it. **\r\n\
        f27f21.lhr.test tunneled with tls termination, https://f27f21.lhr.test\r\n\
        create an account and add your key for a longer lasting domain name. see \
        https://localhost.run/docs/forever-free/ for more information.\r\n";
    block_on(|scope| async move {
        let (public, holding) = open(
            &scope,
            SshPreset::LocalhostRun,
            TEXT,
            "https://f27f21.lhr.test",
        )
        .await;
        let seen = public.seen();
        for want in ["user nokey", "forward localhost:80", "exec --output json"] {
            assert!(seen.iter().any(|it| it == want), "{seen:?}");
        }
        holding.close().await;
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
        let (public, mut holding) =
            open(&scope, SshPreset::LocalhostRun, TEXT, "https://a1.lhr.test").await;
        public.say(&TEXT.replace("a1.", "b2.")).await;
        moved_to(&mut holding, "https://b2.lhr.test").await;
        let body = get(public.listens().await, "/page").await;
        assert_eq!(body, "GET /page at shop.test: ");
        holding.close().await;
    });
}

pub fn pinggy_says_its_url_and_expires() {
    const TEXT: &str = "You are not authenticated.\r\nYour tunnel will expire in 60 minutes. \
        Upgrade to Pinggy Pro to get unrestricted tunnels. https://dashboard.pinggy.io\r\n\r\n\
        http://rnckk-1-2-3-4.a.free.pinggy.test\r\nhttps://rnckk-1-2-3-4.a.free.pinggy.test\r\n";
    block_on(|scope| async move {
        let (public, holding) = open(
            &scope,
            SshPreset::Pinggy,
            TEXT,
            "https://rnckk-1-2-3-4.a.free.pinggy.test",
        )
        .await;
        let seen = public.seen();
        assert!(
            seen.iter().any(|it| it == "forward localhost:0"),
            "{seen:?}"
        );
        public.say("Tunnel expired.\r\n").await;
        let (channel, handle) = public.session().await;
        handle.close(channel).await.unwrap();
        let error = holding.ended().await;
        assert!(matches!(error, TunnelError::Lost { .. }), "{error}");
        assert!(error.to_string().contains("Tunnel expired."), "{error}");
    });
}

pub fn a_server_that_says_no_url() {
    block_on(|scope| async move {
        let state = tempfile::tempdir().unwrap();
        let (public, addr) = Public::serve(&scope, "", true).await;
        let provider = ssh(&tools(
            &scope,
            state.path(),
            settings(SshPreset::Pinggy, addr),
        ));
        let door = Door::open(&scope).await;
        let holding = hold(&scope, &provider, door.addr);
        public.listens().await;
        let (channel, handle) = public.session().await;
        public.say("This client is too old.\r\n").await;
        handle.close(channel).await.unwrap();
        let error = holding.ended().await;
        assert!(matches!(error, TunnelError::Rejected { .. }), "{error}");
        assert!(error.to_string().contains("too old"), "{error}");
    });
}
