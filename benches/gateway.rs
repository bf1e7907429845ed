//! The gateway beside no proxy at all and beside nginx, before one upstream, in one run.
//!
//! `cargo bench --bench gateway`. Each proxy is a process of its own; the upstream and the
//! visitors are in this one. Rounds are interleaved, so that what else the machine does hits all
//! alike; only ratios mean anything. nginx is left out where there is none on the `PATH`.

#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "../tests/it/help/tcp_dial.rs"]
mod tcp_dial;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
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

const ROUNDS: usize = 5;
const VISITORS: usize = 32;
const REQUESTS: usize = 20_000;
const LARGE: usize = 64 << 10;
const EVENTS: usize = 20;

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
    let dial = Arc::new(TcpDial(([127, 0, 0, 1], upstream).into()));
    let target = Target::Ready {
        dial,
        port: upstream,
        host: ProxyHost::Preserve,
        forwarded_host: false,
        generation: 1,
    };
    let routes = Routes::new();
    let id = "0123456789ab".parse().unwrap();
    routes.set(
        "shop".parse().unwrap(),
        Route {
            id,
            target,
            activity: Activity::new(),
            public_deny: PublicDeny::none(),
            ports: Arc::new(NoPorts),
        },
    );
    println!("{}", gateway.port());
    let ends = scope.clone();
    scope.spawn_blocking(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        ends.cancel();
    });
    let entrances = PublicListeners::new(routes, gateway.port(), &scope);
    gateway.serve(&entrances).await.unwrap();
}

/// A way to the upstream.
struct Peer {
    name: &'static str,
    port: u16,
    child: Option<Child>,
    rates: Vec<f64>,
    p50s: Vec<f64>,
    p99s: Vec<f64>,
    bulk: Vec<f64>,
    first: Vec<f64>,
}

impl Peer {
    fn new(name: &'static str, port: u16, child: Option<Child>) -> Self {
        let none = Vec::new;
        Self {
            name,
            port,
            child,
            rates: none(),
            p50s: none(),
            p99s: none(),
            bulk: none(),
            first: none(),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
            if self.name == "nginx" {
                // The master ends its workers on TERM, and on nothing weaker.
                let _ = Command::new("kill").arg(child.id().to_string()).status();
            }
            let _ = child.wait();
        }
    }
}

async fn compare() {
    let scope = Scope::new();
    let epoch = Instant::now();
    let upstream = start_upstream(&scope, epoch).await;
    let dir = tempfile::tempdir().unwrap();
    let mut peers = vec![Peer::new("direct", upstream, None), start_gateway(upstream)];
    match start_nginx(upstream, dir.path()).await {
        Some(nginx) => peers.push(nginx),
        None => println!("nginx is not on the PATH: skipped"),
    }
    for peer in &peers {
        load(&scope, peer.port, "/", VISITORS, REQUESTS / 4).await;
    }
    for _ in 0..ROUNDS {
        for peer in &mut peers {
            let (seconds, mut times) = load(&scope, peer.port, "/", VISITORS, REQUESTS).await;
            times.sort_by(f64::total_cmp);
            peer.rates.push(exact(times.len()) / seconds);
            peer.p50s.push(times[times.len() / 2] * 1e3);
            peer.p99s.push(times[times.len() * 99 / 100] * 1e3);
        }
        for peer in &mut peers {
            let (seconds, times) = load(&scope, peer.port, "/large", 8, 2_000).await;
            peer.bulk.push(exact(times.len() * LARGE) / seconds / 1e6);
        }
        for peer in &mut peers {
            peer.first.push(events(peer.port, epoch).await * 1e3);
        }
    }
    print(&peers);
    drop(peers);
    scope.close(Duration::from_secs(3)).await;
}

fn exact(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(peers: &[Peer]) {
    println!("{VISITORS} connections, {REQUESTS} requests, {ROUNDS} rounds; medians");
    println!(
        "{:10} {:>9} {:>8} {:>8} {:>10} {:>10}",
        "", "req/s", "p50 ms", "p99 ms", "64 KB MB/s", "event ms"
    );
    for peer in peers {
        println!(
            "{:10} {:9.0} {:8.3} {:8.3} {:10.0} {:10.3}",
            peer.name,
            median(&peer.rates),
            median(&peer.p50s),
            median(&peer.p99s),
            median(&peer.bulk),
            median(&peer.first)
        );
    }
    let gateway = &peers[1];
    for peer in peers.iter().filter(|peer| peer.name != gateway.name) {
        // Each round against its neighbour, for the machine's load drifts.
        let ratio = |of: fn(&Peer) -> &Vec<f64>| {
            let pairs = of(gateway).iter().zip(of(peer));
            median(
                &pairs
                    .map(|(ours, theirs)| ours / theirs)
                    .collect::<Vec<_>>(),
            )
        };
        println!(
            "gateway / {}: req/s {:.2} x, p50 {:.2} x, p99 {:.2} x, 64 KB {:.2} x, event {:.2} x",
            peer.name,
            ratio(|peer| &peer.rates),
            ratio(|peer| &peer.p50s),
            ratio(|peer| &peer.p99s),
            ratio(|peer| &peer.bulk),
            ratio(|peer| &peer.first)
        );
    }
}

/// An upstream that does as little as it can, so that the proxies are what is measured.
async fn start_upstream(scope: &Scope, epoch: Instant) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let inner = scope.clone();
    let accept = async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let token = inner.token();
            inner.spawn(async move { token.run_until_cancelled(answer(stream, epoch)).await });
        }
    };
    let token = scope.token();
    scope.spawn(async move { token.run_until_cancelled(accept).await });
    port
}

async fn answer(mut stream: TcpStream, epoch: Instant) -> std::io::Result<()> {
    let head = |length: usize| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nserver: bench\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let small = (head(13) + "hello, world!").into_bytes();
    let large = [head(LARGE).into_bytes(), vec![b'x'; LARGE]].concat();
    let mut request = Vec::with_capacity(4096);
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        if request.starts_with(b"GET /large") {
            stream.write_all(&large).await?;
        } else if request.starts_with(b"GET /events") {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            for _ in 0..EVENTS {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let event = format!("data: {:020}\n\n", epoch.elapsed().as_nanos());
                stream
                    .write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())
                    .await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        } else {
            stream.write_all(&small).await?;
        }
    }
}

/// `requests` requests over `visitors` connections: seconds for all, and for each.
async fn load(
    scope: &Scope,
    port: u16,
    path: &'static str,
    visitors: usize,
    requests: usize,
) -> (f64, Vec<f64>) {
    let mut streams = Vec::new();
    for _ in 0..visitors {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let start = Instant::now();
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|stream| scope.spawn(visit(stream, port, path, requests / visitors)))
        .collect();
    let mut times = Vec::with_capacity(requests);
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    (start.elapsed().as_secs_f64(), times)
}

async fn visit(mut stream: TcpStream, port: u16, path: &'static str, requests: usize) -> Vec<f64> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: shop.localhost:{port}\r\nuser-agent: bench\r\naccept: */*\r\naccept-encoding: gzip\r\ncookie: session=0123456789abcdef\r\n\r\n"
    );
    let mut answer = Vec::with_capacity(LARGE + 4096);
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let start = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        answer.clear();
        let mut whole = usize::MAX;
        while answer.len() < whole {
            assert!(
                stream.read_buf(&mut answer).await.unwrap() > 0,
                "closed early"
            );
            if whole == usize::MAX {
                whole = length(&answer).unwrap_or(usize::MAX);
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        times.push(start.elapsed().as_secs_f64());
    }
    times
}

/// How long the answer is with its header, once that is there.
fn length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end])
        .unwrap()
        .to_ascii_lowercase();
    let (_, rest) = head.split_once("content-length: ").unwrap();
    Some(end + rest.split_once('\r').unwrap().0.parse::<usize>().unwrap())
}

/// The median time an event takes from the upstream to the visitor, in seconds.
async fn events(port: u16, epoch: Instant) -> f64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET /events HTTP/1.1\r\nhost: shop.localhost:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut delays = Vec::new();
    let mut read = 0;
    while delays.len() < EVENTS {
        assert!(
            stream.read_buf(&mut answer).await.unwrap() > 0,
            "closed early"
        );
        let now = epoch.elapsed().as_secs_f64();
        let text = String::from_utf8_lossy(&answer).into_owned();
        while let Some((_, rest)) = text[read..].split_once("data: ") {
            let Some((stamp, after)) = rest.split_once("\n\n") else {
                break;
            };
            delays.push(now - stamp.parse::<f64>().unwrap() / 1e9);
            read = text.len() - after.len();
        }
    }
    median(&delays)
}

fn start_gateway(upstream: u16) -> Peer {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["gateway", &upstream.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    Peer::new("gateway", line.trim().parse().unwrap(), Some(child))
}

/// nginx with as many workers as cores and connections to the upstream kept, which it does not
/// do unless told.
async fn start_nginx(upstream: u16, dir: &Path) -> Option<Peer> {
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let dir_name = dir.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {dir_name}/{kind};\n"))
        .concat();
    let forward = "proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection '';
        proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Proto http;";
    let settings = format!(
        "daemon off; worker_processes auto; pid {dir_name}/pid; error_log stderr crit;
        events {{ worker_connections 1024; }}
        http {{ access_log off; {temporary} keepalive_requests 100000000; tcp_nodelay on;
        upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
        server {{ listen 127.0.0.1:{port};
        location / {{ {forward} }}
        location /events {{ {forward} proxy_buffering off; }} }} }}"
    );
    let path = dir.join("nginx.conf");
    std::fs::File::create(&path)
        .unwrap()
        .write_all(settings.as_bytes())
        .unwrap();
    let child = Command::new("nginx")
        .arg("-e")
        .arg("stderr")
        .arg("-c")
        .arg(&path)
        .arg("-p")
        .arg(dir)
        .stdin(Stdio::null())
        .spawn()
        .ok()?;
    let peer = Peer::new("nginx", port, Some(child));
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Some(peer)
}
