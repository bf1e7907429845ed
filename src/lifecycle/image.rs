//! Having the image a plan asks for: it is here, or it is built, or it is pulled.

use std::{collections::HashMap, future::Future, sync::Arc};

use tokio::sync::{Mutex, mpsc};

use super::LifecycleError;
use crate::{
    engine::{BuildRequest, Engine, EngineError},
    model::{BuildProgress, ImageInfo, ImageRef},
    project::images,
};

/// Builds and pulls, each image by one caller at a time.
pub struct Images {
    engine: Arc<dyn Engine>,
    busy: Mutex<HashMap<ImageRef, Arc<Mutex<()>>>>,
}

/// A base image of ours.
#[derive(Debug, Clone)]
pub struct BaseImage {
    pub tag: ImageRef,
    pub stack: String,
    pub version: String,
    pub built: Option<ImageInfo>,
}

impl Images {
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            busy: Mutex::default(),
        }
    }

    /// Whether it is one of our base images, which are built here and never pulled.
    pub(super) fn is_base(image: &ImageRef) -> bool {
        stack_of(image).is_some()
    }

    /// The image, made present if need be. `progress` hears of a build or a pull.
    pub async fn ensure(
        &self,
        image: &ImageRef,
        progress: impl Fn(BuildProgress),
    ) -> Result<ImageInfo, LifecycleError> {
        if let Some(here) = self.engine.image(image).await? {
            return Ok(here);
        }
        self.make(image, false, progress).await
    }

    /// Build or pull it. Someone else's build that ended meanwhile will do unless `again`.
    pub async fn make(
        &self,
        image: &ImageRef,
        again: bool,
        progress: impl Fn(BuildProgress),
    ) -> Result<ImageInfo, LifecycleError> {
        let turn = self
            .busy
            .lock()
            .await
            .entry(image.clone())
            .or_default()
            .clone();
        let _turn = turn.lock().await;
        if !again && let Some(here) = self.engine.image(image).await? {
            return Ok(here);
        }
        match our_context(image) {
            Some((base, build)) => {
                self.base(&base, &progress).await?;
                Ok(told(&progress, |to| self.engine.build_image(build, to)).await?)
            }
            None => Ok(told(&progress, |to| self.engine.pull_image(image, to)).await?),
        }
    }

    async fn base(
        &self,
        base: &ImageRef,
        progress: &impl Fn(BuildProgress),
    ) -> Result<(), LifecycleError> {
        if self.engine.image(base).await?.is_none() {
            told(progress, |to| self.engine.pull_image(base, to)).await?;
        }
        Ok(())
    }

    /// Every base image there is to have.
    pub async fn list(&self) -> Result<Vec<BaseImage>, LifecycleError> {
        let mut all = Vec::new();
        for stack in images::stacks() {
            for version in &stack.versions {
                let tag = ImageRef::ours(&stack.name, &version.version);
                let built = self.engine.image(&tag).await?;
                all.push(BaseImage {
                    tag,
                    stack: stack.name.clone(),
                    version: version.version.clone(),
                    built,
                });
            }
        }
        Ok(all)
    }

    /// The base images that `asked` names by tag or by stack; all of them if it is empty.
    pub async fn chosen(&self, asked: &[String]) -> Result<Vec<BaseImage>, LifecycleError> {
        let all = self.list().await?;
        let is = |image: &BaseImage, name: &str| image.tag.as_str() == name || image.stack == name;
        if let Some(stranger) = asked
            .iter()
            .find(|name| !all.iter().any(|image| is(image, name)))
        {
            return Err(LifecycleError::NoSuchImage {
                asked: stranger.clone(),
                known: all.iter().map(|image| image.tag.to_string()).collect(),
            });
        }
        Ok(all
            .into_iter()
            .filter(|image| asked.is_empty() || asked.iter().any(|name| is(image, name)))
            .collect())
    }

    /// Remove images of ours that nothing uses and no present version is built as.
    /// What [`Images::prune`] would look at. Those in use are among them.
    pub async fn candidates(&self) -> Result<Vec<ImageInfo>, LifecycleError> {
        Ok(self.engine.images().await?)
    }

    pub async fn prune(&self) -> Result<Vec<ImageInfo>, LifecycleError> {
        let mut removed = Vec::new();
        for image in self.engine.images().await? {
            for tag in &image.tags {
                match self.engine.remove_image(tag).await {
                    Ok(()) => removed.push(image.clone()),
                    // In use, which is its own kind of answer.
                    Err(EngineError::Refused { status: 409, .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(removed)
    }
}

fn stack_of(image: &ImageRef) -> Option<(&'static images::Stack, &'static images::StackVersion)> {
    images::stacks().iter().find_map(|stack| {
        let of = |version: &&images::StackVersion| {
            ImageRef::ours(&stack.name, &version.version) == *image
        };
        Some((stack, stack.versions.iter().find(of)?))
    })
}

/// The base and the build of an image of ours; `None` if it is somebody else's.
fn our_context(image: &ImageRef) -> Option<(ImageRef, BuildRequest)> {
    let (stack, version) = stack_of(image)?;
    let (context, args) = images::context(&stack.name, &version.version)?;
    let Ok(base) = version.base.parse();
    Some((
        base,
        BuildRequest {
            tag: image.clone(),
            context,
            args,
        },
    ))
}

/// Run a call that reports to a channel, and pass on what it reports.
async fn told<T, F>(
    progress: &impl Fn(BuildProgress),
    call: impl FnOnce(mpsc::Sender<BuildProgress>) -> F,
) -> T
where
    F: Future<Output = T>,
{
    let (to, mut from) = mpsc::channel(64);
    let call = call(to);
    tokio::pin!(call);
    loop {
        tokio::select! {
            done = &mut call => {
                while let Ok(last) = from.try_recv() {
                    progress(last);
                }
                return done;
            }
            Some(news) = from.recv() => progress(news),
        }
    }
}
