//! How fast what an app writes goes to the engine: the budget alone, at times the tests make up,
//! and a guest that floods.

use std::{fs, process::Stdio, time::Duration};

use codemate_preview::task::Scope;
use tokio::{io::AsyncReadExt as _, process::Command, task::yield_now, time::timeout};

use super::{
    GUEST, LIMIT, World,
    app::{appears, exited, started},
    event, shell,
};

#[path = "../../../src/guest/init/output_rate.rs"]
mod budget;

use budget::{BURST, LINE, OutputRate, RATE};

const LONG: usize = 1 << 20;

/// What goes if as much of `piece` as fits is written whenever something does, from one time to
/// another; and in how many writes.
fn written(rate: &mut OutputRate, piece: &[u8], from: Duration, to: Duration) -> (usize, usize) {
    let (mut now, mut bytes, mut writes) = (from, 0, 0);
    while now <= to {
        match rate.allowed_bytes(piece, now) {
            0 => now += rate.wait(now, piece.len()).expect("a reason to wait"),
            fit => {
                rate.spend(&piece[..fit], now);
                bytes += fit;
                writes += 1;
            }
        }
    }
    (bytes, writes)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap()
}

#[test]
fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
    let (mut rate, piece) = (OutputRate::new(), vec![b'x'; LONG]);
    let (burst, _) = written(&mut rate, &piece, seconds(0), seconds(0));
    assert_eq!(burst, bytes(BURST));
    let (rest, _) = written(&mut rate, &piece, seconds(0), seconds(5));
    let (most, least) = (bytes(5 * RATE), bytes(5 * RATE) - (64 << 10));
    assert!((least..=most).contains(&rest), "{rest}");
}

#[test]
fn a_silence_earns_one_burst_and_no_more() {
    let (mut rate, piece) = (OutputRate::new(), vec![b'x'; LONG]);
    written(&mut rate, &piece, seconds(0), seconds(0));
    let (little, _) = written(&mut rate, &piece, seconds(1), seconds(1));
    assert_eq!(little, bytes(RATE));
    let (burst, _) = written(&mut rate, &piece, seconds(3600), seconds(3600));
    assert_eq!(burst, bytes(BURST));
}

#[test]
fn lines_are_paid_for_too() {
    let (mut rate, piece) = (OutputRate::new(), vec![b'\n'; LONG]);
    let (burst, _) = written(&mut rate, &piece, seconds(0), seconds(0));
    // Less than another write is worth may be left.
    let most = bytes(BURST / (LINE + 1));
    assert!((most - 32..=most).contains(&burst), "{burst}");
    let (rest, _) = written(&mut rate, &piece, seconds(0), seconds(10));
    let most = bytes(10 * RATE / (LINE + 1));
    assert!((most - 64..=most + 64).contains(&rest), "{rest}");
}

#[test]
fn a_build_log_of_some_megabytes_goes_at_full_speed() {
    let line = [b"x".repeat(79), b"\n".to_vec()].concat();
    let log = line.repeat((4 << 20) / line.len());
    assert_eq!(OutputRate::new().allowed_bytes(&log, seconds(1)), log.len());
}

#[test]
fn small_writes_are_gathered_and_the_first_is_not() {
    let (mut rate, line) = (OutputRate::new(), b"hello\n");
    assert_eq!(rate.allowed_bytes(line, seconds(1)), line.len());
    rate.spend(line, seconds(1));
    assert_eq!(rate.allowed_bytes(line, seconds(1)), 0);
    let wait = rate.wait(seconds(1), line.len()).unwrap();
    assert_eq!(rate.allowed_bytes(line, seconds(1) + wait), line.len());
    // Neither what is much nor what comes last.
    let much = line.repeat(4096);
    rate.spend(line, seconds(2));
    assert_eq!(rate.allowed_bytes(&much, seconds(2)), much.len());
    assert_eq!(rate.allowed_bytes(line, seconds(2)), 0);
    rate.allow_burst();
    assert_eq!(rate.allowed_bytes(line, seconds(2)), line.len());
}

#[test]
fn looking_often_earns_no_less() {
    let (mut rate, piece) = (OutputRate::new(), vec![b'x'; LONG]);
    written(&mut rate, &piece, seconds(0), seconds(0));
    // A byte takes 119 ns to earn.
    for step in 1..=1_000_000 {
        rate.allowed_bytes(b"x", Duration::from_nanos(step * 50));
    }
    let fit = rate.allowed_bytes(&piece, Duration::from_millis(50));
    let (want, percent) = (bytes(RATE / 20), bytes(RATE / 2000));
    assert!((want - percent..=want + percent).contains(&fit), "{fit}");
}

#[tokio::test]
async fn nothing_of_a_flood_is_lost() {
    let world = World::new();
    let (link, mut events) = world.link().await;
    // Half as much again as a burst.
    let script = "seq 1000000 1089999; exit 3";
    link.start_app(shell(script)).await.unwrap();
    event(&mut events, exited).await;
    // What the guest still holds when the app has ended goes when there is room for it.
    let limit = timeout(LIMIT, async {
        while fs::metadata(world.dir.path().join("log")).unwrap().len() < 90_000 * 8 {
            yield_now().await;
        }
    });
    limit.await.expect("all lines arrive");
    let want = (1_000_000..1_090_000).map(|n: u32| n.to_string());
    assert!(world.log().lines().eq(want));
}

#[tokio::test]
async fn what_a_guest_holds_back_goes_before_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut init = Command::new(GUEST)
        .arg("init")
        .arg("--home")
        .arg(dir.path().join("home"))
        .arg("--socket")
        .arg(dir.path().join("socket"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut told = init.stdout.take().unwrap();
    let mut world = World {
        dir,
        init,
        scope: Scope::new(),
    };
    let (link, mut events) = world.link().await;
    // More than a burst. Nobody reads yet: a third each is in our pipe, in the guest and in its pipe.
    let script = "trap 'echo bye; exit' TERM; yes '' | head -c 180000; echo up > up; while :; do sleep 0.01; done";
    link.start_app(shell(script)).await.unwrap();
    let pid = event(&mut events, started).await;
    appears(&world, "up").await;
    let guest = rustix::process::Pid::from_raw(world.init.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(guest, rustix::process::Signal::TERM).unwrap();
    // Nobody reads before the guest is done with the app and waits, or has ended.
    while state(pid).is_some() {
        yield_now().await;
    }
    while world.init.try_wait().unwrap().is_none()
        && state(guest.as_raw_nonzero().get().unsigned_abs()) != Some('S')
    {
        yield_now().await;
    }
    let mut log = String::new();
    told.read_to_string(&mut log).await.unwrap();
    assert!(world.init.wait().await.unwrap().success());
    assert_eq!(log.lines().filter(|line| line.is_empty()).count(), 180_000);
    assert!(log.contains("bye\n"));
}

/// What a process is at, as one letter; nothing once it was waited for.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
