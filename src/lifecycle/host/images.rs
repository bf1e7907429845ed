//! Having the image a plan asks for: it is here, or it is built, or it is pulled.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Mutex, mpsc};

use super::registry::RegistryWatch;
use crate::{
    engine::{BuildRequest, Engine, EngineError},
    lifecycle::LifecycleError,
    model::{BuildProgress, ImageInfo, ImageRef},
    project::images::{self, ImageSource, Layer, OwnImage, Registry},
    security::egress_presets,
    store::Store,
};

/// Builds and pulls, each image by one caller at a time.
pub struct Images {
    pub(in crate::lifecycle) engine: Arc<dyn Engine>,
    pub(in crate::lifecycle) store: Arc<Store>,
    pub(in crate::lifecycle) registry: RegistryWatch,
    /// When images were last used, once that was read.
    pub(in crate::lifecycle) used: Mutex<BTreeMap<ImageRef, Timestamp>>,
    in_progress: Mutex<HashMap<ImageRef, Arc<Mutex<()>>>>,
}

/// A base image of ours.
#[derive(Debug, Clone)]
pub struct BaseImage {
    pub tag: ImageRef,
    pub stack: String,
    pub version: String,
    /// Whether it is what its stack's projects get when they name no version.
    pub default: bool,
    /// Whether it can be made here.
    pub available: bool,
    /// Whether those who make it still repair it.
    pub supported: bool,
    pub built: Option<ImageInfo>,
}

/// Hears how a build or a pull goes.
type ProgressFn<'a> = &'a (dyn Fn(BuildProgress) + Send + Sync);

impl Images {
    pub fn new(engine: Arc<dyn Engine>, store: Arc<Store>) -> Self {
        Self {
            registry: RegistryWatch::new(engine.clone(), store.clone()),
            engine,
            store,
            used: Mutex::default(),
            in_progress: Mutex::default(),
        }
    }

    /// Whether it is one of our base images, which are built here and never pulled.
    pub(in crate::lifecycle) fn is_base(image: &ImageRef) -> bool {
        OwnImage::of(image).is_some()
    }

    /// The image, made present if need be. `progress` is called during a build or a pull.
    pub async fn ensure(
        &self,
        image: &ImageRef,
        progress: ProgressFn<'_>,
    ) -> Result<ImageInfo, LifecycleError> {
        match self.engine.image(image).await? {
            Some(here) if is_current(image, &here) => Ok(here),
            Some(older) => self.renew(image, older, progress).await,
            None => self.make(image, false, progress).await,
        }
    }

    /// The image, if it is here as it would be made today.
    pub(in crate::lifecycle) async fn current(
        &self,
        image: &ImageRef,
    ) -> Result<Option<ImageInfo>, LifecycleError> {
        let here = self.engine.image(image).await?;
        Ok(here.filter(|here| is_current(image, here)))
    }

    /// Make it anew, and do with the older one where that fails.
    async fn renew(
        &self,
        image: &ImageRef,
        older: ImageInfo,
        progress: ProgressFn<'_>,
    ) -> Result<ImageInfo, LifecycleError> {
        let made = match self.make(image, false, progress).await {
            Ok(made) => made,
            Err(error) => {
                tracing::warn!(%image, %error, "the image of an older release is used");
                progress(BuildProgress::Line {
                    text: format!("the {image} of an older release is used: {error}"),
                });
                return Ok(older);
            }
        };
        if made.id != older.id {
            let Ok(old) = older.id.parse::<ImageRef>();
            // Where a container or another image needs it, it stays.
            if let Err(error) = self.engine.remove_image(&old).await {
                tracing::debug!(%image, %error, "the image of an older release stays");
            }
        }
        Ok(made)
    }

    /// Build or pull it. Someone else's build that ended meanwhile will do unless `again`.
    pub async fn make(
        &self,
        image: &ImageRef,
        again: bool,
        progress: ProgressFn<'_>,
    ) -> Result<ImageInfo, LifecycleError> {
        let turn = self
            .in_progress
            .lock()
            .await
            .entry(image.clone())
            .or_default()
            .clone();
        let _turn = turn.lock().await;
        if !again && let Some(here) = self.current(image).await? {
            return Ok(here);
        }
        match OwnImage::of(image) {
            Some(ours) => self.build(ours, progress).await,
            None => Ok(with_progress(progress, |to| self.engine.pull_image(image, to)).await?),
        }
    }

    async fn build(
        &self,
        ours: OwnImage,
        progress: ProgressFn<'_>,
    ) -> Result<ImageInfo, LifecycleError> {
        let (base, layer) = self.base_of(ours, progress).await?;
        let ours = ours.with(layer);
        let mut args = ours.args(&base);
        if let Some(host) = egress_presets().get("npm").and_then(|hosts| hosts.first()) {
            args.insert("NPM_REGISTRY".to_owned(), format!("https://{host}"));
        }
        let build = BuildRequest {
            tag: ours.tag(),
            context: ours.context(),
            args,
            recipe: Some(ours.recipe()),
        };
        progress(BuildProgress::Line {
            text: format!("making {} on {base}", build.tag),
        });
        Ok(with_progress(progress, |to| self.engine.build_image(build, to)).await?)
    }

    /// What it is built on, and as which layer: the first of its sources that can be had.
    async fn base_of(
        &self,
        ours: OwnImage,
        progress: ProgressFn<'_>,
    ) -> Result<(ImageRef, Layer), LifecycleError> {
        if ours.layer == Layer::Build {
            let slim = ours.with(Layer::Slim).tag();
            self.ensure_below(&slim, progress).await?;
            return Ok((slim, Layer::Build));
        }
        let mut why = None;
        for source in &ours.version.sources {
            match source {
                ImageSource::Image(name) => match self.fetched(name, progress).await {
                    Ok(Some(image)) => return Ok((image, Layer::Slim)),
                    Ok(None) => {}
                    Err(error) => why = Some(error),
                },
                ImageSource::Suite(suite) => {
                    let suite = ImageRef::ours(images::SUITES, suite);
                    match self.ensure_below(&suite, progress).await {
                        Ok(()) => return Ok((suite, Layer::Slim)),
                        Err(error) => why = Some(error),
                    }
                }
                ImageSource::MadeIn(suites) => {
                    if let Some(image) = self.any_of(suites).await? {
                        return Ok((image, Layer::Made));
                    }
                }
            }
        }
        Err(why.unwrap_or_else(|| LifecycleError::NoBase {
            image: ours.tag().to_string(),
            sources: ours.version.sources.clone(),
        }))
    }

    /// Boxed, for a base has a base.
    fn ensure_below<'a>(
        &'a self,
        base: &'a ImageRef,
        progress: ProgressFn<'a>,
    ) -> BoxFuture<'a, Result<(), LifecycleError>> {
        Box::pin(async move { self.ensure(base, progress).await.map(drop) })
    }

    /// Somebody else's image, if it is here or a registry has it.
    async fn fetched(
        &self,
        name: &str,
        progress: ProgressFn<'_>,
    ) -> Result<Option<ImageRef>, LifecycleError> {
        let Ok(image) = name.parse::<ImageRef>();
        if self.engine.image(&image).await?.is_some() {
            return Ok(Some(image));
        }
        if self.registry.check().await? == Registry::Silent {
            return Ok(None);
        }
        match with_progress(progress, |to| self.engine.pull_image(&image, to)).await {
            Ok(_) => Ok(Some(image)),
            Err(EngineError::NoImage { reason, .. }) => {
                tracing::info!(%image, reason, "an image that a registry should have is made here");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// An image of one of these suites that is here already.
    async fn any_of(&self, suites: &[String]) -> Result<Option<ImageRef>, LifecycleError> {
        let all = images::stack(images::SUITES);
        for suite in suites {
            let mut names = vec![ImageRef::ours(images::SUITES, suite)];
            let sources = all
                .and_then(|all| all.version(suite))
                .into_iter()
                .flat_map(|suite| &suite.sources);
            names.extend(sources.filter_map(|source| match source {
                ImageSource::Image(name) => name.parse().ok(),
                ImageSource::Suite(_) | ImageSource::MadeIn(_) => None,
            }));
            for name in names {
                if self.engine.image(&name).await?.is_some() {
                    return Ok(Some(name));
                }
            }
        }
        Ok(None)
    }

    /// Every base image there is to have, and every build layer that is here.
    pub async fn list(&self) -> Result<Vec<BaseImage>, LifecycleError> {
        let registry = self.registry.check().await?;
        let mut all = Vec::new();
        for stack in images::stacks() {
            for version in &stack.versions {
                let slim = OwnImage {
                    stack,
                    version,
                    layer: Layer::Slim,
                };
                let compiling = slim.with(Layer::Build);
                let layers = [slim]
                    .into_iter()
                    .chain(compiling.has_build_layer().then_some(compiling));
                for ours in layers {
                    let tag = ours.tag();
                    let built = self.engine.image(&tag).await?;
                    all.push(BaseImage {
                        available: version.is_available(registry) || built.is_some(),
                        tag,
                        stack: stack.name.clone(),
                        version: version.version.clone(),
                        default: ours.layer == Layer::Slim && version.version == stack.default,
                        supported: version.supported,
                        built,
                    });
                }
            }
        }
        Ok(all)
    }

    /// The base images that `asked` names by tag or by stack; each stack's default if it is empty.
    /// A stack stands for its versions that can be made, without build layers.
    pub async fn chosen(&self, asked: &[String]) -> Result<Vec<BaseImage>, LifecycleError> {
        let all = self.list().await?;
        let slim = |image: &BaseImage| {
            image.available && image.tag == ImageRef::ours(&image.stack, &image.version)
        };
        let is = |image: &BaseImage, name: &str| {
            image.tag.as_str() == name || (image.stack == name && slim(image))
        };
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
            .filter(|image| {
                (asked.is_empty() && image.default) || asked.iter().any(|name| is(image, name))
            })
            .collect())
    }

    /// What [`Images::prune`] would look at. Those in use are among them.
    pub async fn candidates(&self) -> Result<Vec<ImageInfo>, LifecycleError> {
        Ok(self.engine.images().await?)
    }

    /// Remove base images that no container uses. Returns those that went.
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

impl BaseImage {
    /// Whether it is here as it would be made today.
    pub fn is_current(&self) -> bool {
        let built = self.built.as_ref();
        built.is_some_and(|built| is_current(&self.tag, built))
    }
}

/// Whether an image of ours was made from what this release makes it from. One that does not say is
/// its user's own.
fn is_current(image: &ImageRef, here: &ImageInfo) -> bool {
    match (OwnImage::of(image), &here.recipe) {
        (Some(ours), Some(recipe)) => *recipe == ours.recipe(),
        _ => true,
    }
}

/// Whether it could be made from packages, were there an image to make it in.
pub(in crate::lifecycle) fn is_made(sources: &[ImageSource]) -> bool {
    sources
        .iter()
        .any(|source| matches!(source, ImageSource::MadeIn(_)))
}

/// Why an image cannot be made that has these sources.
pub(in crate::lifecycle) fn describe_base(image: &str, sources: &[ImageSource]) -> String {
    if is_made(sources) {
        return format!(
            "there is no image of Debian's here to make {image} in, and no registry answers"
        );
    }
    format!("{image} is made from an image that is not here, and no registry answers")
}

/// Run a call that reports to a channel, and pass on what it reports.
async fn with_progress<T, F>(
    progress: ProgressFn<'_>,
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
