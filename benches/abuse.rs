//! A preview and the agent while another preview takes all it can get, beside the same when it is
//! quiet, interleaved in one run.
//!
//! Prints milliseconds and ratios. Bounded: `ROUNDS` of each abuse, each of `REQUESTS` requests to
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
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use host::Host;

const ROUNDS: usize = 5;
const REQUESTS: usize = 400;
const ASKED: usize = 40;
const ABUSES: [&str; 6] = ["forks", "memory", "disk", "logs", "descriptors", "cpu"];
const ABUSER: &str = include_str!("../tests/sandbox/abuser.py");
const NEIGHBOUR: &str = include_str!("../tests/sandbox/neighbour.py");

fn main() {
    let host = Host::new();
    let neighbour = host.project("neighbour", &[("main.py", NEIGHBOUR)]);
    let abuser = host.project("abuser", &[("main.py", ABUSER)]);
    let neighbour = host.up(&neighbour).url();
    let abuser = abuser.to_str().unwrap();
    let abuser = host.run(&["up", abuser, "--memory", "512MiB"]).url();
    let socket = socket_of(&host);
    println!(
        "| abuse | neighbour p50, quiet | abused | p99, quiet | abused | ratio (< 2) | agent p99, quiet | abused (< 100) |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    measure(&neighbour, &socket);
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |abuse: &&str| {
        let named = |name: &String| ABUSES.contains(&name.as_str());
        !asked.iter().any(named) || asked.iter().any(|name| name == abuse)
    };
    for abuse in ABUSES.into_iter().filter(wanted) {
        let (mut quiet, mut beside_it) = (Times::default(), Times::default());
        for _ in 0..ROUNDS {
            quiet.add(measure(&neighbour, &socket));
            beside_it.add(beside(&abuser, abuse, || measure(&neighbour, &socket)));
        }
        let (q, a) = (quiet.at(99), beside_it.at(99));
        println!(
            "| {abuse} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} |",
            quiet.at(50).0,
            beside_it.at(50).0,
            q.0,
            a.0,
            a.0 / q.0,
            q.1,
            a.1
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

fn measure(neighbour: &str, socket: &Path) -> Times {
    let mut times = Times::default();
    for request in 0..REQUESTS {
        let began = Instant::now();
        assert!(visit(neighbour, "/").ends_with("hello"));
        times.neighbour.push(began.elapsed().as_secs_f64() * 1e3);
        if request % (REQUESTS / ASKED) == 0 {
            let began = Instant::now();
            let answer = ask(
                UnixStream::connect(socket).unwrap(),
                "/v1/instances",
                "agent",
            );
            assert!(answer.contains("neighbour"), "{answer}");
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
                    thread::sleep(std::time::Duration::from_millis(20));
                }
                visit(abuser, "/release");
            }
        });
        let held = ["cpu", "forks", "descriptors"].contains(&abuse);
        while held && !begun.load(Ordering::Relaxed) {
            thread::sleep(std::time::Duration::from_millis(5));
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

fn ask(mut stream: impl Read + Write, path: &str, host: &str) -> String {
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn socket_of(host: &Host) -> PathBuf {
    host.config().parent().unwrap().join("run/agent.sock")
}
