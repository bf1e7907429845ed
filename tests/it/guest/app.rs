//! The app and other commands: started, restarted, ended, and what is told of it.

use std::fs;

use codemate_preview::{
    engine::link::{AppSpec, AppState, GuestEvent, OutputLine, RunSpec},
    model::{AppExit, Secret},
};
use tokio::sync::mpsc;

use super::{World, apply_one, event, put, shell};

pub(super) fn started(event: GuestEvent) -> Option<u32> {
    match event {
        GuestEvent::AppStarted { pid } => Some(pid),
        GuestEvent::AppExited { exit, .. } => panic!("it ended: {exit:?}"),
        GuestEvent::Listening(_) => None,
    }
}

pub(super) fn exited(event: GuestEvent) -> Option<AppExit> {
    match event {
        GuestEvent::AppExited { exit, .. } => Some(exit),
        _ => None,
    }
}

/// Wait until the app itself says so, by a file.
pub(super) async fn appears(world: &World, path: &str) -> String {
    let path = world.at(path);
    loop {
        match fs::read_to_string(&path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => tokio::task::yield_now().await,
        }
    }
}

fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn an_exit_is_told_with_its_code_and_last_lines() {
    let world = World::new();
    let (link, mut events) = world.link().await;
    let script = "echo $GREETING from $PWD; for i in $(seq 60); do echo line $i; done; echo bad >&2; printf half; exit 3";
    link.start_app(shell(script)).await.unwrap();
    event(&mut events, started).await;
    let exit = event(&mut events, exited).await;
    assert_eq!(
        (exit.code, exit.signal, exit.out_of_memory),
        (Some(3), None, false)
    );
    assert_eq!(exit.last_lines.len(), 40);
    assert!(exit.last_lines.contains(&"line 60".to_owned()));
    assert!(exit.last_lines.contains(&"bad".to_owned()));
    assert!(exit.last_lines.contains(&"half".to_owned()));
    let log = world.log();
    let greeting = format!(
        "hello from {}",
        world.workspace().canonicalize().unwrap().display()
    );
    assert!(
        log.contains(&greeting) && log.contains("line 1\n") && log.contains("bad\n"),
        "{log}"
    );
    // Whoever comes later is told too.
    let (later, _events) = world.link().await;
    assert_eq!(later.hello().app, Some(AppState::Exited(exit)));
}

#[tokio::test]
async fn no_signal_is_held_back_and_no_descriptor_is_handed_down() {
    let world = World::new();
    let (link, mut events) = world.link().await;
    let script = "grep SigBlk /proc/self/status; ls /proc/self/fd | wc -l; umask";
    link.start_app(shell(script)).await.unwrap();
    let exit = event(&mut events, exited).await;
    // Three of its own, and the one `ls` reads.
    assert_eq!(exit.last_lines, ["SigBlk:\t0000000000000000", "4", "0022"]);
}

#[tokio::test]
async fn a_signal_is_told() {
    let world = World::new();
    let (link, mut events) = world.link().await;
    link.start_app(shell("kill -9 $$")).await.unwrap();
    let exit = event(&mut events, exited).await;
    assert_eq!((exit.code, exit.signal), (None, Some(9)));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let world = World::new();
    let (link, mut events) = world.link().await;
    apply_one(&link, put("not-executable", "x")).await.unwrap();
    apply_one(&link, put("bad-interpreter", "#!/no/such/thing\n"))
        .await
        .unwrap();
    let spec = |program: &str, cwd: &str| AppSpec {
        argv: vec![program.to_owned()],
        cwd: cwd.to_owned(),
        ..shell("")
    };
    let cases = [
        ("no-such-program", "", 127, "no-such-program: not found"),
        ("./not-executable", "", 126, "./not-executable: not allowed"),
        ("sh", "no/such/dir", 127, "no/such/dir: not found"),
        ("", "", 127, "not found"),
    ];
    for (program, cwd, code, line) in cases {
        link.start_app(spec(program, cwd)).await.unwrap();
        let exit = event(&mut events, exited).await;
        assert_eq!(exit.code, Some(code), "{program} {exit:?}");
        assert!(exit.last_lines[0].contains(line), "{exit:?}");
    }
    let path = world.at("bad-interpreter");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    link.start_app(spec("./bad-interpreter", "")).await.unwrap();
    let exit = event(&mut events, exited).await;
    assert_eq!(exit.code, Some(127));
    assert!(exit.last_lines[0].contains("interpreter"), "{exit:?}");
}

#[tokio::test]
async fn the_path_searched_is_the_one_the_program_gets() {
    let world = World::new();
    let (link, mut events) = world.link().await;
    apply_one(&link, put("tools/hi", "#!/bin/sh\necho found\n"))
        .await
        .unwrap();
    let path = world.at("tools/hi");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut spec = shell("");
    spec.argv = vec!["hi".to_owned()];
    spec.env = vec![(
        "PATH".to_owned(),
        Secret::new(world.at("tools").to_str().unwrap()),
    )];
    link.start_app(spec).await.unwrap();
    assert_eq!(event(&mut events, exited).await.last_lines, ["found"]);
}

#[tokio::test]
async fn a_restart_ends_the_old_one_with_all_it_started_and_is_no_exit() {
    let mut world = World::new();
    let (link, mut events) = world.link().await;
    apply_one(&link, put("version", "1\n")).await.unwrap();
    // A child in the group, and one that has a group of its own.
    let script = "sleep 1000 & echo $! > child; set -m; sleep 1000 & echo $! > other; cat version > seen; wait";
    let mut spec = shell(script);
    spec.argv[0] = "bash".to_owned();
    link.start_app(spec).await.unwrap();
    let first = event(&mut events, started).await;
    assert_eq!(appears(&world, "seen").await, "1\n");
    let children = [
        appears(&world, "child").await,
        appears(&world, "other").await,
    ];
    assert!(children.iter().all(|pid| is_alive(pid)));
    for name in ["seen", "child", "other"] {
        fs::remove_file(world.at(name)).unwrap();
    }
    apply_one(&link, put("version", "2\n")).await.unwrap();
    link.restart_app(false).await.unwrap();
    let second = event(&mut events, started).await;
    assert_ne!(first, second);
    assert!(!is_alive(&first.to_string()) && !children.iter().any(|pid| is_alive(pid)));
    assert_eq!(appears(&world, "seen").await, "2\n");
    world.stop().await;
    assert!(!is_alive(&second.to_string()));
}

#[tokio::test]
async fn what_ignores_the_polite_signal_is_killed_after_its_grace() {
    let mut world = World::new();
    let (link, mut events) = world.link().await;
    let mut spec = shell("trap '' TERM; echo up > up; while :; do sleep 1000; done");
    spec.grace = std::time::Duration::from_millis(50);
    link.start_app(spec).await.unwrap();
    let pid = event(&mut events, started).await;
    appears(&world, "up").await;
    world.stop().await;
    assert!(!is_alive(&pid.to_string()));
}

#[tokio::test]
async fn restarts_that_come_during_a_restart_are_one() {
    let mut world = World::new();
    let (link, mut events) = world.link().await;
    assert!(
        link.restart_app(false).await.is_err(),
        "nothing to restart yet"
    );
    let script = "trap '[ -e open ] || cat gate; exit 0' TERM; mkfifo gate 2>/dev/null; echo $$ >> up; while :; do sleep 0.01; done";
    link.start_app(shell(script)).await.unwrap();
    event(&mut events, started).await;
    appears(&world, "up").await;
    let restarts = (0..20).map(|_| link.restart_app(false));
    let open_gate = async {
        let gate = world.at("gate");
        tokio::task::spawn_blocking(move || fs::write(gate, ""))
            .await
            .unwrap()
            .unwrap();
    };
    let (done, ()) = tokio::join!(futures_util::future::join_all(restarts), open_gate);
    assert!(done.iter().all(Result::is_ok));
    event(&mut events, started).await;
    fs::write(world.at("open"), "").unwrap();
    world.stop().await;
    while let Some(event) = events.recv().await {
        assert!(matches!(event, GuestEvent::Listening(_)), "{event:?}");
    }
}

#[tokio::test]
async fn stale_bytecode_goes_and_other_bytecode_stays() {
    let mut world = World::new();
    let (link, mut events) = world.link().await;
    link.apply(vec![put("pkg/a.py", "1"), put("pkg/b.py", "1")])
        .await
        .unwrap();
    link.start_app(shell("sleep 1000")).await.unwrap();
    event(&mut events, started).await;
    fs::create_dir(world.at("pkg/__pycache__")).unwrap();
    for name in [
        "a.cpython-311.pyc",
        "b.cpython-311.pyc",
        "a.cpython-311.opt-1.pyc",
    ] {
        fs::write(world.at("pkg/__pycache__").join(name), "").unwrap();
    }
    apply_one(&link, put("pkg/a.py", "2")).await.unwrap();
    link.restart_app(true).await.unwrap();
    let left: Vec<_> = fs::read_dir(world.at("pkg/__pycache__")).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].as_ref().unwrap().file_name(), "b.cpython-311.pyc");
    world.stop().await;
}

#[tokio::test]
async fn a_command_runs_to_its_end_and_its_lines_are_told() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let (lines, mut told) = mpsc::channel(4);
    let script =
        "for i in $(seq 30000); do echo a line of output number $i; done; echo oops >&2; exit 7";
    let spec = shell(script);
    let run = link.run(
        RunSpec {
            argv: spec.argv,
            env: spec.env,
            cwd: spec.cwd,
        },
        lines,
    );
    let collect = async {
        let mut all = Vec::new();
        while let Some(line) = told.recv().await {
            all.push(line);
        }
        all
    };
    let (exited, all) = tokio::join!(run, collect);
    let exited = exited.unwrap();
    assert_eq!(exited.code, Some(7));
    assert_eq!(exited.last_lines.last().unwrap(), "oops");
    assert_eq!(all.iter().filter(|line| !line.stderr).count(), 30_000);
    assert!(all.contains(&OutputLine {
        stderr: true,
        text: "oops".to_owned()
    }));
    assert!(world.log().contains("number 30000\n"));
}

#[tokio::test]
async fn a_command_that_is_given_up_ends_and_the_next_can_run() {
    let world = World::new();
    let (link, _events) = world.link().await;
    let spec = |script: &str| {
        let AppSpec { argv, env, cwd, .. } = shell(script);
        RunSpec { argv, env, cwd }
    };
    let (lines, _told) = mpsc::channel(100);
    let long = link.run(spec("echo $$ > pid; sleep 1000"), lines.clone());
    let pid = tokio::select! {
        _ = long => panic!("it does not end of itself"),
        pid = appears(&world, "pid") => pid,
    };
    // Ended by the drop; until it is gone the guest says that it is busy.
    while is_alive(&pid) {
        tokio::task::yield_now().await;
    }
    let exited = loop {
        match link.run(spec("exit 4"), lines.clone()).await {
            Ok(exited) => break exited,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(exited.code, Some(4));
}

#[tokio::test]
async fn asked_to_end_the_guest_takes_the_app_along() {
    let mut world = World::new();
    let (link, mut events) = world.link().await;
    link.start_app(shell(
        "trap 'echo bye; exit' TERM; echo up > up; while :; do sleep 0.01; done",
    ))
    .await
    .unwrap();
    let pid = event(&mut events, started).await;
    appears(&world, "up").await;
    let guest = rustix::process::Pid::from_raw(world.init.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(guest, rustix::process::Signal::TERM).unwrap();
    assert!(world.init.wait().await.unwrap().success());
    assert!(!is_alive(&pid.to_string()));
    assert!(world.log().contains("bye"));
    link.closed().await;
}
