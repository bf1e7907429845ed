//! Images: built, listed, refused, removed.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use codemate_preview::{
    engine::{BuildRequest, Capability, EngineError, Result},
    model::{BuildProgress, ContainerSpec, ImageInfo, ImageRef},
};
use tokio::sync::mpsc;

use super::{Subject, declared, is_conflict, is_missing};
use crate::help::approve::approved;

/// What of ours that name stands for: one file, and the label that makes it ours.
fn request(subject: &dyn Subject, name: &str, dockerfile: &str) -> BuildRequest {
    let files = [("Dockerfile", dockerfile), ("file", "x")];
    let content = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    BuildRequest {
        tag: subject.tag(name),
        context: BTreeMap::from(files.map(|(path, text)| (path.to_owned(), content(text)))),
        args: BTreeMap::new(),
        recipe: Some("of a trial".to_owned()),
    }
}

/// What came of a build, and the steps it told. `None` of an engine that builds nothing, and says so.
async fn build(
    subject: &dyn Subject,
    request: BuildRequest,
) -> Option<(Result<ImageInfo>, Vec<(u32, u32)>)> {
    let (progress, mut told) = mpsc::channel(100);
    let mut steps = Vec::new();
    let (built, ()) = tokio::join!(subject.engine().build_image(request, progress), async {
        while let Some(progress) = told.recv().await {
            if let BuildProgress::Step { current, total, .. } = progress {
                steps.push((current, total));
            }
        }
    });
    let built = declared(subject, Capability::Build, built)?;
    Some((built, steps))
}

/// An image of ours; `None` where there can be none.
async fn built(subject: &dyn Subject) -> Option<(ImageInfo, Vec<(u32, u32)>)> {
    let tag = subject.tag("built");
    // The label of ours, and a value that makes every layer nobody else's.
    let dockerfile = format!("FROM scratch\nLABEL dev.codemate.preview.stack={tag}\nCOPY file /\n");
    let (built, steps) = build(subject, request(subject, "built", &dockerfile)).await?;
    Some((built.unwrap(), steps))
}

pub async fn a_build_tells_its_steps_and_is_listed(subject: &dyn Subject) {
    let (engine, tag) = (subject.engine(), subject.tag("built"));
    assert_eq!(engine.image(&tag).await.unwrap(), None);
    let Some((built, steps)) = built(subject).await else {
        assert_eq!(engine.images().await.unwrap(), []);
        return;
    };
    // Its three, and what the engine makes of the recipe.
    let total = u32::try_from(steps.len()).unwrap();
    let in_order: Vec<(u32, u32)> = (1..=total).map(|step| (step, total)).collect();
    assert!(total >= 3, "{steps:?}");
    assert_eq!(steps, in_order);
    assert_eq!(built.tags, std::slice::from_ref(&tag));
    assert_eq!(built.recipe.as_deref(), Some("of a trial"));
    assert!(engine.images().await.unwrap().contains(&built));
    assert_eq!(engine.image(&tag).await.unwrap(), Some(built));

    engine.remove_image(&tag).await.unwrap();
    assert_eq!(engine.image(&tag).await.unwrap(), None);
    let images = engine.images().await.unwrap();
    assert!(!images.iter().any(|image| image.tags.contains(&tag)));
    is_missing(engine.remove_image(&tag).await);
}

pub async fn an_image_in_use_stays(subject: &dyn Subject) {
    let (engine, tag) = (subject.engine(), subject.tag("built"));
    if built(subject).await.is_none() {
        return;
    }
    let spec = ContainerSpec {
        image: tag.clone(),
        ..subject.spec().await
    };
    engine.start(&approved(spec.clone())).await.unwrap();
    is_conflict(engine.remove_image(&tag).await);
    assert!(engine.image(&tag).await.unwrap().is_some());
    engine.remove(&spec.id, Duration::ZERO).await.unwrap();
    engine.remove_image(&tag).await.unwrap();
}

pub async fn a_dockerfile_that_is_none_is_a_failed_build(subject: &dyn Subject) {
    let asked = request(subject, "nonsense", "NONSENSE\n");
    let Some((failed, steps)) = build(subject, asked).await else {
        return;
    };
    match failed {
        Err(EngineError::Build { image, .. }) => {
            assert_eq!(image, subject.tag("nonsense").as_str());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(steps, []);
    let tag = subject.tag("nonsense");
    assert_eq!(subject.engine().image(&tag).await.unwrap(), None);
}

pub async fn an_image_that_is_not_ours_is_not_removed(subject: &dyn Subject) {
    let (engine, foreign) = (subject.engine(), subject.foreign_image().await);
    is_conflict(engine.remove_image(&foreign).await);
    assert!(engine.image(&foreign).await.unwrap().is_some());
    let images = engine.images().await.unwrap();
    assert!(!images.iter().any(|image| image.tags.contains(&foreign)));
    is_missing(engine.remove_image(&subject.tag("absent")).await);
}

pub async fn an_image_that_cannot_be_pulled_is_no_image(subject: &dyn Subject) {
    let (progress, _unread) = mpsc::channel(100);
    // A registry on this host that nobody runs.
    let image: ImageRef = "127.0.0.1:9/absent:1".parse().unwrap();
    let pulled = subject.engine().pull_image(&image, progress).await;
    let Some(pulled) = declared(subject, Capability::Pull, pulled) else {
        return;
    };
    match pulled {
        Err(EngineError::NoImage { image: named, .. }) => assert_eq!(named, image.as_str()),
        other => panic!("{other:?}"),
    }
}
