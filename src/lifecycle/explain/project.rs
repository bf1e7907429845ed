//! What is known of a project beside what it wrote: its files, its plan, what it has been given.

use std::{cell::OnceCell, collections::BTreeSet, path::Path, sync::LazyLock};

use regex::Regex;

use super::output::CodeLocation;
use crate::{
    lifecycle::instance::environment::compose_file::{self, ComposeService, services},
    model::{NextStep, Plan},
    project::Tree,
};

/// As much of a file is looked at.
const CAP: usize = 128 << 10;
/// As many files of code are looked into.
const MOST_FILES: usize = 400;

/// Samples of an environment, under the names that projects give them. `.env` is what they are for.
const SAMPLES: [&str; 24] = [
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    ".env-example",
    ".env-sample",
    ".env-template",
    ".env_example",
    ".env_sample",
    ".env.example.local",
    ".env.local.example",
    ".env.development.example",
    ".env.dev.example",
    ".env.default",
    ".env.defaults",
    ".env.test.example",
    "env.example",
    "env.sample",
    "env.template",
    "example.env",
    "sample.env",
    "template.env",
    ".example.env",
    "required_env.txt",
];
const CODE: [&str; 9] = [
    ".py", ".js", ".ts", ".mjs", ".cjs", ".jsx", ".tsx", ".mts", ".prisma",
];

/// Says of a file's path why it is not inside; nothing if it is.
pub type ExclusionReason<'a> = &'a dyn Fn(&str) -> Option<ExcludedFile>;

pub struct ProjectFacts<'a> {
    /// The preview's name.
    pub name: &'a str,
    /// The project's, absolute.
    pub directory: &'a str,
    /// What brings it up, from anywhere.
    pub up: Vec<String>,
    pub plan: Option<&'a Plan>,
    /// The names of the variables that it has been given.
    pub given: BTreeSet<String>,
    /// How much memory it may use, in bytes.
    pub memory: Option<u64>,
    /// Says of a file of the project why it is not inside.
    pub left_out: Option<ExclusionReason<'a>>,
    tree: &'a dyn Tree,
    uses: OnceCell<Vec<VariableUse>>,
    samples: OnceCell<Vec<EnvSample>>,
}

/// A file or a directory of the project that is not inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludedFile {
    pub path: String,
    /// The rule, to follow a colon.
    pub why: String,
    /// The pattern that takes it in, for `[sync] include`.
    pub include: Option<String>,
}

/// A sample of the environment that the project brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvSample {
    pub path: String,
    /// Each variable, and whether the sample has a value for it.
    pub variables: Vec<(String, bool)>,
}

/// A variable that the code reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableUse {
    pub name: String,
    pub place: CodeLocation,
}

impl<'a> ProjectFacts<'a> {
    pub fn new(name: &'a str, directory: &'a str, up: Vec<String>, tree: &'a dyn Tree) -> Self {
        Self {
            name,
            directory,
            up,
            plan: None,
            given: BTreeSet::new(),
            memory: None,
            left_out: None,
            tree,
            uses: OnceCell::new(),
            samples: OnceCell::new(),
        }
    }

    /// The app's directory in the project, with a slash at its end, or nothing.
    pub fn root(&self) -> String {
        match self.plan.map(|plan| plan.root.as_str()) {
            None | Some("") => String::new(),
            Some(root) => format!("{root}/"),
        }
    }

    pub fn files(&self) -> &[String] {
        self.tree.files()
    }

    pub fn read(&self, path: &str) -> Option<String> {
        self.tree.read(path, CAP)
    }

    /// A file of the app's directory, else of the project's.
    pub fn read_near(&self, name: &str) -> Option<(String, String)> {
        let near = format!("{}{name}", self.root());
        [near, name.to_owned()]
            .into_iter()
            .find_map(|path| self.read(&path).map(|text| (path, text)))
    }

    pub fn has(&self, path: &str) -> bool {
        self.files().iter().any(|file| file == path)
    }

    /// The rule that keeps a file or a directory out, if one does.
    pub fn why_left_out(&self, path: &str) -> Option<ExcludedFile> {
        self.left_out?(path)
    }

    /// The names of the app's npm dependencies and scripts, if it has a manifest.
    pub fn package_json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.read_near("package.json")?.1).ok()
    }

    pub fn npm_depends_on(&self, name: &str) -> bool {
        let Some(manifest) = self.package_json() else {
            return false;
        };
        ["dependencies", "devDependencies"]
            .iter()
            .any(|section| manifest[section].get(name).is_some())
    }

    pub fn code(&self) -> impl Iterator<Item = &String> {
        let is_code = |file: &&String| CODE.iter().any(|ending| file.ends_with(ending));
        self.files().iter().filter(is_code).take(MOST_FILES)
    }

    /// Where the code first has a text.
    pub fn find_in_code(&self, found: impl Fn(&str) -> bool) -> Option<CodeLocation> {
        self.code().find_map(|file| {
            let text = self.read(file)?;
            let at = text.lines().position(&found)?;
            Some(CodeLocation {
                file: file.clone(),
                line: u32::try_from(at + 1).unwrap_or(u32::MAX),
            })
        })
    }

    /// Every variable that the code reads.
    pub fn uses(&self) -> &[VariableUse] {
        static READS: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(
                r#"(?x)
                process\.env(?:\.|\[["'])([A-Za-z_][A-Za-z0-9_]*)
                | (?:os\.)?(?:environ(?:\.get)?|getenv)\s*[\[(]\s*["']([A-Za-z_][A-Za-z0-9_]*)
                | \b(?:env|config|Config\.get|configService\.get|env\.(?:str|int|bool|list|url|db|get))
                  (?:<\w+>)?\(\s*["']([A-Z][A-Z0-9_]*)["']
                | import\.meta\.env\.([A-Z][A-Z0-9_]*)"#,
            )
            .expect("the pattern is fixed")
        });
        self.uses.get_or_init(|| {
            let mut uses: Vec<VariableUse> = Vec::new();
            for file in self.code() {
                let text = self.read(file).unwrap_or_default();
                for (at, line) in text.lines().enumerate() {
                    for found in READS.captures_iter(line) {
                        let Some(name) = found.iter().skip(1).flatten().next() else {
                            continue;
                        };
                        if uses.iter().any(|known| known.name == name.as_str()) {
                            continue;
                        }
                        uses.push(VariableUse {
                            name: name.as_str().to_owned(),
                            place: CodeLocation {
                                file: file.clone(),
                                line: u32::try_from(at + 1).unwrap_or(u32::MAX),
                            },
                        });
                    }
                }
            }
            uses
        })
    }

    /// The samples that the project brings, the app's own first.
    pub fn samples(&self) -> &[EnvSample] {
        self.samples.get_or_init(|| {
            let root = self.root();
            let mut folders = vec![root.as_str()];
            if !root.is_empty() {
                folders.push("");
            }
            let mut samples = Vec::new();
            for folder in folders {
                for name in SAMPLES {
                    let path = format!("{folder}{name}");
                    if let Some(text) = self.read(&path) {
                        let variables = variables_of(&text);
                        samples.push(EnvSample { path, variables });
                    }
                }
            }
            samples
        })
    }

    /// The sample that lists a variable, and whether it has a value for it.
    pub fn sample_of(&self, name: &str) -> Option<(&EnvSample, bool)> {
        self.samples().iter().find_map(|sample| {
            let (_, has_value) = sample.variables.iter().find(|(known, _)| known == name)?;
            Some((sample, *has_value))
        })
    }

    /// Every name of a variable that the project speaks of.
    pub fn names(&self) -> Vec<String> {
        let of_samples = self
            .samples()
            .iter()
            .flat_map(|sample| &sample.variables)
            .map(|(name, _)| name);
        let mut names: Vec<String> = Vec::new();
        for name in of_samples.chain(self.uses().iter().map(|it| &it.name)) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    pub fn compose(&self) -> Vec<ComposeService> {
        compose_file::FILES
            .iter()
            .filter_map(|name| self.read_near(name))
            .flat_map(|(file, text)| services(&text, &file))
            .collect()
    }

    /// The nearest directory above the project's that is the root of a workspace, and the project's
    /// place in it.
    pub fn workspace_above(&self) -> Option<(String, String)> {
        let project = Path::new(self.directory);
        let root = project.ancestors().skip(1).find(|above| {
            above.join("pnpm-workspace.yaml").is_file()
                || std::fs::read_to_string(above.join("package.json"))
                    .is_ok_and(|text| text.contains("\"workspaces\""))
        })?;
        let app = project.strip_prefix(root).ok()?;
        Some((root.display().to_string(), app.display().to_string()))
    }

    /// The absolute path of one of its files.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}/{path}", self.directory.trim_end_matches('/'))
    }

    /// The command that brings it up, with more arguments.
    pub fn up_with(&self, more: &[&str], why: impl Into<String>) -> NextStep {
        let mut argv = self.up.clone();
        argv.extend(more.iter().map(|&arg| arg.to_owned()));
        NextStep {
            argv,
            why: why.into(),
        }
    }

    /// The command that keeps a value for it.
    pub fn set(&self, variable: &str) -> NextStep {
        let argv = ["codemate-preview", "secret", "set", variable, "--for"];
        let mut argv: Vec<String> = argv.map(str::to_owned).into();
        argv.push(self.name.to_owned());
        NextStep {
            argv,
            why: format!("asks for `{variable}` and keeps it for this preview"),
        }
    }
}

fn variables_of(text: &str) -> Vec<(String, bool)> {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*(?:=\s*(.*))?$")
            .expect("the pattern is fixed")
    });
    text.trim_start_matches('\u{feff}')
        .lines()
        .filter_map(|line| LINE.captures(line))
        .map(|found| {
            let value = found.get(2).map_or("", |value| value.as_str().trim());
            let has_value = !value.trim_matches(['"', '\'']).is_empty() && !value.starts_with('#');
            (found[1].to_owned(), has_value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::lifecycle::explain::cases::fixture::Files;

    #[test]
    fn what_a_project_says_of_its_environment_is_found() {
        let files = Files::of(&[
            (
                ".env.example",
                "\u{feff}# db\nexport DATABASE_URL=\nSECRET = 'x'\nEMPTY=\"\"\n",
            ),
            (
                "app.py",
                "import os\na = os.environ[\"A_KEY\"]\nb = os.getenv('B')\n",
            ),
            (
                "src/c.ts",
                "const c = process.env.C_URL ?? process.env['D']",
            ),
            (
                "settings.py",
                "x = config('E_HOST', default='')\ny = env.str(\"F\")",
            ),
        ]);
        let known = files.known();
        let sample = &known.samples()[0];
        assert_eq!(sample.path, ".env.example");
        let listed: Vec<_> = sample
            .variables
            .iter()
            .map(|(n, v)| (n.as_str(), *v))
            .collect();
        assert_eq!(
            listed,
            [("DATABASE_URL", false), ("SECRET", true), ("EMPTY", false)]
        );
        let uses: Vec<String> = known
            .uses()
            .iter()
            .map(|it| format!("{} {}", it.name, it.place))
            .collect();
        assert_eq!(
            uses,
            [
                "A_KEY app.py:2",
                "B app.py:3",
                "E_HOST settings.py:1",
                "F settings.py:2",
                "C_URL src/c.ts:1",
                "D src/c.ts:1",
            ]
        );
    }
}
