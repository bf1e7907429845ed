//! Images: built, listed, refused, removed.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use codemate_preview::{
    engine::{BuildRequest, Engine, EngineError},
    model::{BuildProgress, ImageRef},
};
use tokio::sync::mpsc;

use super::{Rig, approved, docker};

fn request(rig: &Rig, tag: &str, dockerfile: &str) -> BuildRequest {
    let dockerfile = Bytes::copy_from_slice(dockerfile.as_bytes());
    BuildRequest {
        tag: tag_of(rig, tag),
        context: BTreeMap::from([("Dockerfile".to_owned(), dockerfile)]),
        args: BTreeMap::new(),
    }
}

fn tag_of(rig: &Rig, tag: &str) -> ImageRef {
    format!("codemate-test/{}:{tag}", rig.owner)
        .parse()
        .unwrap()
}

/// An image's only program is our stand-in, so this runs on any engine without a registry.
fn with_a_program(rig: &Rig, more: &str) -> BuildRequest {
    let mut build = request(
        rig,
        "built",
        &format!("FROM scratch\nCOPY program ca.crt /\n{more}"),
    );
    build.context.insert(
        "program".to_owned(),
        Bytes::from_static(super::fake_guest()),
    );
    build
}

fn dangling() -> String {
    docker(&["images", "-q", "--filter", "dangling=true"])
}

#[tokio::test]
async fn a_build_tells_its_steps_and_is_listed() {
    let rig = Rig::new("a_build_tells_its_steps_and_is_listed");
    let (progress, mut told) = mpsc::channel(100);
    let stack = format!("LABEL dev.codemate.preview.stack={}\nENV A=b\n", rig.owner);
    let built = rig
        .engine
        .build_image(with_a_program(&rig, &stack), progress)
        .await
        .unwrap();
    assert_eq!(built.tags, [tag_of(&rig, "built")]);
    assert!(built.env.contains(&"A=b".to_owned()) && built.created > 0 && built.size_bytes > 0);
    let mut steps = Vec::new();
    while let Some(progress) = told.recv().await {
        if let BuildProgress::Step { current, total, .. } = progress {
            steps.push((current, total));
        }
    }
    assert_eq!(steps, [(1, 4), (2, 4), (3, 4), (4, 4)]);
    assert!(rig.engine.images().await.unwrap().contains(&built));
    assert_eq!(
        rig.engine.image(&tag_of(&rig, "built")).await.unwrap(),
        Some(built)
    );

    let mut spec = rig.spec();
    spec.image = tag_of(&rig, "built");
    rig.engine.start(&approved(spec)).await.unwrap();
    let error = rig
        .engine
        .remove_image(&tag_of(&rig, "built"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Refused { status: 409, .. }),
        "{error}"
    );
    rig.engine.remove(&rig.id(), Duration::ZERO).await.unwrap();
    rig.engine
        .remove_image(&tag_of(&rig, "built"))
        .await
        .unwrap();
    assert_eq!(
        rig.engine.image(&tag_of(&rig, "built")).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn an_image_that_is_not_ours_is_not_removed() {
    let rig = Rig::new("an_image_that_is_not_ours_is_not_removed");
    let foreign = rig.empty_image();
    let error = rig.engine.remove_image(&foreign).await.unwrap_err();
    assert!(matches!(error, EngineError::Refused { .. }), "{error}");
    assert!(rig.engine.image(&foreign).await.unwrap().is_some());
}

#[tokio::test]
async fn a_failed_build_tells_its_step_and_last_lines() {
    let rig = Rig::new("a_failed_build_tells_its_step_and_last_lines");
    let (progress, _unread) = mpsc::channel(100);
    // Makes a layer that is this test's own, so that none is left of it to see.
    let steps = format!(
        "ENV OWN={}\nRUN [\"/program\", \"both\"]\nRUN [\"/program\", \"exit\", \"9\"]\n",
        rig.owner
    );
    let error = rig
        .engine
        .build_image(with_a_program(&rig, &steps), progress)
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

#[tokio::test]
async fn a_dockerfile_that_is_none_is_a_failed_build() {
    let rig = Rig::new("a_dockerfile_that_is_none_is_a_failed_build");
    let (progress, _unread) = mpsc::channel(100);
    let error = rig
        .engine
        .build_image(request(&rig, "x", "NONSENSE\n"), progress)
        .await
        .unwrap_err();
    assert!(matches!(error, EngineError::Build { .. }), "{error}");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_no_image() {
    let rig = Rig::new("an_image_that_cannot_be_pulled_is_no_image");
    let (progress, _unread) = mpsc::channel(100);
    // A registry on this host that nobody runs.
    let image: ImageRef = "127.0.0.1:9/absent:1".parse().unwrap();
    let error = rig.engine.pull_image(&image, progress).await.unwrap_err();
    assert!(matches!(error, EngineError::NoImage { .. }), "{error}");
}
