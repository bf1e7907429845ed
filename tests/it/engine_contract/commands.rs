//! Commands beside the app.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use codemate_preview::{
    engine::{Capability, ExecOutput, ExecSession, ExecSpec},
    model::{ContainerSpec, Secret},
};

use super::{Subject, command, declared, ran, started, within};
use crate::help::approve::approved;

pub async fn commands_tell_their_streams_and_codes(subject: &dyn Subject) {
    let spec = started(subject).await;
    let run = |args: &[&str]| ran(subject, &spec.id, command(subject, args));
    assert_eq!(run(&["exit", "0"]).await.2, 0);
    assert_eq!(run(&["exit", "42"]).await.2, 42);
    let both = run(&["both"]).await;
    let wanted = ("to stdout\n".to_owned(), "to stderr\n".to_owned(), 0);
    assert_eq!(both, wanted);
    let absent = ExecSpec {
        argv: vec!["/absent".to_owned()],
        ..command(subject, &[])
    };
    let (_, said, code) = ran(subject, &spec.id, absent).await;
    assert_eq!(code, 127, "{said}");
}

pub async fn a_command_has_its_directory_and_variables(subject: &dyn Subject) {
    let mut spec = subject.spec().await;
    let variables = [("OURS", "a b=c"), ("BOTH", "spec")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    spec.env.extend(variables);
    let engine = subject.engine();
    engine.start(&approved(spec.clone())).await.unwrap();
    let env = [("ITS", "own"), ("BOTH", "command")];
    let env: BTreeMap<String, Secret> = env
        .map(|(name, value)| (name.to_owned(), Secret::new(value)))
        .into();
    for (name, wanted) in [("OURS", "a b=c"), ("ITS", "own"), ("BOTH", "command")] {
        let asked = ExecSpec {
            env: env.clone(),
            ..command(subject, &["env", name])
        };
        let told = ran(subject, &spec.id, asked).await;
        assert_eq!(told.0.trim_end(), wanted, "{name}");
    }
    let in_home = |args: &[&str]| ExecSpec {
        cwd: ContainerSpec::HOME.to_owned(),
        ..command(subject, args)
    };
    let written = ran(subject, &spec.id, in_home(&["write", "here"])).await;
    assert_eq!(written.0, "written\n", "{written:?}");
    assert_eq!(
        ran(subject, &spec.id, in_home(&["stat", "here"])).await.2,
        0
    );
}

pub async fn more_input_than_buffers_hold_comes_back_whole(subject: &dyn Subject) {
    let spec = started(subject).await;
    let asked = ExecSpec {
        stdin: true,
        ..command(subject, &["cat"])
    };
    let mut cat = subject.engine().exec(&spec.id, asked).await.unwrap();
    let sent = Bytes::from(vec![1; 2 << 20]);
    cat.write(sent.clone()).await.unwrap();
    // It ends when its input does.
    cat.write(Bytes::new()).await.unwrap();
    let mut echoed = Vec::new();
    while let Some(ExecOutput::Stdout(bytes)) = cat.read().await.unwrap() {
        echoed.extend(bytes);
    }
    assert!(echoed == sent);
    assert_eq!(cat.exit_code().await.unwrap(), 0);
}

pub async fn a_command_ends_with_its_container(subject: &dyn Subject) {
    let spec = started(subject).await;
    let asked = ExecSpec {
        stdin: true,
        ..command(subject, &["cat"])
    };
    let engine = subject.engine();
    let mut cat = engine.exec(&spec.id, asked).await.unwrap();
    cat.write(Bytes::from_static(b"x")).await.unwrap();
    let echoed = ExecOutput::Stdout(Bytes::from_static(b"x"));
    assert_eq!(cat.read().await.unwrap(), Some(echoed));
    engine.remove(&spec.id, Duration::ZERO).await.unwrap();
    let ended = within("the command ends", cat.read()).await;
    assert_eq!(ended.unwrap(), None);
}

async fn says(session: &mut dyn ExecSession, wanted: &str) {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        match session.read().await.unwrap() {
            Some(ExecOutput::Stdout(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            other => panic!("{other:?} after {seen:?} while waiting for {wanted:?}"),
        }
    }
}

pub async fn a_terminal_has_the_size_it_was_given(subject: &dyn Subject) {
    let spec = started(subject).await;
    let asked = ExecSpec {
        stdin: true,
        tty: true,
        size: Some((101, 33)),
        ..command(subject, &["terminal"])
    };
    let session = subject.engine().exec(&spec.id, asked).await;
    let session = session.map(Unseen);
    let Some(session) = declared(subject, Capability::Terminal, session) else {
        return;
    };
    let mut terminal = session.unwrap().0;
    // The size is set a moment after the start.
    terminal.write(Bytes::from_static(b"\n")).await.unwrap();
    says(&mut *terminal, "terminal=true columns=101 rows=33").await;
    terminal.resize(60, 20).await.unwrap();
    terminal.write(Bytes::from_static(b"\n")).await.unwrap();
    says(&mut *terminal, "terminal=true columns=60 rows=20").await;
    terminal.write(Bytes::from_static(b"end\n")).await.unwrap();
    while terminal.read().await.unwrap().is_some() {}
    assert_eq!(terminal.exit_code().await.unwrap(), 0);
}

/// Of a session nothing can be printed.
struct Unseen(Box<dyn ExecSession>);

impl std::fmt::Debug for Unseen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a session")
    }
}
