//! Secrets are planted wherever a user may give one, everything is done that may go wrong, and then
//! they are looked for wherever they must not be.
//!
//! They may be in the app's own processes, in the files that keep them, and in the environment and
//! the command line that the user gave to a command. An app's own output is its user's.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{
    Test,
    host::{Host, Ran, docker, until},
};

pub const TESTS: &[Test] = &[(
    "no_secret_is_where_others_look",
    no_secret_is_where_others_look,
)];

const FLAG: &str = "canary-of-a-flag-5b1f";
const FILE: &str = "canary-of-a-file-77c0";
const PROJECT: &str = "canary-of-the-project-19ae";
const SET: &str = "canary-that-was-set-e402";
const EXEC: &str = "canary-of-an-exec-90d3";
const NGROK: &str = "2canaryOfNgrok8dA7LmQ3_4bXcVz9kT1sWpYh";
const CLOUDFLARE: &str = "canary-of-cloudflare-40-characters-00a1b2";
const SERVICE: &str = "sb_secret_canaryOfTheService55aa";
const USER: &str = "eyJjYW5hcnkiOiJvZi1hLXVzZXIifQ.eyJyb2xlIjoieCJ9.canary";
const ALL: [&str; 9] = [
    FLAG, FILE, PROJECT, SET, EXEC, NGROK, CLOUDFLARE, SERVICE, USER,
];
/// What the app has, by variable.
const GIVEN: [(&str, &str); 4] = [
    ("CANARY_FLAG", FLAG),
    ("CANARY_FILE", FILE),
    ("CANARY_PROJECT", PROJECT),
    ("CANARY_SET", SET),
];

/// Shows what it was given backwards, so that no answer is a find.
const APP: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
NAMES = sorted(name for name in os.environ if name.startswith("CANARY_"))
if os.path.exists("broken"):
    print("here it is:", *[os.environ[name] for name in NAMES], file=sys.stderr)
    sys.exit(3)
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write("\n".join(os.environ[name][::-1] for name in NAMES).encode())
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Hello).serve_forever()
"#;

/// Where a secret could be, by what is said of it.
#[derive(Default)]
struct Places(Vec<(String, Vec<u8>)>);

impl Places {
    fn add(&mut self, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((what.into(), bytes.into()));
    }

    fn ran(&mut self, what: &str, ran: &Ran) {
        self.add(format!("{what}: stdout"), ran.stdout.clone());
        self.add(format!("{what}: stderr"), ran.stderr.clone());
    }

    fn holding(&self, text: &str) -> Vec<&str> {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|at| at == text.as_bytes());
        let found = self.0.iter().filter(|(_, bytes)| holds(bytes));
        found.map(|(what, _)| what.as_str()).collect()
    }

    /// Every file under `dir` but those that are there to keep secrets.
    fn files(&mut self, dir: &Path) {
        const KEEPERS: [&str; 3] = [
            "secrets",
            "tunnel-credentials.json",
            "supabase-credentials.json",
        ];
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if KEEPERS.iter().any(|keeper| path.ends_with(keeper)) {
                continue;
            }
            if kind.is_dir() {
                self.files(&path);
            } else if kind.is_file() {
                self.add(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }

    /// The agent and every program that it has started.
    fn processes(&mut self, agent: i32) {
        let parent = |pid: i32| -> Option<i32> {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(')')?
                .1
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()
        };
        let mut seen = 0;
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            if pid != agent && parent(pid) != Some(agent) {
                continue;
            }
            for file in ["cmdline", "environ"] {
                if let Ok(bytes) = fs::read(entry.path().join(file)) {
                    self.add(format!("{file} of process {pid}"), bytes);
                }
            }
            seen += 1;
        }
        assert!(seen > 0, "the agent is a process");
    }

    /// All that the engine tells of what is ours.
    fn engine(&mut self, host: &Host) {
        let mut all = host.owned();
        all.extend(docker(&["volume", "ls", "-q", "--filter", &owner(host)]));
        let container = host.container();
        all.extend(docker(&["inspect", "-f", "{{.Image}}", &container]));
        for one in &all {
            self.add(
                format!("inspect {one}"),
                docker(&["inspect", one]).join("\n"),
            );
        }
        let execs = docker(&["inspect", "-f", "{{json .ExecIDs}}", &container]).join("");
        let execs: Vec<String> = serde_json::from_str(&execs).unwrap();
        assert!(!execs.is_empty(), "the link is an exec");
        for exec in execs {
            self.add(
                format!("exec {exec}"),
                ask_engine(&format!("/exec/{exec}/json")),
            );
        }
    }
}

fn owner(host: &Host) -> String {
    let owner = fs::read_to_string(state(host).join("owner")).unwrap();
    format!("label=dev.codemate.preview.owner={}", owner.trim())
}

fn state(host: &Host) -> PathBuf {
    host.config().with_file_name("state")
}

/// What the command line of Docker has no word for.
fn ask_engine(path: &str) -> Vec<u8> {
    let mut socket = UnixStream::connect("/var/run/docker.sock").unwrap();
    write!(socket, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.0 200"), "{path}");
    answer
}

fn typed(host: &Host, args: &[&str], text: &str) -> Ran {
    let mut child = host
        .command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    Ran::of(&child.wait_with_output().unwrap())
}

/// Whether the app says that it has each of them.
fn has_all(url: &str) {
    let answer = reqwest_blocking(url);
    for (name, value) in GIVEN {
        let backwards: String = value.chars().rev().collect();
        assert!(answer.contains(&backwards), "{name} in {answer}");
    }
}

fn reqwest_blocking(url: &str) -> String {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let port: u16 = authority.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn no_secret_is_where_others_look() {
    let mut host = Host::new();
    host.env = vec![
        ("NGROK_AUTHTOKEN", NGROK.to_owned()),
        ("CLOUDFLARE_API_TOKEN", CLOUDFLARE.to_owned()),
        ("SUPABASE_SERVICE_ROLE_KEY", SERVICE.to_owned()),
        ("SUPABASE_USER_TOKEN", USER.to_owned()),
        ("CODEMATE_PREVIEW_LOG", "trace".to_owned()),
    ];
    let settings = format!("[env]\nCANARY_PROJECT = \"{PROJECT}\"\nCANARY_SET = \"weaker\"\n");
    let project = host.project(
        "shop",
        &[("main.py", APP), ("codemate-preview.local.toml", &settings)],
    );
    let file = host.project("elsewhere", &[]).join("vars");
    fs::write(&file, format!("CANARY_FILE={FILE}\n")).unwrap();
    let dir = project.to_str().unwrap();
    let mut places = Places::default();

    let set = typed(&host, &["secret", "set", "CANARY_SET", "--for", dir], SET).ok();
    places.ran("secret set", &set);
    let flag = format!("CANARY_FLAG={FLAG}");
    let up = [
        "up",
        dir,
        "--env",
        &flag,
        "--env-file",
        file.to_str().unwrap(),
    ];
    let ran = host.run(&up);
    places.ran("up", &ran);
    assert!(
        ran.stderr.contains("chmod 600"),
        "others may read it: {ran:?}"
    );
    let url = ran.url();
    has_all(&url);
    look_around(&host, &mut places, dir);

    // It ends, and says all it knows as it does.
    fs::write(project.join("broken"), "").unwrap();
    places.ran("failing restart", &host.run(&["restart", dir]));
    places.ran("failing up", &host.run(&up));
    look_around(&host, &mut places, dir);
    fs::remove_file(project.join("broken")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = host.run(&up);
    assert!(!ran.stderr.contains("chmod 600"), "{ran:?}");
    places.ran("up again", &ran);
    has_all(&ran.url());

    // It has them from the disk alone, after an agent that went down in the worst way.
    let agent = host.agent_pid();
    let killed = std::process::Command::new("kill")
        .args(["-ABRT", &agent.to_string()])
        .status();
    assert!(killed.unwrap().success());
    until("the end of the agent", || {
        (!Path::new(&format!("/proc/{agent}/exe")).exists()).then_some(())
    });
    places.ran("restart after a crash", &host.run(&["restart", dir]).ok());
    has_all(&url);
    let ran = host.run(&[
        "exec",
        dir,
        "-e",
        &format!("CANARY_EXEC={EXEC}"),
        "--",
        "sleep",
        "0",
    ]);
    places.ran("exec", &ran.ok());
    look_around(&host, &mut places, dir);

    for secret in ALL {
        assert_eq!(places.holding(secret), [""; 0], "{secret}");
    }
    controls(&host, &places, dir);
    host.run(&["down", dir, "--purge"]).ok();
    let kept = fs::read_dir(state(&host).join("secrets")).unwrap().count();
    assert_eq!(kept, 0, "a purge takes them along");
}

/// Everything that tells of an instance, the agent and the machine.
fn look_around(host: &Host, places: &mut Places, dir: &str) {
    for args in [
        &["status", dir][..],
        &["--json", "status", dir],
        &["--json", "ls"],
        &["events", dir],
        &["--format", "ndjson", "events", dir],
        &["secret", "ls", dir],
        &["--json", "secret", "ls", dir],
        &["--json", "detect", dir],
        &["--json", "agent", "status"],
        &["agent", "logs", "-n", "1000000"],
        &[
            "--json",
            "agent",
            "logs",
            "--instance",
            "shop",
            "-n",
            "1000000",
        ],
        &["doctor"],
        &["up", dir, "--env", "canary-without-a-value"],
        &["exec", dir, "-T", "--", "true"],
    ] {
        places.ran(&args.join(" "), &host.run(args));
    }
    places.files(&state(host));
    places.processes(host.agent_pid());
    let app = "label=dev.codemate.preview.role=app";
    if !docker(&["ps", "-q", "--filter", &owner(host), "--filter", app]).is_empty() {
        places.engine(host);
    }
}

/// That what was looked for can be found, where it is and where it may be.
fn controls(host: &Host, places: &Places, dir: &str) {
    let names = places.holding("CANARY_FLAG");
    assert!(
        names.iter().any(|place| place.contains("/instances/")),
        "a record has the names: {names:?}"
    );
    assert!(!places.holding("dev.codemate.preview.owner").is_empty());
    assert!(!places.holding("here it is: [secret]").is_empty());
    // The agent's log is at its finest, from the start of a preview to the engine's calls.
    for told in [
        "`up` begins",
        "the engine answered",
        "failed: ",
        "an earlier agent left it",
    ] {
        let logs = places.holding(told);
        let is_log = |place: &&str| place.ends_with("/agent.log");
        assert!(logs.iter().any(is_log), "{told}: {logs:?}");
    }
    assert!(
        places.holding("canary-without-a-value").is_empty(),
        "what is no variable may still be a secret"
    );
    let mut app = Places::default();
    let environments = [
        "exec",
        &host.container(),
        "sh",
        "-c",
        "cat /proc/[0-9]*/environ",
    ];
    app.add("the app", docker(&environments).join("\n"));
    for (name, value) in GIVEN {
        assert_eq!(app.holding(value), ["the app"], "{name} of {dir}");
    }
    let mut kept = Places::default();
    for entry in fs::read_dir(state(host).join("secrets")).unwrap() {
        kept.add("kept", fs::read(entry.unwrap().path()).unwrap());
    }
    assert_eq!(kept.holding(SET), ["kept"]);
}
