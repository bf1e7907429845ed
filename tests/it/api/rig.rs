//! An agent with its API on a port, on an engine without Docker, and a client that sends what it
//! is told to.

use std::{
    collections::BTreeMap, fmt::Write as _, net::SocketAddr, path::PathBuf, sync::Arc,
    time::Duration,
};

use axum::Router;
use codemate_preview::{
    agent::{AppState, Audit, Remote, RemoteParams, TokenRegistry, router},
    config::ApiSettings,
    engine::{Engine, link::Link},
    lifecycle::{Manager, StartRequest},
    model::{ContainerSpec, InstanceId, Name, Sandbox, Secret},
    security::Reach,
    store::{Store, TokenRecord},
    task::Scope,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::signer::{ISSUER, SECRET};
use crate::{help::approve::approved, lifecycle::world::World};

/// Longer than any test takes: a hang becomes a failure.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub struct Rig {
    pub world: World,
    pub at: SocketAddr,
    pub house: AppState,
    pub router: Router,
}

/// Settings of a listener that believes JWTs signed with [`SECRET`].
pub fn settings() -> ApiSettings {
    let mut settings = ApiSettings {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        allowed_origins: vec!["https://ide.example".to_owned()],
        rate_per_minute: Some(100_000),
        ..ApiSettings::default()
    };
    settings.supabase.issuer = Some(ISSUER.to_owned());
    settings
}

impl Rig {
    pub fn new() -> Self {
        Self::with(&settings(), Some(SECRET))
    }

    pub fn with(settings: &ApiSettings, secret: Option<&str>) -> Self {
        // Its instances fail to start, and are there: nothing here is about what their apps do.
        let world = World::new("import sys\nsys.exit(3)\n");
        let agent = world.agent();
        let store = Arc::new(Store::open(world.dir.path().join("state")).unwrap());
        let house = AppState {
            manager: Arc::new(agent.manager),
            supabase: agent.supabase,
            scope: agent.scope,
            started: tokio::time::Instant::now(),
            stop: tokio_util::sync::CancellationToken::new(),
            tokens: Arc::new(TokenRegistry::load(store).unwrap()),
            audit: Arc::new(Audit::open(&world.dir.path().join("audit.log")).unwrap()),
        };
        let secret = secret.map(Secret::new);
        let given = RemoteParams {
            jwt_secret: secret.as_ref(),
            ca_bundle: None,
        };
        let remote = Remote::bind(settings, &given).unwrap().unwrap();
        let at = remote.address().unwrap();
        let router = router(house.clone());
        let (for_router, for_house) = (router.clone(), house.clone());
        house
            .scope
            .spawn(async move { remote.serve(for_router, for_house).await.unwrap() });
        Self {
            world,
            at,
            house,
            router,
        }
    }

    pub fn manager(&self) -> &Manager {
        &self.house.manager
    }

    /// An instance of somebody's.
    pub async fn instance(&self, label: &str, owner: Option<&str>) -> InstanceId {
        let order = StartRequest {
            label: Some(Name::slug(label)),
            owner: owner.map(str::to_owned),
            ..self.world.order()
        };
        let starting = self.manager().up(order).await.unwrap();
        let outcome = starting.outcome.await.unwrap();
        assert!(outcome.is_err(), "{outcome:?}");
        let reach = Reach::All;
        self.manager()
            .resolve(&reach, starting.id.as_str())
            .unwrap()
    }

    /// Give it a container, for commands to run in.
    pub async fn run_container(&self, id: &InstanceId) {
        let record = self.manager().show(id.as_str()).unwrap();
        let spec = ContainerSpec {
            id: id.clone(),
            name: record.name,
            generation: record.generation,
            image: "any".parse().unwrap(),
            env: BTreeMap::new(),
            limits: record.limits,
            sandbox: Sandbox::default(),
            home_volume: record.home_volume,
        };
        let engine = &self.world.engine;
        engine.start(&approved(spec)).await.unwrap();
        // It has its directories once it greets.
        let scope = Scope::new();
        let io = engine.open_link(id).await.unwrap();
        drop(Link::open(io, &scope).await.unwrap());
        scope.cancel();
    }

    pub async fn token(&self, wanted: TokenRecord) -> String {
        let (token, _) = self.house.tokens.add(wanted).await.unwrap();
        token.reveal().to_owned()
    }

    pub async fn revoke(&self, token: &str) {
        let id = self.house.tokens.list().into_iter().find(|record| {
            codemate_preview::security::token_hash(token).as_deref() == Some(record.hash.as_str())
        });
        assert!(self.house.tokens.revoke(&id.unwrap().id).await.unwrap());
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask {
        Ask {
            at: self.at,
            method: method.to_owned(),
            path: path.to_owned(),
            host: self.at.to_string(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn audit(&self) -> Vec<Value> {
        let path: PathBuf = self.world.dir.path().join("audit.log");
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub async fn stop(self) {
        assert!(self.house.scope.close(PATIENCE).await);
    }
}

/// A token that may do everything a token may.
pub fn all() -> TokenRecord {
    TokenRecord {
        id: String::new(),
        hash: String::new(),
        note: String::new(),
        manage: true,
        instance: None,
        local_dirs: true,
        created: jiff::Timestamp::now(),
        expires: None,
    }
}

#[derive(Clone)]
pub struct Ask {
    at: SocketAddr,
    method: String,
    path: String,
    host: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

pub struct Answer {
    /// 0 if the connection was closed without one.
    pub status: u16,
    pub head: String,
    /// Only where its length was said.
    pub body: String,
    pub stream: TcpStream,
}

impl Ask {
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self.header("content-type", "application/json")
    }

    pub async fn send(&self) -> Answer {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\n",
            self.method, self.path, self.host
        );
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let body = self.body.clone().unwrap_or_default();
        if !self.headers.iter().any(|(name, _)| name == "connection") {
            text += "connection: close\r\n";
        }
        let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
        // One that is refused early is closed before all of it was sent.
        let _ = stream.write_all(text.as_bytes()).await;
        timeout(PATIENCE, read(stream)).await.expect("an answer")
    }

    pub async fn status(&self) -> u16 {
        self.send().await.status
    }
}

async fn read(mut stream: TcpStream) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => {
                return Answer {
                    status: 0,
                    head: String::new(),
                    body: String::new(),
                    stream,
                };
            }
        }
    }
    let head = String::from_utf8(head).unwrap();
    let status = head[9..12].parse().unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    Answer {
        status,
        head,
        body: String::from_utf8(body).unwrap(),
        stream,
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| json!(self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// All but the time of day.
    pub fn timeless(&self) -> String {
        let head: String = self
            .head
            .lines()
            .filter(|line| !line.starts_with("date: "))
            .collect();
        head + &self.body
    }

    /// Wait until the other side ends it.
    pub async fn ended(self) {
        self.whole().await;
    }

    /// All that is said until the other side ends it, with the marks of its chunks.
    pub async fn whole(mut self) -> String {
        let mut all = self.body.into_bytes();
        let end = self.stream.read_to_end(&mut all);
        // One that is cut has said what it said.
        let _ = timeout(PATIENCE, end).await.expect("the stream ends");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Wait until so many lines hold all of these.
    pub async fn says(&mut self, times: usize, parts: &[&str]) {
        let holds = |line: &&str| parts.iter().all(|part| line.contains(part));
        while self.body.lines().filter(holds).count() < times {
            let mut some = vec![0; 4096];
            let read = timeout(PATIENCE, self.stream.read(&mut some)).await;
            let len = read.expect("more of the stream").unwrap();
            assert!(len > 0, "it ended: {}", self.body);
            self.body.push_str(&String::from_utf8_lossy(&some[..len]));
        }
    }

    /// Wait until something more comes.
    pub async fn more(&mut self) {
        let mut sink = vec![0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut sink)).await;
        assert!(read.expect("more of the stream").unwrap() > 0);
    }
}
