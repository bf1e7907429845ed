//! Our `up`, edits and first sync beside Docker's own ways, interleaved in one run.
//!
//! Prints medians in milliseconds and ratios. Bounded: `ROUNDS` of each, then everything it made is
//! taken away. Needs a Docker engine and the built base images (`make bench` sees to both).

#![expect(clippy::print_stdout, reason = "a program whose output is its result")]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that fails has nothing to say"
)]
#![expect(
    clippy::disallowed_types,
    reason = "wall-clock time is what is measured"
)]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_codemate-preview");
const ROUNDS: usize = 5;
const EDITS: usize = 20;
const APP: &str = "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef hello():\n    return 'TEXT'\n";
const READY_IMAGE: &str = "codemate-bench/flask:1";
const PEER: &str = "codemate-bench-peer";

fn main() {
    let bench = Bench::new();
    let rows = [
        bench.starts(),
        bench.edits(),
        bench.first_sync(1_000),
        bench.first_sync(10_000),
    ];
    println!("| what | peer | peer ms | ours ms | ratio | goal |");
    println!("|---|---|--:|--:|--:|--:|");
    for row in rows.into_iter().flatten() {
        let ratio = row.ours / row.peer;
        println!(
            "| {} | {} | {:.1} | {:.1} | {ratio:.2} | {} |",
            row.what, row.peer_name, row.peer, row.ours, row.goal
        );
    }
}

struct Row {
    what: String,
    peer_name: &'static str,
    peer: f64,
    ours: f64,
    goal: &'static str,
}

/// A host of its own: state, agent, project; all gone at the end.
struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(bench.project()).unwrap();
        fs::write(bench.project().join("requirements.txt"), "flask\n").unwrap();
        bench.edit("first");
        bench
    }

    fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    fn edit(&self, text: &str) {
        fs::write(self.project().join("app.py"), APP.replace("TEXT", text)).unwrap();
    }

    fn ours(&self, args: &[&str]) -> String {
        let output = Command::new(BINARY)
            .args(args)
            .env("CODEMATE_PREVIEW_STATE_DIR", self.dir.path().join("state"))
            .env(
                "CODEMATE_PREVIEW_CONFIG_DIR",
                self.dir.path().join("config"),
            )
            .env("CODEMATE_PREVIEW_RUNTIME_DIR", self.dir.path().join("run"))
            .current_dir(self.project())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn up_to_answer(&self, args: &[&str]) -> f64 {
        timed(|| {
            let url = self.ours(args);
            until_answers(&url, "");
        })
    }

    /// `up` cold, on a snapshot hit and running, beside a ready image and a build of one.
    fn starts(&self) -> Vec<Row> {
        let context = self.build_context();
        docker(&["build", "-q", "-t", READY_IMAGE, context.to_str().unwrap()]);
        let (mut ready, mut built) = (Vec::new(), Vec::new());
        let (mut cold, mut hit, mut running, mut listed) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        self.ours(&["ls"]);
        for _ in 0..ROUNDS {
            ready.push(timed(|| run_peer(READY_IMAGE, &[])));
            remove_peer();
            built.push(timed(|| {
                build_cold(&context, "codemate-bench/cold:1");
                run_peer("codemate-bench/cold:1", &[]);
            }));
            remove_peer();
            cold.push(self.up_to_answer(&["up", "--rebuild"]));
            self.ours(&["down"]);
            hit.push(self.up_to_answer(&["up"]));
            running.push(timed(|| drop(self.ours(&["up"]))));
            listed.push(timed(|| drop(self.ours(&["ls"]))));
            self.ours(&["down", "--purge"]);
        }
        let asked = median(
            (0..ROUNDS)
                .map(|_| timed(|| drop(docker(&["ps"]))))
                .collect(),
        );
        let row = |what: &str, peer_name, peer: f64, ours: &[f64], goal| Row {
            what: what.to_owned(),
            peer_name,
            peer,
            ours: median(ours.to_vec()),
            goal,
        };
        let ready = median(ready);
        vec![
            row(
                "snapshot-hit `up` → 200",
                "docker run of the ready image",
                ready,
                &hit,
                "0.65",
            ),
            row(
                "cold `up` → 200",
                "docker build (uv) + run",
                median(built),
                &cold,
                "0.5",
            ),
            row(
                "second `up`, running",
                "docker ps",
                asked,
                &running,
                "30 ms",
            ),
            row("`ls`", "docker ps", asked, &listed, "8 ms"),
        ]
    }

    /// A one-line edit until the new page, beside a bind mount and Flask's own reloader.
    fn edits(&self) -> Vec<Row> {
        self.edit("first");
        let url = self.ours(&["up"]);
        until_answers(&url, "first");
        let ours = self.time_edits(&url, "ours");
        self.ours(&["down"]);
        self.edit("first");
        let mount = format!("{}:/app", self.project().display());
        let peer_url = run_peer_with(READY_IMAGE, &["-v", &mount, "-w", "/app"], &["--debug"]);
        let peer = self.time_edits(&peer_url, "peer");
        remove_peer();
        vec![Row {
            what: "one-line edit → new page".to_owned(),
            peer_name: "bind mount + flask's reloader",
            peer,
            ours,
            goal: "0.26",
        }]
    }

    fn time_edits(&self, url: &str, tag: &str) -> f64 {
        let one = |n| {
            let text = format!("{tag}-{n:03}");
            timed(|| {
                self.edit(&text);
                until_answers(url, &text);
            })
        };
        median((0..EDITS).map(one).collect())
    }

    /// The first copy of many small files, beside `docker cp` into a running container.
    fn first_sync(&self, files: usize) -> Vec<Row> {
        let site = self.dir.path().join(format!("site-{files}"));
        for n in 0..files {
            let path = site.join(format!("d{}/f{n}.txt", n / 100));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{n:04096}")).unwrap();
        }
        fs::write(site.join("index.html"), "here").unwrap();
        let at = site.to_str().unwrap();
        let (mut peer, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            docker(&["run", "-d", "--name", PEER, READY_IMAGE, "sleep", "600"]);
            peer.push(timed(|| {
                drop(docker(&["cp", at, &format!("{PEER}:/tmp/site")]));
            }));
            remove_peer();
            let told = self.ours(&["--format", "ndjson", "up", at]);
            ours.push(sync_ms(&told));
            self.ours(&["down", "--purge", at]);
        }
        vec![Row {
            what: format!("first sync of {files} × 4 KiB"),
            peer_name: "docker cp",
            peer: median(peer),
            ours: median(ours),
            goal: "0.33",
        }]
    }

    fn build_context(&self) -> PathBuf {
        let context = self.dir.path().join("context");
        fs::create_dir_all(&context).unwrap();
        for name in ["app.py", "requirements.txt"] {
            fs::copy(self.project().join(name), context.join(name)).unwrap();
        }
        let authorities = "/etc/ssl/certs/ca-certificates.crt";
        let _ = fs::copy(authorities, context.join("ca.crt"));
        fs::write(
            context.join("Dockerfile"),
            "FROM codemate/python:3.13\nUSER root\nWORKDIR /srv\nCOPY . .\n\
             RUN SSL_CERT_FILE=/srv/ca.crt uv venv /srv/venv && SSL_CERT_FILE=/srv/ca.crt uv pip install --no-cache --python /srv/venv/bin/python -r requirements.txt\n\
             ENV PATH=/srv/venv/bin:$PATH\nCMD [\"flask\", \"--app\", \"app\", \"run\", \"--host\", \"0.0.0.0\", \"--port\", \"5000\"]\n",
        )
        .unwrap();
        context
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        remove_peer();
        let _ = Command::new("docker")
            .args(["rmi", "-f", READY_IMAGE, "codemate-bench/cold:1"])
            .output();
        self.ours(&["down", "--all", "--purge", "--yes"]);
        self.ours(&["agent", "stop"]);
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1000.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "docker {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// By whichever builder the client has; `--no-cache`, for nothing was built before.
fn build_cold(context: &Path, tag: &str) {
    let built = Command::new("docker")
        .args(["build", "-q", "--no-cache", "-t", tag])
        .arg(context)
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
}

fn run_peer(image: &str, options: &[&str]) {
    run_peer_with(image, options, &[]);
}

/// Start the peer, publish its port and wait for its page. Extra words go to `flask`.
fn run_peer_with(image: &str, options: &[&str], flask: &[&str]) -> String {
    let mut args = vec!["run", "-d", "--name", PEER, "-p", "127.0.0.1:0:5000"];
    args.extend(options);
    args.push(image);
    if !flask.is_empty() {
        args.extend(["flask", "--app", "app"]);
        args.extend(flask);
        args.extend(["run", "--host", "0.0.0.0", "--port", "5000"]);
    }
    docker(&args);
    let port = docker(&["port", PEER, "5000"]);
    let url = format!("http://{}", port.lines().next().unwrap());
    until_answers(&url, "");
    url
}

fn remove_peer() {
    let _ = Command::new("docker").args(["rm", "-f", PEER]).output();
}

fn until_answers(url: &str, text: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        if get(url).is_some_and(|(status, body)| status == 200 && body.contains(text)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("{url} never answered with {text:?}");
}

fn get(url: &str) -> Option<(u16, String)> {
    let authority = url.strip_prefix("http://")?.trim_end_matches('/');
    let (_, port) = authority.rsplit_once(':')?;
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse().ok()?)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    write!(stream, "GET / HTTP/1.0\r\nHost: {authority}\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// The time the agent itself reports for the full comparison and copy.
fn sync_ms(lines: &str) -> f64 {
    lines
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|line| line["type"] == "sync")
        .and_then(|line| line["data"]["ms"].as_f64())
        .unwrap()
}
