//! Images: what the engine says of them, and what it says and leaves of a build that failed.

use std::collections::BTreeMap;

use bytes::Bytes;
use codemate_preview::{
    engine::{BuildRequest, Engine, EngineError},
    model::ImageRef,
};
use tokio::sync::mpsc;

use super::{Rig, binaries, docker};

fn request(rig: &Rig, tag: &str, dockerfile: &str) -> BuildRequest {
    let dockerfile = Bytes::copy_from_slice(dockerfile.as_bytes());
    BuildRequest {
        tag: tag_of(rig, tag),
        context: BTreeMap::from([("Dockerfile".to_owned(), dockerfile)]),
        args: BTreeMap::new(),
        recipe: None,
    }
}

fn tag_of(rig: &Rig, tag: &str) -> ImageRef {
    format!("codemate-test/{}:{tag}", rig.owner)
        .parse()
        .unwrap()
}

/// An image's only program is our stand-in, so this runs on any engine without a registry. Its layers
/// are this test's own, so that no other removes one of them, and none is left of it to see.
fn with_a_program(rig: &Rig, more: &str) -> BuildRequest {
    let mut build = request(
        rig,
        "built",
        &format!(
            "FROM scratch\nENV OWN={}\nCOPY program ca.crt /\n{more}",
            rig.owner
        ),
    );
    build.context.insert(
        "program".to_owned(),
        Bytes::from_static(binaries::stand_in_bytes()),
    );
    build
}

fn dangling() -> String {
    docker(&["images", "-q", "--filter", "dangling=true"])
}

#[tokio::test]
async fn a_built_image_has_its_environment_and_its_size() {
    let rig = Rig::new("a_built_image_has_its_environment_and_its_size");
    let (progress, _unread) = mpsc::channel(100);
    let built = rig
        .engine
        .build_image(with_a_program(&rig, "ENV A=b\n"), progress)
        .await
        .unwrap();
    assert!(built.env.contains(&"A=b".to_owned()), "{built:?}");
    assert!(built.created > 0 && built.size_bytes > 0, "{built:?}");
}

#[tokio::test]
async fn a_failed_build_tells_its_step_and_last_lines() {
    let rig = Rig::new("a_failed_build_tells_its_step_and_last_lines");
    let (progress, _unread) = mpsc::channel(100);
    let steps = "RUN [\"/program\", \"both\"]\nRUN [\"/program\", \"exit\", \"9\"]\n";
    let error = rig
        .engine
        .build_image(with_a_program(&rig, steps), progress)
        .await
        .unwrap_err();
    let EngineError::Build {
        image,
        step,
        reason,
        last_lines,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(image, tag_of(&rig, "built").as_str());
    assert!(step.contains("\"exit\""), "{step}");
    assert!(reason.contains('9'), "{reason}");
    assert!(
        last_lines.iter().any(|line| line == "to stdout"),
        "{last_lines:?}"
    );
    let left = docker(&["images", "-aq", "--filter", "dangling=true"]);
    for image in left.lines() {
        let env = docker(&["inspect", "--format", "{{.Config.Env}}", image]);
        assert!(
            !env.contains(&rig.owner),
            "{image} is left of the build; dangling: {}",
            dangling()
        );
    }
}
