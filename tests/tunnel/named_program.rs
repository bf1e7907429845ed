//! A stand-in for `cloudflared tunnel run`: takes its token and its metrics address from the
//! environment, and says over the latter that it is connected.
//!
//! What it does otherwise is in files of its home: `unconnected`, while there, has it not be; with
//! `broken` it ends at once. Every start adds a line with its process id to `starts`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
};

pub fn run(args: &[String]) {
    if args.first().is_some_and(|arg| arg == "--version") {
        write(
            &mut std::io::stdout(),
            "cloudflared version 0.0.0 (a stand-in)\n",
        );
        return;
    }
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let [tunnel, option, config, run] = args else {
        fail("not asked to run a tunnel");
    };
    let asked = [tunnel.as_str(), option.as_str(), run.as_str()];
    if asked != ["tunnel", "--config", "run"] || !fs::read(config).is_ok_and(|text| text.is_empty())
    {
        fail("not asked to run a tunnel with an empty configuration");
    }
    let token = std::env::var("TUNNEL_TOKEN").unwrap_or_default();
    if !token.starts_with(super::cloudflare_api::TUNNEL_TOKEN) {
        fail("Provided Tunnel token is not valid.");
    }
    let mut starts = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(home.join("starts"))
        .unwrap();
    write(&mut starts, &format!("{}\n", std::process::id()));
    if home.join("broken").exists() {
        fail("it is broken");
    }
    let listener = TcpListener::bind(std::env::var("TUNNEL_METRICS").unwrap()).unwrap();
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 4096]);
        let connected = !home.join("unconnected").exists();
        let (status, connections) = if connected { (200, 4) } else { (503, 0) };
        let body = format!(r#"{{"status":{status},"readyConnections":{connections}}}"#);
        let length = body.len();
        let _ = stream.write_all(
            format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .as_bytes(),
        );
    }
}

#[expect(clippy::exit, reason = "a program has to")]
fn fail(why: &str) -> ! {
    write(&mut std::io::stderr(), &format!("{why}\n"));
    std::process::exit(1)
}

fn write(to: &mut dyn std::io::Write, text: &str) {
    to.write_all(text.as_bytes()).unwrap();
}
