//! What the versions of a project's packages bear of their interpreter.

use std::{str::FromStr as _, sync::LazyLock};

use nodejs_semver::Range;
use pep440_rs::Version;
use serde::Deserialize;

use crate::project::{dependencies::Dependencies, templates::format::Scheme};

/// A version of the interpreter that is too new, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionBound {
    /// The first that does not do, such as `3.13`.
    pub below: String,
    /// Such as `psycopg2-binary 2.9.9 has no wheel for Python 3.13`.
    pub because: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    python: Vec<Row>,
    node: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    package: String,
    from: Option<String>,
    to: Option<String>,
    #[serde(default = "no_wheel")]
    why: String,
    steps: Vec<(String, String)>,
}

fn no_wheel() -> String {
    "has no wheel for Python {}".to_owned()
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    toml::from_str(include_str!("bounds.toml")).expect("the embedded table is read by a test")
});

/// The strictest bound that the dependencies set; `None` where they bear the newest there is.
pub fn of(scheme: Scheme, deps: &Dependencies) -> Option<VersionBound> {
    let bounds: Vec<VersionBound> = match scheme {
        Scheme::Pep440 => TABLE
            .python
            .iter()
            .filter_map(|row| of_python(row, deps))
            .collect(),
        Scheme::Npm => TABLE
            .node
            .iter()
            .filter_map(|row| of_node(row, deps))
            .collect(),
    };
    bounds.into_iter().min_by_key(|bound| numbers(&bound.below))
}

fn bound(row: &Row, version: &str, below: &str) -> VersionBound {
    VersionBound {
        below: below.to_owned(),
        because: format!("{} {version} {}", row.package, row.why.replace("{}", below)),
    }
}

fn of_python(row: &Row, deps: &Dependencies) -> Option<VersionBound> {
    let (highest, told) = deps.newest_of_pypi(&row.package)?;
    let before = |limit: &str| Version::from_str(limit).is_ok_and(|limit| highest < limit);
    if row.from.as_deref().is_some_and(before) || row.to.as_deref().is_some_and(|to| !before(to)) {
        return None;
    }
    let (_, below) = row.steps.iter().find(|(limit, _)| before(limit))?;
    Some(bound(row, &told, below))
}

fn of_node(row: &Row, deps: &Dependencies) -> Option<VersionBound> {
    let asked = &deps.npm().get(&row.package)?.versions;
    let range = Range::parse(asked).ok()?;
    let before = |limit: &str| {
        Range::parse(format!(">={limit}")).is_ok_and(|newer| !range.allows_any(&newer))
    };
    let (_, below) = row.steps.iter().find(|(limit, _)| before(limit))?;
    let is_of_openssl = row.why.contains("OpenSSL");
    (!(is_of_openssl && deps.has_legacy_openssl())).then(|| bound(row, asked, below))
}

/// The newest version that `specifiers`, of pip's or of Poetry's kind, take; `None` if any.
pub fn newest(specifiers: &str) -> Option<Version> {
    specifiers
        .split(',')
        .filter_map(|it| newest_of_one(it.trim()))
        .min()
}

fn newest_of_one(specifier: &str) -> Option<Version> {
    let operator = specifier.find(|c: char| c.is_ascii_alphanumeric())?;
    let (operator, version) = specifier.split_at(operator);
    let (version, series) = match version.strip_suffix(".*") {
        Some(series) => (series, true),
        None => (version, false),
    };
    let parsed = Version::from_str(version).ok()?;
    // The first version that is too new, before any of its own.
    let too_new = |levels: usize| {
        let mut release: Vec<u64> = parsed.release().to_vec();
        release.truncate(levels.max(1));
        *release.last_mut()? += 1;
        let release: Vec<String> = release.iter().map(u64::to_string).collect();
        Version::from_str(&format!("{}.dev0", release.join("."))).ok()
    };
    let levels = parsed.release().len();
    match operator.trim() {
        "==" | "" if series => too_new(levels),
        "==" | "===" | "" | "<=" => Some(parsed),
        "<" => Version::from_str(&format!("{version}.dev0")).ok(),
        "~=" => too_new(levels.saturating_sub(1)),
        "~" => too_new(levels.min(2)),
        "^" => too_new(
            parsed
                .release()
                .iter()
                .position(|it| *it > 0)
                .map_or(1, |at| at + 1),
        ),
        _ => None,
    }
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split('.')
        .filter_map(|it| it.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    fn python(requirements: &str) -> Option<String> {
        let tree = MemoryTree::new([("requirements.txt", requirements)]);
        of(Scheme::Pep440, &Dependencies::read(&tree, 1 << 16)).map(|it| it.below)
    }

    fn node(dependencies: &str) -> Option<String> {
        let text = format!("{{\"dependencies\":{{{dependencies}}}}}");
        let tree = MemoryTree::new([("package.json", text.as_str())]);
        of(Scheme::Npm, &Dependencies::read(&tree, 1 << 16)).map(|it| it.below)
    }

    #[test]
    fn old_pins_bound_the_interpreter() {
        for (requirements, below) in [
            ("psycopg2-binary==2.9.9", Some("3.13")),
            ("psycopg2-binary==2.9.10", Some("3.14")),
            ("psycopg2_binary~=2.8.6", Some("3.10")),
            ("psycopg2-binary", None),
            ("psycopg2-binary>=2.8", None),
            ("numpy<2", Some("3.13")),
            ("numpy<=1.24.3\npandas==2.2.3", Some("3.12")),
            ("pydantic==1.10.2", Some("3.12")),
            ("pydantic==1.10.21", Some("3.14")),
            ("pydantic<2", Some("3.14")),
            ("pydantic==2.5.0", Some("3.13")),
            ("SQLAlchemy==1.4.50", None),
            ("SQLAlchemy==2.0.20", Some("3.13")),
            ("Django==3.2.*", Some("3.12")),
            ("Django>=4,<5", None),
            ("PyYAML==5.4.1", Some("3.10")),
            ("flask==3.1", None),
        ] {
            assert_eq!(python(requirements).as_deref(), below, "{requirements}");
        }
    }

    #[test]
    fn old_packages_bound_node() {
        for (dependencies, below) in [
            (r#""node-sass":"^4.14.1""#, Some("15")),
            (r#""node-sass":"7.0.1""#, Some("19")),
            (r#""react-scripts":"3.4.1""#, Some("17")),
            (r#""react-scripts":"^5.0.0""#, None),
            (r#""react-scripts":"latest""#, None),
            (r#""webpack":"^5.0.0""#, None),
            (r#""webpack":"~5.40.0","node-sass":"^6""#, Some("17")),
            (r#""express":"^4""#, None),
        ] {
            assert_eq!(node(dependencies).as_deref(), below, "{dependencies}");
        }
    }

    #[test]
    fn the_reason_is_told() {
        let tree = MemoryTree::new([("requirements.txt", "psycopg2-binary == 2.9.9\n")]);
        let found = of(Scheme::Pep440, &Dependencies::read(&tree, 1 << 16)).unwrap();
        assert_eq!(
            found.because,
            "psycopg2-binary 2.9.9 has no wheel for Python 3.13"
        );
    }

    #[test]
    fn what_was_locked_counts_before_what_is_asked_for() {
        for (lock, text) in [
            (
                "poetry.lock",
                "[[package]]\nname = \"psycopg2-binary\"\nversion = \"2.9.9\"\n",
            ),
            (
                "Pipfile.lock",
                r#"{"default":{"psycopg2-binary":{"version":"==2.9.9"}}}"#,
            ),
        ] {
            let manifest = if lock == "Pipfile.lock" {
                ("Pipfile", "[packages]\npsycopg2-binary = '*'\n")
            } else {
                (
                    "pyproject.toml",
                    "[tool.poetry.dependencies]\npsycopg2-binary = '*'\n",
                )
            };
            let tree = MemoryTree::new([manifest, (lock, text)]);
            let found = of(Scheme::Pep440, &Dependencies::read(&tree, 1 << 16)).map(|it| it.below);
            assert_eq!(found.as_deref(), Some("3.13"), "{lock}");
        }
    }

    #[test]
    fn every_step_of_the_table_is_higher_than_the_one_before() {
        for row in TABLE.python.iter().chain(&TABLE.node) {
            for pair in row.steps.windows(2) {
                let [a, b] = pair else { panic!("{pair:?}") };
                let (before, after) = (Version::from_str(&a.0), Version::from_str(&b.0));
                assert!(before.unwrap() < after.unwrap(), "{}", row.package);
                assert!(numbers(&a.1) < numbers(&b.1), "{}", row.package);
            }
        }
    }
}
