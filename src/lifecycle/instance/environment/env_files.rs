//! What the `.env` files of a project give its app. The files are in the workspace, where an app's own
//! reader finds them; their values are given to the app's process as well, for apps that have none.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    compose_env::{self, ComposeEnv},
    secret_values,
};
use crate::{
    config::{EnvFile, EnvLine},
    model::{Event, Plan, Secret},
    source::{EnvSource, LocalSource, RootDir, SourceError},
};

/// Files that count while somebody develops. Others are for tests or for a place to deploy to.
const ACTIVE: [&str; 6] = [
    ".env",
    ".env.local",
    ".env.dev",
    ".env.development",
    ".env.development.local",
    ".flaskenv",
];
/// What is not given: it would change the programs that start the app, which read no `.env`.
const NOT_GIVEN: [&str; 7] = [
    "HOME",
    "USER",
    "PATH",
    "PWD",
    "SHELL",
    "NODE_ENV",
    "NODE_OPTIONS",
];
/// Nor this, where the app has a reader: that comes too late to choose the settings.
const TOO_LATE: &str = "DJANGO_SETTINGS_MODULE";
/// Words in a manifest that tell of a reader of `.env` files.
const READERS: [&str; 13] = [
    "dotenv",
    "environ",
    "decouple",
    "pydantic-settings",
    "pydantic_settings",
    "\"next\"",
    "\"vite\"",
    "\"nuxt\"",
    "\"astro\"",
    "react-scripts",
    "@nestjs/config",
    "--env-file",
    "env-cmd",
];
const MANIFESTS: [&str; 5] = [
    "package.json",
    "requirements.txt",
    "pyproject.toml",
    "Pipfile",
    "setup.py",
];
/// A manifest that is longer is not read.
const LONGEST: u64 = 1 << 20;
/// Remarks about lines that are reported of one start.
const MOST_TOLD: usize = 5;

/// What the files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectEnv {
    /// For the app, where nobody else gives it a value.
    pub given: BTreeMap<String, Secret>,
    /// All that they set: ours give way.
    pub names: BTreeSet<String>,
    values: Vec<Secret>,
    remarks: Vec<String>,
    in_spite: Vec<String>,
    /// What is told once of where values are from.
    origin: Option<String>,
}

impl ProjectEnv {
    /// Blocking.
    pub fn read(source: &LocalSource, plan: &Plan) -> Result<Self, SourceError> {
        let files = source.env_files()?;
        let root = source.root_dir()?;
        let mut project_env = Self::of(&files, has_reader(&root, &plan.root));
        project_env.add(compose_env::read(&root, plan));
        Ok(project_env)
    }

    /// What a compose file gives, where no `.env` does.
    fn add(&mut self, mut compose: ComposeEnv) {
        compose.values.retain(|name, _| !self.names.contains(name));
        if compose.values.is_empty() {
            return;
        }
        let names: Vec<&str> = compose.values.keys().map(String::as_str).collect();
        self.origin = Some(format!(
            "{} of {} for the app: {}",
            if names.len() == 1 {
                "a value"
            } else {
                "values"
            },
            compose.from,
            names.join(", ")
        ));
        let secret = compose
            .values
            .iter()
            .filter(|(name, value)| secret_values::is_secret(name, value.reveal()));
        self.values.extend(secret.map(|(_, value)| value.clone()));
        self.given.extend(compose.values);
    }

    fn of(files: &[EnvSource], has_reader: bool) -> Self {
        let mut project_env = Self::default();
        // Deepest last: the app's own directory is nearer to it.
        let mut plain: BTreeMap<String, EnvLine> = BTreeMap::new();
        let mut elsewhere: BTreeMap<String, Secret> = BTreeMap::new();
        for file in files {
            let read = EnvFile::of_bytes(&file.content);
            project_env.note(file, &read, has_reader);
            for line in read.variables {
                if !ACTIVE.contains(&file.name()) {
                    continue;
                }
                project_env.names.insert(line.name.clone());
                if file.name() == ".env" {
                    plain.insert(line.name.clone(), line);
                } else {
                    elsewhere.insert(line.name, line.value);
                }
            }
        }
        let is_given = |line: &EnvLine| {
            let is_ours = NOT_GIVEN.contains(&line.name.as_str())
                || line.name.starts_with("CODEMATE_GUEST_")
                || line.name.starts_with("LD_")
                || has_reader && line.name == TOO_LATE;
            // Which of two files counts is for its reader to say, and so is what a line means.
            let is_open = elsewhere
                .get(&line.name)
                .is_some_and(|it| *it != line.value)
                || line.is_disputed && has_reader;
            !is_ours && !is_open
        };
        let given = plain.into_values().filter(is_given);
        project_env.given = given.map(|line| (line.name, line.value)).collect();
        project_env
    }

    fn note(&mut self, file: &EnvSource, read: &EnvFile, has_reader: bool) {
        let secret = read.variables.iter().filter(|line| {
            let (name, value) = (line.name.as_str(), line.value.reveal());
            secret_values::is_secret(name, value)
        });
        for line in secret {
            self.values.push(line.value.clone());
            let password = secret_values::password(line.value.reveal());
            self.values.extend(password.map(Secret::new));
        }
        if let Some(left_out) = &file.in_spite_of {
            self.in_spite
                .push(format!("`{}` is taken, though {}", file.path, left_out.why));
        }
        if !has_reader && file.name() == ".env" {
            let told = |remark| format!("`{}`, {remark}", file.path);
            self.remarks.extend(read.remarks.iter().map(told));
        }
    }

    /// The values that an app's output is cleaned of.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.values.iter()
    }

    /// What people should know when a preview starts; once, what is known from the first time on.
    pub fn start_events(&self, is_first: bool) -> Vec<Event> {
        let remarks = self.remarks.iter().take(MOST_TOLD);
        let in_spite = self.in_spite.iter().filter(|_| is_first);
        let in_spite = in_spite.map(|message| Event::Warning {
            message: message.clone(),
            hint: Some("a `.codemateignore` that names it keeps it out".to_owned()),
        });
        let origin = self.origin.iter().filter(|_| is_first);
        let origin = origin.map(|values| Event::Warning {
            message: format!("taking {values}"),
            hint: Some("`--env`, a `.env` or `secret set` says otherwise".to_owned()),
        });
        in_spite
            .chain(origin)
            .chain(remarks.map(|message| Event::Warning {
                message: message.clone(),
                hint: None,
            }))
            .collect()
    }
}

/// The files that a command of the app's asks for by name and that are not there, each with the
/// variables that there are: `node --env-file=.env` does not start without one. Blocking.
pub fn missing_env_files(
    source: &LocalSource,
    plan: &Plan,
    variables: &BTreeMap<String, Secret>,
) -> BTreeMap<String, Vec<u8>> {
    let Ok(root) = source.root_dir() else {
        return BTreeMap::new();
    };
    let at = |name: &str| match plan.root.as_str() {
        "" => name.to_owned(),
        dir => format!("{dir}/{name}"),
    };
    let mut commands = plan.run.argv.join(" ");
    if let Some(package) = root.text(&at("package.json"), LONGEST) {
        commands.push(' ');
        commands.push_str(&package);
    }
    let wanted = env_files_of(&commands).into_iter().map(|name| at(&name));
    let missing_env_files = wanted.filter(|path| root.node(path).is_err());
    let content = secret_values::lines(variables);
    missing_env_files
        .filter(|_| !variables.is_empty())
        .map(|path| (path, content.clone().into_bytes()))
        .collect()
}

/// The files behind `--env-file`, and `.env` where `env-cmd` runs.
fn env_files_of(commands: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, option) in commands.match_indices("--env-file") {
        let rest = &commands[at + option.len()..];
        let Some(rest) = rest.strip_prefix(['=', ' ']) else {
            continue;
        };
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        let name: String = rest.chars().take_while(|c| is_of_name(*c)).collect();
        let name = name.trim_start_matches("./");
        if name.contains("env")
            && !name.split('/').any(|part| part == "..")
            && !name.starts_with('/')
        {
            found.insert(name.to_owned());
        }
    }
    if commands.contains("env-cmd ") && !commands.contains("env-cmd -f") {
        found.insert(".env".to_owned());
    }
    found
}

fn has_reader(root: &RootDir, app_root: &str) -> bool {
    let names = MANIFESTS.iter().flat_map(|name| {
        let own = (!app_root.is_empty()).then(|| format!("{app_root}/{name}"));
        own.into_iter().chain([(*name).to_owned()])
    });
    names
        .filter_map(|path| root.text(&path, LONGEST))
        .any(|text| READERS.iter().any(|word| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{LeftOut, LeftOutReason};

    fn file(path: &str, text: &str) -> EnvSource {
        EnvSource {
            path: path.to_owned(),
            content: text.as_bytes().to_vec(),
            in_spite_of: None,
        }
    }

    fn given(project_env: &ProjectEnv) -> Vec<(&str, &str)> {
        let given = project_env.given.iter();
        given
            .map(|(name, it)| (name.as_str(), it.reveal()))
            .collect()
    }

    #[test]
    fn the_app_gets_what_no_reader_would_read_otherwise() {
        let files = [
            file(
                ".env",
                "A=1\nB=1\nC=x#y\nNODE_ENV=production\nPORT=5432\nD=\"$x\"\n",
            ),
            file(".env.local", "B=2\nE=3\n"),
            file(".env.production", "A=9\nHOST=db\n"),
        ];
        let project_env = ProjectEnv::of(&files, true);
        assert_eq!(
            given(&project_env),
            [("A", "1"), ("D", "$x"), ("PORT", "5432")]
        );
        let names: Vec<_> = project_env.names.iter().map(String::as_str).collect();
        assert_eq!(names, ["A", "B", "C", "D", "E", "NODE_ENV", "PORT"]);
        assert_eq!(project_env.start_events(true), []);
        let project_env = ProjectEnv::of(&files, false);
        assert_eq!(given(&project_env)[1], ("C", "x#y"), "nobody else reads it");
        assert_eq!(project_env.start_events(true).len(), 1);
    }

    #[test]
    fn the_apps_own_directory_is_nearer() {
        let files = [
            file(".env", "A=root\nB=root\n"),
            file("api/.env", "A=api\n"),
        ];
        let project_env = ProjectEnv::of(&files, true);
        assert_eq!(given(&project_env), [("A", "api"), ("B", "root")]);
    }

    #[test]
    fn a_file_that_git_ignores_is_told_of_once() {
        let mut one = file(".env", "A=1\n");
        one.in_spite_of = Some(LeftOut {
            path: ".env".to_owned(),
            why: LeftOutReason::IgnoredBy {
                file: ".gitignore".to_owned(),
                line: 3,
                pattern: ".env".to_owned(),
            },
        });
        let project_env = ProjectEnv::of(&[one], true);
        let told = |is_first| match project_env.start_events(is_first).as_slice() {
            [Event::Warning { message, .. }] => Some(message.clone()),
            _ => None,
        };
        let says = "`.env` is taken, though line 3 of .gitignore names it (`.env`)";
        assert_eq!(told(true).as_deref(), Some(says));
        assert_eq!(told(false), None);
    }

    #[test]
    fn commands_name_the_files_they_need() {
        for (commands, files) in [
            ("node --env-file=.env server.js", &[".env"][..]),
            (
                "node --watch --env-file ./config/dev.env src",
                &["config/dev.env"],
            ),
            ("\"dev\": \"tsx --env-file=.env.local x\"", &[".env.local"]),
            ("env-cmd node server.js", &[".env"]),
            ("node --env-file-if-exists=.env server.js", &[]),
            ("node --env-file=../.env server.js", &[]),
            ("node server.js", &[]),
        ] {
            let found: Vec<_> = env_files_of(commands).into_iter().collect();
            assert_eq!(found, files, "{commands}");
        }
    }
}
