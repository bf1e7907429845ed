//! A module of Python that is not there: the project's own, a package's, or one that Python had once.

use super::{case_twin, file_left_out, frames, quoted, status_of_sync};
use crate::{
    lifecycle::{
        explain::{Explanation, output::Output, project::ProjectFacts, runtime_limits::python_2},
        remedy,
    },
    model::{FailureKind, NextStep, command_line},
    project::distribution,
};

/// Modules of Python 2.
const PYTHON_2: [&str; 8] = [
    "urllib2",
    "urlparse",
    "ConfigParser",
    "Queue",
    "httplib",
    "StringIO",
    "cPickle",
    "SocketServer",
];
pub fn python(name: &str, output: &Output, known: &ProjectFacts<'_>) -> Explanation {
    let top = name.split('.').next().unwrap_or(name);
    if PYTHON_2.contains(&top) {
        return python_2(&format!("`{top}` is a module of Python 2"));
    }
    if let Some(since) = remedy::removed(top) {
        return removed(top, since, known);
    }
    let importer = frames(output).pop();
    let by = importer.map_or(String::new(), |place| format!(", which {place} imports"));
    own(name, &by, known).unwrap_or_else(|| of_a_package(top, &by, known))
}

fn removed(module: &str, since: &str, known: &ProjectFacts<'_>) -> Explanation {
    let too = if module == "distutils" {
        ", or add `setuptools`, which brings it, to the manifest"
    } else {
        ""
    };
    Explanation::new(
        FailureKind::VersionUnsupported,
        format!("`{module}` is no part of Python {since} and later"),
    )
    .hint(format!(
        "choose an older Python, such as `version = \"3.11\"`{too}"
    ))
    .next(older_python(known))
}

/// A module of the project's own that Python does not find.
fn own(name: &str, by: &str, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let top = name.split('.').next().unwrap_or(name);
    let path = name.replace('.', "/");
    let own = [format!("{path}.py"), format!("{path}/__init__.py")];
    if let Some(twin) = own.iter().find_map(|file| case_twin(file, known)) {
        return Some(
            Explanation::new(
                FailureKind::FileMissing,
                format!("there is no module `{name}`{by}; the file is `{twin}`"),
            )
            .hint("write the name as the file has it: Linux tells capitals from small letters"),
        );
    }
    let root = known.root();
    let places = [
        own[0].clone(),
        own[1].clone(),
        format!("{top}.py"),
        format!("{top}/"),
    ];
    let left_out = places
        .iter()
        .find_map(|place| file_left_out(&format!("{root}{place}"), known));
    if left_out.is_some() {
        return left_out;
    }
    if let Some(sample) = sample_of(top, known) {
        return Some(from_sample(top, by, sample, known));
    }
    if let Some((file, folder)) = elsewhere(&own, known) {
        let path = format!("PYTHONPATH=/home/app/workspace/{folder}");
        return Some(
            Explanation::new(
                FailureKind::ModuleMissing,
                format!("there is no module `{name}`{by}; the file is `{file}`, and Python does not look there"),
            )
            .hint(format!("have Python look in `{folder}` too, with `PYTHONPATH`"))
            .next(known.up_with(&["--env", &path], "has Python look there too")),
        );
    }
    let begins = [format!("{root}{top}/"), format!("{root}{top}.py")];
    let is_begun = known
        .files()
        .iter()
        .any(|file| begins.iter().any(|it| file.starts_with(it)));
    is_begun.then(|| {
        Explanation::new(
            FailureKind::FileMissing,
            format!("there is no module `{name}`{by}, though there is `{top}`"),
        )
        .hint(
            "`codemate-preview sync --status` of the directory lists the files that were left out",
        )
        .next(status_of_sync(known))
    })
}

/// The project's sample of a module that each who runs it writes for themselves, such as
/// `secret_settings.py.template`.
fn sample_of<'k>(module: &str, known: &'k ProjectFacts<'_>) -> Option<&'k str> {
    const KINDS: [&str; 5] = ["example", "sample", "template", "dist", "default"];
    let names: Vec<String> = KINDS
        .iter()
        .flat_map(|kind| {
            [
                format!("{module}.py.{kind}"),
                format!("{module}.{kind}.py"),
                format!("{module}_{kind}.py"),
                format!("{kind}_{module}.py"),
            ]
        })
        .collect();
    let mut files = known.files().iter();
    let name = |file: &str| file.rsplit('/').next().unwrap_or(file).to_owned();
    files
        .find(|file| names.contains(&name(file)))
        .map(String::as_str)
}

fn from_sample(module: &str, by: &str, sample: &str, known: &ProjectFacts<'_>) -> Explanation {
    let file = match sample.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{module}.py"),
        None => format!("{module}.py"),
    };
    let script = format!(
        "cp {} {} && {}",
        quoted(&known.absolute(sample)),
        quoted(&known.absolute(&file)),
        command_line(&known.up)
    );
    Explanation::new(
        FailureKind::FileMissing,
        format!("there is no module `{module}`{by}; the project has a sample of it, `{sample}`"),
    )
    .hint(format!(
        "make `{file}` of the sample, with values of your own"
    ))
    .next(NextStep {
        argv: vec!["sh".to_owned(), "-c".to_owned(), script],
        why: format!("copies {sample} to {file}, then starts it"),
    })
}

/// The project's file for a module in a folder that is no root of modules, and that folder.
fn elsewhere<'k>(own: &[String], known: &'k ProjectFacts<'_>) -> Option<(&'k str, &'k str)> {
    known.files().iter().find_map(|file| {
        let folder = own.iter().find_map(|it| file.strip_suffix(it.as_str()))?;
        Some((file.as_str(), folder.strip_suffix('/')?))
    })
}

fn of_a_package(module: &str, by: &str, known: &ProjectFacts<'_>) -> Explanation {
    let package = package_of(module);
    let told = if package == module {
        format!("the package `{package}` is not installed{by}")
    } else {
        format!("the package `{package}` is not installed (`{module}` is its module{by})")
    };
    let explained = Explanation::new(FailureKind::ModuleMissing, told);
    let manifest = ["requirements.txt", "pyproject.toml", "Pipfile", "setup.py"]
        .iter()
        .find_map(|name| known.read_near(name).map(|(path, _)| path));
    match manifest {
        Some(path) if path.ends_with("requirements.txt") => explained
            .hint(format!("`{path}` does not name it: add `{package}` there"))
            .next(add_line(&package, &path, known)),
        Some(path) => explained.hint(format!("`{path}` does not name it: add `{package}` there")),
        None => {
            let path = format!("{}requirements.txt", known.root());
            explained
                .hint(format!(
                    "there is no manifest: name what the app needs in a `requirements.txt`, such as `{package}`"
                ))
                .next(add_line(&package, &path, known))
        }
    }
}

/// The command that names one more package in a file of requirements, and starts it.
fn add_line(package: &str, path: &str, known: &ProjectFacts<'_>) -> NextStep {
    let file = known.absolute(path);
    // A last line without an end is not joined to ours.
    let script = format!(
        "[ -z \"$(tail -c1 {file} 2>/dev/null)\" ] || echo >> {file}; echo {package} >> {file} && {up}",
        file = quoted(&file),
        package = quoted(package),
        up = command_line(&known.up),
    );
    NextStep {
        argv: vec!["sh".to_owned(), "-c".to_owned(), script],
        why: format!("adds `{package}` to {path}, then starts it"),
    }
}

pub fn older_python(known: &ProjectFacts<'_>) -> NextStep {
    known.up_with(
        &["--config", "version = \"3.11\""],
        "starts it with Python 3.11",
    )
}

/// The package that brings a module, as a requirement.
fn package_of(module: &str) -> String {
    // Later releases do not have the module.
    if module == "pkg_resources" {
        return "setuptools<81".to_owned();
    }
    distribution(module).map_or_else(|| module.replace('_', "-"), str::to_owned)
}
