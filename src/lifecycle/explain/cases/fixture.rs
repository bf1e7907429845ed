//! A project in memory, for tests.

use crate::{lifecycle::explain::ProjectFacts, project::Tree};

pub struct Files {
    names: Vec<String>,
    texts: Vec<String>,
}

impl Files {
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut files = files.to_vec();
        files.sort_by_key(|(name, _)| (name.matches('/').count(), *name));
        Self {
            names: files.iter().map(|(name, _)| (*name).to_owned()).collect(),
            texts: files.iter().map(|(_, text)| (*text).to_owned()).collect(),
        }
    }

    pub fn known(&self) -> ProjectFacts<'_> {
        let up = ["codemate-preview", "up", "/src/shop"].map(str::to_owned);
        ProjectFacts::new("shop", "/src/shop", up.into(), self)
    }
}

impl Tree for Files {
    fn files(&self) -> &[String] {
        &self.names
    }

    fn read(&self, path: &str, cap: usize) -> Option<String> {
        let at = self.names.iter().position(|name| name == path)?;
        Some(self.texts[at].chars().take(cap).collect())
    }
}

pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
