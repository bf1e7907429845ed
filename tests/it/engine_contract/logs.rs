//! What a container's processes wrote.

use std::{collections::BTreeSet, time::Duration};

use codemate_preview::{
    engine::{
        EngineError, LogQuery,
        link::{Link, RunSpec},
    },
    model::{InstanceId, LogLine, LogStream},
    task::Scope,
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::{Subject, started, within};

const FOLLOW: LogQuery = LogQuery {
    follow: true,
    since: None,
    tail: None,
};

/// Have the guest run a command of the stand-in, whose output is the container's.
async fn run(subject: &dyn Subject, id: &InstanceId, args: &[&str]) {
    let scope = Scope::new();
    let io = subject.engine().open_link(id).await.unwrap();
    let (link, _events) = Link::open(io, &scope).await.unwrap();
    let args = args.iter().map(|&arg| arg.to_owned());
    let spec = RunSpec {
        argv: [subject.stand_in()].into_iter().chain(args).collect(),
        env: Vec::new(),
        cwd: String::new(),
    };
    // Nobody takes the lines from here.
    let lines = mpsc::channel(1).0;
    let exited = link.run(spec, lines).await.unwrap();
    assert_eq!(exited.code, Some(0));
    scope.cancel();
}

async fn lines(subject: &dyn Subject, id: &InstanceId, query: LogQuery) -> Vec<LogLine> {
    let written = subject.engine().logs(id, query).await.unwrap();
    within("the log ends", written.try_collect()).await.unwrap()
}

async fn followed(subject: &dyn Subject, id: &InstanceId, count: usize) -> Vec<LogLine> {
    let written = subject.engine().logs(id, FOLLOW).await.unwrap();
    let first = written.take(count).try_collect();
    within("that many lines", first).await.unwrap()
}

fn texts(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

pub async fn the_log_is_read_by_tail_and_since(subject: &dyn Subject) {
    let id = started(subject).await.id;
    assert_eq!(lines(subject, &id, LogQuery::default()).await, []);
    let long = "x".repeat(40_000);
    run(subject, &id, &["print", &long, "one", "two", "three"]).await;
    // What follows is seen by the engine once it is in the log.
    let all = followed(subject, &id, 4).await;
    assert_eq!(texts(&all), [long.as_str(), "one", "two", "three"]);
    assert!(all.iter().all(|line| line.stream == LogStream::Stdout));
    assert!(all.is_sorted_by_key(|line| line.at));
    assert_eq!(lines(subject, &id, LogQuery::default()).await, all);
    let tail = LogQuery {
        tail: Some(2),
        ..LogQuery::default()
    };
    assert_eq!(lines(subject, &id, tail).await, all[2..]);
    let more = LogQuery {
        tail: Some(100),
        ..LogQuery::default()
    };
    assert_eq!(lines(subject, &id, more).await, all);
    let since = LogQuery {
        since: Some(all[1].at),
        ..LogQuery::default()
    };
    // Lines of one write may be of one moment.
    let after: Vec<LogLine> = all
        .iter()
        .filter(|line| line.at > all[1].at)
        .cloned()
        .collect();
    assert_eq!(lines(subject, &id, since).await, after);
    let since = LogQuery {
        since: Some(all[3].at),
        ..LogQuery::default()
    };
    assert_eq!(lines(subject, &id, since).await, []);
}

pub async fn both_streams_are_in_the_log(subject: &dyn Subject) {
    let id = started(subject).await.id;
    run(subject, &id, &["both"]).await;
    let mut told: Vec<(LogStream, String)> = followed(subject, &id, 2)
        .await
        .into_iter()
        .map(|line| (line.stream, line.text))
        .collect();
    told.sort_by(|one, other| other.1.cmp(&one.1));
    let wanted = [
        (LogStream::Stdout, "to stdout".to_owned()),
        (LogStream::Stderr, "to stderr".to_owned()),
    ];
    assert_eq!(told, wanted);
}

pub async fn following_again_from_the_last_line_leaves_no_hole(subject: &dyn Subject) {
    let id = started(subject).await.id;
    let mut since = None;
    let mut seen = Vec::new();
    for round in 0..5 {
        let said: Vec<String> = (0..20).map(|number| format!("{round}-{number}")).collect();
        let mut args = vec!["print"];
        args.extend(said.iter().map(String::as_str));
        let follow = LogQuery { since, ..FOLLOW };
        let stream = subject.engine().logs(&id, follow).await.unwrap();
        // Cut in the middle of what is said, and taken up again in the next round.
        let read = stream.take(15).try_collect::<Vec<LogLine>>();
        let (read, ()) = tokio::join!(within("fifteen lines", read), run(subject, &id, &args));
        let read = read.unwrap();
        since = read.last().map(|line| line.at);
        seen.extend(read);
    }
    let whole = followed(subject, &id, 100).await;
    assert_eq!(seen, whole[..seen.len()]);
    let texts: BTreeSet<&str> = texts(&whole).into_iter().collect();
    assert_eq!(texts.len(), 100);
}

pub async fn following_ends_with_the_container(subject: &dyn Subject) {
    let id = started(subject).await.id;
    let engine = subject.engine();
    let mut written = engine.logs(&id, FOLLOW).await.unwrap();
    run(subject, &id, &["print", "last"]).await;
    let first = within("the line", written.next()).await.unwrap().unwrap();
    assert_eq!(first.text, "last");
    engine.remove(&id, Duration::ZERO).await.unwrap();
    let end = within("the end", written.next()).await;
    assert!(
        matches!(end, None | Some(Err(EngineError::Missing { .. }))),
        "{end:?}"
    );
}
