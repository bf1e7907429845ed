//! Why an installation failed.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    ExplainRule, Explanation, lock::without_lock, module::python::older_python, npmrc,
    output::Output, project::ProjectFacts,
};
use crate::model::{FailureKind, NextStep};

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($text).expect("the pattern is fixed"));
    };
}

// The package that is being made.
pattern!(
    BUILDING,
    r"(?:Failed to build:?|Failed building wheel for|[Bb]uilding wheel for|Failed to build `|Failed to download and build `|ERROR: Failed to build installable wheels for some pyproject.toml based projects \(?)\s*[`']?(?<name>[A-Za-z][\w.-]*)(?:==(?<version>[\w.+!-]+))?"
);
pattern!(
    NPM_PATH,
    r"npm (?:ERR!|error) path .*node_modules/(?<name>(?:@[\w.-]+/)?[\w.-]+)"
);
pattern!(
    COMPILER,
    r"(?i)command '?[\w/.-]*(?:gcc|g\+\+|cc|clang|c\+\+)[\w.-]*'? failed: No such file|unable to execute '?[\w/.-]*gcc|you need a C compiler|No CMAKE_C(?:XX)?_COMPILER|gyp ERR! (?:stack Error: )?not found: make|gyp ERR! find Python|Could not find any Python installation|error: linker `cc` not found|can't find Rust compiler|cargo, the Rust package manager, is not installed|Cargo, the Rust package manager"
);
pattern!(
    HEADERS,
    r"fatal error: (?<header>[\w/.+-]+\.h): No such file|(?<tool>pg_config|mysql_config|xml2-config|curl-config|krb5-config|gdal-config)(?: executable)? (?:not found|is required)|Can not find valid pkg-config name|Package (?<lib>[\w.+-]+) was not found in the pkg-config"
);
pattern!(
    GIT,
    r"Git executable not found|Cannot find command 'git'|spawn git ENOENT|npm (?:ERR!|error) path git|An unknown git error occurred|git: not found"
);
pattern!(
    PYTHON_VERSION,
    r"(?:requires a different Python|the current Python version \(?(?<have>[\d.]+)\)? does not satisfy|Requires-Python|requires Python|Package .* requires a different Python|No interpreter found for Python|incompatible with the project's Python requirement)"
);
pattern!(
    PYTHON_ASKED,
    r"does not satisfy Python(?<asked>[<>=!~\d., ]+)"
);
pattern!(
    NODE_VERSION,
    r"(?:EBADENGINE|The engine .node. is incompatible|Unsupported engine|requires a Node\.js version|Unsupported Node\.js version)"
);
pattern!(
    NODE_ASKED,
    r#"(?:required: \{ node: '(?<a>[^']+)'|Expected version "(?<b>[^"]+)")"#
);
pattern!(
    NO_PACKAGE,
    r"(?:Because (?<a>[\w.-]+) was not found in the package registry|No matching distribution found for (?<b>\S+)|because there is no version of (?<c>[\w.\[\]-]+==[\w.]+)|Because there is no version of (?<d>\S+)|npm (?:ERR!|error) (?:404|notarget).*?'?(?<e>(?:@[\w.-]+/)?[\w.-]+@[^' ]+)'? (?:is not in this registry|could not be found)|No matching version found for (?<f>\S+?)\.?$|Couldn't find package \x22(?<g>[^\x22]+)\x22|there are no versions of (?<h>[\w.-]+))"
);
pattern!(
    CONFLICT,
    r"npm (?:ERR!|error) (?:code )?ERESOLVE|unable to resolve dependency tree|your requirements are unsatisfiable|ResolutionImpossible|conflicting dependencies|SolverProblemError"
);
pattern!(
    SYNC,
    r"can only install packages when your package\.json and package-lock\.json|ERR_PNPM_OUTDATED_LOCKFILE|Your lockfile needs to be updated|lockfile had changes, but lockfile is frozen|The lockfile at `uv\.lock` needs to be updated|pyproject\.toml changed significantly since poetry\.lock"
);
pattern!(
    OFFLINE,
    r"(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|Could not resolve host|Failed to fetch: `|error sending request for url|Connection to \S+ timed out|dns error).*?(?<host>(?:[a-z0-9-]+\.)+[a-z]{2,})"
);
pattern!(
    REFUSED,
    r"(?:E401|E403|401 Unauthorized|403 Forbidden|Incorrect or missing password|Unable to authenticate)"
);
pattern!(
    SCM,
    r"setuptools[-_]scm was unable to detect version|unable to detect version for"
);
pattern!(
    PKG_RESOURCES,
    r"No module named 'pkg_resources'|No module named 'distutils'|module 'pkgutil' has no attribute 'ImpImporter'"
);
pattern!(
    WORKSPACE,
    r"EUNSUPPORTEDPROTOCOL|Unsupported URL Type .workspace:"
);
pattern!(
    BAD_LINE,
    r"(?:Couldn't parse requirement in `(?<file>[^`]+)` at position (?<at>\d+)|Invalid requirement: '(?<line>[^']+)')"
);

/// What is looked for, in this order.
const RULES: [ExplainRule; 14] = [
    npmrc::missing_variable,
    git,
    version_from_git,
    gone_parts,
    python_version,
    node_version,
    bad_line,
    headers,
    compiler,
    workspace,
    behind,
    no_package,
    conflict,
    not_reached,
];

pub fn explain(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    RULES.iter().find_map(|rule| rule(output, known))
}

fn git(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    output.has(&GIT).then(|| {
        Explanation::new(
            FailureKind::NeedsGit,
            "an installation from a repository needs git",
        )
        .hint("depend on a release of the registry in place of the repository, or take an image that has git with `--image`")
    })
}

fn version_from_git(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let step = known.up_with(
        &["--env", "SETUPTOOLS_SCM_PRETEND_VERSION=0.0.0"],
        "installs it as version 0.0.0",
    );
    output.has(&SCM).then(|| {
        Explanation::new(
            FailureKind::PackageUnavailable,
            format!(
                "{} takes its version from git, whose history is not copied",
                named(output)
            ),
        )
        .hint("name a version with `SETUPTOOLS_SCM_PRETEND_VERSION`")
        .next(step)
    })
}

fn gone_parts(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    output.has(&PKG_RESOURCES).then(|| {
        Explanation::new(
            FailureKind::VersionUnsupported,
            format!(
                "{} is built with parts of Python that newer releases do not have",
                named(output)
            ),
        )
        .hint("take a newer release of it, or an older Python, such as `version = \"3.11\"`")
        .next(older_python(known))
    })
}

fn python_version(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    if !output.has(&PYTHON_VERSION) {
        return None;
    }
    let what = match output.first(&PYTHON_ASKED) {
        Some(found) => {
            let asked = found["asked"].trim().trim_end_matches(',');
            format!("a package asks for Python {asked}")
        }
        None => format!("{} does not take this version of Python", named(output)),
    };
    Some(
        Explanation::new(FailureKind::VersionUnsupported, what)
            .hint("choose a version that it takes with `version = …` in codemate-preview.toml, or another release of the package")
            .next(older_python(known)),
    )
}

fn node_version(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    if !output.has(&NODE_VERSION) || output.has(&COMPILER) {
        return None;
    }
    let found = output.last(&NODE_ASKED);
    let asked = found
        .as_ref()
        .and_then(|it| it.name("a").or_else(|| it.name("b")));
    let what = match asked {
        Some(asked) => {
            format!("a package asks for Node.js {}", asked.as_str())
        }
        None => "a package does not take this version of Node.js".to_owned(),
    };
    Some(
        Explanation::new(FailureKind::VersionUnsupported, what)
            .hint("choose a version that it takes with `version = …` in codemate-preview.toml, or another release of the package"),
    )
}

fn bad_line(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output.first(&BAD_LINE)?;
    let what = match (found.name("file"), found.name("line")) {
        (Some(file), _) => format!("`{}` has a line that is no requirement", file.as_str()),
        (None, Some(line)) => format!("`{}` is no requirement", line.as_str()),
        (None, None) => return None,
    };
    Some(
        Explanation::new(FailureKind::PackageUnavailable, what)
            .hint("correct the line that is shown"),
    )
}

fn headers(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output.first(&HEADERS)?;
    let wanted = ["header", "tool", "lib"]
        .iter()
        .find_map(|group| found.name(group))
        .map_or("a library's headers".to_owned(), |it| {
            format!("`{}`", it.as_str())
        });
    Some(needs_building(output, &wanted))
}

fn compiler(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    output
        .has(&COMPILER)
        .then(|| needs_building(output, "a compiler"))
}

fn workspace(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    if !output.has(&WORKSPACE) {
        return None;
    }
    let explained = Explanation::new(
        FailureKind::DependencyConflict,
        "the manifest names packages of a workspace, which npm does not know",
    )
    .hint("bring up the workspace's root, and name the app with `root = …` in its codemate-preview.toml");
    let Some((above, app)) = known.workspace_above() else {
        return Some(explained);
    };
    let setting = format!("root = {app:?}");
    let argv = ["codemate-preview", "up", &above, "--config", &setting];
    Some(explained.next(NextStep {
        argv: argv.map(str::to_owned).into(),
        why: format!("brings up `{app}` with the workspace that it belongs to"),
    }))
}

fn behind(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    if !output.has(&SYNC) {
        return None;
    }
    let locks = [
        "package-lock.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "uv.lock",
        "poetry.lock",
    ];
    let lock = locks
        .into_iter()
        .find(|name| output.says(name) && known.read_near(name).is_some())
        .unwrap_or("the lock file");
    let explained = Explanation::new(
        FailureKind::LockMismatch,
        format!("{lock} does not agree with the manifest"),
    )
    .hint("make the lock file anew, or install without it");
    Some(if lock == "package-lock.json" {
        explained.next(without_lock(known))
    } else {
        explained
    })
}

fn no_package(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output.first(&NO_PACKAGE)?;
    let name = found.iter().skip(1).flatten().next()?.as_str();
    let name = name.trim_end_matches([',', '.']);
    Some(
        Explanation::new(
            FailureKind::PackageUnavailable,
            format!("there is no package `{name}` for this version, or none of that release"),
        )
        .hint(match written(name, known) {
            Some(place) => format!("correct the name or the release in {place}"),
            None => "correct the name or the release in the manifest".to_owned(),
        }),
    )
}

fn conflict(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    if !output.has(&CONFLICT) {
        return None;
    }
    let explained = Explanation::new(
        FailureKind::DependencyConflict,
        "two packages ask for what contradicts each other",
    );
    let is_peer = output.says("ERESOLVE") || output.says("unable to resolve dependency tree");
    Some(if is_peer {
        explained
            .hint("npm can be told to take them all the same, with `npm_config_legacy_peer_deps=true`; the lines above name the two")
            .next(known.up_with(
                &["--env", "npm_config_legacy_peer_deps=true"],
                "installs them all the same",
            ))
    } else {
        explained.hint("relax one of the requirements that the lines above name")
    })
}

fn not_reached(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    if output.has(&REFUSED) {
        return Some(
            Explanation::new(
                FailureKind::PackageUnavailable,
                "a registry asks for a sign-in",
            )
            .hint("give the installation what it needs with `codemate-preview secret set`, such as `NPM_TOKEN` or `PIP_EXTRA_INDEX_URL`"),
        );
    }
    let found = output.first(&OFFLINE)?;
    Some(
        Explanation::new(
            FailureKind::PackageUnavailable,
            format!("`{}` could not be reached from inside", &found["host"]),
        )
        .hint("run it again when that answers; where only a proxy leads out, its variables have to be set for this command"),
    )
}

fn needs_building(output: &Output, wanted: &str) -> Explanation {
    let instead = match package(output).map(|it| it.to_lowercase()).as_deref() {
        Some("psycopg2") => "take `psycopg2-binary`, which is the same and prebuilt",
        Some("mysqlclient") => "take `pymysql`, or an image that has the headers with `--image`",
        Some("uwsgi") => {
            "take `gunicorn` or `pyuwsgi`, or an image that has a compiler with `--image`"
        }
        _ => {
            "take a release with a prebuilt file for this version, choose another version with `version = …`, or take an image that has it with `--image`"
        }
    };
    Explanation::new(
        FailureKind::NeedsBuilding,
        format!(
            "{} has to be compiled, and {wanted} is not there",
            named(output)
        ),
    )
    .hint(instead)
}

fn named(output: &Output) -> String {
    package(output).map_or("a package".to_owned(), |name| format!("`{name}`"))
}

/// What an installation was at when it failed.
fn package(output: &Output) -> Option<String> {
    let found = output.last(&BUILDING).or_else(|| output.last(&NPM_PATH))?;
    let name = found.name("name")?.as_str().trim_matches('`');
    Some(name.to_owned())
}

/// Where a manifest names a package.
fn written(package: &str, known: &ProjectFacts<'_>) -> Option<String> {
    let scoped = package.starts_with('@');
    let bare = package
        .trim_start_matches('@')
        .split(['@', '=', '<', '>', '['])
        .next()?;
    let name = if scoped {
        format!("@{bare}")
    } else {
        bare.to_owned()
    };
    let manifests = [
        "requirements.txt",
        "pyproject.toml",
        "package.json",
        "Pipfile",
    ];
    manifests.iter().find_map(|manifest| {
        let (path, text) = known.read_near(manifest)?;
        let at = text
            .lines()
            .position(|line| line.to_lowercase().contains(&name.to_lowercase()))?;
        Some(format!("{path}:{}", at + 1))
    })
}
