//! A stub of `cloudflared`, and other programs that do as their directory says.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a program prints is what it is started for here"
)]

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use tokio::signal::unix::{SignalKind, signal};

use super::rig::{Dir, Run};

fn dir() -> Dir {
    Dir(PathBuf::from(env::var("STUB_DIR").unwrap()))
}

fn mode(word: &str) -> bool {
    dir()
        .read("mode")
        .is_some_and(|mode| mode.split_whitespace().any(|other| other == word))
}

/// Write down this run, and say which it is: 1 for the first.
fn record(args: &[String]) -> usize {
    let run = Run {
        pid: i32::try_from(std::process::id()).unwrap(),
        args: args.to_owned(),
        env: env::vars().collect(),
        children: grandchildren(),
    };
    let text = serde_json::to_string(&run).unwrap() + "\n";
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir().0.join("runs"))
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    dir().runs().len()
}

#[expect(
    clippy::zombie_processes,
    reason = "that nobody waits for them is what they are for"
)]
/// One in our process group and one that leaves it, both with our output and not our business.
fn grandchildren() -> Vec<i32> {
    if !mode("grandchild") {
        return Vec::new();
    }
    ["sleep", "setsid sleep"]
        .into_iter()
        .map(|program| {
            let mut words = program.split(' ').chain(["1000"]);
            let child = Command::new(words.next().unwrap())
                .args(words)
                .spawn()
                .unwrap();
            i32::try_from(child.id()).unwrap()
        })
        .collect()
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work);
}

/// What cloudflared 2026.8.2 wrote, as far as anyone reads it.
fn log(level: &str, message: &str) {
    let time = "2026-11-23T15:13:36Z";
    eprintln!(r#"{{"level":"{level}","message":"{message}","time":"{time}"}}"#);
}

pub fn cloudflared(args: &[String]) {
    if args.first().map(String::as_str) == Some("--version") {
        println!("cloudflared version 2026.8.2 (built 2026-08-20-1200 UTC)");
        return;
    }
    let run = record(args);
    log(
        "info",
        "Requesting new quick Tunnel on trycloudflare.com...",
    );
    if mode("429") {
        eprintln!(
            r#"{{"error":"invalid character 'e' looking for beginning of value","level":"error","message":"Error unmarshaling QuickTunnel response: error code: 1015","status_code":"429 Too Many Requests","time":"2026-11-23T15:13:50Z"}}"#
        );
        eprintln!(
            "failed to unmarshal quick Tunnel: invalid character 'e' looking for beginning of value"
        );
        leave(1);
    }
    if mode("500") {
        eprintln!("failed to parse quick Tunnel ID: invalid UUID length: 0");
        leave(1);
    }
    log(
        "info",
        &format!("|  https://run-{run}.trycloudflare.com  |"),
    );
    block_on(async move {
        let mut term = signal(SignalKind::terminate()).unwrap();
        let addr = env::var("TUNNEL_METRICS").unwrap();
        let listener = tokio::net::TcpListener::bind(&addr).await.unwrap();
        log(
            "info",
            &format!("Starting metrics server on {addr}/metrics"),
        );
        let router = Router::new()
            .route("/ready", get(readiness))
            .route("/quicktunnel", get(async move || hostname(run)));
        let serving = async { axum::serve(listener, router).await.unwrap() };
        let ending = async {
            loop {
                term.recv().await;
                note("terms", "TERM\n");
                if !mode("stubborn") {
                    log(
                        "info",
                        "Initiating graceful shutdown due to signal terminated ...",
                    );
                    return 0;
                }
            }
        };
        let code = tokio::select! {
            () = serving => 0,
            code = ending => code,
            () = told("die") => 1,
        };
        leave(code);
    });
}

/// 200 when it is connected. Each question is written down.
async fn readiness() -> (StatusCode, &'static str) {
    note("asked", "?\n");
    let http2 = env::var("TUNNEL_TRANSPORT_PROTOCOL").as_deref() == Ok("http2");
    let lost = dir().0.join("lost").exists() || mode("udp-blocked") && !http2;
    if lost {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"status":503,"readyConnections":0}"#,
        )
    } else {
        (StatusCode::OK, r#"{"status":200,"readyConnections":1}"#)
    }
}

fn hostname(run: usize) -> String {
    let host = dir()
        .read("host")
        .unwrap_or(format!("run-{run}.trycloudflare.com"));
    format!(r#"{{"hostname":"{host}"}}"#)
}

fn note(file: &str, text: &str) {
    let path = dir().0.join(file);
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Until a file of that name is there; it is taken.
async fn told(file: &str) {
    let path = dir().0.join(file);
    while fs::remove_file(&path).is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Print every line that is added to the file `say`, until told to die.
pub fn teller(args: &[String]) {
    record(args);
    block_on(async {
        let telling = async {
            let mut told = 0;
            loop {
                let text = dir().read("say").unwrap_or_default();
                for line in text.lines().skip(told) {
                    println!("{line}");
                    told += 1;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = telling => {}
            () = told("die") => leave(3),
        }
    });
}

/// `bore local <port> --to <server>`, by its library.
pub fn bore(args: &[String]) {
    record(args);
    tracing_subscriber::fmt().init();
    let [verb, port, host_flag, host, to_flag, to] = args else {
        panic!("bore is not called so: {args:?}");
    };
    assert_eq!(
        [verb.as_str(), host_flag, to_flag],
        ["local", "--local-host", "--to"]
    );
    block_on(async {
        let port = port.parse().unwrap();
        let client = bore_cli::client::Client::new(host, port, to, 0, None)
            .await
            .unwrap();
        client.listen().await.unwrap();
    });
}

/// An agent in little: opens a quick tunnel in the directory that is given, for ever.
pub fn parent(args: &[String]) {
    use super::{rig::Rig, world};
    let dir = PathBuf::from(&args[0]);
    world::block_on(|scope| async move {
        let rig = Rig::at(Path::new(&dir), &scope).await;
        let tunnels = rig.tunnels();
        let _tunnel = rig.open(
            &tunnels,
            codemate_preview::model::TunnelKind::CloudflareQuick,
        );
        std::future::pending::<()>().await;
    });
}

/// This program again, as another, started by a test.
pub fn spawn_as(name: &str, args: &[&str], env: &[(&str, &str)]) -> std::process::Child {
    Command::new(env::current_exe().unwrap())
        .args(["--as", name])
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[expect(clippy::exit, reason = "what is done here is a program's whole work")]
fn leave(code: i32) -> ! {
    std::process::exit(code)
}
