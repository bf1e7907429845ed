//! The filter as an ordinary process on loopback, between a client, a resolver and servers of the
//! test's own.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use super::{
    parts::dns_codec::{A, NO_ERROR, NO_SUCH_NAME, build_query, parse_query},
    tls::real,
};

const GUEST: &str = concat!(env!("OUT_DIR"), "/guest");
/// Only ever reached by a test that fails.
const LIMIT: Duration = Duration::from_secs(30);
const ALLOWED: &str = "ok.example.org\nprivate.example.org\n*.below.example.org";

struct World {
    filter: Child,
    _stdin: ChildStdin,
    said: mpsc::Receiver<String>,
    /// Names that reached the resolver.
    asked: Arc<Mutex<Vec<String>>>,
    dns: u16,
    tls: u16,
    http: u16,
    tls_server: TcpListener,
    http_server: TcpListener,
}

impl World {
    fn new() -> Self {
        let listener = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let (tls_server, http_server) = (listener(), listener());
        // Free a moment ago, and nobody else asks for a certain one.
        let [dns, tls, http] = [listener(), listener(), listener()].map(|it| port(&it));
        let resolver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (to_tls, to_http) = (port(&tls_server), port(&http_server));
        let mut filter = Command::new(GUEST)
            .arg("filter")
            .env_clear()
            .env("CODEMATE_NET_ALLOW", ALLOWED)
            .env(
                "CODEMATE_NET_DNS",
                resolver.local_addr().unwrap().to_string(),
            )
            .env(
                "CODEMATE_NET_REACH",
                format!("127.0.0.1:{to_tls} 127.0.0.1:{to_http}"),
            )
            .env(
                "CODEMATE_NET_PORTS",
                format!("{dns} {tls} {http} {to_tls} {to_http}"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        thread::spawn(move || resolve(&resolver, &heard));
        let (to, said) = mpsc::channel();
        let stdout = BufReader::new(filter.stdout.take().unwrap());
        thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|it| to.send(it))
        });
        let world = Self {
            _stdin: filter.stdin.take().unwrap(),
            filter,
            said,
            asked,
            dns,
            tls,
            http,
            tls_server,
            http_server,
        };
        world.says("ready");
        world
    }

    #[track_caller]
    fn says(&self, line: &str) {
        assert_eq!(self.said.recv_timeout(LIMIT).unwrap(), line);
    }

    fn connect(port: u16) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// What a client gets that sends this and reads to the end.
    fn exchange(port: u16, bytes: &[u8]) -> Vec<u8> {
        let mut stream = Self::connect(port);
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    /// Code, and how many addresses.
    fn ask(&self, name: &str, kind: u16) -> (u8, u8) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let query = build_query(5, name, kind);
        socket
            .send_to(&query, (Ipv4Addr::LOCALHOST, self.dns))
            .unwrap();
        let mut answer = [0; 600];
        let len = socket.recv(&mut answer).unwrap();
        assert!(len >= query.len());
        (answer[3] & 15, answer[7])
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.filter.kill();
        let _ = self.filter.wait();
    }
}

/// Everything is on loopback but what has `private` in its name.
fn resolve(socket: &UdpSocket, asked: &Mutex<Vec<String>>) {
    let mut message = [0; 600];
    while let Ok((len, from)) = socket.recv_from(&mut message) {
        let query = parse_query(&message[..len]).unwrap();
        let name = String::from_utf8(query.name.clone()).unwrap();
        let address: IpAddr = if name.starts_with("private") {
            Ipv4Addr::new(10, 1, 2, 3).into()
        } else {
            Ipv4Addr::LOCALHOST.into()
        };
        asked.lock().unwrap().push(name);
        let addresses = if query.kind == A { &[address][..] } else { &[] };
        socket
            .send_to(&query.answer(NO_ERROR, addresses, 60), from)
            .unwrap();
    }
}

/// Read until this has come.
fn until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(end) {
        stream.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    seen
}

fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn only_allowed_names_are_looked_up() {
    let world = World::new();
    assert_eq!(world.ask("ok.example.org", A), (NO_ERROR, 1));
    assert_eq!(world.ask("OK.Example.ORG", A), (NO_ERROR, 1));
    assert_eq!(world.ask("a.below.example.org", A), (NO_ERROR, 1));
    assert_eq!(world.ask("other.example.org", A), (NO_SUCH_NAME, 0));
    world.says("refused dns other.example.org 53");
    assert_eq!(world.ask("secret.ok.example.org", A), (NO_SUCH_NAME, 0));
    world.says("refused dns secret.ok.example.org 53");
    // Kinds that carry text, or keys that would hide a name.
    for kind in [16, 65, 64, 33, 252, 255, 12, 10] {
        assert_eq!(world.ask("ok.example.org", kind), (NO_ERROR, 0), "{kind}");
    }
    assert_eq!(world.ask("private.example.org", A), (NO_ERROR, 0));
    world.says("refused dns private.example.org=10.1.2.3 53");
    let mut asked = world.asked();
    asked.dedup();
    assert_eq!(
        asked,
        [
            "ok.example.org",
            "a.below.example.org",
            "private.example.org"
        ]
    );
    // Over TCP the same.
    let mut stream = World::connect(world.dns);
    for (name, want) in [("ok.example.org", 1), ("third.example.org", 0)] {
        let query = build_query(6, name, A);
        let len = u16::try_from(query.len()).unwrap().to_be_bytes();
        stream.write_all(&[&len[..], &query].concat()).unwrap();
        let mut len = [0; 2];
        stream.read_exact(&mut len).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(len))];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[7], want, "{name}");
    }
    world.says("refused dns third.example.org 53");
}

#[test]
fn a_request_goes_to_the_host_it_names_and_alone() {
    let world = World::new();
    let mut client = World::connect(world.http);
    let two = [get("ok.example.org"), get("other.example.org")].concat();
    client.write_all(two.as_bytes()).unwrap();
    let (mut server, _) = world.http_server.accept().unwrap();
    let seen = until(&mut server, b"\r\n\r\n");
    assert_eq!(
        String::from_utf8(seen).unwrap(),
        "GET / HTTP/1.1\r\nHost: ok.example.org\r\nConnection: close\r\n\r\n"
    );
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
    server.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"hello"));
    drop(client);
    // The second request never came.
    let mut rest = Vec::new();
    server
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let _ = server.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    for (request, line) in [
        (get("other.example.org"), "refused http other.example.org 0"),
        (get("10.1.2.3"), "refused http 10.1.2.3 0"),
        ("\r\n\r\n".to_owned(), "refused http - 0"),
    ] {
        let answer = World::exchange(world.http, request.as_bytes());
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{request}");
        let port = world.http_server.local_addr().unwrap().port().to_string();
        world.says(&line.replace(" 0", &format!(" {port}")));
    }
    // Its only address is private: no connection, and it is told.
    World::exchange(world.http, get("private.example.org").as_bytes());
    world.says("refused dns private.example.org=10.1.2.3 53");
    world.http_server.set_nonblocking(true).unwrap();
    let none = world.http_server.accept().unwrap_err();
    assert_eq!(none.kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_hello_goes_to_the_server_it_names_as_it_came() {
    let world = World::new();
    let hello = real("ok.example.org");
    let mut client = World::connect(world.tls);
    // In two pieces, with the cut in the middle of a record.
    client.write_all(&hello[..40]).unwrap();
    client.write_all(&hello[40..]).unwrap();
    let (mut server, _) = world.tls_server.accept().unwrap();
    let mut seen = vec![0; hello.len()];
    server.read_exact(&mut seen).unwrap();
    assert!(seen == hello);
    // Whatever comes then is between the two.
    let (big, sent) = (vec![7_u8; 3 << 20], vec![8_u8; 3 << 20]);
    let writer = thread::spawn({
        let mut server = server.try_clone().unwrap();
        move || server.write_all(&sent)
    });
    client.write_all(b"ping").unwrap();
    let mut four = [0; 4];
    server.read_exact(&mut four).unwrap();
    assert_eq!(&four, b"ping");
    let mut got = vec![0; big.len()];
    client.read_exact(&mut got).unwrap();
    assert!(got.iter().all(|&byte| byte == 8));
    writer.join().unwrap().unwrap();
    let port = world.tls_server.local_addr().unwrap().port();
    for (name, line) in [
        ("other.example.org", "other.example.org"),
        ("198.51.100.1", "-"),
    ] {
        assert_eq!(
            World::exchange(world.tls, &real(name))[..2],
            [21, 3],
            "{name}"
        );
        world.says(&format!("refused tls {line} {port}"));
    }
    assert_eq!(World::exchange(world.tls, b"SSH-2.0-x\r\n")[..2], [21, 3]);
    // Told a moment ago: a hundred more make no line.
    for _ in 0..100 {
        World::exchange(world.tls, &real("other.example.org"));
    }
    World::exchange(world.tls, &real("last.example.org"));
    world.says(&format!("refused tls last.example.org {port}"));
}

#[test]
fn a_client_that_says_nothing_is_hung_up_on() {
    let world = World::new();
    let mut idle: Vec<TcpStream> = (0..20).map(|_| World::connect(world.tls)).collect();
    for stream in &mut idle {
        stream.write_all(&real("ok.example.org")[..20]).unwrap();
    }
    // Others are served meanwhile.
    World::exchange(world.http, get("other.example.org").as_bytes());
    for stream in &mut idle {
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(
            matches!(ended, Ok(_) | Err(ErrorKind::ConnectionReset)),
            "{ended:?}"
        );
    }
}

#[test]
fn a_list_that_is_wrong_starts_nothing() {
    for (variable, value) in [
        ("CODEMATE_NET_ALLOW", "not a name"),
        ("CODEMATE_NET_DNS", "resolver.example.org"),
        ("CODEMATE_NET_REACH", "10.0.0.0/8"),
    ] {
        let mut command = Command::new(GUEST);
        command
            .arg("filter")
            .env_clear()
            .env("CODEMATE_NET_ALLOW", "a.example.org");
        let ended = command
            .env(variable, value)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!ended.status.success(), "{variable}");
        assert!(ended.stdout.is_empty(), "{variable}");
    }
}
