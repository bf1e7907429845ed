//! Real frameworks at a public name, in a real browser: through TLS, the gateway's public side and
//! back. The steps of each are in `tests/browser/`; `make setup-tests` installs what they need.

use std::{env, fs, path::PathBuf};

use crate::{
    Test, browser,
    edge::Edge,
    host::{Host, write},
    web::get,
};

pub const TESTS: &[Test] = &[
    ("frameworks::vite", vite),
    ("frameworks::next", next),
    ("frameworks::django", django),
    ("frameworks::streamlit", streamlit),
    ("frameworks::flask", flask),
    (
        "frameworks::a_private_one_opens_by_its_link",
        a_private_one_opens_by_its_link,
    ),
    (
        "frameworks::werkzeugs_debugger_is_off_from_outside",
        werkzeugs_debugger_is_off_from_outside,
    ),
    (
        "frameworks::a_scripts_debugger_is_off_from_outside",
        a_scripts_debugger_is_off_from_outside,
    ),
];

/// A host whose user has a reverse proxy of their own, and lets everyone visit.
struct Published {
    host: Host,
    edge: Edge,
}

/// Where one project is found.
struct Up {
    project: PathBuf,
    local: String,
    public: String,
}

impl Published {
    fn new() -> Self {
        let host = Host::new();
        let port = free_port();
        let edge = Edge::open(port);
        let bundle = host.config().join("authorities.pem");
        write(&bundle, &format!("{}\n{}", system_bundle(), edge.authority));
        write(
            &host.config().join("config.toml"),
            &format!(
                "ca_bundle = {:?}\ntunnel = \"static\"\n[tunnels.static]\nurl = \"https://{{name}}.preview.test\"\nport = {port}\n[share]\npublic = true\n[tunnels.resolve]\n\"*.preview.test\" = \"{}\"\n",
                bundle.to_str().unwrap(),
                edge.addr(),
            ),
        );
        Self { host, edge }
    }

    /// The only line of standard output is the public URL, and it is verified.
    #[track_caller]
    fn up(&self, project: PathBuf) -> Up {
        let ran = self.host.up(&project).ok();
        let public = ran.stdout.trim().to_owned();
        let name = project.file_name().unwrap().to_str().unwrap();
        assert_eq!(public, format!("https://{name}.preview.test"), "{ran:#?}");
        let status = self.host.json(&["tunnel", "ls"]);
        let how = &status["tunnels"][0]["verified"]["how"];
        assert_eq!(how, "end_to_end", "{status}");
        let local = self
            .host
            .run(&["url", "--local", project.to_str().unwrap()]);
        Up {
            local: local.url(),
            public,
            project,
        }
    }

    /// Walk through the steps of one of `tests/browser/*.mjs`.
    #[track_caller]
    fn visit(&self, script: &str, up: &Up) {
        let edge = self.edge.addr().port();
        let output = browser::visit(
            script,
            &[&up.public, up.project.to_str().unwrap(), &edge.to_string()],
            &[edge],
        );
        let told = |what| self.host.run(&[what, up.project.to_str().unwrap()]).stdout;
        assert!(
            output.status.success(),
            "{}\n{}\nthe app's log:\n{}\nwhat happened:\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            told("logs"),
            told("events"),
        );
    }
}

/// Nothing else takes it in the moment until the agent does.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What the machine trusts, which installations inside containers go on needing.
fn system_bundle() -> String {
    let path = env::var("SSL_CERT_FILE");
    let path = path
        .as_deref()
        .unwrap_or("/etc/ssl/certs/ca-certificates.crt");
    fs::read_to_string(path).unwrap_or_default()
}

fn walk(fixture: &str, script: &str) {
    let published = Published::new();
    let up = published.up(published.host.copy_of(fixture));
    published.visit(script, &up);
}

fn vite() {
    walk("vite-hello", "vite.mjs");
}

fn next() {
    walk("next-hello", "next.mjs");
}

fn django() {
    walk("django-hello", "django.mjs");
}

fn streamlit() {
    walk("streamlit-hello", "streamlit.mjs");
}

fn flask() {
    walk("flask-hello", "flask.mjs");
}

/// By the link that `up` prints, and by nothing else.
fn a_private_one_opens_by_its_link() {
    let published = Published::new();
    let project = published.host.project("private", &[("main.py", CONFIDING)]);
    let directory = project.to_str().unwrap();
    let ran = published.host.run(&["up", directory, "--private"]).ok();
    let link = ran.stdout.trim().to_owned();
    let prefix = "https://private.preview.test/?__cm=";
    assert!(link.starts_with(prefix), "{ran:#?}");
    let up = Up {
        local: String::new(),
        public: link,
        project,
    };
    published.visit("link.mjs", &up);
}

/// Says on its page what it is asked with.
const CONFIDING: &str = r#"
import html, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Confide(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("set-cookie", "theme=dark")
        self.end_headers()
        told = html.escape(f"{self.path} {self.headers}")
        self.wfile.write(f"<h1>in</h1><pre>{told}</pre>".encode())
    do_POST = do_GET
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Confide).serve_forever()
"#;

const DEBUG_APP: &str = r#"
from flask import Flask
app = Flask(__name__)

@app.get("/")
def hello():
    return "<h1>Hello from Flask</h1>"

@app.get("/boom")
def boom():
    raise RuntimeError("boom")

app.run(host="0.0.0.0", port=5000, debug=True)
"#;

/// Its own user has the debugger, and nobody else.
fn debugger_is_off_from_outside(template: &str) {
    let published = Published::new();
    let settings = format!(
        "template = \"{template}\"\n[run]\ncommand = [\"python\", \"app.py\"]\n[reload]\nmode = \"self\"\n"
    );
    let up = published.up(published.host.project(
        "debugged",
        &[
            ("requirements.txt", "Flask>=3.1,<4\n"),
            ("app.py", DEBUG_APP),
            ("codemate-preview.toml", &settings),
        ],
    ));
    for (path, status, text) in [
        (
            "/?__debugger__=yes&cmd=resource&f=debugger.js",
            200,
            "openShell",
        ),
        ("/console", 200, "Interactive Console"),
        ("/boom", 500, "EVALEX = true"),
    ] {
        let (got, body) = get(&format!("{}{path}", up.local));
        assert!(got == status && body.contains(text), "{path}: {got} {body}");
    }
    published.visit("debugger.mjs", &up);
}

fn werkzeugs_debugger_is_off_from_outside() {
    debugger_is_off_from_outside("flask");
}

fn a_scripts_debugger_is_off_from_outside() {
    debugger_is_off_from_outside("script-python");
}
