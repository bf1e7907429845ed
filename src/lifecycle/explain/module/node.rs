//! A module of Node that is not there: the project's own, what its build makes, or a package's.

use super::{case_twin, file_left_out, status_of_sync};
use crate::{
    lifecycle::explain::{
        Explanation,
        lock::of_another_system,
        output::{CodeLocation, in_project},
        project::ProjectFacts,
    },
    model::FailureKind,
};

/// What bundlers and compilers write to.
const BUILT: [&str; 8] = [
    "dist",
    "build",
    "out",
    ".next",
    ".output",
    "lib",
    ".nuxt",
    "public/build",
];

pub fn node(
    name: &str,
    from: Option<CodeLocation>,
    known: &ProjectFacts<'_>,
) -> Option<Explanation> {
    let by = from.as_ref().map_or(String::new(), |place| {
        let shown = if place.line > 0 {
            place.to_string()
        } else {
            place.file.clone()
        };
        format!(", which {shown} asks for")
    });
    if let Some(explained) = of_another_system(name, known) {
        return Some(explained);
    }
    let relative = if let Some(inside) = in_project(name).filter(|_| name.starts_with('/')) {
        Some(inside.to_owned())
    } else if name.starts_with('.') {
        let folder = from
            .as_ref()
            .and_then(|it| it.file.rsplit_once('/'))
            .map_or("", |it| it.0);
        Some(joined(folder, name))
    } else {
        None
    };
    let Some(path) = relative else {
        return Some(node_package(name, &by, known));
    };
    if let Some(twin) = case_twin(&path, known) {
        return Some(
            Explanation::new(
                FailureKind::FileMissing,
                format!("there is no file `{path}`{by}; the file is `{twin}`"),
            )
            .hint(match from {
                Some(from) => format!(
                    "write the name as the file has it in {}: Linux tells capitals from small letters",
                    place_of(&from, name, known)
                ),
                None => "write the name as the file has it: Linux tells capitals from small letters".to_owned(),
            }),
        );
    }
    let is_built = BUILT.iter().any(|folder| {
        let from_root = path.strip_prefix(&known.root()).unwrap_or(&path);
        from_root.starts_with(&format!("{folder}/"))
    });
    let has_build = known
        .package_json()
        .is_some_and(|it| it["scripts"].get("build").is_some());
    if is_built && has_build {
        return Some(
            Explanation::new(
                FailureKind::BuildMissing,
                format!("there is no `{path}`{by}: the project's build makes it"),
            )
            .hint("run the build once after installing, with `[install] after = [[\"npm\", \"run\", \"build\"]]` in codemate-preview.toml"),
        );
    }
    file_left_out(&path, known).or_else(|| {
        Some(
            Explanation::new(
                FailureKind::FileMissing,
                format!("there is no file `{path}`{by}"),
            )
            .hint("`codemate-preview sync --status` of the directory lists the files that were left out")
            .next(status_of_sync(known)),
        )
    })
}

fn node_package(name: &str, by: &str, known: &ProjectFacts<'_>) -> Explanation {
    let mut parts = name.split('/');
    let package = match (parts.next(), parts.next()) {
        (Some(scope), Some(rest)) if scope.starts_with('@') => format!("{scope}/{rest}"),
        (Some(first), _) => first.to_owned(),
        (None, _) => name.to_owned(),
    };
    let explained = Explanation::new(
        FailureKind::ModuleMissing,
        format!("the package `{package}` is not installed{by}"),
    );
    let manifest = known.read_near("package.json").map(|(path, _)| path);
    match manifest {
        Some(path) if known.npm_depends_on(&package) => explained
            .hint(format!(
                "`{path}` names it, and it is not there: install anew"
            ))
            .next(known.up_with(&["--rebuild"], "installs everything anew")),
        Some(path) => explained.hint(format!(
            "`{path}` does not name it: `npm install {package}` in the project adds it"
        )),
        None => explained.hint(format!(
            "there is no package.json: `npm install {package}` in the project makes one"
        )),
    }
}

/// Where a file asks for something, to the line if that is found.
fn place_of(from: &CodeLocation, what: &str, known: &ProjectFacts<'_>) -> String {
    let text = known.read(&from.file).unwrap_or_default();
    let at = text.lines().position(|line| line.contains(what));
    match at {
        Some(at) => format!("{}:{}", from.file, at + 1),
        None if from.line > 0 => from.to_string(),
        None => from.file.clone(),
    }
}

/// `folder` and a path that begins with dots, as one path.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
