//! Knocks at addresses from inside a container. Built by itself, static, for an image without anything
//! else.
//!
//! `prober LIMIT_MS` reads lines `label|kind|address|port` from its input and says for each label
//! whether it was answered. `prober init` is the same at the first instruction of a container that
//! takes it for the guest: what it knocks at is in its own text. `prober serve` is somebody to be
//! reached, at port 3000.

use std::{
    fs::{File, read_to_string},
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::FromRawFd,
    thread,
    time::Duration,
};

/// Some of each kind: the bridge's host by every way to guess it, private, shared, metadata.
const AT_ONCE: &str = include_str!("../sandbox/at_once.txt");

// SAFETY: the signature is that of the C library's header.
unsafe extern "C" {
    fn socket(family: i32, kind: i32, protocol: i32) -> i32;
}

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if argument == "serve" {
        return serve();
    }
    let (limit, targets) = match argument.parse() {
        Ok(ms) => (
            Duration::from_millis(ms),
            io::read_to_string(io::stdin()).unwrap(),
        ),
        Err(_) => (
            Duration::from_millis(300),
            AT_ONCE.replace("GATEWAY", &gateway()),
        ),
    };
    let knocks: Vec<_> = targets
        .lines()
        .map(|line| {
            let line = line.to_owned();
            thread::spawn(move || {
                let fields: Vec<&str> = line.split('|').collect();
                let answer = knock(&fields, limit);
                let label = fields[0];
                match answer {
                    Ok(()) => println!("{label} open"),
                    Err(error) => println!("{label} shut {error}"),
                }
            })
        })
        .collect();
    for knock in knocks {
        let _ = knock.join();
    }
    if argument == "init" {
        println!("knocked");
        thread::sleep(Duration::from_mins(10));
    }
}

/// Answers as the listeners of the namespaces do.
fn serve() {
    let listener = TcpListener::bind("0.0.0.0:3000").unwrap();
    for stream in listener.incoming().flatten() {
        let _ = (&stream).write_all(b"here\n");
    }
}

fn knock(fields: &[&str], limit: Duration) -> io::Result<()> {
    let [label, kind, address, port] = fields[..] else {
        return Err(io::Error::other("no target"));
    };
    let port: u16 = port.parse().map_err(io::Error::other)?;
    if kind == "raw" {
        // A socket that writes frames past every rule of the namespace.
        return descriptor(17, 3, 8).map(drop);
    }
    let (address, scope) = match address.split_once('%') {
        Some((address, interface)) => {
            let index = read_to_string(format!("/sys/class/net/{interface}/ifindex"))?;
            (address, index.trim().parse().unwrap_or(0))
        }
        None => (address, 0),
    };
    let to = match address.parse::<IpAddr>().map_err(io::Error::other)? {
        IpAddr::V6(v6) => SocketAddr::V6(std::net::SocketAddrV6::new(v6, port, 0, scope)),
        IpAddr::V4(v4) => SocketAddr::from((v4, port)),
    };
    let mut answer = [0; 64];
    match kind {
        "tcp" => {
            let mut stream = TcpStream::connect_timeout(&to, limit)?;
            stream.set_read_timeout(Some(limit))?;
            stream.write_all(format!("{label}\n").as_bytes())?;
            stream.read(&mut answer).map(drop)
        }
        "icmp" => {
            let socket = descriptor(2, 2, 1)?;
            socket.connect(to)?;
            socket.set_read_timeout(Some(limit))?;
            socket.send(&[8, 0, 0, 0, 0, 1, 0, 1])?;
            socket.recv(&mut answer).map(drop)
        }
        _ => {
            let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any)?;
            socket.set_broadcast(true)?;
            socket.connect(to)?;
            socket.set_read_timeout(Some(limit))?;
            socket.send(format!("{label}\n").as_bytes())?;
            socket.recv(&mut answer).map(drop)
        }
    }
}

/// Any socket, as one that std can send with.
fn descriptor(family: i32, kind: i32, protocol: i32) -> io::Result<UdpSocket> {
    // SAFETY: a new descriptor, owned at once.
    match unsafe { socket(family, kind, protocol) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: as above.
        fd => Ok(unsafe { UdpSocket::from_raw_fd(fd) }),
    }
}

fn gateway() -> String {
    let mut routes = String::new();
    let _ = File::open("/proc/net/route").and_then(|mut file| file.read_to_string(&mut routes));
    let through = routes.lines().skip(1).find_map(|route| {
        let fields: Vec<&str> = route.split_whitespace().collect();
        let through = u32::from_str_radix(fields.get(2)?, 16).ok()?;
        (through != 0).then(|| IpAddr::from(through.to_ne_bytes()).to_string())
    });
    through.unwrap_or_else(|| "192.0.2.1".to_owned())
}
