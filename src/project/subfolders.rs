//! Apps in directories of a project: which there are, and which of them is run where the project's
//! top is none.
//!
//! What serves is taken before what only shows pages, since pages can be asked for by their server
//! and not the other way round: a back end goes before a site that renders itself, that before a
//! front end or files, and all before a bare script. Of the same kind the directory's name decides
//! (`backend` before `web`), then its depth. Tests, documents and examples count only where there
//! is nothing else. Two that are alike in all of this are the user's to choose from.

use crate::{
    model::Options,
    project::{
        detection::{
            file_order, project_view::ProjectView, select::all_tried, template_view::TemplateView,
        },
        files::tree::{SubTree, Tree},
        plan,
        templates::Templates,
    },
};

/// An app below the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The directory, relative to the project's.
    pub root: String,
    /// For people.
    pub title: String,
    pub role: Role,
    rank: Rank,
}

impl App {
    /// Beside the app that is run, it could have been meant.
    pub fn is_worth_telling(&self) -> bool {
        !self.rank.is_aside && self.role != Role::Script
    }

    /// It serves, and has what it is installed from in its own directory.
    pub fn is_server_of_its_own(&self, tree: &dyn Tree) -> bool {
        let manifests = [
            "requirements.txt",
            "pyproject.toml",
            "Pipfile",
            "setup.py",
            "package.json",
        ];
        let has = |name: &str| {
            let path = format!("{}/{name}", self.root);
            tree.files().contains(&path)
        };
        !self.rank.is_aside && self.role == Role::Server && manifests.iter().any(|name| has(name))
    }
}

/// What an app is for, the likeliest to be meant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Server,
    /// Renders its pages itself.
    Site,
    /// A front end, or files.
    Pages,
    Script,
}

impl Role {
    /// What a template's fact `role` says; a server if it has none.
    pub fn of(view: &TemplateView<'_>) -> Self {
        match view.fact("role").as_deref() {
            Some("site") => Self::Site,
            Some("pages") => Self::Pages,
            Some("script") => Self::Script,
            _ => Self::Server,
        }
    }
}

/// The lower the better.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_aside: bool,
    role: Role,
    name: usize,
    depth: usize,
}

/// Parts of names that tell of an app, the likeliest first.
const NAMES: [&str; 12] = [
    "backend", "back-end", "back", "server", "api", "app", "web", "src", "site", "www", "service",
    "core",
];
const MOST_DIRS: usize = 120;
const DEEPEST: usize = 3;

/// Every app below the top, the best first. None is inside another.
pub fn apps(tree: &dyn Tree, templates: &Templates) -> Vec<App> {
    let mut dirs: Vec<&str> = Vec::new();
    for path in tree.files() {
        let mut end = path.len();
        while let Some(at) = path[..end].rfind('/') {
            end = at;
            dirs.push(&path[..end]);
        }
    }
    // What a tool keeps for itself is no app.
    let is_hidden = |dir: &str| dir.split('/').any(|part| part.starts_with('.'));
    dirs.retain(|dir| dir.matches('/').count() < DEEPEST && !is_hidden(dir));
    dirs.sort_by_key(|dir| {
        (
            file_order::is_aside(&format!("{dir}/x")),
            dir.matches('/').count(),
            *dir,
        )
    });
    dirs.dedup();
    let mut found: Vec<App> = Vec::new();
    for dir in dirs.into_iter().take(MOST_DIRS) {
        let is_part = |app: &App| dir.starts_with(&format!("{}/", app.root));
        if found.iter().any(is_part) {
            continue;
        }
        found.extend(app(tree, templates, dir));
    }
    found.sort_by(|a, b| a.rank.cmp(&b.rank).then_with(|| a.root.cmp(&b.root)));
    found
}

fn app(tree: &dyn Tree, templates: &Templates, dir: &str) -> Option<App> {
    let rooted = SubTree::new(tree, dir);
    let project = ProjectView::new(&rooted);
    let options = Options::default();
    let best = all_tried(&project, templates, &options)
        .into_iter()
        .next()?;
    let template = templates.get(&best.template).filter(|_| best.score > 0)?;
    let view = TemplateView::new(&project, template, &options.set);
    // What lies deeper is an app of that directory, unless this one has what it is installed from.
    if is_deeper(&view) {
        return None;
    }
    // A manifest above, which names what all need, makes no app of every directory.
    let has_manifest = rooted.files().iter().any(|file| is_manifest(file));
    if view.entry_path().is_none() && !has_manifest {
        return None;
    }
    let role = Role::of(&view);
    let name = dir.rsplit('/').next().unwrap_or(dir).to_ascii_lowercase();
    // Of lessons, each with its number, none is meant by its name.
    let is_numbered = name.starts_with(|c: char| c.is_ascii_digit());
    let is_word =
        |part: &&str| name.split(['-', '_', '.', ' ']).any(|word| word == *part) || name == *part;
    let named = NAMES.iter().position(|part| !is_numbered && is_word(part));
    Some(App {
        root: dir.to_owned(),
        title: plan::title(&view),
        // A bare script in a directory of such a name serves.
        role: match named {
            Some(at) if role == Role::Script && at < 5 => Role::Server,
            _ => role,
        },
        rank: Rank {
            is_aside: file_order::is_aside(&format!("{dir}/x")),
            role,
            name: named.unwrap_or(NAMES.len()),
            depth: dir.matches('/').count(),
        },
    })
}

/// Whether a file at the top is what a project is installed from, or started by.
pub fn is_manifest(file: &str) -> bool {
    !file.contains('/')
        && (file.starts_with("requirements")
            || matches!(
                file,
                "pyproject.toml"
                    | "Pipfile"
                    | "setup.py"
                    | "setup.cfg"
                    | "package.json"
                    | "Procfile"
            ))
}

/// Whether what a template runs lies below a directory that has nothing to install it from.
pub fn is_deeper(view: &TemplateView<'_>) -> bool {
    let Some(path) = view.entry_path().filter(|path| path.contains('/')) else {
        return false;
    };
    let files = view.project.tree.files();
    let is_manifest = |file: &str| {
        let (dir, name) = file.rsplit_once('/').unwrap_or(("", file));
        let requirements = |name: &str| name.starts_with("requirements") && name != "requirements";
        requirements(name)
            || dir.rsplit('/').next() == Some("requirements")
            || matches!(
                name,
                "pyproject.toml"
                    | "Pipfile"
                    | "setup.py"
                    | "setup.cfg"
                    | "package.json"
                    | "environment.yml"
            )
    };
    let at = |dir: &str| {
        files
            .iter()
            .any(|file| is_manifest(file) && file.rsplit_once('/').map_or("", |it| it.0) == dir)
    };
    let mut dir = path.as_str();
    let mut below = false;
    while let Some((above, _)) = dir.rsplit_once('/') {
        dir = above;
        below |= at(dir);
    }
    below && !view.is_named_by_manifest()
}

/// Whether what a template runs lies in a directory that is no package, beside another that has a file
/// of the same name: lessons, or programs that share what they are installed from.
pub fn is_one_of_several(view: &TemplateView<'_>) -> bool {
    let Some(path) = view.entry_path() else {
        return false;
    };
    let Some((top, inside)) = path.split_once('/') else {
        return false;
    };
    let files = view.project.tree.files();
    let is_package = files.contains(&format!("{top}/__init__.py"));
    let is_twin = |file: &String| {
        file.split_once('/').is_some_and(|(other, rest)| {
            other != top && rest == inside && !file_order::is_aside(file)
        })
    };
    !is_package && files.iter().any(is_twin)
}

/// Whether what a template runs lies in a directory that is no package, with nothing to install
/// from and no code beside that directory.
pub fn is_apart(view: &TemplateView<'_>) -> bool {
    let is_code = |file: &String| file.rsplit_once('.').is_some_and(|(_, end)| end == "py");
    let path = view.entry_path().filter(is_code);
    let Some((top, _)) = path.as_deref().and_then(|path| path.split_once('/')) else {
        return false;
    };
    let files = view.project.tree.files();
    let is_beside = |file: &String| !file.contains('/') && (is_code(file) || is_manifest(file));
    let imports_top = format!("{top}/__init__.py");
    !matches!(top, "src" | "app")
        && !files
            .iter()
            .any(|file| is_beside(file) || *file == imports_top)
}

/// The app that is meant, if one is clearly better than the others.
pub fn clearly_best(apps: &[App]) -> Option<&App> {
    match apps {
        [] => None,
        [only] => Some(only),
        [best, second, ..] => (best.rank < second.rank).then_some(best),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    const FLASK: &str = "from flask import Flask\napp = Flask(__name__)\n";

    fn best(files: &[&str]) -> (Option<String>, usize) {
        let text = |path: &str| {
            if path.ends_with("app.py") {
                FLASK
            } else if path.ends_with("package.json") {
                r#"{"scripts":{"dev":"vite"},"devDependencies":{"vite":"7"}}"#
            } else {
                ""
            }
        };
        let tree = MemoryTree::new(files.iter().map(|&path| (path, text(path))));
        let apps = apps(&tree, &Templates::embedded());
        (clearly_best(&apps).map(|it| it.root.clone()), apps.len())
    }

    #[test]
    fn the_app_that_is_meant_is_found() {
        for (files, root, count) in [
            (&["README.md", "server/app.py"][..], Some("server"), 1),
            (
                &["backend/app.py", "frontend/index.html"],
                Some("backend"),
                2,
            ),
            (&["a/app.py", "web/package.json"], Some("a"), 2),
            (
                &["api/app.py", "examples/app.py", "docs/index.html"],
                Some("api"),
                3,
            ),
            (&["examples/app.py"], Some("examples"), 1),
            (&["server/app.py", "worker/app.py"], Some("server"), 2),
            (&["01-hello/app.py", "02-forms/app.py"], None, 2),
            (
                &["one/app.py", "code/two/app.py", "code/two/requirements.txt"],
                Some("one"),
                2,
            ),
            (
                &["code/backend/app.py", "code/backend/requirements.txt"],
                Some("code/backend"),
                1,
            ),
            (&["README.md"], None, 0),
        ] {
            assert_eq!(best(files), (root.map(str::to_owned), count), "{files:?}");
        }
    }
}
