//! The base images we can build: `images/<stack>`, embedded.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use rust_embed::RustEmbed;
use serde::Deserialize;

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
    /// The image it is built on, such as `debian:bookworm-slim`.
    pub base: String,
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
    if !file.version.iter().any(|it| it.version == default) {
        return Err(format!("the default {default} is not among the versions"));
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

/// The files to build `codemate/<stack>:<version>` from, and the build's arguments.
pub fn context(
    stack: &str,
    version: &str,
) -> Option<(BTreeMap<String, Bytes>, BTreeMap<String, String>)> {
    let chosen = self::stack(stack)?
        .versions
        .iter()
        .find(|it| it.version == version)?;
    let dir = format!("{stack}/");
    let files = Files::iter()
        .filter_map(|path| {
            let inside = path.strip_prefix(&dir).filter(|inside| *inside != LIST)?;
            Some((
                inside.to_owned(),
                Bytes::from(Files::get(&path)?.data.into_owned()),
            ))
        })
        .collect();
    let args = BTreeMap::from([
        ("BASE".to_owned(), chosen.base.clone()),
        ("VERSION".to_owned(), chosen.version.clone()),
    ]);
    Some((files, args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_stack_is_read() {
        let names: Vec<&str> = stacks().iter().map(|stack| stack.name.as_str()).collect();
        assert!(
            names.contains(&"python") && names.contains(&"node"),
            "{names:?}"
        );
        for stack in stacks() {
            for version in &stack.versions {
                let (files, args) = context(&stack.name, &version.version).unwrap();
                assert!(!files.contains_key(LIST));
                assert_eq!(args["BASE"], version.base);
            }
            assert!(context(&stack.name, "0.0").is_none());
        }
        assert!(context("bootstrap", "1").is_none());
    }

    #[test]
    fn the_first_version_is_the_default_unless_another_is_named() {
        let list = "[[version]]\nversion = \"1\"\nbase = \"b\"\n";
        assert_eq!(parse("x", list).unwrap().default, "1");
        assert!(parse("x", &format!("default = \"2\"\n{list}")).is_err());
        assert!(parse("x", "version = []").is_err());
    }
}
