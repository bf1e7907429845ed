//! The agent is killed with a tunnel of each kind open, on the real Docker: no program is left, and
//! the next agent has the URL back or says that it is another.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use codemate_preview::{
    config::{CloudflareSettings, CommandSettings, NgrokSettings, StaticSettings, UserSettings},
    task::Scope,
};

use super::{
    Test,
    cloudflare_api::{ACCOUNT, FakeApi, TOKEN, ZONE},
    front::Front,
    host::{Host, docker_is_here, until},
    ngrok::TOKEN as AUTHTOKEN,
    ngrok_edge::{BASE, Edge},
    programs,
    rig::{Dir, is_alive},
    ssh::sshd::{self, Sshd, free_port},
    world::block_on,
};

pub const TESTS: &[Test] = &[
    Test::new("cloudflare_quick", cloudflare_quick).needs(docker_is_here),
    Test::new("cloudflare", cloudflare).needs(docker_is_here),
    Test::new("ngrok", ngrok).needs(docker_is_here),
    Test::new("ssh", ssh).needs(docker_and_sshd),
    Test::new("command", command).needs(docker_is_here),
    Test::new("fixed", fixed).needs(docker_is_here),
];

fn docker_and_sshd() -> bool {
    docker_is_here() && sshd::is_here()
}

const SERVER: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Hello).serve_forever()
"#;

/// A host with one preview, and how the world reaches it.
struct Case {
    host: Host,
    kind: &'static str,
    /// Where public names lead, and what their certificates are of.
    public: BTreeMap<String, String>,
    ca: String,
    /// The programs that hold the tunnel now.
    programs: Box<dyn Fn() -> Vec<i32>>,
}

impl Case {
    fn new(kind: &'static str) -> Self {
        Self {
            host: Host::new(),
            kind,
            public: BTreeMap::new(),
            ca: String::new(),
            programs: Box::new(Vec::new),
        }
    }

    /// Public names below [`BASE`] lead to this front.
    fn behind(&mut self, front: &Front) {
        let pattern = format!("*.{BASE}");
        self.public.insert(pattern, front.addr.to_string());
        self.ca.clone_from(&front.ca);
    }

    fn settle(&self, mut settings: UserSettings) {
        let dir = self.host.config();
        fs::create_dir_all(&dir).unwrap();
        settings.tunnels.resolve = self.public.clone();
        if !self.ca.is_empty() {
            fs::write(dir.join("ca.pem"), &self.ca).unwrap();
            settings.ca_bundle = Some(dir.join("ca.pem"));
        }
        let text = toml::to_string(&settings).unwrap();
        fs::write(dir.join("config.toml"), text).unwrap();
    }

    /// What a visitor of the URL gets.
    async fn visit(&self, url: &str) -> Option<String> {
        let mut client = reqwest::Client::builder().no_proxy();
        if !self.ca.is_empty() {
            let authority = reqwest::Certificate::from_pem(self.ca.as_bytes()).unwrap();
            client = client.tls_certs_only([authority]);
        }
        let host = reqwest::Url::parse(url).unwrap().host_str()?.to_owned();
        if let Some(addr) = self.public.values().next() {
            client = client.resolve(&host, addr.parse().unwrap());
        }
        let answer = client.build().unwrap().get(url).send().await.ok()?;
        answer.text().await.ok()
    }

    fn public_url(&self) -> Option<String> {
        let ran = self.host.run(&["url", "shop", "--public"]);
        (ran.code == 0).then(|| ran.stdout.trim().to_owned())
    }

    /// Up, killed, back. `meanwhile` is done while there is no agent. Says the two URLs.
    async fn killed(&mut self, meanwhile: impl FnOnce()) -> (String, String) {
        let project = self.host.project("shop", &[("main.py", SERVER)]);
        let ran = self.host.run(&[
            "up",
            project.to_str().unwrap(),
            "--tunnel",
            self.kind,
            // Who may visit is for tests of that.
            "--public",
            "--format",
            "ndjson",
        ]);
        assert_eq!(ran.code, 0, "{ran:#?}");
        let events = ran.lines();
        let ready = events.iter().find(|event| event["type"] == "tunnel.ready");
        let ready = ready.unwrap_or_else(|| panic!("{ran:#?}"));
        assert_eq!(ready["data"]["verified"]["how"], "end_to_end", "{ready}");
        let first = ready["data"]["url"].as_str().unwrap().to_owned();
        assert_eq!(self.visit(&first).await.as_deref(), Some("hello"));

        let old = (self.programs)();
        let agent = self.host.agent_pid();
        let killed = Command::new("kill")
            .args(["-9", &agent.to_string()])
            .status();
        assert!(killed.unwrap().success());
        until("the agent and its programs to be gone", || {
            let alive = old.iter().chain([&agent]).any(|pid| is_alive(*pid));
            (!alive).then_some(())
        });
        meanwhile();
        // What the environment had once, the next agent knows.
        let is_credential = |name: &str| name.contains("TOKEN");
        self.host.env.retain(|(name, _)| !is_credential(name));
        // Any command starts the next agent.
        self.host.run(&["ls"]).ok();
        let second = until("the URL", || self.public_url());
        assert_eq!(self.visit(&second).await.as_deref(), Some("hello"));
        // The one that holds it now, and none of those before.
        if let Some((last, earlier)) = (self.programs)().split_last() {
            assert!(is_alive(*last) && !old.contains(last), "{last}");
            assert!(earlier.iter().all(|pid| !is_alive(*pid)), "{earlier:?}");
        }
        (first, second)
    }

    /// Whether the agent of now said that the URL is another.
    fn told_of_change(&self) -> bool {
        let ran = self
            .host
            .run(&["events", "shop", "--format", "ndjson"])
            .ok();
        ran.lines()
            .iter()
            .any(|event| event["type"] == "tunnel.url_changed")
    }

    /// Taken down, nothing of the tunnel is left.
    fn end(&self) {
        let last = (self.programs)();
        self.host.run(&["down", "shop", "--purge", "--yes"]).ok();
        assert!(last.iter().all(|pid| !is_alive(*pid)), "{last:?}");
    }
}

/// Stubs that write down their runs in a directory.
fn runs(dir: &Path) -> Box<dyn Fn() -> Vec<i32>> {
    let dir = dir.to_owned();
    Box::new(move || Dir(dir.clone()).runs().iter().map(|run| run.pid).collect())
}

/// The port that the last run of a stub was told of, in the argument that begins so.
fn told_port(dir: &Path, begins: &'static str) -> impl Fn() -> Option<u16> + use<> {
    let dir = Dir(dir.to_owned());
    move || {
        let runs = dir.runs();
        let args = &runs.last()?.args;
        args.iter()
            .find_map(|arg| arg.strip_prefix(begins)?.parse().ok())
    }
}

fn cloudflare_quick() {
    block_on(|scope: Scope| async move {
        let stub = tempfile::tempdir().unwrap();
        let program = programs::install(stub.path(), "cloudflared", "cloudflared");
        let dir = Dir(stub.path().to_owned());
        dir.tell("host", &format!("one.{BASE}"));
        let front = Front::open(&scope, told_port(stub.path(), "http://127.0.0.1:")).await;
        let mut case = Case::new("cloudflare-quick");
        case.programs = runs(stub.path());
        case.behind(&front);
        let mut settings = UserSettings::default();
        settings.tunnels.cloudflare.program = Some(program);
        case.settle(settings);
        let other = || dir.tell("host", &format!("two.{BASE}"));
        let (first, second) = case.killed(other).await;
        assert_ne!(first, second);
        assert!(case.told_of_change());
        case.end();
    });
}

fn cloudflare() {
    block_on(|scope: Scope| async move {
        let api = FakeApi::start(&scope).await;
        let stub = tempfile::tempdir().unwrap();
        let program = programs::install(stub.path(), "cloudflared", "cloudflared-named");
        let rules = api.clone();
        let front = Front::open(&scope, move || {
            let tunnels = rules.tunnels();
            let service = tunnels.values().next()?.ingress.first()?["service"].clone();
            let port = service.as_str()?.rsplit_once(':')?.1;
            port.parse().ok()
        })
        .await;
        let mut case = Case::new("cloudflare");
        let home = stub.path().to_owned();
        case.programs = Box::new(move || {
            let starts = fs::read_to_string(home.join("starts")).unwrap_or_default();
            starts.lines().map(|pid| pid.parse().unwrap()).collect()
        });
        case.behind(&front);
        case.host.env.extend([
            ("CLOUDFLARE_API_TOKEN", TOKEN.to_owned()),
            ("HOME", stub.path().to_str().unwrap().to_owned()),
        ]);
        let mut settings = UserSettings::default();
        settings.tunnels.cloudflare = CloudflareSettings {
            program: Some(program),
            account: Some(ACCOUNT.to_owned()),
            zone: Some(ZONE.to_owned()),
            domain: Some(BASE.to_owned()),
            api: Some(api.base.clone()),
            ..CloudflareSettings::default()
        };
        case.settle(settings);
        let (first, second) = case.killed(|| {}).await;
        assert_eq!(first, format!("https://shop.{BASE}"));
        assert_eq!(second, first);
        case.end();
        assert!(api.records().is_empty() && api.tunnels().is_empty());
    });
}

fn ngrok() {
    block_on(|_| async move {
        let edge = Edge::start();
        let mut case = Case::new("ngrok");
        case.public
            .insert(format!("*.{BASE}"), edge.public.to_string());
        case.ca = edge.ca.clone();
        case.host
            .env
            .push(("NGROK_AUTHTOKEN", AUTHTOKEN.to_owned()));
        let mut settings = UserSettings::default();
        settings.tunnels.ngrok = NgrokSettings {
            domain: Some(format!("{{name}}.{BASE}")),
            server: Some(edge.server()),
            ca: Some(case.host.config().join("ca.pem")),
            ..NgrokSettings::default()
        };
        case.settle(settings);
        let (first, second) = case.killed(|| {}).await;
        assert_eq!(first, format!("https://shop.{BASE}"));
        assert_eq!(second, first);
        case.end();
        assert!(edge.hosts().is_empty(), "{:?}", edge.hosts());
    });
}

fn ssh() {
    block_on(|_| async move {
        let server = Sshd::start();
        let mut case = Case::new("ssh");
        let mut settings = UserSettings::default();
        settings.tunnels.ssh = server.settings();
        settings.tunnels.ssh.remote_port = Some(free_port());
        case.settle(settings);
        let (first, second) = case.killed(|| {}).await;
        assert_eq!(second, first);
        case.end();
        until("the sessions to be gone", || {
            server.sessions().is_empty().then_some(())
        });
    });
}

fn command() {
    block_on(|scope: Scope| async move {
        let stub = tempfile::tempdir().unwrap();
        let program = programs::install(stub.path(), "teller", "teller");
        Dir(stub.path().to_owned()).tell("say", &format!("see https://shop.{BASE}\n"));
        let front = Front::open(&scope, told_port(stub.path(), "port=")).await;
        let mut case = Case::new("command");
        case.programs = runs(stub.path());
        case.behind(&front);
        let mut settings = UserSettings::default();
        settings.tunnels.command = CommandSettings {
            argv: vec![
                program.to_str().unwrap().to_owned(),
                "port={port}".to_owned(),
            ],
            url_pattern: Some(r"https://\S+".to_owned()),
            ..CommandSettings::default()
        };
        case.settle(settings);
        let (first, second) = case.killed(|| {}).await;
        assert_eq!(second, first);
        case.end();
    });
}

fn fixed() {
    block_on(|scope: Scope| async move {
        let port = free_port();
        let front = Front::open(&scope, move || Some(port)).await;
        let mut case = Case::new("static");
        case.behind(&front);
        let mut settings = UserSettings::default();
        settings.tunnels.fixed = StaticSettings {
            url: Some(format!("https://{{name}}.{BASE}")),
            port: Some(port),
        };
        case.settle(settings);
        let (first, second) = case.killed(|| {}).await;
        assert_eq!(second, first);
        case.end();
    });
}
