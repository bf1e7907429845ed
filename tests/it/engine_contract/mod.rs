//! What every engine does alike, as one list of trials: run against the engine without Docker here,
//! and against Docker in `docker_engine::contract`.
//!
//! A trial about something that not every engine can do shows, where it is not declared, that the call
//! says so.

pub mod commands;
pub mod containers;
mod controls;
mod fake;
pub mod images;
pub mod logs;
pub mod streams;

use std::{collections::BTreeMap, fmt::Debug, future::Future, path::Path, time::Duration};

use async_trait::async_trait;
use codemate_preview::{
    engine::{Capability, Engine, EngineError, ExecOutput, ExecSession, ExecSpec, Result},
    model::{ContainerSpec, ImageRef, InstanceId, Name, Sandbox},
    security::{LimitRequest, limits},
};

use crate::help::approve::approved;

/// Each trial by its room and name; `$each` makes tests of them.
macro_rules! trials {
    ($each:ident) => {
        $each! {
            containers::an_engine_tells_what_it_is,
            containers::an_instance_is_made_seen_and_removed,
            containers::starting_twice_gives_one_container,
            containers::a_newer_generation_takes_the_place_of_the_older,
            containers::an_exit_is_seen_with_its_code,
            containers::a_start_that_fails_leaves_only_the_home,
            containers::an_image_that_is_not_there_is_named,
            containers::two_owners_do_not_see_each_other,
            containers::a_home_in_use_stays,
            containers::a_home_is_held_to_its_limit_or_to_none,
            containers::a_host_has_leftovers_and_looks_after_its_network,
            commands::commands_tell_their_streams_and_codes,
            commands::a_command_has_its_directory_and_variables,
            commands::more_input_than_buffers_hold_comes_back_whole,
            commands::a_command_ends_with_its_container,
            commands::a_terminal_has_the_size_it_was_given,
            images::a_build_tells_its_steps_and_is_listed,
            images::an_image_in_use_stays,
            images::a_dockerfile_that_is_none_is_a_failed_build,
            images::an_image_that_is_not_ours_is_not_removed,
            images::an_image_that_cannot_be_pulled_is_no_image,
            logs::the_log_is_read_by_tail_and_since,
            logs::both_streams_are_in_the_log,
            logs::following_again_from_the_last_line_leaves_no_hole,
            logs::following_ends_with_the_container,
            streams::the_link_speaks_to_the_guest_and_ends_with_it,
            streams::what_is_not_there_is_missing_or_done,
            streams::refused_connections_are_told,
            streams::usage_is_measured,
        }
    };
}
pub(super) use trials;

/// One engine, as the trials need it.
#[async_trait]
pub trait Subject: Send + Sync {
    fn engine(&self) -> &dyn Engine;
    /// The same engine as another owner has it.
    fn other(&self) -> Box<dyn Subject>;
    /// An instance that nobody started, of generation 1, in an image that has the stand-in. Each call
    /// gives the same.
    async fn spec(&self) -> ContainerSpec;
    /// The same on an image whose container is made and cannot start.
    async fn unstartable(&self) -> ContainerSpec;
    /// Where the stand-in is inside.
    fn stand_in(&self) -> String;
    /// End the container's first process by a signal of 9, behind the engine's back.
    async fn kill(&self, id: &InstanceId);
    /// Have the sandbox refuse a connection to this address and port.
    async fn have_refused(&self, id: &InstanceId, host: &str, port: u16);
    /// A name for an image that only this subject has.
    fn tag(&self, name: &str) -> ImageRef;
    /// An image that is there and that this program did not build.
    async fn foreign_image(&self) -> ImageRef;
}

/// An instance of generation 1 in that image, and in no other instance's home.
pub fn instance(name: &str, image: ImageRef) -> ContainerSpec {
    let id = InstanceId::of_directory(Path::new(name), None);
    ContainerSpec {
        name: Name::slug(name),
        generation: 1,
        image,
        env: BTreeMap::new(),
        limits: limits(LimitRequest::default()),
        sandbox: Sandbox::default(),
        home_volume: format!("cmp-{id}-home"),
        id,
    }
}

/// Start an instance, and give what it was started of.
async fn started(subject: &dyn Subject) -> ContainerSpec {
    let spec = subject.spec().await;
    let engine = subject.engine();
    engine.start(&approved(spec.clone())).await.unwrap();
    spec
}

/// Without the capability, that the answer says so; `Some` of the answer with it.
#[track_caller]
fn declared<T: Debug>(
    subject: &dyn Subject,
    capability: Capability,
    answer: Result<T>,
) -> Option<Result<T>> {
    if subject.engine().capabilities().has(capability) {
        return Some(answer);
    }
    let error = answer.err();
    assert!(
        matches!(error, Some(EngineError::Unsupported { .. })),
        "{capability:?} is not declared, and the call says {error:?}"
    );
    None
}

#[track_caller]
fn is_missing<T>(answer: Result<T>) {
    let error = answer.err();
    assert!(
        matches!(error, Some(EngineError::Missing { .. })),
        "{error:?}"
    );
}

#[track_caller]
fn is_conflict<T>(answer: Result<T>) {
    let error = answer.err();
    assert!(
        matches!(error, Some(EngineError::Refused { status: 409, .. })),
        "{error:?}"
    );
}

/// Look again until there is something; a minute is for ever.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    };
    within(what, looking).await
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_mins(1), work).await;
    done.unwrap_or_else(|_| panic!("never: {what}"))
}

/// A command of the stand-in, with pipes.
fn command(subject: &dyn Subject, args: &[&str]) -> ExecSpec {
    let args = args.iter().map(|&arg| arg.to_owned());
    ExecSpec {
        argv: [subject.stand_in()].into_iter().chain(args).collect(),
        env: BTreeMap::new(),
        cwd: "/".to_owned(),
        tty: false,
        stdin: false,
        size: None,
    }
}

/// What a command says on both streams until it ends, and its code.
async fn ended(mut session: Box<dyn ExecSession>) -> (String, String, i64) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(output) = session.read().await.unwrap() {
        match output {
            ExecOutput::Stdout(bytes) => out.extend(bytes),
            ExecOutput::Stderr(bytes) => err.extend(bytes),
        }
    }
    let code = session.exit_code().await.unwrap();
    let [out, err] = [out, err].map(|bytes| String::from_utf8(bytes).unwrap());
    (out, err, code)
}

async fn ran(subject: &dyn Subject, id: &InstanceId, spec: ExecSpec) -> (String, String, i64) {
    ended(subject.engine().exec(id, spec).await.unwrap()).await
}
