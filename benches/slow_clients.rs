//! One good client of the gateway, alone and beside 500 that drip a header and 100 half-open
//! sockets.
//!
//! `cargo bench --bench slow_clients`. The gateway is a process of its own, so that its memory is
//! its own. Rounds alone and beside the slow ones alternate in one run; the ratio is what counts.

#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "../tests/it/help/tcp_dial.rs"]
mod tcp_dial;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use codemate_preview::{
    gateway::{Activity, Gateway, NoPorts, PublicDeny, PublicListeners, Route, Routes, Target},
    model::ProxyHost,
    task::Scope,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::Instant,
};

use tcp_dial::TcpDial;

const ROUNDS: usize = 3;
const REQUESTS: usize = 1000;
const DRIPPING: usize = 500;
const HALF_OPEN: usize = 100;

fn main() {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("gateway") {
        return serve(args.next().unwrap().parse().unwrap());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(compare());
}

/// The child: our gateway, until its standard input ends.
#[tokio::main]
async fn serve(upstream: u16) {
    let scope = Scope::new();
    let gateway = Gateway::bind(Some(0)).unwrap();
    let target = Target::Ready {
        dial: Arc::new(TcpDial(([127, 0, 0, 1], upstream).into())),
        port: upstream,
        host: ProxyHost::Preserve,
        forwarded_host: false,
        generation: 1,
    };
    let route = Route {
        id: "0123456789ab".parse().unwrap(),
        target,
        activity: Activity::new(),
        public_deny: PublicDeny::none(),
        ports: Arc::new(NoPorts),
    };
    let routes = Routes::new();
    routes.set("shop".parse().unwrap(), route);
    println!("{}", gateway.port());
    let ends = scope.clone();
    scope.spawn_blocking(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        ends.cancel();
    });
    let entrances = PublicListeners::new(routes, gateway.port(), &scope);
    gateway.serve(&entrances).await.unwrap();
}

/// The gateway's process and its door.
struct Door {
    child: Child,
    port: u16,
}

impl Door {
    fn open(upstream: u16) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["gateway", &upstream.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port }
    }

    /// What it holds of memory, in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    async fn begin(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let host = format!("host: shop.localhost:{}\r\n", self.port);
        let text = format!("GET / HTTP/1.1\r\n{host}{text}");
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Answers everything; agrees to sockets and never ends one.
async fn upstream(scope: &Scope) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let inner = scope.clone();
    scope.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            inner.spawn(async move {
                while let Some(head) = head(&mut stream).await {
                    let upgrade = head.contains("upgrade: websocket");
                    let answer = if upgrade {
                        "HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
                    } else {
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
                    };
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                    if upgrade {
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    port
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Seconds each request took, half of them on a connection of their own, in order.
async fn good(door: &Door) -> Vec<f64> {
    let mut times = Vec::with_capacity(REQUESTS);
    let mut kept = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    kept.set_nodelay(true).unwrap();
    for number in 0..REQUESTS {
        let start = Instant::now();
        let mut own;
        let stream = if number % 2 == 0 {
            &mut kept
        } else {
            own = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
            &mut own
        };
        let ask = format!(
            "GET / HTTP/1.1\r\nhost: shop.localhost:{}\r\n\r\n",
            door.port
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
        }
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times
}

/// Drips for as long as the gateway lets it.
async fn drip(mut stream: TcpStream) {
    while stream.write_all(b"y").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn compare() {
    let scope = Scope::new();
    let door = Door::open(upstream(&scope).await);
    good(&door).await;
    let before = door.memory();
    let (mut alone, mut beside, mut most) = (Vec::new(), Vec::new(), before);
    for _ in 0..ROUNDS {
        alone.push(good(&door).await);
        let mut dripping = Vec::new();
        for _ in 0..DRIPPING {
            let stream = door.begin("x: ").await;
            dripping.push(scope.spawn(drip(stream)));
        }
        let mut half_open = Vec::new();
        for _ in 0..HALF_OPEN {
            let mut stream = door
                .begin("connection: upgrade\r\nupgrade: websocket\r\n\r\n")
                .await;
            head(&mut stream).await.unwrap();
            stream.shutdown().await.unwrap();
            half_open.push(stream);
        }
        beside.push(good(&door).await);
        most = most.max(door.memory());
        let start = Instant::now();
        for dripping in dripping {
            let _ = dripping.await;
        }
        println!(
            "the last drip was cut off {:.1} s later",
            start.elapsed().as_secs_f64()
        );
    }
    let median = |rounds: &[Vec<f64>], part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let at = ((REQUESTS - 1) as f64 * part) as usize;
        let mut all: Vec<f64> = rounds.iter().map(|round| round[at] * 1000.0).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    for (name, part) in [("p50", 0.5), ("p99", 0.99), ("longest", 1.0)] {
        let (alone, beside) = (median(&alone, part), median(&beside, part));
        println!(
            "{name}: alone {alone:.2} ms, beside {DRIPPING} + {HALF_OPEN} slow ones {beside:.2} ms: {:.2} x",
            beside / alone
        );
    }
    println!(
        "memory: {before} KiB before, {most} KiB at most: + {} KiB",
        most - before
    );
    drop(door);
    scope.cancel();
}
