//! The link to the guest, and what is told of a container from outside.

use std::time::Duration;

use codemate_preview::{
    engine::{
        Capability, LogQuery, Observed,
        link::{Link, RunSpec},
    },
    model::EgressDenial,
    task::Scope,
};
use futures_util::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Subject, command, declared, is_missing, started, within};

pub async fn the_link_speaks_to_the_guest_and_ends_with_it(subject: &dyn Subject) {
    let id = started(subject).await.id;
    let (engine, scope) = (subject.engine(), Scope::new());
    // Two at once, each with its own greeting.
    let (first, mut events) = Link::open(engine.open_link(&id).await.unwrap(), &scope)
        .await
        .unwrap();
    let (second, _events) = Link::open(engine.open_link(&id).await.unwrap(), &scope)
        .await
        .unwrap();
    assert!(!first.hello().app_is_running());
    // More than any buffer holds.
    let long = "x".repeat(100_000);
    let spec = RunSpec {
        argv: vec![subject.stand_in(), "print".to_owned(), long.clone()],
        env: Vec::new(),
        cwd: String::new(),
    };
    let (to, mut lines) = mpsc::channel(64);
    let (exited, told) = tokio::join!(second.run(spec, to), async {
        let mut told = String::new();
        while let Some(line) = lines.recv().await {
            told.push_str(&line.text);
        }
        told
    });
    assert_eq!(exited.unwrap().code, Some(0));
    assert!(told == long);
    engine.remove(&id, Duration::ZERO).await.unwrap();
    within("both end", async {
        first.closed().await;
        second.closed().await;
        while events.recv().await.is_some() {}
    })
    .await;
    scope.cancel();
}

pub async fn what_is_not_there_is_missing_or_done(subject: &dyn Subject) {
    let (engine, spec) = (subject.engine(), subject.spec().await);
    let id = &spec.id;
    is_missing(engine.open_link(id).await);
    is_missing(engine.exec(id, command(subject, &["cat"])).await);
    for follow in [false, true] {
        let query = LogQuery {
            follow,
            ..LogQuery::default()
        };
        is_missing(engine.logs(id, query).await);
    }
    let usage = engine.usage(id).await;
    if let Some(usage) = declared(subject, Capability::Usage, usage) {
        is_missing(usage);
    }
    let refusals = engine.refusals(id, None).await.map(|_| ());
    if let Some(refusals) = declared(subject, Capability::Refusals, refusals) {
        is_missing(refusals);
    }
    engine.remove(id, Duration::from_secs(1)).await.unwrap();
    engine.remove_home(&spec.home_volume).await.unwrap();
    assert_eq!(engine.home(&spec.home_volume).await.unwrap(), None);
    assert_eq!(engine.observe(id).await.unwrap(), Observed::Absent);
}

type Denials = BoxStream<'static, codemate_preview::engine::Result<EgressDenial>>;

async fn next(denials: &mut Denials) -> (String, u16) {
    let denial = within("a denial", denials.next()).await.unwrap().unwrap();
    (denial.host, denial.port)
}

pub async fn refused_connections_are_told(subject: &dyn Subject) {
    let engine = subject.engine();
    let id = started(subject).await.id;
    let told = engine.refusals(&id, None).await;
    let unseen = told.as_ref().map(|_| ()).map_err(Clone::clone);
    if declared(subject, Capability::Refusals, unseen).is_none() {
        return;
    }
    let mut told = told.unwrap();
    // A private network's, which no preview reaches.
    subject.have_refused(&id, "10.255.255.1", 22).await;
    assert_eq!(next(&mut told).await, ("10.255.255.1".to_owned(), 22));
    let between = Timestamp::now();
    subject.have_refused(&id, "10.255.255.2", 22).await;
    assert_eq!(next(&mut told).await, ("10.255.255.2".to_owned(), 22));
    let mut since = engine.refusals(&id, Some(between)).await.unwrap();
    assert_eq!(next(&mut since).await, ("10.255.255.2".to_owned(), 22));
    engine.remove(&id, Duration::ZERO).await.unwrap();
    for mut denials in [told, since] {
        within("it ends", async {
            while let Some(Ok(_)) = denials.next().await {}
        })
        .await;
    }
}

pub async fn usage_is_measured(subject: &dyn Subject) {
    let spec = started(subject).await;
    for _ in 0..2 {
        let usage = subject.engine().usage(&spec.id).await;
        let Some(usage) = declared(subject, Capability::Usage, usage) else {
            return;
        };
        let usage = usage.unwrap();
        assert!(usage.cpu_percent >= 0.0, "{usage:?}");
        assert_eq!(usage.memory_limit_bytes, spec.limits.memory_bytes);
        assert!(usage.memory_bytes > 0 && usage.processes > 0, "{usage:?}");
    }
}
