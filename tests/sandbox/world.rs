//! Projects that look at their own sandbox, and what they show.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
};

use crate::host::Host;

pub const PROBE: &str = include_str!("probe.py");

/// Answers with what the probe says when run as a child of the app.
const SERVER: &str = r#"
import subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Shows(BaseHTTPRequestHandler):
    def do_GET(self):
        text = b"ready"
        if self.path == "/probe":
            ran = subprocess.run([sys.executable, "probe.py"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            text = ran.stdout
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
HTTPServer(("0.0.0.0", 8000), Shows).serve_forever()
"#;

/// A project whose app probes what it runs in.
pub fn probes_itself(host: &Host, settings: &str) -> PathBuf {
    host.project(
        "probes",
        &[
            ("main.py", SERVER),
            ("probe.py", PROBE),
            ("codemate-preview.toml", settings),
        ],
    )
}

/// What the app says it found.
pub fn shown(url: &str) -> String {
    get(url, "/probe").1
}

/// Status and body.
pub fn get(url: &str, path: &str) -> (u16, String) {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':').unwrap();
    // Every `*.localhost` is this machine, whatever its resolver says.
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}
