//! Which hosts a preview gets to that may reach some by name, or none.

use std::{
    collections::BTreeSet, fs, net::ToSocketAddrs, os::unix::fs::PermissionsExt, path::PathBuf,
    process::Command,
};

use codemate_preview::engine::guest::GUEST;
use serde_json::{Value, json};

use crate::{
    Test,
    host::{Host, docker, until, write},
    neighbourhood::{Neighbourhood, RESOLVER},
};

/// In a world of their own.
pub const APART: &[Test] = &[("names_are_the_only_way_out", names_are_the_only_way_out)];

pub const TESTS: &[Test] = &[
    ("nobody_gets_more_than_given", nobody_gets_more_than_given),
    (
        "a_preview_without_egress_previews",
        a_preview_without_egress_previews,
    ),
    (
        "registries_are_reached_by_name",
        registries_are_reached_by_name,
    ),
    (
        "a_failed_installation_says_what_was_refused",
        a_failed_installation_says_what_was_refused,
    ),
    ("a_probe_finds_what_holds", a_probe_finds_what_holds),
    ("a_probe_finds_what_is_open", a_probe_finds_what_is_open),
];

const SERVER: &str = r#"
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
HTTPServer(("0.0.0.0", 8000), Hello).serve_forever()
"#;

fn server(host: &Host, settings: &str) -> PathBuf {
    host.project(
        "outward",
        &[("main.py", SERVER), ("codemate-preview.toml", settings)],
    )
}

/// What a preview says of every way out, by the names of the prober's functions.
fn outward(host: &Host, project: &str) -> Value {
    let program = include_str!("outward.py");
    let ran = host.run(&["exec", project, "--", "python3", "-c", program]);
    let ran = ran.ok();
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}

/// Every refusal an instance's journal has: by whom, of what, for which port.
fn refusals(host: &Host, project: &str) -> BTreeSet<String> {
    let told = host.json(&["events", project]);
    let events = told["events"].as_array().unwrap().iter();
    events
        .filter(|event| event["type"] == "egress.refused")
        .map(|event| {
            let data = &event["data"];
            let word = |name: &str| data[name].as_str().unwrap().to_owned();
            format!("{} {} {}", word("by"), word("host"), data["port"])
        })
        .collect()
}

fn certificate(host: &Host) -> String {
    let path = host.project("certificate", &[]).join("both.pem");
    let path = path.to_str().unwrap();
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
        ])
        .args([
            "-subj",
            "/CN=x",
            "-keyout",
            path,
            "-out",
            &format!("{path}.crt"),
        ])
        .output()
        .unwrap();
    assert!(made.status.success());
    let both =
        fs::read_to_string(path).unwrap() + &fs::read_to_string(format!("{path}.crt")).unwrap();
    fs::write(path, both).unwrap();
    path.to_owned()
}

fn names_are_the_only_way_out() {
    // Outlives the agent on it.
    let files = Host::new();
    let answering = ["203.0.113.170", "203.0.113.171", "203.0.113.172", RESOLVER];
    let around = Neighbourhood::with_world(
        &answering.map(str::to_owned).into(),
        include_str!("internet.py"),
        &certificate(&files),
    );
    around.copy_image("codemate/net:1");
    around.copy_image("codemate/python:3.13");
    let mut host = Host::new();
    host.env.push(("DOCKER_HOST", around.socket()));
    write(
        &host.config().join("config.toml"),
        &format!("[sandbox]\ndns = [\"{RESOLVER}\"]\n"),
    );
    let settings =
        "[network]\negress = { allow = [\"ok.example.org\", \"private.example.org\"] }\n";
    let project = server(&host, settings);
    let path = project.to_str().unwrap();
    host.up(&project).url();
    only_names_got_out(&outward(&host, path));
    // As the world saw it: names that may be asked, and requests for the one host.
    let arrived = around.arrived("world");
    let lines: BTreeSet<&str> = arrived.lines().collect();
    let wanted = [
        "asked ok.example.org",
        "asked private.example.org",
        "request 203.0.113.170 443 inner",
        "request 203.0.113.170 80 ok.example.org",
        "up",
    ];
    assert_eq!(lines, BTreeSet::from(wanted), "{arrived}");
    each_refusal_is_told(&host, path);
    // The control: the same ways, from a preview that may reach the internet.
    host.run(&["up", "--egress", "open", path]).url();
    let told = outward(&host, path);
    for what in [
        "other_http",
        "other_tls",
        "no_sni",
        "other_port",
        "udp",
        "quic",
        "stray_dns_stream",
    ] {
        assert!(
            !told[what].to_string().starts_with("\"no: "),
            "{what}: {told:#}"
        );
    }
    assert_eq!(
        told["second_request"].to_string().matches("200 OK").count(),
        2,
        "{told:#}"
    );
    assert!(
        around
            .arrived("world")
            .contains("asked secret.tunnel.example.org")
    );
}

fn only_names_got_out(told: &Value) {
    let said = |what: &str| told[what].to_string();
    let real = "203.0.113.170";
    for what in [
        "allowed_http",
        "allowed_tls",
        "allowed_host_elsewhere",
        "allowed_sni_elsewhere",
    ] {
        assert!(said(what).contains("200 OK"), "{what}: {told:#}");
        assert!(said(what).contains(&format!("{real} ")), "{what}: {told:#}");
    }
    assert_eq!(
        said("second_request").matches("200 OK").count(),
        1,
        "{told:#}"
    );
    assert!(said("other_http").contains("403 Forbidden"), "{told:#}");
    assert!(said("address_http").contains("403 Forbidden"), "{told:#}");
    assert_eq!(told["tunnel"], "code 3, 0 records", "{told:#}");
    assert_eq!(told["tunnel_by_text"], "code 0, 0 records", "{told:#}");
    assert_eq!(told["private"], "code 0, 0 records", "{told:#}");
    for what in [
        "other_looked_up",
        "other_tls",
        "no_sni",
        "other_port",
        "stray_dns_stream",
        "udp",
        "quic",
        "engines_resolver",
    ] {
        assert!(
            said(what).starts_with("\"no: ") || told[what] == json!([]),
            "{what}: {told:#}"
        );
    }
    assert!(!said("private_http").contains("200 OK"), "{told:#}");
}

fn each_refusal_is_told(host: &Host, path: &str) {
    let expected = [
        "dns other.example.org 53",
        "http other.example.org 80",
        "tls other.example.org 443",
        "tls 203.0.113.171 443",
        "http 203.0.113.171 80",
        "tcp 203.0.113.170 8080",
        "udp 203.0.113.170 9999",
        "udp 203.0.113.170 443",
        "dns secret.tunnel.example.org 53",
        "dns private.example.org=10.9.9.9 53",
    ];
    until("every refusal as an event", || {
        let told = refusals(host, path);
        expected
            .iter()
            .all(|line| told.contains(*line))
            .then_some(())
    });
    let logs = host.run(&["logs", path]).ok();
    assert!(
        logs.stderr.contains("other.example.org:443 over TLS"),
        "{logs:#?}"
    );
}

fn nobody_gets_more_than_given() {
    let host = Host::new();
    let settings =
        "[sandbox]\nallow_root = true\negress = { allow = [\"*.example.org\", \"npm\"] }\n";
    write(&host.config().join("config.toml"), settings);
    let project = server(&host, "");
    let path = project.to_str().unwrap();
    for (asked, code) in [
        ("open", 12),
        ("pypi", 12),
        ("example.org", 12),
        ("a.example.org,b.example.com", 12),
        ("pipy", 6),
        ("10.0.0.1", 6),
    ] {
        let ran = host.run(&["up", "--egress", asked, path]);
        assert_eq!(ran.code, code, "{asked}: {ran:#?}");
    }
    write(
        &project.join("codemate-preview.toml"),
        "[sandbox]\nroot = true\n[network]\negress = { allow = [\"a.example.org\"] }\n",
    );
    assert_eq!(host.up(&project).code, 12);
    // The control, which also shows that less is given.
    write(&project.join("codemate-preview.toml"), "");
    host.run(&["up", "--egress", "none", path]).url();
    host.run(&["up", "--egress", "a.example.org", path]).url();
}

fn a_preview_without_egress_previews() {
    let host = Host::new();
    let project = server(&host, "[network]\negress = \"none\"\n");
    let path = project.to_str().unwrap();
    let url = host.up(&project).url();
    let port = url.rsplit(':').next().unwrap().trim_end_matches('/');
    let name = url.trim_start_matches("http://").split(':').next().unwrap();
    let got = Command::new("curl")
        .args([
            "-sS",
            "--resolve",
            &format!("{name}:{port}:127.0.0.1"),
            &url,
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&got.stdout), "hello");
    let told = outward(&host, path);
    for (what, said) in told.as_object().unwrap() {
        let no = said.to_string().starts_with("\"no: ") || *said == json!([]);
        assert!(no, "{what}: {told:#}");
    }
}

/// Where registries are mirrored at private addresses, those have to be excepted.
fn reach_registries(host: &Host, more: &str) {
    let names = ["pypi.org", "files.pythonhosted.org", "registry.npmjs.org"];
    let found: BTreeSet<String> = names
        .iter()
        .flat_map(|name| (*name, 443).to_socket_addrs().into_iter().flatten())
        .filter(|place| matches!(place.ip(), std::net::IpAddr::V4(ip) if ip.is_private()))
        .map(|place| format!("\"{place}\""))
        .collect();
    let reach: Vec<String> = found.into_iter().collect();
    write(
        &host.config().join("config.toml"),
        &format!("[sandbox]\nreach = [{}]\n{more}", reach.join(", ")),
    );
}

fn registries_are_reached_by_name() {
    for (fixture, preset) in [("flask-hello", "pypi"), ("express-hello", "npm")] {
        let host = Host::new();
        reach_registries(&host, "");
        let project = host.copy_of(fixture);
        let path = project.to_str().unwrap();
        let ran = host.run(&["up", "--egress", preset, path]);
        ran.url();
        assert_eq!(refusals(&host, path), BTreeSet::new(), "{fixture}");
    }
}

fn a_failed_installation_says_what_was_refused() {
    let host = Host::new();
    reach_registries(&host, "");
    let project = host.copy_of("flask-hello");
    let ran = host.run(&["up", "--egress", "npm", project.to_str().unwrap()]);
    assert_eq!(ran.code, 8, "{ran:#?}");
    assert!(
        ran.stderr
            .contains("the sandbox refused it connections: pypi.org"),
        "{ran:#?}"
    );
    assert!(ran.stderr.contains("add \"pypi.org\" to"), "{ran:#?}");
}

fn a_probe_finds_what_holds() {
    let host = Host::new();
    let ran = host.run(&["--json", "doctor", "--probe"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = document["data"]["rows"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("{ran:#?}"));
    assert!(rows.len() > 80, "{ran:#?}");
    let open: Vec<&Value> = rows.iter().filter(|row| row["verdict"] != "held").collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(ran.code, 0);
    let tried = |part: &str| {
        rows.iter()
            .find(|row| row["tried"].as_str().unwrap().contains(part))
            .unwrap_or_else(|| panic!("{part}: {rows:#?}"))
    };
    // The control: a packet that may leave is seen to.
    assert_eq!(tried("UDP to internet, which it may")["result"], "it left");
    assert!(tried("connections that came")["tried"] != "");
    tried("TCP to the host, by its bridge");
}

/// The control of the one above: a container that is held by little.
fn a_probe_finds_what_is_open() {
    let host = Host::new();
    let project = host.project("open", &[]);
    let guest = project.join("guest");
    fs::write(&guest, GUEST).unwrap();
    fs::set_permissions(&guest, fs::Permissions::from_mode(0o755)).unwrap();
    let volume = format!("{}:/open", project.display());
    let told = docker(&[
        "run",
        "--rm",
        "--user",
        "0:0",
        "--network",
        "none",
        "--cap-add",
        "SYS_ADMIN",
        "--cap-add",
        "NET_ADMIN",
        "--security-opt",
        "seccomp=unconfined",
        "--env",
        "PLANTED=1",
        "--volume",
        &volume,
        "codemate/python:3.13",
        "/open/guest",
        "probe",
        "--memory",
        "1000000",
        "--pids",
        "10",
        "--files",
        "10",
        "--absent",
        "/open/guest",
    ]);
    let open: BTreeSet<&str> = told
        .iter()
        .filter_map(|line| line.strip_suffix("\topen"))
        .collect();
    assert!(open.len() >= 25, "{told:#?}");
    for part in [
        "user\t0",
        "capabilities, CapEff",
        "system calls are filtered\t0",
        "write /etc/probe\twritten",
        "memory, at most",
        "/open/guest\tit is there",
        "PLANTED",
        "socket: raw frames\tdone",
        "call: mount\tdone",
        "call: mount namespace\tdone",
    ] {
        assert!(
            open.iter().any(|row| row.contains(part)),
            "{part}: {told:#?}"
        );
    }
}
