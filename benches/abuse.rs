//! A preview and the agent while another preview takes all it can get, beside the same when it is
//! quiet, and beside two plain containers with the same limits: interleaved in one run.
//!
//! Prints milliseconds and ratios: "at once" is the 99th percentile of the first requests beside an
//! abuse, the rest of it is of an abuse that lasts. Bounded: `ROUNDS` of each abuse, each of `REQUESTS` requests to
//! the neighbour and `ASKED` to the agent. Needs a Docker engine and the built base images
//! (`make bench-abuse` sees to both). On a host with other work the quiet times are no quieter than
//! it is, so a ratio is worth something only beside those of other runs; SECURITY.md tells of some.
//!
//! Where a flood's cost arose, before what an app writes was paced: the engine took about half a
//! CPU, its shim and the guest a seventh each, the app less. The agent reads no log unless asked.
//!
//! `cargo bench --bench abuse -- logs cpu` does these alone.

#![expect(clippy::print_stdout, reason = "a program whose output is its result")]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that fails has nothing to say"
)]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "wall-clock time is what is measured"
)]

#[expect(dead_code, reason = "the tests on Docker use the rest of it")]
#[path = "../tests/docker/host.rs"]
mod host;

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use host::Host;

const ROUNDS: usize = 5;
const REQUESTS: usize = 400;
const ASKED: usize = 40;
/// An abuse that goes on so long is seen for what it is, and previews are put apart.
const LASTING: Duration = Duration::from_secs(6);
const ABUSES: [&str; 6] = ["forks", "memory", "disk", "logs", "descriptors", "cpu"];
const ABUSER: &str = include_str!("../tests/sandbox/abuser.py");
const NEIGHBOUR: &str = include_str!("../tests/sandbox/neighbour.py");
/// What the projects above are run in too.
const PEER_IMAGE: &str = "codemate/python:3.13";

fn main() {
    let host = Host::new();
    let ours = Pair::of_previews(&host);
    let socket = socket_of(&host);
    let agent = || {
        let answer = ask(
            UnixStream::connect(&socket).unwrap(),
            "/v1/instances",
            "agent",
        );
        assert!(answer.contains("neighbour"), "{answer}");
    };
    let peers = Peers::start();
    println!(
        "| abuse | of | p50, quiet | abused | p99, quiet | at once | abused | ratio (< 2) | agent p99, quiet | abused (< 100) |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    measure(&ours.neighbour, &agent);
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |abuse: &&str| {
        let named = |name: &String| ABUSES.contains(&name.as_str());
        !asked.iter().any(named) || asked.iter().any(|name| name == abuse)
    };
    for abuse in ABUSES.into_iter().filter(wanted) {
        let mut rows = [Row::default(), Row::default()];
        rows[0].begin(&ours, abuse, &agent);
        rows[1].begin(&peers.pair, abuse, &|| ());
        for _ in 0..ROUNDS {
            rows[0].round(&ours, abuse, &agent);
            rows[1].round(&peers.pair, abuse, &|| ());
        }
        rows[0].print(abuse, "ours", true);
        rows[1].print(abuse, "plain containers", false);
    }
}

/// Who is measured, and who abuses.
struct Pair {
    neighbour: String,
    abuser: String,
}

impl Pair {
    fn of_previews(host: &Host) -> Self {
        let neighbour = host.project("neighbour", &[("main.py", NEIGHBOUR)]);
        let abuser = host.project("abuser", &[("main.py", ABUSER)]);
        let abuser = abuser.to_str().unwrap();
        Self {
            neighbour: host.up(&neighbour).url(),
            abuser: host.run(&["up", abuser, "--memory", "512MiB"]).url(),
        }
    }
}

/// The same two apps in plain containers with published ports, held to the same limits.
struct Peers {
    pair: Pair,
}

impl Peers {
    const NAMES: [&str; 2] = ["codemate-bench-neighbour", "codemate-bench-abuser"];

    fn start() -> Self {
        Self::remove();
        let [neighbour, abuser] =
            [(0, NEIGHBOUR), (1, ABUSER)].map(|(at, app)| Self::run(Self::NAMES[at], app));
        let peers = Self {
            pair: Pair { neighbour, abuser },
        };
        for url in [&peers.pair.neighbour, &peers.pair.abuser] {
            host::until("the peer's answer", || {
                // Whoever publishes the port takes connections before the app does.
                let stream = TcpStream::connect(url.trim_start_matches("http://")).ok()?;
                let answer = try_to_ask(stream, "/", "peer").ok()?;
                (!answer.is_empty()).then_some(())
            });
        }
        peers
    }

    fn run(name: &str, app: &str) -> String {
        const LIMITS: &str = "--cpus 1 --memory 512m --memory-swap 512m --pids-limit 512 \
            --ulimit nofile=8192 --tmpfs /tmp:size=256m --log-opt max-size=5m --log-opt max-file=2";
        let mut args = vec!["run", "-d", "--name", name, "-p", "127.0.0.1::8000"];
        args.extend(LIMITS.split_whitespace());
        args.extend([PEER_IMAGE, "python3", "-c", app]);
        docker(&args);
        let port = docker(&["port", name, "8000"]);
        format!("http://{}", port.lines().next().unwrap())
    }

    fn remove() {
        let mut command = Command::new("docker");
        command.args(["rm", "-f"]).args(Self::NAMES);
        // Most often there is none.
        let _ = command.output().unwrap();
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        Self::remove();
    }
}

fn docker(args: &[&str]) -> String {
    let ran = Command::new("docker").args(args).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// What one pair's times were.
#[derive(Default)]
struct Row {
    /// As soon as the abuse has begun.
    at_once: Times,
    quiet: Times,
    beside: Times,
}

impl Row {
    fn begin(&mut self, pair: &Pair, abuse: &str, agent: &dyn Fn()) {
        let began = Instant::now();
        beside(&pair.abuser, abuse, || {
            self.at_once.add(measure(&pair.neighbour, agent));
            while began.elapsed() < LASTING {
                measure(&pair.neighbour, agent);
            }
        });
    }

    fn round(&mut self, pair: &Pair, abuse: &str, agent: &dyn Fn()) {
        self.quiet.add(measure(&pair.neighbour, agent));
        let abused = beside(&pair.abuser, abuse, || measure(&pair.neighbour, agent));
        self.beside.add(abused);
    }

    fn print(&mut self, abuse: &str, of: &str, has_agent: bool) {
        let (q, a) = (self.quiet.at(99), self.beside.at(99));
        let at_once = self.at_once.at(99).0;
        let agent = if has_agent {
            format!("{:.1} | {:.1}", q.1, a.1)
        } else {
            "– | –".to_owned()
        };
        println!(
            "| {abuse} | {of} | {:.1} | {:.1} | {:.1} | {at_once:.1} | {:.1} | {:.2} | {agent} |",
            self.quiet.at(50).0,
            self.beside.at(50).0,
            q.0,
            a.0,
            a.0 / q.0,
        );
    }
}

/// Milliseconds, of the neighbour and of the agent.
#[derive(Default)]
struct Times {
    neighbour: Vec<f64>,
    agent: Vec<f64>,
}

impl Times {
    fn add(&mut self, other: Self) {
        self.neighbour.extend(other.neighbour);
        self.agent.extend(other.agent);
    }

    fn at(&mut self, percent: usize) -> (f64, f64) {
        let of = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[(times.len() * percent / 100).min(times.len() - 1)]
        };
        (of(&mut self.neighbour), of(&mut self.agent))
    }
}

fn measure(neighbour: &str, agent: &dyn Fn()) -> Times {
    let mut times = Times::default();
    for request in 0..REQUESTS {
        let began = Instant::now();
        assert!(visit(neighbour, "/").ends_with("hello"));
        times.neighbour.push(began.elapsed().as_secs_f64() * 1e3);
        if request % (REQUESTS / ASKED) == 0 {
            let began = Instant::now();
            agent();
            times.agent.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    times
}

/// The abuse again and again, held or not, while something else is done.
fn beside<T>(abuser: &str, abuse: &str, work: impl FnOnce() -> T) -> T {
    let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                visit(abuser, &format!("/{abuse}"));
                begun.store(true, Ordering::Relaxed);
                // What only has to be held is held; what ends by itself is begun anew.
                while ["cpu", "forks", "descriptors"].contains(&abuse)
                    && !done.load(Ordering::Relaxed)
                {
                    thread::yield_now();
                    thread::sleep(Duration::from_millis(20));
                }
                visit(abuser, "/release");
            }
        });
        let held = ["cpu", "forks", "descriptors"].contains(&abuse);
        while held && !begun.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

fn visit(url: &str, path: &str) -> String {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let port = authority
        .rsplit_once(':')
        .unwrap()
        .1
        .parse::<u16>()
        .unwrap();
    ask(
        TcpStream::connect(("127.0.0.1", port)).unwrap(),
        path,
        authority,
    )
}

fn ask(stream: impl Read + Write, path: &str, host: &str) -> String {
    try_to_ask(stream, path, host).unwrap()
}

fn try_to_ask(mut stream: impl Read + Write, path: &str, host: &str) -> io::Result<String> {
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn socket_of(host: &Host) -> PathBuf {
    host.config().parent().unwrap().join("run/agent.sock")
}
