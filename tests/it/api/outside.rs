//! The program itself: what it refuses to start with, its tokens, and itself as a remote client.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use crate::help::program::{Ran, World};

fn configured(world: &World, text: &str) {
    let dir = world.state().join("config");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), text).unwrap();
}

fn start(world: &World) -> Ran {
    world.run_with(&["agent", "start"], |command| {
        command.env("CODEMATE_PREVIEW_CONFIG_DIR", world.state().join("config"));
    })
}

fn free_port() -> u16 {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    taken.local_addr().unwrap().port()
}

/// A certificate for 127.0.0.1 and its key, in files; `name` tells two of them apart.
fn certificate(world: &World, name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let write = |ending: &str, text: String| {
        let path = world.project().join(format!("{name}.{ending}"));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cert = write("pem", made.cert.pem());
    (cert, write("key", made.signing_key.serialize_pem()))
}

#[test]
fn what_would_be_open_to_others_does_not_start() {
    let world = World::new();
    let (cert, key) = certificate(&world, "own");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let short = world.project().join("short");
    fs::write(&short, "guess me").unwrap();
    fs::set_permissions(&short, fs::Permissions::from_mode(0o600)).unwrap();
    let short = short.display();
    let here = "listen = \"127.0.0.1:0\"\n";
    let users = format!("{here}[api.supabase]\n");
    for (settings, why) in [
        ("listen = \"0.0.0.0:0\"\n".to_owned(), "there is no TLS"),
        (
            "listen = \"[::]:0\"\nhosts = [\"a:1\"]\n".to_owned(),
            "there is no TLS",
        ),
        (format!("{here}tls_cert = {cert:?}\n"), "without the other"),
        (
            format!("{here}tls_cert = {cert:?}\ntls_key = {key:?}\n"),
            "others can read",
        ),
        (format!("{here}allowed_origins = [\"*\"]\n"), "is no origin"),
        (
            format!("{here}allowed_origins = [\"https://ide.example/\"]\n"),
            "is no origin",
        ),
        (
            format!("{users}jwt_secret_file = {cert:?}\n"),
            "says no `issuer`",
        ),
        (
            format!("{users}issuer = \"x\"\njwt_secret_file = \"{short}\"\n"),
            "can be guessed",
        ),
        (
            format!("{users}issuer = \"x\"\njwks_url = \"http://a.example\"\n"),
            "no `https://` URL",
        ),
        (
            format!("{users}issuer = \"x\"\njwks_url = \"https://a\"\nalgorithm = \"HS256\"\n"),
            "algorithm that its key is not for",
        ),
    ] {
        configured(&world, &format!("[api]\n{settings}"));
        let ran = start(&world);
        assert_eq!(ran.code, Some(6), "{settings}{}", ran.stderr);
        assert!(ran.stderr.contains(why), "{settings}{}", ran.stderr);
    }
    configured(&world, &format!("[api]\n{here}"));
    assert_eq!(start(&world).code, Some(0), "the control");
}

#[test]
fn an_agent_is_used_from_elsewhere_over_tls_with_a_token() {
    let world = World::new();
    let (cert, key) = certificate(&world, "own");
    let (other, _) = certificate(&world, "other");
    let port = free_port();
    configured(
        &world,
        &format!("[api]\nlisten = \"127.0.0.1:{port}\"\ntls_cert = {cert:?}\ntls_key = {key:?}\n"),
    );
    let started = start(&world);
    assert_eq!(started.code, Some(0), "{}", started.stderr);
    let made = world.run(&["token", "new", "ide", "--manage"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let token = made.stdout.strip_suffix('\n').unwrap().to_owned();
    assert!(
        token.starts_with("cm_") && !token.contains('\n'),
        "one line"
    );
    let there = |args: &[&str], ca: &str, token: &str| {
        world.run_with(args, |command| {
            command
                .env("CODEMATE_PREVIEW_API", format!("https://127.0.0.1:{port}"))
                .env("CODEMATE_PREVIEW_API_CA", ca)
                .env("CODEMATE_PREVIEW_TOKEN", token);
        })
    };
    let listed = there(&["ls", "--json"], &cert, &token);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    assert_eq!(listed.json()[0]["data"]["instances"], serde_json::json!([]));
    assert_eq!(
        there(&["ls"], &other, &token).code,
        Some(5),
        "another's certificate"
    );
    assert_eq!(there(&["ls"], &cert, "cm_wrong").code, Some(4));
    assert_eq!(there(&["token", "ls"], &cert, &token).code, Some(12));
    let up = there(&["up", "--no-input"], &cert, &token);
    assert_eq!(up.code, Some(12), "it may name no directory: {}", up.stderr);
    let plain = world.run_with(&["ls"], |command| {
        command
            .env("CODEMATE_PREVIEW_API", "http://previews.example:7443")
            .env("CODEMATE_PREVIEW_TOKEN", &token);
    });
    assert_eq!(plain.code, Some(6), "no token goes over plain HTTP");
    let shown = world.run(&["token", "ls"]);
    assert!(shown.stdout.contains("manage") && !shown.stdout.contains("cm_"));
    let id = shown
        .stdout
        .lines()
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert_eq!(world.run(&["token", "revoke", id]).code, Some(0));
    assert_eq!(there(&["ls"], &cert, &token).code, Some(4));
}

#[test]
fn without_settings_nothing_listens_and_a_token_is_of_no_use() {
    let world = World::new();
    assert_eq!(start(&world).code, Some(0));
    let log = fs::read_to_string(world.state().join("agent.log")).unwrap_or_default();
    assert!(!log.contains("the API over TCP"), "{log}");
}

#[test]
fn a_runtime_directory_that_is_a_link_is_refused_at_both_ends() {
    let world = World::new();
    let real = world.state().join("real");
    fs::create_dir_all(&real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();
    let link = world.state().join("link");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let run = |args: &[&str], dir: &std::path::Path| {
        world.run_with(args, |command| {
            command.env("CODEMATE_PREVIEW_RUNTIME_DIR", dir);
        })
    };
    let client = run(&["ls"], &link);
    assert_eq!(client.code, Some(5));
    assert!(client.stderr.contains("it is a link"), "{}", client.stderr);
    let agent = run(&["agent", "run"], &link);
    assert_eq!(agent.code, Some(5));
    assert!(agent.stdout.contains("is a link"), "{}", agent.stdout);
    assert_eq!(run(&["ls"], &real).code, Some(0), "the control");
    assert_eq!(run(&["agent", "stop"], &real).code, Some(0));
}
