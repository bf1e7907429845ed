//! What an edit leads to: nothing, a restart of the app, or a fresh installation. Pure.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::model::{Plan, ReloadMode};

/// In rising order: a batch leads to the greatest of what its paths lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consequence {
    Nothing,
    Restart,
    Reinstall,
}

impl Consequence {
    /// For people and events; `None` for nothing.
    pub fn describe(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Restart => Some("restart".to_owned()),
            Self::Reinstall => Some("install".to_owned()),
        }
    }
}

/// Files that are read when a preview is brought up, so an edit of one needs another `up`.
const SETTINGS: [&str; 2] = ["codemate-preview.toml", "codemate-preview.local.toml"];

/// The globs of one plan, compiled.
#[derive(Debug, Clone)]
pub struct EditRules {
    inputs: GlobSet,
    restart_on: GlobSet,
}

impl EditRules {
    pub fn new(plan: &Plan) -> Self {
        let restart_on = match plan.reload.mode {
            ReloadMode::None => &[],
            ReloadMode::Restart | ReloadMode::Itself => plan.reload.restart_on.as_slice(),
        };
        let inputs = plan
            .install
            .as_ref()
            .map_or(&[][..], |install| install.inputs.as_slice());
        Self {
            inputs: globs(inputs),
            restart_on: globs(restart_on),
        }
    }

    pub fn consequence(&self, changed: &[String]) -> Consequence {
        let of = |path: &String| {
            if self.inputs.is_match(path) {
                Consequence::Reinstall
            } else if self.restart_on.is_match(path) {
                Consequence::Restart
            } else {
                Consequence::Nothing
            }
        };
        changed.iter().map(of).max().unwrap_or(Consequence::Nothing)
    }
}

/// The first of `changed` that only another `up` would read.
pub fn settings_among(changed: &[String]) -> Option<&String> {
    changed
        .iter()
        .find(|path| SETTINGS.contains(&path.as_str()))
}

/// A glob that does not parse matches nothing: detection refuses it before it gets here.
fn globs(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        if let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_else(|_| GlobSet::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> EditRules {
        let globbed = |patterns: &[&str]| {
            globs(
                &patterns
                    .iter()
                    .map(|&pattern| pattern.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        EditRules {
            inputs: globbed(&["requirements.txt", "requirements/*.txt"]),
            restart_on: globbed(&["**/*.py"]),
        }
    }

    #[test]
    fn the_greatest_consequence_wins() {
        let cases: [(&[&str], Consequence); 6] = [
            (&[], Consequence::Nothing),
            (&["README.md"], Consequence::Nothing),
            (&["app.py"], Consequence::Restart),
            (&["a/b/c.py", "x.css"], Consequence::Restart),
            (&["app.py", "requirements.txt"], Consequence::Reinstall),
            (&["requirements/dev/x.txt"], Consequence::Nothing),
        ];
        for (changed, expected) in cases {
            let changed: Vec<String> = changed.iter().map(|&path| path.to_owned()).collect();
            assert_eq!(rules().consequence(&changed), expected, "{changed:?}");
        }
    }

    #[test]
    fn settings_are_noticed() {
        let changed = ["a.py".to_owned(), "codemate-preview.toml".to_owned()];
        assert_eq!(settings_among(&changed), Some(&changed[1]));
        assert_eq!(settings_among(&changed[..1]), None);
    }
}
