//! Packages as an installer of pip's kind is told them, from the tables and locks of other tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr as _,
};

use pep440_rs::{Version, VersionSpecifiers};
use serde_json::Value;

use super::{
    InstallerKind,
    requirement_parser::{Requirements, normal},
};
use crate::project::{
    files::{manifest, tree::Tree},
    version::pep440_of,
};

/// What a lock leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LockedPackages {
    /// Every package with its version, under its condition.
    pub words: Vec<String>,
    /// What the manifest asks for and the lock has not, or in another version.
    pub missing: Vec<String>,
}

/// A requirement from a table's entry: `flask = "^3"`, `{ version = "3", extras = ["async"] }`,
/// `{ git = "https://…" }`, `{ path = "…" }`.
pub fn of_table(name: &str, spec: &Value) -> Vec<String> {
    let spec = spec
        .as_array()
        .and_then(|list| list.first())
        .unwrap_or(spec);
    let text = |key: &str| spec.get(key).and_then(Value::as_str);
    if spec.get("optional").and_then(Value::as_bool) == Some(true) {
        return Vec::new();
    }
    if let Some(path) = text("path").or(text("file")) {
        return vec!["-e".to_owned(), path.to_owned()];
    }
    if let Some(url) = text("url") {
        return vec![format!("{name} @ {url}")];
    }
    if let Some(url) = text("git") {
        let at = text("rev")
            .or(text("ref"))
            .or(text("tag"))
            .or(text("branch"));
        let at = at.map_or(String::new(), |at| format!("@{at}"));
        return vec![format!("{name} @ git+{url}{at}")];
    }
    let list = spec.get("extras").and_then(Value::as_array);
    let extras: Vec<&str> = list
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let extras = if extras.is_empty() {
        String::new()
    } else {
        format!("[{}]", extras.join(","))
    };
    let versions = spec.as_str().or(text("version")).unwrap_or("");
    let markers = text("markers").map_or(String::new(), |it| format!(" ; {it}"));
    vec![format!("{name}{extras}{}{markers}", of_versions(versions))]
}

/// Poetry's and Pipenv's way to write versions as pip's.
fn of_versions(versions: &str) -> String {
    let one = |it: &str| {
        let it = it.trim();
        if it.is_empty() || it == "*" {
            return None;
        }
        if it.starts_with(|c: char| c.is_ascii_digit()) {
            return Some(format!("=={it}"));
        }
        pep440_of(it)
    };
    // Alternatives have no word of pip's; the newest is written last.
    let last = versions.rsplit("||").next().unwrap_or(versions);
    last.split(',')
        .filter_map(one)
        .collect::<Vec<_>>()
        .join(",")
}

/// Whether `version` is one that was asked for.
fn is_asked(versions: &str, version: &str) -> bool {
    let (Ok(asked), Ok(version)) = (
        VersionSpecifiers::from_str(&of_versions(versions)),
        Version::from_str(version),
    ) else {
        // What cannot be told is left to the installer.
        return true;
    };
    asked.contains(&version)
}

/// What the tool's lock names, for what the manifest asks for; `None` without a lock.
pub fn locked(
    tree: &dyn Tree,
    kind: InstallerKind,
    names: &Requirements,
) -> Option<LockedPackages> {
    match kind {
        InstallerKind::Poetry => from_packages(&manifest::toml(tree, "poetry.lock")?, names),
        InstallerKind::Pdm => from_packages(&manifest::toml(tree, "pdm.lock")?, names),
        InstallerKind::Pipenv => from_pipfile(&manifest::json(tree, "Pipfile.lock")?, names),
        _ => None,
    }
}

/// One package of a lock of Poetry's or PDM's.
struct Package<'l> {
    version: &'l str,
    /// Names it needs, each with the condition under which it does.
    needs: Vec<(String, Option<String>)>,
    /// As it stands at the package itself.
    marker: Option<&'l str>,
}

fn from_packages(lock: &Value, names: &Requirements) -> Option<LockedPackages> {
    let mut packages = BTreeMap::new();
    for entry in lock.get("package")?.as_array()? {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let (Some(name), Some(version)) = (text("name"), text("version")) else {
            continue;
        };
        // From a repository or a directory, which only its own tool knows how to fetch.
        if entry
            .pointer("/source/type")
            .is_some_and(|it| it != "legacy")
            || entry.get("path").is_some()
        {
            continue;
        }
        // PDM lists a package with extras a second time.
        packages.entry(normal(name)).or_insert_with(|| Package {
            version,
            needs: needs(entry.get("dependencies")),
            marker: text("marker").or(text("markers")),
        });
    }
    let mut found = LockedPackages::default();
    // By name: `None` where it is needed whatever the condition.
    let mut wanted: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for (name, asked) in names {
        match packages.get(name) {
            Some(package) if is_asked(&asked.versions, package.version) => {
                wanted.insert(name.clone(), None);
                waiting.push(name.clone());
            }
            _ => found.missing.push(name.clone()),
        }
    }
    while let Some(name) = waiting.pop() {
        for (needed, marker) in packages.get(&name).map_or(&[][..], |it| &it.needs) {
            if !packages.contains_key(needed) || names.contains_key(needed) {
                continue;
            }
            if !wanted.contains_key(needed) {
                waiting.push(needed.clone());
            }
            let known = wanted
                .entry(needed.clone())
                .or_insert_with(|| Some(BTreeSet::new()));
            match (marker, &mut *known) {
                (Some(marker), Some(markers)) => _ = markers.insert(marker.clone()),
                (None, known) => *known = None,
                (Some(_), None) => {}
            }
        }
    }
    for (name, markers) in wanted {
        let package = &packages[&name];
        let extras = names
            .get(&name)
            .map(|it| &it.extras)
            .filter(|it| !it.is_empty());
        let extras = extras.map_or(String::new(), |it| {
            format!("[{}]", it.iter().cloned().collect::<Vec<_>>().join(","))
        });
        let mut conditions: Vec<String> =
            package.marker.iter().map(|it| format!("({it})")).collect();
        if let Some(markers) = markers {
            let any: Vec<String> = markers.iter().map(|it| format!("({it})")).collect();
            conditions.push(format!("({})", any.join(" or ")));
        }
        let condition = if conditions.is_empty() {
            String::new()
        } else {
            format!(" ; {}", conditions.join(" and "))
        };
        found
            .words
            .push(format!("{name}{extras}=={}{condition}", package.version));
    }
    Some(found)
}

/// A table as Poetry writes it, or a list as PDM does.
fn needs(written: Option<&Value>) -> Vec<(String, Option<String>)> {
    match written {
        Some(Value::Object(table)) => {
            let of = |(name, spec): (&String, &Value)| {
                let spec = spec
                    .as_array()
                    .and_then(|list| list.first())
                    .unwrap_or(spec);
                let marker = spec.get("markers").and_then(Value::as_str);
                let optional = spec.get("optional").and_then(Value::as_bool) == Some(true)
                    || marker.is_some_and(|it| it.contains("extra =="));
                (!optional).then(|| (normal(name), marker.map(str::to_owned)))
            };
            table.iter().filter_map(of).collect()
        }
        Some(Value::Array(list)) => {
            let of = |line: &str| {
                let (line, marker) = line
                    .split_once(';')
                    .map_or((line, None), |(line, marker)| (line, Some(marker)));
                let end = line
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
                let name = &line[..end.unwrap_or(line.len())];
                (normal(name), marker.map(|it| it.trim().to_owned()))
            };
            list.iter().filter_map(Value::as_str).map(of).collect()
        }
        _ => Vec::new(),
    }
}

fn from_pipfile(lock: &Value, names: &Requirements) -> Option<LockedPackages> {
    let default = lock.get("default")?.as_object()?;
    let develop = lock.get("develop").and_then(Value::as_object);
    let mut found = LockedPackages::default();
    for (name, spec) in default {
        found.words.extend(of_table(name, spec));
    }
    let has = |name: &String| {
        let tables = [Some(default), develop];
        tables
            .into_iter()
            .flatten()
            .flatten()
            .any(|(it, _)| normal(it) == *name)
    };
    found.missing = names.keys().filter(|name| !has(name)).cloned().collect();
    Some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::project::python::requirement_parser::Requirement;

    fn names(list: &[(&str, &str)]) -> Requirements {
        let one = |(name, versions): &(&str, &str)| {
            let requirement = Requirement {
                extras: BTreeSet::new(),
                versions: (*versions).to_owned(),
                file: String::new(),
            };
            ((*name).to_owned(), requirement)
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn entries_of_tables_as_pip_writes_them() {
        for (spec, expected) in [
            (json!("*"), &["flask"][..]),
            (json!("^2.1"), &["flask>=2.1,<3"]),
            (json!("~2.1"), &["flask>=2.1,<2.2"]),
            (json!("2.1.0"), &["flask==2.1.0"]),
            (json!(">=2,<3"), &["flask>=2,<3"]),
            (
                json!({"version": "^2", "extras": ["async", "dotenv"]}),
                &["flask[async,dotenv]>=2,<3"],
            ),
            (
                json!({"git": "https://x/y.git", "rev": "ab"}),
                &["flask @ git+https://x/y.git@ab"],
            ),
            (json!({"path": "../x", "develop": true}), &["-e", "../x"]),
            (
                json!({"version": "==1", "markers": "python_version > '3'"}),
                &["flask==1 ; python_version > '3'"],
            ),
            (json!({"version": "1", "optional": true}), &[]),
        ] {
            assert_eq!(of_table("flask", &spec), expected, "{spec}");
        }
    }

    #[test]
    fn a_lock_gives_every_version_under_its_condition() {
        let lock = toml::from_str::<Value>(
            "[[package]]\nname = 'Flask'\nversion = '3.0.1'\n[package.dependencies]\nJinja2 = '>=3'\n\
             colorama = {version = '*', markers = 'sys_platform == \"win32\"'}\n\
             asgiref = {version = '*', optional = true, markers = 'extra == \"async\"'}\n\
             [[package]]\nname = 'jinja2'\nversion = '3.1.2'\n\
             [[package]]\nname = 'colorama'\nversion = '0.4'\n\
             [[package]]\nname = 'asgiref'\nversion = '3'\n",
        )
        .unwrap();
        let found = from_packages(&lock, &names(&[("flask", "^3.0"), ("redis", "*")])).unwrap();
        assert_eq!(
            found.words,
            [
                "colorama==0.4 ; ((sys_platform == \"win32\"))",
                "flask==3.0.1",
                "jinja2==3.1.2"
            ]
        );
        assert_eq!(found.missing, ["redis"]);
        // What is asked for meanwhile is newer than what was locked.
        let found = from_packages(&lock, &names(&[("flask", "^3.1")])).unwrap();
        assert_eq!(
            (found.words.len(), &found.missing[..]),
            (0, &["flask".to_owned()][..])
        );
    }

    #[test]
    fn pdm_and_pipenv_lock_in_their_own_ways() {
        let lock = toml::from_str::<Value>(
            "[[package]]\nname = 'flask'\nversion = '3'\ndependencies = ['click>=8', 'x; python_version < \"3.9\"']\n\
             [[package]]\nname = 'click'\nversion = '8'\n[[package]]\nname = 'x'\nversion = '1'\nmarker = 'a'\n",
        )
        .unwrap();
        let found = from_packages(&lock, &names(&[("flask", "")])).unwrap();
        assert_eq!(
            found.words,
            [
                "click==8",
                "flask==3",
                "x==1 ; (a) and ((python_version < \"3.9\"))"
            ]
        );
        let lock = json!({"default": {"flask": {"version": "==3.0", "markers": "python_version >= '3.8'"}}, "develop": {"pytest": {}}});
        let found = from_pipfile(
            &lock,
            &names(&[("flask", "*"), ("pytest", "*"), ("redis", "*")]),
        )
        .unwrap();
        assert_eq!(found.words, ["flask==3.0 ; python_version >= '3.8'"]);
        assert_eq!(found.missing, ["redis"]);
    }
}
