//! What determines an installation, as one hash: equal keys, interchangeable installations.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{model::Plan, project::files::tree::Tree};

/// Lock files are larger than what detection reads.
const CAP: usize = 64 << 20;

/// Over the inputs' content, the image, the commands, the template and the environment.
pub fn install_key(plan: &Plan, tree: &dyn Tree, image_id: &str) -> String {
    let mut hash = blake3::Hasher::new();
    // Every part is preceded by its length, so that no two lists of parts run together alike.
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(b"1");
    part(plan.template.as_bytes());
    part(image_id.as_bytes());
    for (key, value) in &plan.env {
        part(key.as_bytes());
        part(value.as_bytes());
    }
    if let Some(install) = &plan.install {
        for argv in &install.commands {
            part(&(argv.len() as u64).to_le_bytes());
            for word in argv {
                part(word.as_bytes());
            }
        }
        let inputs = set(&install.inputs);
        let mut files: Vec<&String> = tree
            .files()
            .iter()
            .filter(|path| inputs.is_match(path.as_str()))
            .collect();
        files.sort();
        for path in files {
            part(path.as_bytes());
            part(tree.read(path, CAP).unwrap_or_default().as_bytes());
        }
    }
    hash.finalize().to_hex().to_string()
}

/// Globs that are none match nothing; templates' own are tested.
fn set(globs: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        if let Ok(glob) = GlobBuilder::new(glob).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_else(|_| GlobSet::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Options,
        project::{Templates, detect, files::tree::memory::MemoryTree},
    };

    #[test]
    fn the_key_changes_with_what_determines_an_installation_and_with_nothing_else() {
        let tree = |requirements: &str, app: &str| {
            MemoryTree::new([
                ("requirements.txt", requirements),
                (
                    "app.py",
                    &format!("from flask import Flask\napp = Flask(__name__)\n{app}"),
                ),
            ])
        };
        let before = tree("flask==3.1", "");
        let plan = detect(&before, &Templates::embedded(), &Options::default())
            .unwrap()
            .plan;
        let key = install_key(&plan, &before, "sha256:1");
        assert_eq!(
            key,
            install_key(&plan, &tree("flask==3.1", "x = 1"), "sha256:1")
        );
        assert_ne!(key, install_key(&plan, &tree("flask==3.0", ""), "sha256:1"));
        assert_ne!(key, install_key(&plan, &before, "sha256:2"));
        let mut other = plan.clone();
        other
            .install
            .as_mut()
            .unwrap()
            .commands
            .push(vec!["true".to_owned()]);
        assert_ne!(key, install_key(&other, &before, "sha256:1"));
        let mut other = plan.clone();
        other.env.insert("X".to_owned(), "1".to_owned());
        assert_ne!(key, install_key(&other, &before, "sha256:1"));
    }
}
