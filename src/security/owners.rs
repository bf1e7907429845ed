//! What previews of the API's owners get: less than the host's user, for theirs is not this host.

use super::PolicyError;
use crate::model::ImageRef;

/// Of whoever is known by a JWT alone. Nothing beside the base images, and no public URL, by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRules {
    /// How many previews each may have, those that are down too: they hold disk.
    pub previews: usize,
    /// Images beside this program's base images: an exact reference, or the beginning of one and `*`.
    pub images: Vec<String>,
    /// Whether their previews get the tunnel that is the host's default.
    pub tunnels: bool,
}

impl Default for OwnerRules {
    fn default() -> Self {
        Self {
            previews: Self::PREVIEWS,
            images: Vec::new(),
            tunnels: false,
        }
    }
}

impl OwnerRules {
    /// Where the host's user says nothing.
    pub const PREVIEWS: usize = 10;

    /// Whether who has so many may have one more.
    pub fn another(&self, there: usize) -> Result<(), PolicyError> {
        if there < self.previews {
            Ok(())
        } else {
            Err(PolicyError::TooManyPreviews {
                most: self.previews,
            })
        }
    }

    /// Whether their previews may run in this image, which is no base image. It is compared as it
    /// is written: what another spelling of it leads to is the engine's affair, and refused.
    pub fn image(&self, asked: &ImageRef) -> Result<(), PolicyError> {
        let is_meant = |allowed: &String| match allowed.strip_suffix('*') {
            Some(beginning) => asked.as_str().starts_with(beginning),
            None => asked.as_str() == allowed,
        };
        if self.images.iter().any(is_meant) {
            Ok(())
        } else {
            Err(PolicyError::ImageNotAllowed {
                asked: asked.to_string(),
                allowed: self.images.clone(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_must_be_listed() {
        let may = |images: &[&str], asked: &str| {
            let rules = OwnerRules {
                images: images.iter().map(|&image| image.to_owned()).collect(),
                ..OwnerRules::default()
            };
            let Ok(asked) = asked.parse();
            rules.image(&asked).is_ok()
        };
        let listed = ["registry.example.com/acme/*", "node:22"];
        for asked in ["registry.example.com/acme/shop:1", "node:22"] {
            assert!(may(&listed, asked), "{asked}");
            assert!(!may(&[], asked), "{asked}");
        }
        for asked in [
            "node:22-slim",
            "node",
            "docker.io/library/node:22",
            "registry.example.com/acme",
            "registry.example.com/acmes/shop:1",
            "evil/registry.example.com/acme/shop",
            "sha256:0123",
            "",
        ] {
            assert!(!may(&listed, asked), "{asked}");
        }
        assert!(may(&["*"], "anything"));
    }

    #[test]
    fn a_refusal_is_of_policy_and_says_what_may_be() {
        let Ok(asked) = "evil:1".parse();
        let some = OwnerRules {
            images: vec!["node:22".to_owned()],
            ..OwnerRules::default()
        };
        for (rules, told) in [(OwnerRules::default(), "codemate/*"), (some, "node:22")] {
            let problem = rules.image(&asked).unwrap_err().problem();
            assert_eq!(problem.code.exit_code(), 12);
            assert!(problem.message.contains("evil:1"), "{problem:?}");
            let hint = problem.hint.unwrap();
            assert!(hint.contains(told) && hint.contains("[api]"), "{hint}");
        }
    }
}
