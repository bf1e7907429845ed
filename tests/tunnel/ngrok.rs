//! ngrok: the real crate against an edge of our own.

use std::{sync::Arc, time::Duration};

use codemate_preview::{
    config::{CredentialRegistry, TunnelSettings, credentials::NGROK_AUTHTOKEN},
    model::{Credentials, PublicUrl, Secret},
    store::Store,
    task::Scope,
    tunnel::{
        Connection, Ngrok, Provider as _, Report, Retry, Stop, Tools, TunnelError, TunnelSpec,
        Verdict,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
};

use super::{
    Test,
    ngrok_edge::{BASE, Edge, What},
    world::{Door, PATIENCE, an_id, block_on},
};

pub const TESTS: &[Test] = &[
    Test::new("a_bad_authtoken_is_told", a_bad_authtoken_is_told),
    Test::new("doctor_tries_the_authtoken", doctor_tries_the_authtoken),
    Test::new(
        "bound_as_wished_and_closed_cleanly",
        bound_as_wished_and_closed_cleanly,
    ),
    Test::new("visitors_come_through", visitors_come_through),
    Test::new(
        "two_instances_share_a_session",
        two_instances_share_a_session,
    ),
    Test::new(
        "an_earlier_session_is_waited_for",
        an_earlier_session_is_waited_for,
    ),
    Test::new(
        "a_domain_that_is_online_is_waited_for",
        a_domain_that_is_online_is_waited_for,
    ),
    Test::new("no_server_there_is_told", no_server_there_is_told),
];

pub const TOKEN: &str = "2testTESTtest0123456789_0123456789test";

/// An edge, and what an agent that knows it is made of.
pub struct Rig {
    pub edge: Edge,
    pub tools: Tools,
    _dir: tempfile::TempDir,
}

impl Rig {
    pub fn new(scope: &Scope) -> Self {
        let edge = Edge::start();
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, &edge.ca).unwrap();
        let mut settings = TunnelSettings::default();
        settings.ngrok.server = Some(edge.server());
        settings.ngrok.ca = Some(ca.clone());
        settings.ngrok.domain = Some(format!("{{name}}.{BASE}"));
        let names = (format!("*.{BASE}"), edge.public.to_string());
        settings.resolve.extend([names]);
        let token = Some(Secret::new(TOKEN));
        let known = Credentials::default().with(NGROK_AUTHTOKEN, token);
        let tools = Tools {
            settings,
            credentials: CredentialRegistry::new(known),
            store: Arc::new(Store::open(dir.path().join("store")).unwrap()),
            owner: "owner".to_owned(),
            path: None,
            home: None,
            ca_bundle: Some(ca),

            inherited: codemate_preview::config::Inherited::default(),
            wrapper: codemate_preview::tunnel::OURSELVES.into(),
            timing: codemate_preview::tunnel::TunnelTiming::default(),
            scope: scope.child(),
        };
        Self {
            edge,
            tools,
            _dir: dir,
        }
    }

    pub fn ngrok(&self) -> Arc<Ngrok> {
        Arc::new(Ngrok::new(&self.tools))
    }

    /// What comes back for a request through the public side.
    pub async fn get(&self, url: &PublicUrl, path: &str) -> String {
        let response = self.client(url).get(format!("{url}{path}")).send().await;
        response.unwrap().text().await.unwrap()
    }

    fn client(&self, url: &PublicUrl) -> reqwest::Client {
        let authority = reqwest::Certificate::from_pem(self.edge.ca.as_bytes()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([authority])
            .resolve(url.host(), self.edge.public)
            .build()
            .unwrap()
    }

    /// A plain connection that has asked for this.
    async fn ask(&self, url: &PublicUrl, path: &str, more: &str) -> TcpStream {
        let mut visitor = TcpStream::connect(self.edge.public).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", url.host());
        visitor.write_all(head.as_bytes()).await.unwrap();
        visitor
    }
}

/// A tunnel that is held without a supervisor.
pub struct Held {
    pub connection: watch::Receiver<Connection>,
    pub stop: Stop,
    ended: JoinHandle<Result<(), TunnelError>>,
}

impl Held {
    pub fn new(scope: &Scope, ngrok: &Arc<Ngrok>, name: &str, door: &Door) -> Self {
        let (report, connection) = Report::new();
        let stop = Stop::default();
        let spec = TunnelSpec {
            id: an_id(),
            name: name.parse().unwrap(),
            target: door.addr,
            generation: 1,
        };
        let (ngrok, stopped) = (Arc::clone(ngrok), stop.clone());
        let ended = scope.spawn(async move { ngrok.hold(spec, report, stopped).await });
        Self {
            connection,
            stop,
            ended,
        }
    }

    pub async fn up(&mut self) -> PublicUrl {
        let up = self
            .connection
            .wait_for(|now| matches!(now, Connection::Up(_)));
        let now = patiently("up", up).await.expect("it ended").clone();
        let Connection::Up(url) = now else {
            unreachable!()
        };
        url
    }

    pub async fn down(&mut self) {
        let down = self
            .connection
            .wait_for(|now| matches!(now, Connection::Down { .. }));
        patiently("down", down).await.expect("it ended");
    }

    pub async fn end(self) -> Result<(), TunnelError> {
        patiently("the end", self.ended).await.unwrap()
    }

    pub async fn close(self) {
        self.stop.close_and_release();
        self.end().await.unwrap();
    }
}

pub async fn patiently<F: Future>(what: &str, wanted: F) -> F::Output {
    let found = tokio::time::timeout(PATIENCE, wanted).await;
    found.unwrap_or_else(|_| panic!("waited in vain for: {what}"))
}

/// Until the edge has seen it as often as that.
pub async fn seen(edge: &Edge, what: What, times: usize) {
    let seeing = async {
        while edge.seen(what).len() < times {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patiently(&format!("{what:?} {times} times"), seeing).await;
}

fn a_bad_authtoken_is_told() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let text = format!("The authtoken {TOKEN} is invalid.\r\nYour authtoken: {TOKEN}");
        rig.edge.refuse_once(107, &text);
        let ngrok = rig.ngrok();
        let error = Held::new(&scope, &ngrok, "shop", &door).end().await;
        let error = error.unwrap_err();
        assert!(matches!(error, TunnelError::Credential { .. }), "{error}");
        assert_eq!(error.retry(), Retry::Never);
        let told = format!("{error:?} {:?}", error.problem());
        assert!(told.contains("ERR_NGROK_107"), "{told}");
        assert!(!told.contains(TOKEN), "{told}");
        seen(&rig.edge, What::End, 1).await;

        // The next one is taken.
        let mut held = Held::new(&scope, &ngrok, "shop", &door);
        held.up().await;
        let auth = rig.edge.seen(What::Auth).pop().unwrap().body;
        assert_eq!(auth["Extra"]["AuthToken"], TOKEN);
        held.close().await;
    });
}

fn doctor_tries_the_authtoken() {
    block_on(|scope| async move {
        let mut rig = Rig::new(&scope);
        let ngrok = rig.ngrok();
        let verdicts = async |ngrok: &Ngrok, online| -> Vec<Verdict> {
            let checks = ngrok.check(online).await;
            checks.iter().map(|check| check.verdict).collect()
        };
        assert_eq!(verdicts(&ngrok, false).await, [Verdict::Good]);
        assert_eq!(rig.edge.dials(), 0, "it was not asked to");
        assert_eq!(verdicts(&ngrok, true).await, [Verdict::Good; 2]);
        seen(&rig.edge, What::End, 1).await;
        rig.edge.refuse_once(105, "That is no authtoken.");
        let refused = ngrok.check(true).await.pop().unwrap();
        assert_eq!(refused.verdict, Verdict::Bad);
        assert!(refused.fix.unwrap().contains("your-authtoken"));
        rig.tools.credentials = CredentialRegistry::default();
        assert_eq!(verdicts(&rig.ngrok(), true).await, [Verdict::Absent]);
    });
}

fn bound_as_wished_and_closed_cleanly() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let mut held = Held::new(&scope, &rig.ngrok(), "shop", &door);
        assert_eq!(held.up().await.to_string(), format!("https://shop.{BASE}"));
        let auth = rig.edge.seen(What::Auth).pop().unwrap().body;
        let agent = auth["Extra"]["UserAgent"].as_str().unwrap();
        assert!(agent.starts_with("codemate-preview/"), "{agent}");
        let bind = rig.edge.seen(What::Bind).pop().unwrap().body;
        assert_eq!(bind["Opts"]["Domain"], format!("shop.{BASE}"));
        assert_eq!(bind["Extra"]["Metadata"], "shop");
        assert_eq!(bind["ForwardsTo"], format!("http://{}", door.addr));

        held.close().await;
        let unbind = rig.edge.seen(What::Unbind).remove(0).body;
        assert_eq!(unbind["Id"], "tn_1");
        assert!(rig.edge.hosts().is_empty());
        seen(&rig.edge, What::End, 1).await;
        assert_eq!(rig.edge.dials(), 1, "it came back");
    });
}

fn visitors_come_through() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let mut held = Held::new(&scope, &rig.ngrok(), "shop", &door);
        let url = held.up().await;
        let host = url.host();
        assert_eq!(rig.get(&url, "/a").await, format!("GET /a at {host}: "));
        let posting = rig.client(&url).post(format!("{url}/b")).body("sent");
        let posted = posting.send().await.unwrap().text().await.unwrap();
        assert_eq!(posted, format!("POST /b at {host}: sent"));

        let mut events = rig.ask(&url, "/sse", "").await;
        let mut text = String::new();
        while !text.contains("data: 2") {
            let mut some = [0; 512];
            let count = patiently("events", events.read(&mut some)).await.unwrap();
            assert_ne!(count, 0, "it ended: {text}");
            text.push_str(&String::from_utf8_lossy(&some[..count]));
        }

        let upgrade = "Connection: upgrade\r\nUpgrade: echo\r\n";
        let mut socket = rig.ask(&url, "/socket", upgrade).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(patiently("the answer", socket.read_u8()).await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"));
        for word in [b"one.", b"two."] {
            socket.write_all(word).await.unwrap();
            let mut back = [0; 4];
            let echoed = patiently("the echo", socket.read_exact(&mut back)).await;
            echoed.unwrap();
            assert_eq!(&back, word);
        }

        // Closed, it leaves no visitor inside.
        held.close().await;
        for mut visitor in [events, socket] {
            let mut rest = Vec::new();
            let ended = patiently("the end", visitor.read_to_end(&mut rest)).await;
            assert!(ended.is_err() || rest.is_empty(), "{rest:?}");
        }
    });
}

fn two_instances_share_a_session() {
    block_on(|scope| async move {
        let rig = Rig::new(&scope);
        let (one, two) = (Door::open(&scope).await, Door::open(&scope).await);
        let ngrok = rig.ngrok();
        let mut first = Held::new(&scope, &ngrok, "one", &one);
        let mut second = Held::new(&scope, &ngrok, "two", &two);
        first.up().await;
        let url = second.up().await;
        let sessions: Vec<u64> = rig
            .edge
            .seen(What::Bind)
            .iter()
            .map(|it| it.session)
            .collect();
        assert_eq!(sessions, [0, 0]);

        first.close().await;
        assert_eq!(rig.edge.hosts(), [format!("two.{BASE}")]);
        assert!(rig.get(&url, "/").await.starts_with("GET / "));
        assert!(
            rig.edge.seen(What::End).is_empty(),
            "the session went with it"
        );
        second.close().await;
        seen(&rig.edge, What::End, 1).await;

        // And one that comes later has a new one.
        let mut third = Held::new(&scope, &ngrok, "three", &one);
        third.up().await;
        assert_eq!(rig.edge.seen(What::Auth).len(), 2);
        third.close().await;
    });
}

fn an_earlier_session_is_waited_for() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let ngrok = rig.ngrok();
        let refused = async || {
            let text = "Your account is limited to 1 simultaneous ngrok agent sessions.";
            rig.edge.refuse_once(108, text);
            let ended = Held::new(&scope, &ngrok, "shop", &door).end().await;
            ended.unwrap_err()
        };
        let error = refused().await;
        assert!(matches!(error, TunnelError::Held { .. }), "{error}");
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(10)));
        let mut held = Held::new(&scope, &ngrok, "shop", &door);
        held.up().await;
        held.close().await;

        // But not for ever.
        let mut times = 0;
        let error = loop {
            let error = refused().await;
            if error.retry() == Retry::Never {
                break error;
            }
            times += 1;
            assert!(times < 20, "{error}");
        };
        assert_eq!(times, 9);
        assert!(matches!(error, TunnelError::Limit { .. }), "{error}");
    });
}

fn a_domain_that_is_online_is_waited_for() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let (gone, new) = (rig.ngrok(), rig.ngrok());
        let mut held = Held::new(&scope, &gone, "shop", &door);
        held.up().await;
        let error = Held::new(&scope, &new, "shop", &door).end().await;
        let error = error.unwrap_err();
        assert!(matches!(error, TunnelError::Held { .. }), "{error}");
        held.close().await;
        let mut held = Held::new(&scope, &new, "shop", &door);
        held.up().await;
        held.close().await;
    });
}

fn no_server_there_is_told() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        rig.edge.down();
        let error = Held::new(&scope, &rig.ngrok(), "shop", &door).end().await;
        let error = error.unwrap_err();
        assert!(matches!(error, TunnelError::Unreachable { .. }), "{error}");
        assert_eq!(error.retry(), Retry::Backoff);
    });
}
