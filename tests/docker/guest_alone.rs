//! An image with nothing in it but what the project brings: no shell, no libc, no tar.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    Test,
    host::{Host, docker, write},
    web::get,
};

pub const TESTS: &[Test] = &[(
    "guest_alone::an_empty_image_is_enough",
    an_empty_image_is_enough,
)];

const SERVER: &str = r#"
use std::{io::{Read, Write}, net::TcpListener};
fn main() {
    let listener = TcpListener::bind(("127.0.0.1", 7000)).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nalone");
    }
}
"#;

const IMAGE: &str = "codemate-test/empty:1";

fn empty_image() {
    let mut import = Command::new("docker")
        .args(["import", "-", IMAGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The end of an archive with nothing in it.
    import.stdin.take().unwrap().write_all(&[0; 1024]).unwrap();
    assert!(import.wait().unwrap().success());
}

fn an_empty_image_is_enough() {
    empty_image();
    let host = Host::new();
    let settings = format!("image = \"{IMAGE}\"\n[run]\ncommand = [\"./server\"]\n");
    let project = host.project("alone", &[("codemate-preview.toml", &settings)]);
    let source = project.parent().unwrap().join("server.rs");
    write(&source, SERVER);
    compile(&source, &project.join("server"));
    let url = host.up(&project).url();
    assert_eq!(get(&url), (200, "alone".to_owned()));
    drop(host);
    docker(&["rmi", IMAGE]);
}

fn compile(source: &Path, to: &Path) {
    let compiled = Command::new("rustc")
        .args([
            "--edition",
            "2024",
            "-C",
            "opt-level=s",
            "-C",
            "target-feature=+crt-static",
            "-o",
        ])
        .arg(to)
        .arg(source)
        .status()
        .unwrap();
    assert!(compiled.success());
}
