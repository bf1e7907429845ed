//! Every marker of a version, each with what comes of it.

use super::choose;
use crate::{
    model::VersionChoice,
    project::{
        ProjectError, Templates,
        detection::project_view::ProjectView,
        files::tree::memory::MemoryTree,
        images::{Offer, Registry, Stack, StackVersion, stack as shipped},
    },
};

fn stack(name: &str, versions: &[&str], default: &str) -> Stack {
    let mut stack = shipped(name).unwrap().clone();
    let usual = stack.versions.iter().find(|it| it.version == stack.default);
    let usual = usual.unwrap().clone();
    let version = |version: &&str| StackVersion {
        version: (*version).to_owned(),
        ..usual.clone()
    };
    stack.versions = versions.iter().map(version).collect();
    default.clone_into(&mut stack.default);
    stack
}

fn chosen(files: &[(&str, &str)], template: &str) -> (Result<VersionChoice, ProjectError>, usize) {
    let stack = match template {
        "script-python" => stack("python", &["3.9", "3.11", "3.13", "3.14"], "3.13"),
        _ => stack("node", &["14", "16", "18", "20", "22", "24", "26"], "24"),
    };
    let templates = Templates::embedded();
    let tree = MemoryTree::new(files.iter().copied());
    let mut notes = Vec::new();
    let project = ProjectView::new(&tree);
    let template = templates.get(template).unwrap();
    let offer = Offer {
        stack: &stack,
        registry: Registry::Silent,
    };
    (
        choose(&project, template, offer, None, &mut notes),
        notes.len(),
    )
}

#[test]
fn every_marker_of_python_is_read() {
    for (file, text, expected, notes) in [
        (".python-version", "3.11\n", "3.11", 0),
        (".python-version", "3.12.4\n3.11.9\n", "3.11", 0),
        (".python-version", "3.12.1\n", "3.13", 1),
        (".python-version", "3.7.17", "3.9", 1),
        (".python-version", "3.99", "3.14", 1),
        (".python-version", "# it\ncpython-3.11.4\n", "3.11", 0),
        ("runtime.txt", "python-3.11.2\n", "3.11", 0),
        ("runtime.txt", "python-2.7.18", "3.9", 1),
        (
            ".tool-versions",
            "nodejs 20\npython 3.12.1 3.11.2\n",
            "3.11",
            0,
        ),
        (
            "mise.toml",
            "[tools]\npython = ['3.12', '3.11']\n",
            "3.11",
            0,
        ),
        ("mise.toml", "[tools]\npython = 'latest'\n", "3.13", 0),
        (".mise.toml", "[tools]\npython = '3.11'\n", "3.11", 0),
        (
            "pyproject.toml",
            "[project]\nrequires-python = '>=3.10,<3.13'\n",
            "3.11",
            0,
        ),
        (
            "pyproject.toml",
            "[tool.poetry.dependencies]\npython = '^3.14'\n",
            "3.14",
            0,
        ),
        (
            "Pipfile",
            "[requires]\npython_version = '3.12'\n",
            "3.13",
            1,
        ),
        (
            "environment.yml",
            "dependencies:\n  - python=3.11.4\n  - flask\n",
            "3.11",
            0,
        ),
        ("setup.py", "setup(python_requires='>=3.6,<3.10')", "3.9", 0),
        (
            "Dockerfile",
            "FROM --platform=x python:3.11-slim AS base\n",
            "3.11",
            0,
        ),
        ("Dockerfile", "FROM python:3\n", "3.13", 0),
        ("Dockerfile", "FROM python:${V}\n", "3.13", 0),
        ("requirements.txt", "psycopg2-binary==2.9.9\n", "3.11", 0),
        ("requirements.txt", "numpy==1.19.5\n", "3.9", 0),
        ("README.md", "", "3.13", 0),
    ] {
        let (choice, told) = chosen(&[(file, text), ("main.py", "")], "script-python");
        let choice = choice.unwrap_or_else(|error| panic!("{file}: {text}: {error}"));
        assert_eq!(
            (choice.version.as_str(), told),
            (expected, notes),
            "{file}: {text}"
        );
        assert_eq!(choice.instead_of.is_some(), notes > 0, "{file}: {text}");
    }
}

#[test]
fn every_marker_of_node_is_read() {
    for (file, text, expected, notes) in [
        (".nvmrc", "v18.17.1\n", "18", 0),
        (".nvmrc", "lts/*", "24", 0),
        (".nvmrc", "lts/Iron\n", "20", 0),
        (".nvmrc", "lts/jod", "22", 0),
        (".nvmrc", "node", "26", 0),
        (".nvmrc", "stable", "24", 0),
        (".nvmrc", "17.9", "18", 1),
        (".nvmrc", "8", "14", 1),
        (".node-version", "22.3.0", "22", 0),
        ("package.json", r#"{"engines":{"node":">=22"}}"#, "24", 0),
        (
            "package.json",
            r#"{"engines":{"node":">=16 <19"}}"#,
            "18",
            0,
        ),
        ("package.json", r#"{"engines":{"node":"10.x"}}"#, "14", 1),
        ("package.json", r#"{"engines":{"node":"20"}}"#, "20", 0),
        ("package.json", r#"{"volta":{"node":"18.1.0"}}"#, "18", 0),
        (
            "package.json",
            r#"{"devEngines":{"runtime":{"name":"node","version":"^22"}}}"#,
            "22",
            0,
        ),
        (".tool-versions", "python 3.11\nnodejs lts\n", "24", 0),
        (".tool-versions", "node 18.1.0 20.1.0\n", "20", 0),
        ("mise.toml", "[tools]\nnode = 'lts'\n", "24", 0),
        ("Dockerfile", "FROM node:18-alpine\n", "18", 0),
        (
            "package.json",
            r#"{"dependencies":{"node-sass":"^4.14.0"}}"#,
            "14",
            0,
        ),
        (
            "package.json",
            r#"{"dependencies":{"react-scripts":"3"}}"#,
            "16",
            0,
        ),
        (
            "package.json",
            r#"{"engines":{"node":">=8"},"dependencies":{"webpack":"4"}}"#,
            "16",
            0,
        ),
    ] {
        let (choice, told) = chosen(&[(file, text), ("index.js", "")], "script-node");
        let choice = choice.unwrap_or_else(|error| panic!("{file}: {text}: {error}"));
        assert_eq!(
            (choice.version.as_str(), told),
            (expected, notes),
            "{file}: {text}"
        );
    }
}

#[test]
fn what_nothing_satisfies_and_what_is_no_version_is_refused() {
    for (file, text, template) in [
        (
            "pyproject.toml",
            "[project]\nrequires-python = '>=3.12,<3.13'\n",
            "script-python",
        ),
        (
            "package.json",
            r#"{"engines":{"node":"^12.0.0"}}"#,
            "script-node",
        ),
    ] {
        let refused = chosen(&[(file, text)], template).0;
        assert!(
            matches!(refused, Err(ProjectError::VersionUnavailable { .. })),
            "{text}"
        );
    }
    for (file, text, template) in [
        (".python-version", "my-env\n", "script-python"),
        (
            "pyproject.toml",
            "[project]\nrequires-python = 'three'\n",
            "script-python",
        ),
        (".nvmrc", "lts/unheard\n", "script-node"),
        (
            "package.json",
            r#"{"engines":{"node":"whichever"}}"#,
            "script-node",
        ),
    ] {
        let refused = chosen(&[(file, text)], template).0;
        assert!(
            matches!(refused, Err(ProjectError::VersionUnreadable { .. })),
            "{text}"
        );
    }
}
