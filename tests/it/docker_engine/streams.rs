//! What goes in and out of a running container: link, commands, log, events, usage.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use codemate_preview::{
    engine::{Engine, EngineError, EngineEvent, ExecOutput, ExecSession, ExecSpec, LogQuery},
    model::{LogLine, LogStream},
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Rig, approved, command, docker, variable};

async fn started(test: &str) -> Rig {
    let rig = Rig::new(test);
    rig.engine.start(&approved(rig.spec())).await.unwrap();
    rig
}

#[tokio::test]
async fn the_link_carries_bytes_both_ways_and_ends() {
    let rig = started("the_link_carries_bytes_both_ways_and_ends").await;
    let link = rig.engine.open_link(&rig.id()).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(link);
    // Every byte, also those that a frame's header begins with, and more than any buffer holds.
    let sent: Vec<u8> = (0..1u32 << 20).map(|at| (at % 251) as u8).collect();
    let (echoed, ()) = tokio::join!(
        async {
            let mut echoed = vec![0; sent.len()];
            reader.read_exact(&mut echoed).await.unwrap();
            echoed
        },
        async { writer.write_all(&sent).await.unwrap() },
    );
    assert!(echoed == sent);
    writer.shutdown().await.unwrap();
    assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn commands_tell_their_streams_and_codes() {
    let rig = started("commands_tell_their_streams_and_codes").await;
    assert_eq!(rig.run(&["exit", "0"]).await.1, 0);
    assert_eq!(rig.run(&["exit", "42"]).await.1, 42);
    let mut both = rig
        .engine
        .exec(&rig.id(), command(&["both"]))
        .await
        .unwrap();
    let mut seen = Vec::new();
    while let Some(output) = both.read().await.unwrap() {
        seen.push(output);
    }
    assert!(
        seen.contains(&ExecOutput::Stdout(Bytes::from_static(b"to stdout\n"))),
        "{seen:?}"
    );
    assert!(
        seen.contains(&ExecOutput::Stderr(Bytes::from_static(b"to stderr\n"))),
        "{seen:?}"
    );
    let absent = ExecSpec {
        argv: vec!["absent".to_owned()],
        ..command(&[])
    };
    let mut absent = rig.engine.exec(&rig.id(), absent).await.unwrap();
    while absent.read().await.unwrap().is_some() {}
    assert!(matches!(absent.exit_code().await.unwrap(), 126 | 127));
}

#[tokio::test]
async fn more_input_than_buffers_hold_comes_back_whole() {
    let rig = started("more_input_than_buffers_hold_comes_back_whole").await;
    let spec = ExecSpec {
        stdin: true,
        ..command(&["cat"])
    };
    let mut cat = rig.engine.exec(&rig.id(), spec).await.unwrap();
    let sent = Bytes::from(vec![1; 2 << 20]);
    cat.write(sent.clone()).await.unwrap();
    cat.write(Bytes::new()).await.unwrap();
    let mut echoed = Vec::new();
    while let Some(ExecOutput::Stdout(bytes)) = cat.read().await.unwrap() {
        echoed.extend(bytes);
    }
    assert!(echoed == sent);
    assert_eq!(cat.exit_code().await.unwrap(), 0);
}

async fn until(session: &mut dyn ExecSession, wanted: &str) {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        match session.read().await.unwrap() {
            Some(ExecOutput::Stdout(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            other => panic!("{other:?} after {seen:?} while waiting for {wanted:?}"),
        }
    }
}

#[tokio::test]
async fn a_terminal_has_the_size_it_was_given() {
    let rig = started("a_terminal_has_the_size_it_was_given").await;
    let spec = ExecSpec {
        stdin: true,
        tty: true,
        size: Some((101, 33)),
        ..command(&["terminal"])
    };
    let mut terminal = rig.engine.exec(&rig.id(), spec).await.unwrap();
    // The size is set a moment after the start.
    terminal.write(Bytes::from_static(b"\n")).await.unwrap();
    until(&mut *terminal, "terminal=true columns=101 rows=33").await;
    terminal.resize(60, 20).await.unwrap();
    terminal.write(Bytes::from_static(b"\n")).await.unwrap();
    until(&mut *terminal, "terminal=true columns=60 rows=20").await;
    terminal.write(Bytes::from_static(b"end\n")).await.unwrap();
    while terminal.read().await.unwrap().is_some() {}
    assert_eq!(terminal.exit_code().await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let rig = Rig::new("what_is_not_there_is_missing");
    let (engine, id) = (&rig.engine, rig.id());
    assert!(matches!(
        engine.open_link(&id).await,
        Err(EngineError::Missing { .. })
    ));
    assert!(matches!(
        engine.exec(&id, command(&["cat"])).await,
        Err(EngineError::Missing { .. })
    ));
    assert!(matches!(
        engine.logs(&id, LogQuery::default()).await,
        Err(EngineError::Missing { .. })
    ));
    assert!(matches!(
        engine.usage(&id).await,
        Err(EngineError::Missing { .. })
    ));
}

async fn lines(rig: &Rig, query: LogQuery) -> Vec<LogLine> {
    rig.engine
        .logs(&rig.id(), query)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap()
}

fn texts(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

#[tokio::test]
async fn the_log_is_read_by_tail_and_since() {
    let rig = Rig::new("the_log_is_read_by_tail_and_since");
    let mut spec = rig.spec();
    spec.env.extend([variable("SAY_LONG", "40000")]);
    rig.engine.start(&approved(spec)).await.unwrap();
    rig.run(&["say", "one", "two", "three"]).await;
    // What follows is seen by the engine once it is in the log.
    let follow = LogQuery {
        follow: true,
        ..LogQuery::default()
    };
    let all: Vec<LogLine> = rig
        .engine
        .logs(&rig.id(), follow)
        .await
        .unwrap()
        .take(5)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        texts(&all),
        ["up", &"x".repeat(40_000), "one", "two", "three"]
    );
    assert!(all.iter().all(|line| line.stream == LogStream::Stdout));
    assert_eq!(lines(&rig, LogQuery::default()).await, all);
    let tail = LogQuery {
        tail: Some(2),
        ..LogQuery::default()
    };
    assert_eq!(texts(&lines(&rig, tail).await), ["two", "three"]);
    let since = LogQuery {
        since: Some(all[2].at),
        ..LogQuery::default()
    };
    assert_eq!(lines(&rig, since).await, all[3..]);
}

#[tokio::test]
async fn following_again_from_the_last_line_leaves_no_hole() {
    let rig = started("following_again_from_the_last_line_leaves_no_hole").await;
    let mut since = None;
    let mut seen = Vec::new();
    for round in 0..5 {
        let said: Vec<String> = (0..20).map(|number| format!("{round}-{number}")).collect();
        let mut args = vec!["say"];
        args.extend(said.iter().map(String::as_str));
        let follow = LogQuery {
            follow: true,
            since,
            tail: None,
        };
        let stream = rig.engine.logs(&rig.id(), follow).await.unwrap();
        // Cut in the middle of what is said, and taken up again in the next round.
        let (read, _) = tokio::join!(
            stream.take(15).try_collect::<Vec<LogLine>>(),
            rig.run(&args)
        );
        let read = read.unwrap();
        since = read.last().map(|line| line.at);
        seen.extend(read);
    }
    let whole = lines(&rig, LogQuery::default()).await;
    assert_eq!(seen, whole[..seen.len()]);
    assert_eq!(
        whole
            .iter()
            .map(|line| &line.text)
            .collect::<BTreeSet<_>>()
            .len(),
        101
    );
}

#[tokio::test]
async fn deaths_and_removals_are_told() {
    let test = "deaths_and_removals_are_told";
    let (rig, other) = (started(test).await, started(test).await);
    // Before the stream is polled: nothing may be missed in between.
    let mut events = rig.engine.watch().await.unwrap();
    other
        .engine
        .remove(&other.id(), Duration::ZERO)
        .await
        .unwrap();
    rig.run(&["die", "3"]).await;
    docker(&["wait", &rig.containers()[0]]);
    rig.engine.remove(&rig.id(), Duration::ZERO).await.unwrap();
    let died = events.next().await.unwrap().unwrap();
    assert_eq!(
        died,
        EngineEvent::Died {
            id: rig.id(),
            generation: 1
        }
    );
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        EngineEvent::Removed { id: rig.id() }
    );
}

#[tokio::test]
async fn usage_is_measured() {
    let rig = started("usage_is_measured").await;
    for _ in 0..2 {
        let usage = rig.engine.usage(&rig.id()).await.unwrap();
        assert!(usage.cpu_percent >= 0.0, "{usage:?}");
        assert_eq!(usage.memory_limit_bytes, rig.spec().limits.memory_bytes);
        assert!(usage.memory_bytes > 0 && usage.processes > 0, "{usage:?}");
    }
}
