//! What a user should know of how a project's packages come in, before they do.

use crate::{
    model::{Note, Plan},
    project::{detection::project_view::ProjectView, python},
};

/// Adds what is to be said of the packages of a plan.
pub fn of_packages(project: &ProjectView<'_>, plan: &Plan, notes: &mut Vec<Note>) {
    if plan.stack.as_deref() == Some("python") && plan.install.is_some()
        || plan.template.contains("python")
    {
        notes.extend(project.deps.python().into_iter().flat_map(of_python));
    }
    let has = |file: &str| project.tree.files().iter().any(|it| it == file);
    if plan.stack.as_deref() == Some("node") && has("package.json5") && !has("package.json") {
        notes.push(Note {
            message: "package.json5 is not read: no script and no package of it is known"
                .to_owned(),
            hint: Some("write it as package.json, which every manager reads".to_owned()),
        });
    }
}

fn of_python(source: &python::PackageSource) -> Vec<Note> {
    let mut notes = Vec::new();
    if source.kind == python::InstallerKind::Imports {
        if !source.words.is_empty() {
            notes.push(Note {
                message: format!(
                    "nothing is written in a requirements.txt or pyproject.toml; what the files import is installed: {}",
                    source.words.join(", ")
                ),
                hint: Some("write a requirements.txt, so that versions are yours".to_owned()),
            });
        }
        if !source.unknown.is_empty() {
            let unknown = source
                .unknown
                .iter()
                .map(|(name, file)| format!("`{name}` ({file})"));
            notes.push(Note {
                message: format!(
                    "nothing is written in a requirements.txt or pyproject.toml, and nothing tells which packages these imports are of: {}",
                    unknown.collect::<Vec<_>>().join(", ")
                ),
                hint: Some("write their packages in a requirements.txt".to_owned()),
            });
        }
    }
    if !source.behind.is_empty() {
        notes.push(Note {
            message: format!(
                "the lock file is behind the manifest: {} is installed as the manifest asks",
                source.behind.join(", ")
            ),
            hint: Some(format!("lock anew with `{} lock`", source.kind.as_str())),
        });
    }
    notes
}
