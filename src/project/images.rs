//! The base images we can build: `images/<stack>`, embedded, and where each version comes from.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::model::ImageRef;

#[derive(RustEmbed)]
#[folder = "images/"]
#[exclude = "bootstrap/*"]
struct Files;

/// One directory of `images/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub name: String,
    /// As the file lists them.
    pub versions: Vec<StackVersion>,
    pub default: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackVersion {
    /// Such as `3.11`.
    pub version: String,
    /// Whether those who make it still repair it.
    #[serde(default = "yes")]
    pub supported: bool,
    /// What it is built on, best first.
    pub sources: Vec<ImageSource>,
    /// Arguments of the build, besides `BASE` and `VERSION`.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// Something that a version can be built on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ImageSource {
    /// Somebody else's image, such as `python:3.12-slim-bookworm`. It is here, or a registry has it.
    Image(String),
    /// A version of the stack [`SUITES`], such as `trixie`.
    Suite(String),
    /// It is made from Debian's packages in a container of one of these suites.
    MadeIn(Vec<String>),
}

/// The stack whose versions are the suites that other stacks stand on.
pub const SUITES: &str = "debian";

/// Whether a registry of images answers the engine. Some versions come from nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registry {
    Answers,
    Silent,
}

/// The versions of a stack that can be had here.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    pub stack: &'a Stack,
    pub registry: Registry,
}

impl<'a> Offer<'a> {
    /// As the file lists them. There are others in [`Stack::versions`], which cannot be made here.
    pub fn versions(self) -> impl Iterator<Item = &'a str> {
        let available = self.stack.available(self.registry);
        available.map(|version| version.version.as_str())
    }
}

impl StackVersion {
    /// Whether it can be made.
    pub fn is_available(&self, registry: Registry) -> bool {
        let can = |source: &ImageSource| match source {
            ImageSource::Image(_) => registry == Registry::Answers,
            ImageSource::Suite(_) | ImageSource::MadeIn(_) => true,
        };
        self.sources.iter().any(can)
    }
}

impl Stack {
    /// The versions that can be made here, as the file lists them.
    pub fn available(&self, registry: Registry) -> impl Iterator<Item = &StackVersion> {
        self.versions
            .iter()
            .filter(move |version| version.is_available(registry))
    }

    pub fn version(&self, version: &str) -> Option<&StackVersion> {
        self.versions.iter().find(|it| it.version == version)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageFile {
    /// The first, if it is not said.
    default: Option<String>,
    version: Vec<StackVersion>,
}

/// The file of a stack's directory that says which versions there are; no part of the build.
const LIST: &str = "image.toml";

static STACKS: LazyLock<Vec<Stack>> = LazyLock::new(|| {
    let mut stacks: Vec<Stack> = Files::iter()
        .filter_map(|path| {
            let name = path.strip_suffix(LIST)?.strip_suffix('/')?;
            let file = Files::get(&path)?;
            let list = std::str::from_utf8(&file.data).ok()?;
            Some(parse(name, list).expect("every embedded image.toml is read by a test"))
        })
        .collect();
    stacks.sort_by(|a, b| a.name.cmp(&b.name));
    stacks
});

fn parse(name: &str, list: &str) -> Result<Stack, String> {
    let file: ImageFile = toml::from_str(list).map_err(|error| error.to_string())?;
    let first = file.version.first().ok_or("it lists no version")?;
    let default = file.default.unwrap_or_else(|| first.version.clone());
    let Some(chosen) = file.version.iter().find(|it| it.version == default) else {
        return Err(format!("the default {default} is not among the versions"));
    };
    if !chosen.is_available(Registry::Silent) {
        return Err(format!("the default {default} takes a registry"));
    }
    if let Some(without) = file.version.iter().find(|it| it.sources.is_empty()) {
        return Err(format!("{} comes from nowhere", without.version));
    }
    Ok(Stack {
        name: name.to_owned(),
        versions: file.version,
        default,
    })
}

/// By name.
pub fn stacks() -> &'static [Stack] {
    &STACKS
}

pub fn stack(name: &str) -> Option<&'static Stack> {
    STACKS.iter().find(|stack| stack.name == name)
}

/// What is laid over a version's base. Each has a directory in the stack's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// What it takes to run.
    Slim,
    /// Over that, compilers and headers.
    Build,
    /// The base itself, from packages.
    Made,
}

impl Layer {
    const ALL: [Self; 3] = [Self::Slim, Self::Build, Self::Made];

    fn dir(self) -> &'static str {
        match self {
            Self::Slim => "",
            Self::Build => "build/",
            Self::Made => "made/",
        }
    }
}

/// An image of ours, by its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnImage {
    pub stack: &'static Stack,
    pub version: &'static StackVersion,
    pub layer: Layer,
}

/// What the tag of a build layer ends in.
const BUILD: &str = "-build";

impl OwnImage {
    /// `None` if it is somebody else's.
    pub fn of(image: &ImageRef) -> Option<Self> {
        let (stack, version) = image.stack_and_version()?;
        let (version, layer) = match version.strip_suffix(BUILD) {
            Some(version) => (version, Layer::Build),
            None => (version, Layer::Slim),
        };
        let stack = self::stack(stack)?;
        let version = stack.version(version)?;
        let ours = Self {
            stack,
            version,
            layer,
        };
        (layer == Layer::Slim || ours.has_build_layer()).then_some(ours)
    }

    pub fn tag(self) -> ImageRef {
        let version = &self.version.version;
        match self.layer {
            Layer::Build => ImageRef::ours(&self.stack.name, &format!("{version}{BUILD}")),
            Layer::Slim | Layer::Made => ImageRef::ours(&self.stack.name, version),
        }
    }

    #[must_use]
    pub fn with(self, layer: Layer) -> Self {
        Self { layer, ..self }
    }

    pub fn has_build_layer(self) -> bool {
        let dockerfile = format!("{}/{}Dockerfile", self.stack.name, Layer::Build.dir());
        Files::get(&dockerfile).is_some()
    }

    /// The files to build it from.
    pub fn context(self) -> BTreeMap<String, Bytes> {
        let dir = format!("{}/{}", self.stack.name, self.layer.dir());
        let of_another = |inside: &str| {
            self.layer == Layer::Slim
                && Layer::ALL
                    .iter()
                    .any(|layer| *layer != Layer::Slim && inside.starts_with(layer.dir()))
        };
        Files::iter()
            .filter_map(|path| {
                let inside = path
                    .strip_prefix(&dir)
                    .filter(|inside| *inside != LIST && !of_another(inside))?;
                Some((
                    inside.to_owned(),
                    Bytes::from(Files::get(&path)?.data.into_owned()),
                ))
            })
            .collect()
    }

    /// A fingerprint of what it is made from but for its base: files and arguments, and of a build
    /// layer those of the layer below too. An image with another one is of another release.
    pub fn recipe(self) -> String {
        let mut layers = vec![Layer::Slim, Layer::Made];
        if self.layer == Layer::Build {
            layers.push(Layer::Build);
        }
        let mut hash = blake3::Hasher::new();
        let mut add = |part: &[u8]| {
            hash.update(&part.len().to_le_bytes());
            hash.update(part);
        };
        for layer in layers {
            for (path, content) in self.with(layer).context() {
                add(path.as_bytes());
                add(&content);
            }
        }
        for (name, value) in &self.version.args {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        hash.finalize().to_hex()[..16].to_owned()
    }

    /// The arguments of the build on that base.
    pub fn args(self, base: &ImageRef) -> BTreeMap<String, String> {
        let mut args = self.version.args.clone();
        args.insert("BASE".to_owned(), base.to_string());
        args.insert("VERSION".to_owned(), self.version.version.clone());
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> ImageRef {
        let Ok(tag) = text.parse();
        tag
    }

    #[test]
    fn every_embedded_stack_is_read() {
        let names: Vec<&str> = stacks().iter().map(|stack| stack.name.as_str()).collect();
        for name in ["debian", "net", "node", "python"] {
            assert!(names.contains(&name), "{names:?}");
        }
        for stack in stacks() {
            for version in &stack.versions {
                let image = OwnImage::of(&ImageRef::ours(&stack.name, &version.version)).unwrap();
                assert_eq!((image.stack, image.version), (stack, version));
                let files = image.context();
                assert!(files.contains_key("Dockerfile") && !files.contains_key(LIST));
                assert!(files.keys().all(|file| !file.contains('/')), "{files:?}");
                assert_eq!(image.args(&tag("b"))["BASE"], "b");
            }
            let absent = ImageRef::ours(&stack.name, "0.0");
            assert_eq!(OwnImage::of(&absent), None);
        }
        assert_eq!(OwnImage::of(&tag("codemate/bootstrap:1")), None);
        assert_eq!(OwnImage::of(&tag("python:3.13")), None);
    }

    #[test]
    fn a_recipe_is_of_one_version_and_layer() {
        let recipe = |name| OwnImage::of(&tag(name)).unwrap().recipe();
        let all = [
            recipe("codemate/python:3.13"),
            recipe("codemate/python:3.13-build"),
            recipe("codemate/node:24"),
            recipe("codemate/debian:trixie"),
        ];
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
        assert_eq!(recipe("codemate/python:3.13"), all[0]);
        // Made in another suite or from a registry's image: it is one name, and one recipe.
        let suite = OwnImage::of(&tag("codemate/debian:trixie")).unwrap();
        assert_eq!(suite.with(Layer::Made).recipe(), suite.recipe());
    }

    #[test]
    fn every_suite_that_is_named_can_be_made_from_another() {
        let suites = stack(SUITES).unwrap();
        for source in stacks()
            .iter()
            .flat_map(|stack| &stack.versions)
            .flat_map(|version| &version.sources)
        {
            match source {
                ImageSource::Suite(name) => {
                    let suite = suites.version(name).unwrap();
                    assert!(suite.is_available(Registry::Silent), "{name}");
                }
                ImageSource::MadeIn(others) => assert!(
                    others.iter().all(|it| suites.version(it).is_some()),
                    "{others:?}"
                ),
                ImageSource::Image(_) => {}
            }
        }
    }

    #[test]
    fn what_takes_a_registry_is_known_and_not_available_without_one() {
        let python = stack("python").unwrap();
        let has = |registry, wanted| {
            let mut all = python.available(registry);
            all.any(|version| version.version == wanted)
        };
        assert!(python.version("3.12").is_some());
        assert!(!has(Registry::Silent, "3.12") && has(Registry::Answers, "3.12"));
        for version in ["3.9", "3.11", "3.13", "3.14"] {
            assert!(has(Registry::Silent, version), "{version}");
        }
    }

    #[test]
    fn a_build_layer_has_a_tag_and_files_of_its_own() {
        for name in ["node", "python"] {
            let slim = OwnImage::of(&ImageRef::ours(name, &stack(name).unwrap().default)).unwrap();
            let build = slim.with(Layer::Build);
            assert_eq!(build.tag().as_str(), format!("{}-build", slim.tag()));
            assert_eq!(OwnImage::of(&build.tag()), Some(build));
            assert_ne!(build.context(), slim.context());
        }
        assert_eq!(OwnImage::of(&tag("codemate/net:1-build")), None);
    }

    #[test]
    fn the_first_version_is_the_default_unless_another_is_named() {
        let list = "[[version]]\nversion = \"1\"\nsources = [{ suite = \"trixie\" }]\n";
        assert_eq!(parse("x", list).unwrap().default, "1");
        assert!(parse("x", &format!("default = \"2\"\n{list}")).is_err());
        assert!(parse("x", "version = []").is_err());
        assert!(parse("x", "[[version]]\nversion = \"1\"\nsources = []\n").is_err());
        let far = "[[version]]\nversion = \"1\"\nsources = [{ image = \"x:1\" }]\n";
        assert!(parse("x", far).is_err());
        assert!(parse("x", &format!("default = \"2\"\n{far}")).is_err());
    }
}
