//! The files of a project that hold variables of its environment, as far as they are taken; and the
//! samples beside them.

use super::{LeftOut, LocalSource, ignore_files};
use crate::{
    config::{is_env_name, is_sample_name},
    source::{RootDir, SourceError},
};

/// One that is longer is not one.
const LONGEST: u64 = 1 << 20;

/// A `.env`, `.env.local` or the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvSource {
    /// Relative to the root.
    pub path: String,
    pub content: Vec<u8>,
    /// What would leave it out, were it another file.
    pub in_spite_of: Option<LeftOut>,
}

impl EnvSource {
    /// Without its directory.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl LocalSource {
    /// Those at the root and in the app's own directory, by path. Blocking.
    pub fn env_files(&self) -> Result<Vec<EnvSource>, SourceError> {
        let root = self.root_dir()?;
        let rules = self.reload_rules(&root);
        let found = self.names_where(&root, is_env_name).into_iter();
        let read = |path: String| {
            if rules.ignores(&root, &path, false) {
                return None;
            }
            Some(EnvSource {
                content: root.bytes(&path, LONGEST)?,
                in_spite_of: rules.in_spite_of(&root, &path),
                path,
            })
        };
        Ok(found.filter_map(read).collect())
    }

    /// The samples of such files there, the likeliest first: a `.env.example` before a
    /// `required_env.txt`, those of the app's own directory before those of the root. Blocking.
    pub fn env_samples(&self) -> Result<Vec<String>, SourceError> {
        let root = self.root_dir()?;
        let mut found = self.names_where(&root, is_sample_name);
        found.sort_by_key(|path| {
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
            (
                dir != self.app_root(),
                !name.starts_with(".env"),
                name.len(),
            )
        });
        Ok(found)
    }

    fn names_where(&self, root: &RootDir, wanted: fn(&str) -> bool) -> Vec<String> {
        let mut dirs = vec![""];
        if !self.app_root().is_empty() {
            dirs.push(self.app_root());
        }
        let mut found: Vec<String> = Vec::new();
        for dir in dirs {
            let listing = root.dir(dir).into_iter().flatten().flatten();
            let names =
                listing.filter_map(|item| item.file_name().to_str().ok().map(str::to_owned));
            let wanted = names.filter(|name| wanted(name));
            found.extend(wanted.map(|name| ignore_files::join(dir, &name)));
        }
        found.retain(|path| root.stamp(path).is_ok());
        found.sort();
        found
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::Selection;

    #[test]
    fn files_and_samples_of_the_root_and_of_the_app() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("api")).unwrap();
        fs::create_dir(dir.path().join("other")).unwrap();
        for (path, text) in [
            (".gitignore", "\n.env\n"),
            (".codemateignore", ".env.local\n"),
            (".env", "A=1\n"),
            (".env.local", "A=2\n"),
            (".env.example", "A=\n"),
            ("example.env", "A=\n"),
            ("api/.env", "A=3\n"),
            ("api/.env.template", "A=\n"),
            ("other/.env", "A=4\n"),
            ("app.py", ""),
        ] {
            fs::write(dir.path().join(path), text).unwrap();
        }
        let selection = Selection {
            app_root: "api".to_owned(),
            ..Selection::default()
        };
        let source = LocalSource::select(dir.path().to_owned(), selection).unwrap();
        let files = source.env_files().unwrap();
        let seen: Vec<_> = files
            .iter()
            .map(|file| (file.path.as_str(), file.content.as_slice()))
            .collect();
        assert_eq!(seen, [(".env", &b"A=1\n"[..]), ("api/.env", b"A=3\n")]);
        let told = files[0].in_spite_of.as_ref().unwrap().why.to_string();
        assert_eq!(told, "line 2 of .gitignore names it (`.env`)");
        assert_eq!(
            source.env_samples().unwrap(),
            ["api/.env.template", ".env.example", "example.env"]
        );
    }
}
