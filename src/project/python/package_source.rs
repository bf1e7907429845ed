//! Where a Python project writes down its packages, and which of several such places is heeded.

use serde_json::Value;

use super::{
    conda,
    dependency_tables::{pipfile, poetry},
    imports, installer_words, requirement_files,
    requirement_parser::{self, Requirements},
    script, setup,
    web_packages::is_web,
};
use crate::project::files::{
    manifest,
    tree::{SubTree, Tree},
};

/// What brings the packages in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallerKind {
    /// `uv.lock`.
    Uv,
    /// Files in pip's format.
    Requirements,
    /// `[project]` of `pyproject.toml`.
    Project,
    Poetry,
    Pdm,
    Pipenv,
    /// `environment.yml`.
    Conda,
    /// `setup.py` or `setup.cfg`.
    Setup,
    /// A script's own block, PEP 723.
    Script,
    /// Nothing does: what is imported is taken.
    Imports,
}

impl InstallerKind {
    /// As templates call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uv => "uv",
            Self::Requirements => "requirements",
            Self::Project => "project",
            Self::Poetry => "poetry",
            Self::Pdm => "pdm",
            Self::Pipenv => "pipenv",
            Self::Conda => "conda",
            Self::Setup => "setup",
            Self::Script => "script",
            Self::Imports => "imports",
        }
    }
}

/// One place where packages are written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSource {
    pub kind: InstallerKind,
    /// What the installer is told: files, packages or groups, whichever `kind` takes.
    pub words: Vec<String>,
    pub names: Requirements,
    /// Modules that are imported and whose distribution nothing tells, with the file of each.
    pub unknown: Vec<(String, String)>,
    /// What the manifest alone asks for, where `words` are of a lock.
    pub loose: Vec<String>,
    /// Names that the manifest asks for and the lock has not, or has in another version.
    pub behind: Vec<String>,
}

impl PackageSource {
    pub fn new(kind: InstallerKind, words: Vec<String>, names: Requirements) -> Self {
        Self {
            kind,
            words,
            names,
            unknown: Vec::new(),
            loose: Vec::new(),
            behind: Vec::new(),
        }
    }

    /// A list may be there and empty.
    fn says_something(&self) -> bool {
        !self.names.is_empty() || matches!(self.kind, InstallerKind::Uv | InstallerKind::Setup)
    }

    /// As templates call what installs it; `None` where there is nothing to install.
    pub fn manager(&self) -> Option<&'static str> {
        let reads_files = matches!(self.kind, InstallerKind::Uv | InstallerKind::Setup);
        (reads_files || !self.words.is_empty()).then(|| self.kind.as_str())
    }

    /// With what a lock says in place of `loose`, if there is one.
    pub(super) fn locked(mut self, tree: &dyn Tree, loose: Vec<String>) -> Self {
        self.words.clone_from(&loose);
        if let Some(locked) = installer_words::locked(tree, self.kind, &self.names) {
            self.words = locked.words;
            // Whatever the lock leaves out, the manifest's own words are for.
            let is_missing = |word: &&String| {
                requirement_parser::named(word).is_none_or(|it| {
                    locked
                        .missing
                        .contains(&requirement_parser::normal(&it.name))
                })
            };
            self.words.extend(loose.iter().filter(is_missing).cloned());
            self.behind = locked.missing;
            self.loose = loose;
        }
        self
    }
}

/// The place that is heeded: the first that names what serves, else the first there is; those of a
/// directory above where the tree has none. What is imported counts where nothing is written down.
pub fn read(tree: &dyn Tree, cap: usize) -> Option<PackageSource> {
    let best = best(tree, cap);
    if best.as_ref().is_some_and(PackageSource::says_something) {
        return best;
    }
    above(tree, cap)
        .filter(PackageSource::says_something)
        .or_else(|| of_imports(tree, cap))
        .or(best)
}

fn best(tree: &dyn Tree, cap: usize) -> Option<PackageSource> {
    let mut sources: Vec<PackageSource> = pyproject(tree).into_iter().collect();
    // A lock says more than a list; any other table says less.
    let at = usize::from(
        sources
            .first()
            .is_some_and(|it| it.kind == InstallerKind::Uv),
    );
    let requirements = requirement_files::chosen(tree, cap).map(|(files, mut names)| {
        // A list that asks for the project itself asks for what that depends on.
        if files.iter().any(|file| asks_for_itself(tree, file, cap)) {
            let own = sources.first().cloned().or_else(|| setup_files(tree, cap));
            for (name, requirement) in own.into_iter().flat_map(|own| own.names) {
                names.entry(name).or_insert(requirement);
            }
        }
        let words = files.into_iter().flat_map(|file| ["-r".to_owned(), file]);
        PackageSource::new(InstallerKind::Requirements, words.collect(), names)
    });
    sources.splice(at..at, requirements);
    sources.extend(pipfile(tree));
    sources.extend(conda::read(tree, cap));
    sources.extend(files_of_setup(tree, cap));
    sources.extend(setup_files(tree, cap));
    sources.extend(script::read(tree, cap));
    let serves = |it: &&PackageSource| it.names.keys().any(|name| is_web(name));
    let named = |it: &&PackageSource| !it.names.is_empty();
    let best = sources
        .iter()
        .find(serves)
        .or_else(|| sources.iter().find(named))
        .or(sources.first());
    best.cloned()
}

/// Whether a line of a requirements file is the directory it lies in.
fn asks_for_itself(tree: &dyn Tree, file: &str, cap: usize) -> bool {
    let text = tree.read(file, cap).unwrap_or_default();
    text.lines().any(|line| {
        let path = line
            .trim()
            .trim_start_matches("--editable")
            .trim_start_matches("-e");
        let path = path.trim().split('[').next().unwrap_or("");
        path == "." || path == "./"
    })
}

/// What is written in the nearest directory above, for the installer as well as for templates.
fn above(tree: &dyn Tree, cap: usize) -> Option<PackageSource> {
    let (whole, root) = tree.above()?;
    let mut dir = root;
    let mut way = String::new();
    while !dir.is_empty() {
        dir = dir.rsplit_once('/').map_or("", |(dir, _)| dir);
        way.push_str("../");
        let tree = SubTree::new(whole, dir);
        let found = best(&tree, cap).filter(|it| it.kind == InstallerKind::Requirements);
        if let Some(mut found) = found {
            for word in found.words.iter_mut().filter(|word| *word != "-r") {
                word.insert_str(0, &way);
            }
            for requirement in found.names.values_mut() {
                requirement.file.insert_str(0, &way);
            }
            return Some(found);
        }
    }
    None
}

fn pyproject(tree: &dyn Tree) -> Option<PackageSource> {
    const FILE: &str = "pyproject.toml";
    let written = manifest::toml(tree, FILE)?;
    let has = |file: &str| has(tree, file);
    let mut names = Requirements::new();
    let add_all = |names: &mut Requirements, list: Option<&Value>| {
        let items = list.and_then(Value::as_array).into_iter().flatten();
        for named in items
            .filter_map(Value::as_str)
            .filter_map(requirement_parser::named)
        {
            requirement_parser::add(names, named, FILE);
        }
    };
    add_all(&mut names, written.pointer("/project/dependencies"));
    let mut loose: Vec<String> = Vec::new();
    let of_project = written
        .pointer("/project/dependencies")
        .and_then(Value::as_array);
    let of_project = of_project.into_iter().flatten().filter_map(Value::as_str);
    loose.extend(of_project.map(str::to_owned));
    let poetry = poetry(&written, (&mut names, &mut loose), FILE);
    let project = written.get("project").is_some();
    let kind = if has("uv.lock") && !has("poetry.lock") || project && is_locked_above(tree) {
        InstallerKind::Uv
    } else if poetry && (has("poetry.lock") || !project)
        || written.pointer("/tool/poetry").is_some() && has("poetry.lock")
    {
        InstallerKind::Poetry
    } else if has("pdm.lock") || written.pointer("/tool/pdm/dev-dependencies").is_some() {
        InstallerKind::Pdm
    } else if project || written.get("dependency-groups").is_some() {
        InstallerKind::Project
    } else {
        return None;
    };
    if matches!(kind, InstallerKind::Poetry | InstallerKind::Pdm) {
        return Some(PackageSource::new(kind, Vec::new(), names).locked(tree, loose));
    }
    // Groups and extras that are needed to have what serves.
    let mut words: Vec<String> = Vec::new();
    if kind == InstallerKind::Project && project {
        words.extend(["-r".to_owned(), FILE.to_owned()]);
    }
    for (key, flag) in [
        ("/dependency-groups", "--group"),
        ("/project/optional-dependencies", "--extra"),
    ] {
        let tables = written.pointer(key).and_then(Value::as_object);
        for (group, list) in tables.into_iter().flatten() {
            let mut of_group = Requirements::new();
            add_all(&mut of_group, Some(list));
            let serves = of_group.keys().any(|name| is_web(name));
            let already = names.keys().any(|name| is_web(name));
            let anyway = flag == "--group" && kind == InstallerKind::Uv && group == "dev";
            if serves && !already {
                words.extend([flag.to_owned(), group.clone()]);
            }
            if serves && !already || anyway {
                for (name, requirement) in of_group {
                    names.entry(name).or_insert(requirement);
                }
            }
        }
    }
    Some(PackageSource::new(kind, words, names))
}

/// Files of requirements that a `setup.cfg` refers to.
fn files_of_setup(tree: &dyn Tree, cap: usize) -> Option<PackageSource> {
    const FILE: &str = "setup.cfg";
    let text = has(tree, FILE).then(|| tree.read(FILE, cap)).flatten()?;
    let mut files = setup::files_of_config(&text);
    files.retain(|file| tree.files().contains(file));
    let mut names = Requirements::new();
    for file in &files {
        requirement_parser::collect(tree, file, cap, &mut names);
    }
    let words = files.into_iter().flat_map(|file| ["-r".to_owned(), file]);
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| PackageSource::new(InstallerKind::Requirements, words, names))
}

fn setup_files(tree: &dyn Tree, cap: usize) -> Option<PackageSource> {
    let mut names = Requirements::new();
    let mut any = false;
    for (file, read) in [
        ("setup.py", setup::of_script as fn(&str) -> Vec<String>),
        ("setup.cfg", setup::of_config),
    ] {
        let Some(text) = has(tree, file).then(|| tree.read(file, cap)).flatten() else {
            continue;
        };
        // A `setup.cfg` may hold nothing but the settings of tools.
        any |= file == "setup.py" || text.contains("[metadata]");
        for named in read(&text)
            .iter()
            .filter_map(|it| requirement_parser::named(it))
        {
            requirement_parser::add(&mut names, named, file);
        }
    }
    any.then(|| PackageSource::new(InstallerKind::Setup, Vec::new(), names))
}

fn of_imports(tree: &dyn Tree, cap: usize) -> Option<PackageSource> {
    // What lies in directories alone is of apps that are there.
    let at_top = |path: &&String| match path.split_once('/') {
        None => path.rsplit_once('.').is_some_and(|(_, end)| end == "py"),
        Some((_, rest)) => rest == "manage.py",
    };
    tree.files().iter().find(at_top)?;
    let below = |path: &&String| path.contains('/') && is_manifest(path);
    if tree.files().iter().any(|path| below(&path)) {
        return None;
    }
    let mut found = imports::imported(tree, cap);
    if found.known.is_empty() && found.unknown.is_empty() {
        return None;
    }
    // What a project was generated with is what it runs with.
    if let Some(version) = imports::generated_by(tree, cap)
        && let Some(file) = found.known.remove("django")
    {
        found.known.insert(format!("django~={version}.0"), file);
    }
    let mut names = Requirements::new();
    for (name, file) in &found.known {
        if let Some(named) = requirement_parser::named(name) {
            requirement_parser::add(&mut names, named, file);
        }
    }
    let mut source = PackageSource::new(
        InstallerKind::Imports,
        found.known.into_keys().collect(),
        names,
    );
    source.unknown = found.unknown.into_iter().collect();
    Some(source)
}

/// Whether a file in some directory writes down packages of Python's.
fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(
        name,
        "pyproject.toml" | "Pipfile" | "setup.py" | "environment.yml"
    ) || name.starts_with("requirements")
        && name
            .rsplit_once('.')
            .is_some_and(|(_, end)| matches!(end, "txt" | "in"))
}

pub fn has(tree: &dyn Tree, file: &str) -> bool {
    tree.files().iter().any(|it| it == file)
}

/// Whether it is a member of a workspace that uv locked further up.
fn is_locked_above(tree: &dyn Tree) -> bool {
    let Some((whole, root)) = tree.above() else {
        return false;
    };
    let mut dir = root;
    while !dir.is_empty() {
        dir = dir.rsplit_once('/').map_or("", |(dir, _)| dir);
        if has(&SubTree::new(whole, dir), "uv.lock") {
            return true;
        }
    }
    false
}
