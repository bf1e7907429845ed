//! In which order the files of a project are looked at: what stands with tests, documents and
//! examples comes last.

use crate::project::templates::pattern::FileGlob;

/// Directories beside the application itself.
const ASIDE: [&str; 34] = [
    "test",
    "tests",
    "testing",
    "__tests__",
    "e2e",
    "cypress",
    "spec",
    "doc",
    "docs",
    "docs_src",
    "documentation",
    "example",
    "examples",
    "sample",
    "samples",
    "demo",
    "demos",
    "tutorial",
    "tutorials",
    "benchmark",
    "benchmarks",
    "fixtures",
    "scripts",
    "tools",
    "utils",
    "ci",
    "infra",
    "deploy",
    "deployment",
    "migrations",
    "alembic",
    "third_party",
    "vendor",
    "archive",
];
const ASIDE_FILES: [&str; 10] = [
    "conftest.py",
    "setup.py",
    "noxfile.py",
    "fabfile.py",
    "tasks.py",
    "locustfile.py",
    "gunicorn.conf.py",
    "gunicorn_config.py",
    "celery_worker.py",
    "versioneer.py",
];

/// Whether a path leads to what is beside the application.
pub fn is_aside(path: &str) -> bool {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let of_test = name.starts_with("test_")
        || [
            "_test.py",
            "_tests.py",
            ".test.js",
            ".spec.js",
            ".test.ts",
            ".spec.ts",
        ]
        .iter()
        .any(|end| name.ends_with(end));
    of_test || ASIDE_FILES.contains(&name) || dir.split('/').any(is_aside_name)
}

/// Whether a directory of this name is beside the application; hidden ones are.
pub fn is_aside_name(name: &str) -> bool {
    name.starts_with('.') || ASIDE.contains(&name.to_ascii_lowercase().as_str())
}

/// The files that fit one of the globs, in the order of the globs; or, where names are given, from
/// the top down and by name.
pub fn fitting<'f>(files: &'f [String], globs: &[FileGlob], first: &[String]) -> Vec<&'f String> {
    let mut found: Vec<&String> = Vec::new();
    for glob in globs {
        found.extend(files.iter().filter(|path| glob.fits(path)));
    }
    if first.is_empty() {
        found.sort_by_key(|path| is_aside(path));
    } else {
        found.sort_by_key(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            let stem = name.rsplit_once('.').map_or(name, |it| it.0);
            let rank = first.iter().position(|it| it == stem);
            (
                is_aside(path),
                path.matches('/').count(),
                rank.unwrap_or(first.len()),
                path.as_str(),
            )
        });
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_the_application_comes_last() {
        let files: Vec<String> = [
            "conftest.py",
            "main.py",
            "web.py",
            "docs_src/app.py",
            "shop/app.py",
            "shop/test_app.py",
            "tests/main.py",
        ]
        .map(str::to_owned)
        .to_vec();
        let all = [FileGlob::new("**/*.py").unwrap()];
        let first = ["web".to_owned(), "app".to_owned()];
        assert_eq!(
            fitting(&files, &all, &first),
            [
                "web.py",
                "main.py",
                "shop/app.py",
                "conftest.py",
                "docs_src/app.py",
                "shop/test_app.py",
                "tests/main.py",
            ]
        );
        let two = [
            FileGlob::new("*/app.py").unwrap(),
            FileGlob::new("*.py").unwrap(),
        ];
        assert_eq!(
            fitting(&files, &two, &[])[..3],
            ["shop/app.py", "main.py", "web.py"]
        );
    }
}
