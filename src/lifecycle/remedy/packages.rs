//! Packages and folders that a project's code asks for and its manifest does not name.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::error_table;
use crate::{
    lifecycle::{instance::Instance, off_thread::in_tree},
    model::{Install, Plan},
    project::{Tree, distribution, with_environment, workspace},
    store::ReasonedNames,
};

const VENV_PYTHON: &str = "/home/app/venv/bin/python";
/// Node looks into the `node_modules` of every directory above a file: what is installed there is
/// found by any manager's app, and changes nothing of the project's own.
const ABOVE_WORKSPACE: &str = "/home/app";

static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:ModuleNotFoundError|ImportError): No module named '?(?<name>[\w.]+)'?")
        .expect("the pattern is fixed")
});
static NODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"Cannot find (?:module|package) '(?<name>(?:@[a-z0-9][\w.-]*/)?[a-z0-9][\w.-]*)(?:/[\w./-]+)?'")
        .expect("the pattern is fixed")
});

static PROGRAM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:(?:sh|bash|/bin/sh): (?:(?:line )?\d+: )?)?(?<name>[\w@.+-]+): (?:command )?not found$")
        .expect("the pattern is fixed")
});

/// What a start that failed can be given besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingPart {
    Packages(ReasonedNames),
    /// A folder of the project's where Python looks for modules.
    Folder(ReasonedNames),
}

impl Instance {
    /// What these lines ask for that is not installed and can be. Reads the project's files.
    pub(super) async fn lacks(&self, plan: &Plan, lines: &[String]) -> Option<MissingPart> {
        // Whose commands these are, knows what they install.
        if self.record.options.install.commands.is_some() {
            return None;
        }
        let stack = plan.stack.clone()?;
        let (plan, lines) = (plan.clone(), lines.to_vec());
        let done = in_tree(self.record.source.directory(), move |tree| {
            of(&stack, &plan, &lines, tree)
        });
        let found = done.await?;
        let remedies = &self.record.remedies;
        let is_known = match &found {
            MissingPart::Packages(it) => remedies.packages.iter().any(|had| had.names == it.names),
            MissingPart::Folder(it) => remedies.folders.iter().any(|had| had.names == it.names),
        };
        (!is_known).then_some(found)
    }
}

fn of(stack: &str, plan: &Plan, lines: &[String], tree: &dyn Tree) -> Option<MissingPart> {
    let last = |pattern: &Regex| {
        let mut lines = lines.iter().rev();
        lines.find_map(|line| Some(pattern.captures(line)?["name"].to_owned()))
    };
    // What a manifest names and is not there was left out of an installation: it is made anew.
    let is_named = |package: &str| stack == "node" && names(plan, tree, package);
    if let Some((program, package)) = program(stack, lines).filter(|(_, it)| !is_named(it)) {
        return Some(MissingPart::Packages(ReasonedNames {
            because: format!("`{program}` is run, and no manifest names it"),
            names: vec![package.to_owned()],
        }));
    }
    let by_table = || {
        let taken = error_table::taken(stack, lines)?;
        Some(MissingPart::Packages(ReasonedNames {
            names: taken.packages,
            because: taken.because,
        }))
    };
    // What is known of a text says more than the name in it.
    by_table().or_else(|| match stack {
        "python" => of_python(&last(&PYTHON)?, plan, tree),
        "node" => of_node(&last(&NODE)?, plan, tree),
        _ => None,
    })
}

/// The program that a shell did not find at the end of these lines, and its package.
fn program<'l>(stack: &str, lines: &'l [String]) -> Option<(&'l str, &'static str)> {
    let found = lines.iter().rev().find_map(|line| PROGRAM.captures(line))?;
    let name = found.name("name")?.as_str();
    Some((name, error_table::program(stack, name)?))
}

fn of_python(module: &str, plan: &Plan, tree: &dyn Tree) -> Option<MissingPart> {
    if module.contains('.') {
        // What it is a part of was found: another package of the same name space may have it.
        return distribution(module)
            .map(|package| MissingPart::Packages(imported(module, package)));
    }
    let top = module;
    if let Some(folder) = folder_of(top, &plan.root, tree) {
        let shown = if folder.is_empty() { "." } else { &folder };
        return Some(MissingPart::Folder(ReasonedNames {
            because: format!(
                "`{top}` is the project's own, in `{shown}`, where Python did not look"
            ),
            names: vec![folder],
        }));
    }
    let files = tree.files();
    let is_own = |file: &String| {
        (file.ends_with(&format!("/{top}.py")) || *file == format!("{top}.py"))
            && !tree
                .read(file, 1 << 20)
                .is_some_and(|text| asks_for(&text, top))
    };
    if files.iter().any(is_own) {
        return None;
    }
    let package = error_table::moved(top).or_else(|| distribution(top))?;
    Some(MissingPart::Packages(imported(top, package)))
}

fn imported(module: &str, package: &str) -> ReasonedNames {
    let because = if package == module {
        format!("`{package}` is imported, and no manifest names it")
    } else {
        format!("`{module}` is imported, a module of `{package}`, and no manifest names it")
    };
    ReasonedNames {
        names: vec![package.to_owned()],
        because,
    }
}

/// The folder that a module of the project's own is in, if that is one where Python does not look:
/// the highest. `plan_root` is the app's.
fn folder_of(top: &str, plan_root: &str, tree: &dyn Tree) -> Option<String> {
    let ends = [format!("{top}.py"), format!("{top}/")];
    let mut found: Vec<&str> = Vec::new();
    for file in tree.files() {
        let is_code = file.rsplit_once('.').is_some_and(|(_, end)| end == "py");
        if !is_code || file.split('/').any(is_installed) {
            continue;
        }
        // What asks for a module of its own name means another.
        let is_itself = file.rsplit('/').next() == Some(ends[0].as_str());
        if is_itself
            && tree
                .read(file, 1 << 20)
                .is_some_and(|text| asks_for(&text, top))
        {
            continue;
        }
        for end in &ends {
            let at = if file.starts_with(end.as_str()) {
                Some(0)
            } else {
                file.find(&format!("/{end}")).map(|at| at + 1)
            };
            if let Some(at) = at {
                found.push(file[..at].trim_end_matches('/'));
            }
        }
    }
    if found.contains(&plan_root) {
        return None;
    }
    let highest = found
        .into_iter()
        .min_by_key(|folder| (folder.len(), *folder))?;
    Some(highest.to_owned())
}

/// Whether a file of Python imports that module.
fn asks_for(text: &str, top: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        let is_import = matches!(words.next(), Some("from" | "import"));
        let module = words.next().unwrap_or_default();
        is_import && module.split(['.', ',']).next() == Some(top)
    })
}

fn is_installed(folder: &str) -> bool {
    matches!(folder, "site-packages" | "node_modules" | ".venv" | "venv")
}

fn of_node(name: &str, plan: &Plan, tree: &dyn Tree) -> Option<MissingPart> {
    let is_its_own = name.starts_with("node:") || name.contains("prisma/client");
    // An alias of a compiler or a bundler looks like a package.
    if is_its_own || name.starts_with("@/") || names(plan, tree, name) {
        return None;
    }
    let manifest = manifest_of(plan);
    tree.files().contains(&manifest).then(|| {
        MissingPart::Packages(ReasonedNames {
            names: vec![name.to_owned()],
            because: format!("`{name}` is asked for, and {manifest} does not name it"),
        })
    })
}

pub(super) fn manifest_of(plan: &Plan) -> String {
    match plan.root.as_str() {
        "" => "package.json".to_owned(),
        root => format!("{root}/package.json"),
    }
}

/// Whether the app's package.json is called so, or names a package so.
fn names(plan: &Plan, tree: &dyn Tree, package: &str) -> bool {
    const LISTS: [&str; 4] = [
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
    ];
    let written = tree.read(&manifest_of(plan), 1 << 20);
    let written = written.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    written.is_some_and(|it| {
        it["name"] == package || LISTS.iter().any(|list| it[list].get(package).is_some())
    })
}

/// The plan with these packages installed besides, by a command of their own: what its manifest
/// says stays as it is.
pub fn apply(packages: &[ReasonedNames], plan: &mut Plan) {
    let names: Vec<String> = packages.iter().flat_map(|it| it.names.clone()).collect();
    if names.is_empty() {
        return;
    }
    let words = |all: &[&str]| all.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let mut command = match plan.stack.as_deref() {
        Some("python") => words(&["uv", "pip", "install", "--python", VENV_PYTHON]),
        Some("node") => words(&[
            "npm",
            "install",
            "--no-save",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--prefix",
            ABOVE_WORKSPACE,
        ]),
        _ => return,
    };
    command.extend(names);
    let install = plan.install.get_or_insert_with(|| Install {
        commands: Vec::new(),
        inputs: Vec::new(),
        fallbacks: Vec::new(),
    });
    install.commands.push(command);
    with_environment(install);
}

/// The plan with these folders on the path of Python's modules, after those that it has there.
pub fn add_search_paths(folders: &[ReasonedNames], plan: &mut Plan) {
    const NAME: &str = "PYTHONPATH";
    let more = folders.iter().flat_map(|it| &it.names);
    let more: Vec<String> = more.map(|folder| workspace(folder)).collect();
    if more.is_empty() {
        return;
    }
    let more = more.join(":");
    // What the app alone is given comes before what every command is.
    let of_app = plan.run.env.contains_key(NAME);
    let env = if of_app {
        &mut plan.run.env
    } else {
        &mut plan.env
    };
    match env.get_mut(NAME).filter(|had| !had.is_empty()) {
        Some(had) => *had = format!("{had}:{more}"),
        None => drop(env.insert(NAME.to_owned(), more)),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{
        model::Options,
        project::{LocalTree, Templates, detect},
    };

    fn plan(files: &[(&str, &str)]) -> (Plan, LocalTree, TempDir) {
        let dir = TempDir::new().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let tree = LocalTree::open(dir.path()).unwrap();
        let report = detect(&tree, &Templates::embedded(), &Options::default()).unwrap();
        (report.plan, tree, dir)
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    const FLASK: &str = "from flask import Flask\napp = Flask(__name__)\n";

    #[test]
    fn what_is_imported_and_known_is_installed_besides() {
        let (plan, tree, _dir) = plan(&[("app.py", FLASK), ("requirements.txt", "flask\n")]);
        let of = |text: &str| of("python", &plan, &lines(text), &tree);
        let Some(MissingPart::Packages(it)) = of("ModuleNotFoundError: No module named 'decouple'")
        else {
            panic!("nothing is taken");
        };
        assert_eq!(it.names, ["python-decouple"]);
        let mut laid = plan.clone();
        apply(&[it], &mut laid);
        let commands = laid.install.unwrap().commands;
        assert_eq!(commands.last().unwrap()[5..], ["python-decouple"]);
        assert_eq!(
            commands.len(),
            plan.install.clone().unwrap().commands.len() + 1
        );
        // Nobody says whose module it is.
        assert_eq!(of("ModuleNotFoundError: No module named 'my_own'"), None);
        assert_eq!(of("Traceback\nKeyError: 'decouple'"), None);
        // A part that an installed package has not, is of another release of it or of a name space.
        assert_eq!(of("ModuleNotFoundError: No module named 'yaml.none'"), None);
        let names = |text: &str| match of(text) {
            Some(MissingPart::Packages(it) | MissingPart::Folder(it)) => it.names.join(" "),
            None => String::new(),
        };
        let said = "ModuleNotFoundError: No module named 'wtforms.fields.html5'";
        assert_eq!(names(said), "wtforms<3");
        let said = "ModuleNotFoundError: No module named 'google.cloud.storage'";
        assert_eq!(names(said), "google-cloud-storage");
    }

    #[test]
    fn a_folder_of_its_own_is_looked_into() {
        let (mut plan, tree, _dir) = plan(&[
            ("shop/app.py", FLASK),
            ("shop/requirements.txt", "flask\n"),
            ("shop/pages/home.py", ""),
        ]);
        assert_eq!(plan.root, "shop");
        let said = lines("ModuleNotFoundError: No module named 'shop'");
        let Some(MissingPart::Folder(it)) = of("python", &plan, &said, &tree) else {
            panic!("no folder is found");
        };
        add_search_paths(&[it], &mut plan);
        assert!(
            plan.run.env["PYTHONPATH"].ends_with(":/home/app/workspace"),
            "{plan:?}"
        );
        // A file that imports its own name means the package.
        let (plan, tree, _dir) = self::plan(&[
            ("app.py", FLASK),
            ("requirements.txt", "flask\n"),
            ("work/src/celery.py", "from celery import Celery\n"),
        ]);
        let said = lines("ModuleNotFoundError: No module named 'celery'");
        let Some(MissingPart::Packages(it)) = of("python", &plan, &said, &tree) else {
            panic!("the package is not found");
        };
        assert_eq!(it.names, ["celery"]);
    }

    #[test]
    fn what_lies_where_python_looks_is_not_found_for_another_reason() {
        let (plan, tree, _dir) = plan(&[
            ("shop/app.py", FLASK),
            ("shop/requirements.txt", "flask\n"),
            ("shop/pages/home.py", ""),
        ]);
        let said = lines("ModuleNotFoundError: No module named 'pages.none'");
        assert_eq!(of("python", &plan, &said, &tree), None);
    }

    #[test]
    fn a_package_of_npm_is_taken_by_the_name_that_the_code_has() {
        let manifest = r#"{"scripts":{"start":"node a.js"},"dependencies":{"express":"4"}}"#;
        let (plan, tree, _dir) = plan(&[("package.json", manifest), ("a.js", "")]);
        let of = |text: &str| of("node", &plan, &lines(text), &tree);
        for (said, name) in [
            ("Error: Cannot find module 'nanoid'", Some("nanoid")),
            (
                "Cannot find package '@acme/x' imported from /home/app/workspace/a.js",
                Some("@acme/x"),
            ),
            ("Error: Cannot find module 'lodash/get'", Some("lodash")),
            ("Error: Cannot find module './routes'", None),
            (
                "Error: Cannot find module '/home/app/workspace/dist/a.js'",
                None,
            ),
            ("Error: Cannot find module 'express'", None),
            ("Error: Cannot find module '@/lib/db'", None),
            ("sh: 1: tsc: not found", Some("typescript")),
            ("sh: 1: my-own-tool: not found", None),
        ] {
            let taken = of(said).map(|it| match it {
                MissingPart::Packages(it) | MissingPart::Folder(it) => it.names.join(" "),
            });
            assert_eq!(taken.as_deref(), name, "{said}");
        }
    }
}
