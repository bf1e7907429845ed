//! Standard input, what an app has written, and what it leaves running when its first process ends.

use std::{fs, net::TcpListener};

use codemate_preview::engine::link::{AppState, OutputLine, RunSpec};
use tokio::sync::mpsc;

use super::{
    World,
    app::{appears, exited, started},
    event, shell,
};

/// How many of its inputs have something to read, or have ended.
const INPUT: &str = "exec python3 -c 'import select; print(len(select.select([0], [], [], 0)[0]))'";

#[tokio::test]
async fn an_apps_input_stays_open_and_a_commands_has_ended() {
    let world = World::new();
    let (link, mut events) = world.link().await;
    link.start_app(shell(INPUT)).await.unwrap();
    assert_eq!(event(&mut events, exited).await.last_lines, ["0"]);
    let command = RunSpec {
        argv: shell(INPUT).argv,
        env: Vec::new(),
        cwd: String::new(),
    };
    let (to, mut lines) = mpsc::channel::<OutputLine>(8);
    link.run(command, to).await.unwrap();
    assert_eq!(lines.recv().await.unwrap().text, "1");
}

#[tokio::test]
async fn what_it_has_written_can_be_asked_for_while_it_runs() {
    let mut world = World::new();
    let (link, mut events) = world.link().await;
    assert_eq!(link.written().await.unwrap().lines, 0);
    let script =
        "for i in $(seq 50); do echo line $i; done; printf 'name? '; echo > asked; exec sleep 600";
    link.start_app(shell(script)).await.unwrap();
    event(&mut events, started).await;
    appears(&world, "asked").await;
    // It may still be in the pipe.
    let written = loop {
        let written = link.written().await.unwrap();
        if written.lines == 51 {
            break written;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(written.last.len(), 40);
    assert_eq!(written.last[38..], ["line 50", "name? "]);
    world.stop().await;
}

/// Whatever is in its own session and has nobody to answer to.
fn daemon(then: &str) -> String {
    format!(
        "setsid sh -c 'echo $$ > daemon; exec sleep 600' < /dev/null > /dev/null 2>&1 & \
         until test -s daemon; do :; done; {then}"
    )
}

fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

async fn until_gone(pid: &str) {
    while is_alive(pid) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_goes_into_the_background_and_listens_is_the_app() {
    // The guest of this test sees the ports of this machine.
    let _listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut world = World::new();
    let (link, mut events) = world.link().await;
    link.start_app(shell(&daemon("exit 0"))).await.unwrap();
    let first = event(&mut events, started).await;
    let one = appears(&world, "daemon").await;
    until_gone(&first.to_string()).await;
    let (later, _events) = world.link().await;
    assert_eq!(later.hello().app, Some(AppState::Running { pid: first }));
    assert!(is_alive(&one));
    fs::remove_file(world.at("daemon")).unwrap();
    link.restart_app(false).await.unwrap();
    assert!(!is_alive(&one), "it went with the start it was of");
    event(&mut events, started).await;
    let two = appears(&world, "daemon").await;
    assert_ne!(one, two);
    // Its end is the app's.
    let status = std::process::Command::new("kill").arg(two.trim()).status();
    assert!(status.unwrap().success());
    assert_eq!(event(&mut events, exited).await.code, Some(0));
    world.stop().await;
}

#[tokio::test]
async fn what_a_program_that_failed_left_is_no_app() {
    let _listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::new();
    let (link, mut events) = world.link().await;
    link.start_app(shell(&daemon("exit 4"))).await.unwrap();
    assert_eq!(event(&mut events, exited).await.code, Some(4));
    let pid = appears(&world, "daemon").await;
    let _ = std::process::Command::new("kill").arg(pid.trim()).status();
}
