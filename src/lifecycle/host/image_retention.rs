//! Base images that no start has used for long, and what all of them together may hold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{images::Images, limit::over_limit};
use crate::{
    engine::EngineError,
    lifecycle::{LifecycleError, Manager},
    model::{ImageInfo, ImageRef},
    project::images::{self, ImageSource, Layer, OwnImage},
    store::Store,
};

/// Unused for so long, an image is made again when it is wanted.
const UNUSED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A use is written down again after so long.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// An image of ours, as far as its place on the disk goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::lifecycle) struct ImageFootprint {
    pub tag: ImageRef,
    /// What it adds to the image it stands on.
    pub bytes: u64,
    used: Timestamp,
    /// Images that it may stand on.
    below: Vec<ImageRef>,
}

impl Images {
    /// Remember that a start takes it.
    pub(in crate::lifecycle) async fn record_use(&self, image: &ImageRef) {
        let now = Timestamp::now();
        let mut used = self.used.lock().await;
        if used.is_empty() {
            *used = self.recall_uses().await;
        }
        let is_noted = |at: &Timestamp| now.duration_since(*at) < AGAIN;
        if OwnImage::of(image).is_none() || used.get(image).is_some_and(is_noted) {
            return;
        }
        used.insert(image.clone(), now);
        let all = used.clone();
        let saved = self.store.run(move |store| store.save_images_used(&all));
        if let Err(error) = saved.await {
            tracing::debug!(%error, "when an image was used is not kept");
        }
    }

    async fn recall_uses(&self) -> BTreeMap<ImageRef, Timestamp> {
        self.store.run(Store::images_used).await.unwrap_or_default()
    }

    /// Every base image that is here.
    async fn footprints(&self) -> Result<Vec<ImageFootprint>, LifecycleError> {
        let used = self.recall_uses().await;
        Ok(footprints_of(&self.engine.images().await?, &used))
    }

    /// Those that go because nothing has used them for long.
    pub(in crate::lifecycle) async fn unused(&self) -> Result<Vec<ImageFootprint>, LifecycleError> {
        let before = Timestamp::now() - UNUSED;
        Ok(old(self.footprints().await?, before))
    }

    /// Whether it is gone; one that a container uses stays.
    pub(in crate::lifecycle) async fn drop_image(
        &self,
        tag: &ImageRef,
    ) -> Result<bool, LifecycleError> {
        match self.engine.remove_image(tag).await {
            Ok(()) | Err(EngineError::Missing { .. }) => Ok(true),
            Err(EngineError::Refused { status: 409, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Manager {
    /// Let images go, those that were not used for longest first, until the rest holds no more than
    /// it may.
    pub(in crate::lifecycle) async fn enforce_image_limit(&self) -> Result<(), LifecycleError> {
        let images = &self.context.images;
        let most = self.context.settings.policy.most_image_bytes;
        for held in going(images.footprints().await?, most) {
            if images.drop_image(&held.tag).await? {
                tracing::info!(image = %held.tag, "a base image was removed for want of room");
            }
        }
        Ok(())
    }
}

fn footprints_of(all: &[ImageInfo], used: &BTreeMap<ImageRef, Timestamp>) -> Vec<ImageFootprint> {
    let size = |tag: &ImageRef| {
        let found = all.iter().find(|image| image.tags.contains(tag));
        found.map(|image| image.size_bytes)
    };
    let mut held = Vec::new();
    for image in all {
        for tag in &image.tags {
            let Some(ours) = OwnImage::of(tag) else {
                continue;
            };
            let below = below(ours);
            let base = below.iter().find_map(&size).unwrap_or_default();
            let created = Timestamp::from_second(image.created).unwrap_or(Timestamp::UNIX_EPOCH);
            held.push(ImageFootprint {
                bytes: image.size_bytes.saturating_sub(base),
                used: used.get(tag).copied().unwrap_or(created).max(created),
                tag: tag.clone(),
                below,
            });
        }
    }
    // What stands on another one is used when that is.
    for index in 0..held.len() {
        let above = held.iter().filter(|it| it.below.contains(&held[index].tag));
        if let Some(used) = above.map(|it| it.used).max() {
            held[index].used = held[index].used.max(used);
        }
    }
    held
}

/// What an image of ours is made on, where that is an image of ours too.
fn below(ours: OwnImage) -> Vec<ImageRef> {
    if ours.layer == Layer::Build {
        return vec![ours.with(Layer::Slim).tag()];
    }
    let suite = |source: &ImageSource| match source {
        ImageSource::Suite(suite) => Some(ImageRef::ours(images::SUITES, suite)),
        ImageSource::Image(_) | ImageSource::MadeIn(_) => None,
    };
    ours.version.sources.iter().filter_map(suite).collect()
}

/// Those that were last used before then, what stands on another one first. One that another
/// stands on stays while that stays.
fn old(mut held: Vec<ImageFootprint>, before: Timestamp) -> Vec<ImageFootprint> {
    let needed: BTreeSet<ImageRef> = held
        .iter()
        .filter(|it| it.used >= before)
        .flat_map(|it| it.below.iter().cloned())
        .collect();
    held.retain(|it| it.used < before && !needed.contains(&it.tag));
    held.sort_by_key(|it| std::cmp::Reverse(depth(&it.tag)));
    held
}

/// Those that go, for the rest to hold `most` bytes at most: unused for longest first.
fn going(mut held: Vec<ImageFootprint>, most: u64) -> Vec<ImageFootprint> {
    held.sort_by_key(|it| (it.used, std::cmp::Reverse(depth(&it.tag))));
    over_limit(held, most, |it| it.bytes)
}

/// How many images of ours it stands on.
fn depth(tag: &ImageRef) -> u8 {
    match OwnImage::of(tag) {
        Some(ours) if ours.layer == Layer::Build => 2,
        Some(ours) if ours.stack.name != images::SUITES => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> ImageRef {
        let Ok(tag) = format!("codemate/{text}").parse();
        tag
    }

    fn image(name: &str, bytes: u64, created: i64) -> ImageInfo {
        ImageInfo {
            id: name.to_owned(),
            tags: vec![tag(name)],
            size_bytes: bytes,
            created,
            env: Vec::new(),
            recipe: None,
        }
    }

    fn names(held: &[ImageFootprint]) -> Vec<String> {
        held.iter().map(|it| it.tag.to_string()).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_image_weighs_what_it_adds_and_is_used_with_what_stands_on_it() {
        let all = [
            image("debian:trixie", 80, 1),
            image("python:3.13", 150, 2),
            image("python:3.13-build", 550, 3),
        ];
        let used = BTreeMap::from([(tag("python:3.13-build"), at(90))]);
        let held = footprints_of(&all, &used);
        let bytes: Vec<u64> = held.iter().map(|it| it.bytes).collect();
        assert_eq!(bytes, [80, 70, 400]);
        assert!(
            old(held.clone(), at(50))
                .iter()
                .all(|it| it.tag != tag("python:3.13"))
        );
        assert_eq!(old(held, at(99)).len(), 3);
    }

    #[test]
    fn what_was_not_used_for_longest_goes_until_the_rest_fits() {
        let all = [
            image("node:18", 10, 5),
            image("node:20", 20, 7),
            image("node:24", 30, 9),
        ];
        let held = || footprints_of(&all, &BTreeMap::new());
        assert!(going(held(), 60).is_empty());
        assert_eq!(names(&going(held(), 59)), ["codemate/node:18"]);
        assert_eq!(
            names(&going(held(), 30)),
            ["codemate/node:18", "codemate/node:20"]
        );
        let used = BTreeMap::from([(tag("node:18"), at(10))]);
        assert_eq!(
            names(&going(footprints_of(&all, &used), 59)),
            ["codemate/node:20"]
        );
    }

    #[test]
    fn a_suite_stays_while_something_stands_on_it() {
        let all = [image("debian:forky", 80, 1), image("python:3.14", 160, 9)];
        let held = footprints_of(&all, &BTreeMap::new());
        assert!(old(held.clone(), at(5)).is_empty());
        assert_eq!(
            names(&old(held, at(10))),
            ["codemate/python:3.14", "codemate/debian:forky"]
        );
    }
}
