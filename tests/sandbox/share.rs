//! The doors to the world: a private preview's link, from `up` to its end, by the real binary, the
//! real Docker and curl. The tunnel is the user's own reverse proxy, on loopback.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    Test,
    edge::Edge,
    host::{Host, Ran, until, write},
};

pub const TESTS: &[Test] = &[
    ("a_link_opens_its_own_preview", a_link_opens_its_own_preview),
    ("what_is_taken_back_is_shut", what_is_taken_back_is_shut),
];

/// Answers what it is asked, logs it, and takes `/socket` for an echo.
const APP: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        print("asked", self.path, self.headers, flush=True)
        if self.path == "/socket":
            self.send_response(101)
            self.send_header("connection", "upgrade")
            self.send_header("upgrade", "echo")
            self.end_headers()
            while (piece := self.connection.recv(64)):
                self.connection.sendall(piece)
            self.close_connection = True
            return
        text = f"in {self.path}\n{self.headers}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"#;

/// A host whose user has a reverse proxy in front of all previews.
struct Published {
    host: Host,
    edge: Edge,
    authority: PathBuf,
    /// Where the proxy leads.
    port: u16,
}

impl Published {
    fn new() -> Self {
        let host = Host::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let edge = Edge::open(port);
        let authority = host.config().join("authority.pem");
        write(&authority, &edge.authority);
        let settings = format!(
            "ca_bundle = {:?}\ntunnel = \"static\"\n[tunnels.static]\nurl = \"https://{{name}}.preview.test\"\nport = {port}\n[tunnels.resolve]\n\"*.preview.test\" = \"{}\"\n",
            authority.to_str().unwrap(),
            edge.addr(),
        );
        write(&host.config().join("config.toml"), &settings);
        Self {
            host,
            edge,
            authority,
            port,
        }
    }

    fn project(&self, name: &str, more: &[(&str, &str)]) -> String {
        let files = [&[("main.py", APP)][..], more].concat();
        let project = self.host.project(name, &files);
        project.to_str().unwrap().to_owned()
    }

    /// The only line on standard output.
    #[track_caller]
    fn line(&self, args: &[&str]) -> String {
        let ran: Ran = self.host.run(args).ok();
        assert_eq!(ran.stdout.lines().count(), 1, "{ran:#?}");
        ran.stdout.trim().to_owned()
    }

    /// What curl says to that URL: the status, then the body.
    #[track_caller]
    fn curl(&self, url: &str) -> (u16, String) {
        self.curl_whole(url).expect("the answer was cut off")
    }

    /// The same; `None` if the answer was cut off, as all that is open is when a link ends.
    #[track_caller]
    fn curl_whole(&self, url: &str) -> Option<(u16, String)> {
        const CUT_OFF: [i32; 2] = [18, 52];
        let host = url.split('/').nth(2).unwrap();
        let (at, port) = (self.edge.addr().ip(), self.edge.addr().port());
        let output = Command::new("curl")
            .args([
                "-sS",
                "--noproxy",
                "*",
                "--max-time",
                "60",
                "-w",
                "\n%{http_code}",
            ])
            .args(["--connect-to", &format!("{host}:443:{at}:{port}")])
            .arg("--cacert")
            .arg(&self.authority)
            .arg(url)
            .output()
            .unwrap();
        if CUT_OFF.contains(&output.status.code().unwrap()) {
            return None;
        }
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        Some((status.parse().unwrap(), body.to_owned()))
    }

    /// A socket of a program that came by the link, through which the app has spoken.
    fn socket(&self, name: &str, token: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let head = format!(
            "GET /socket HTTP/1.1\r\nHost: {name}.preview.test\r\nConnection: upgrade\r\nUpgrade: echo\r\nX-Cm-Token: {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
        assert!(
            seen.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&seen)
        );
        echoes(&mut stream);
        stream
    }
}

fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"ping").unwrap();
    let mut heard = [0; 4];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"ping");
}

fn token(link: &str) -> &str {
    let (_, token) = link
        .split_once("/?__cm=")
        .unwrap_or_else(|| panic!("no link: {link}"));
    assert_eq!(token.len(), 43);
    token
}

/// Every file below, and what is in it.
fn kept(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(kept(&path));
        } else if let Ok(content) = fs::read(&path) {
            all.push((path, content));
        }
    }
    all
}

fn a_link_opens_its_own_preview() {
    let world = Published::new();
    // What a project says of it is refused as any unknown key: only its user decides.
    let grasping = world.project("grasping", &[("codemate-preview.toml", "public = true\n")]);
    assert_eq!(world.host.run(&["up", &grasping]).code, 6);
    let (shop, blog) = (world.project("shop", &[]), world.project("blog", &[]));
    let link = world.line(&["up", &shop]);
    assert!(
        link.starts_with("https://shop.preview.test/?__cm="),
        "{link}"
    );
    let (status, body) = world.curl(&link);
    assert_eq!(status, 200, "{body}");
    assert!(
        body.starts_with("in /\n") && !body.contains(token(&link)),
        "{body}"
    );
    let (status, body) = world.curl("https://shop.preview.test/");
    assert_eq!(status, 401);
    assert!(
        body.contains("E_CREDENTIAL") && !body.contains("shop"),
        "{body}"
    );
    // Asked again it is the same one, and nothing has changed.
    assert_eq!(world.line(&["url", &shop]), link);
    assert_eq!(world.line(&["url", "--public", &shop]), link);
    let again = world.host.json(&["up", &shop]);
    assert_eq!(again["link"], link.as_str(), "{again}");
    assert_eq!(again["changed"], false, "{again}");
    assert_eq!(again["urls"]["public"], "https://shop.preview.test");

    let other = world.line(&["up", &blog]);
    let elsewhere = format!("https://blog.preview.test/?__cm={}", token(&link));
    assert_eq!(world.curl(&elsewhere).0, 401);
    assert_eq!(world.curl(&other).0, 200);

    let changed = world.host.json(&["up", &shop, "--public"]);
    assert_eq!(
        (&changed["changed"], &changed["link"]),
        (&true.into(), &().into()),
        "{changed}"
    );
    assert_eq!(world.curl("https://shop.preview.test/").0, 200);
    assert_eq!(
        world.curl("https://blog.preview.test/").0,
        401,
        "only what was said"
    );
    assert_eq!(world.line(&["url", &shop]), "https://shop.preview.test");
    let changed = world.host.json(&["up", &shop]);
    assert_eq!(changed["changed"], true, "{changed}");
    assert_eq!(world.curl("https://shop.preview.test/").0, 401);
    assert_eq!(world.curl(&link).0, 200, "links outlast a time in public");

    // Nothing that is kept, logged or told has the secret; the answers that were asked for have.
    for args in [
        &["events", "shop", "--format", "ndjson"][..],
        &["tunnel", "ls", "--json"],
        &["ls", "--json"],
        &["status", "shop", "--json"],
        &["share", "ls", "--json"],
        &["logs", "shop"],
    ] {
        let ran = world.host.run(args).ok();
        assert!(
            ran.stdout.contains("shop") || ran.stdout.contains("asked"),
            "{args:?}"
        );
        assert!(!ran.stdout.contains(token(&link)), "{args:?}");
        assert!(!ran.stderr.contains(token(&link)), "{args:?}");
    }
    let state = world.host.config().parent().unwrap().join("state");
    let has = |what: &str| {
        let holds = |content: &[u8]| content.windows(what.len()).any(|it| it == what.as_bytes());
        let all = kept(&state).into_iter();
        all.filter(|(_, content)| holds(content))
            .map(|(path, _)| path)
            .collect::<Vec<_>>()
    };
    assert_eq!(has(token(&link)), Vec::<PathBuf>::new());
    let id = world.host.json(&["share", "ls", &shop])["shares"][0]["links"][0]["id"].clone();
    assert!(
        !has(id.as_str().unwrap()).is_empty(),
        "the control: it is looked for where it is"
    );
}

fn what_is_taken_back_is_shut() {
    let world = Published::new();
    let shop = world.project("shop", &[]);
    let own = world.line(&["up", &shop]);
    let given = world.line(&[
        "share",
        "new",
        &shop,
        "--label",
        "Ada",
        "--expires",
        "never",
    ]);
    let brief = world.line(&["share", "new", &shop, "--expires", "1s"]);
    until("the end of a second", || {
        let (status, _) = world.curl_whole(&brief)?;
        (status == 401).then_some(())
    });
    let mut socket = world.socket("shop", token(&given));
    let mut stays = world.socket("shop", token(&own));

    let listed = world.host.json(&["share", "ls", &shop]);
    let links = listed["shares"][0]["links"].as_array().unwrap().clone();
    let of = |label: &str| links.iter().find(|link| link["label"] == label).unwrap();
    assert_eq!(of("Ada")["state"], "good", "{listed}");
    assert!(
        links.iter().any(|link| link["state"] == "expired"),
        "{listed}"
    );
    let id = of("Ada")["id"].as_str().unwrap();
    let revoked = world.host.json(&["share", "revoke", id]);
    assert_eq!(revoked["revoked"][0], id, "{revoked}");
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    echoes(&mut stays);
    assert_eq!(world.curl(&given).0, 401);
    assert_eq!(world.curl(&own).0, 200);
    let again = world.host.json(&["share", "revoke", id]);
    assert_eq!(again["revoked"], serde_json::json!([]), "{again}");
    assert_eq!(world.host.run(&["share", "revoke", "00000000"]).code, 3);

    // The next agent knows what this one did, and not the secret: it makes another link.
    let agent = world.host.agent_pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-9", &agent])
            .status()
            .unwrap()
            .success()
    );
    let fresh = until("the URL", || {
        let ran = world.host.run(&["url", "--public", &shop]);
        (ran.code == 0).then(|| ran.stdout.trim().to_owned())
    });
    assert_ne!(fresh, own);
    for (link, want) in [(&fresh, 200), (&own, 200), (&given, 401), (&brief, 401)] {
        assert_eq!(world.curl(link).0, want);
    }
    world.host.run(&["share", "revoke", "--all-of", &shop]).ok();
    assert_eq!(world.curl(&own).0, 401);
    assert_eq!(world.curl(&world.line(&["up", &shop])).0, 200);
}
