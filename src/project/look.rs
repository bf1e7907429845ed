//! What is looked up in a project while templates are tried: texts, values, dependencies.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::Value;

use super::{
    deps::Deps,
    manifest,
    node::Manager,
    pattern::{FileGlob, OneOrMore, Pattern},
    python,
    template::Predicate,
    tree::Tree,
};

/// No more than this is read of any file.
pub const CAP: usize = 256 << 10;
/// No more files than this are read for one predicate.
const MOST_READ: usize = 200;

/// What [`Look::found`] knows.
const FINDINGS: [&str; 13] = [
    "python.manager",
    "python.words",
    "python.loose",
    "python.package",
    "python.pins",
    "python.mended",
    "node.manager",
    "node.flags",
    "node.tools",
    "node.folders.npm",
    "node.folders.pnpm",
    "node.folders.yarn",
    "node.folders.bun",
];

/// A project, with what was read of it kept.
pub struct Look<'a> {
    pub tree: &'a dyn Tree,
    pub deps: Deps,
    texts: RefCell<BTreeMap<String, Option<Rc<str>>>>,
}

/// A predicate that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Such as `requirements.txt names flask`.
    pub what: String,
    /// The file it was found in.
    pub path: Option<String>,
    /// Named groups of the pattern, in so far as they took part.
    pub groups: BTreeMap<String, String>,
}

impl<'a> Look<'a> {
    pub fn new(tree: &'a dyn Tree) -> Self {
        Self {
            tree,
            deps: Deps::read(tree, CAP),
            texts: RefCell::default(),
        }
    }

    pub fn has_file(&self, path: &str) -> bool {
        self.tree.files().iter().any(|file| file == path)
    }

    pub fn text(&self, path: &str) -> Option<Rc<str>> {
        if let Some(known) = self.texts.borrow().get(path) {
            return known.clone();
        }
        let text: Option<Rc<str>> = self.tree.read(path, CAP).map(Into::into);
        self.texts
            .borrow_mut()
            .insert(path.to_owned(), text.clone());
        text
    }

    /// The value at `pointer` of a JSON or TOML file, as texts: one for a scalar or for a table's
    /// `version`, several for a list, none but there for any other table.
    pub fn values(
        &self,
        path: &str,
        json: Option<&str>,
        toml: Option<&str>,
    ) -> Option<Vec<String>> {
        let root = match json {
            Some(_) => manifest::json(self.tree, path)?,
            None => manifest::toml(self.tree, path)?,
        };
        let value = root.pointer(json.or(toml)?)?;
        Some(match value {
            Value::Array(items) => items.iter().filter_map(scalar).collect(),
            other => scalar(other).into_iter().collect(),
        })
    }

    /// What detection finds out by itself, one value a line; `None` where there is none.
    pub fn found(&self, what: &str) -> Option<String> {
        let python = || self.deps.python();
        let folders = |manager| self.deps.node.folders.get(&manager).cloned();
        let lines: Vec<String> = match what {
            "python.manager" => vec![python()?.manager()?.to_owned()],
            "python.words" => python()?.words.clone(),
            "python.loose" => python()?.loose.clone(),
            "python.package" => vec![python::package(self.tree, python()?)?],
            "python.pins" => python::pins(self.tree, python()?, CAP)?,
            "python.mended" => python::mended(self.tree, python()?, CAP)?,
            "node.manager" => vec![self.deps.node.manager?.to_owned()],
            "node.flags" => self.deps.node.flags.clone(),
            "node.tools" => self.deps.node.tools.clone(),
            "node.folders.npm" => folders(Manager::Npm)?,
            "node.folders.pnpm" => folders(Manager::Pnpm)?,
            "node.folders.yarn" => [folders(Manager::Yarn), folders(Manager::Berry)]
                .into_iter()
                .flatten()
                .flatten()
                .collect(),
            "node.folders.bun" => folders(Manager::Bun)?,
            _ => return None,
        };
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Whether [`Look::found`] knows what that is.
    pub fn is_known_finding(what: &str) -> bool {
        FINDINGS.contains(&what)
    }

    /// Whether a predicate about a file or a dependency holds.
    pub fn holds(&self, predicate: &Predicate) -> Option<Held> {
        if let Some(dep) = &predicate.dep {
            let file = self.deps.find(dep)?;
            let name = dep.split_once(':').map_or(dep.as_str(), |it| it.1);
            return Some(Held {
                what: format!("{file} names {name}"),
                path: Some(file.to_owned()),
                groups: BTreeMap::new(),
            });
        }
        let globs = predicate.file.as_ref()?.as_slice();
        let fitting = globs.iter().flat_map(|glob| self.fitting(glob));
        fitting
            .take(MOST_READ)
            .find_map(|path| self.holds_in(predicate, path))
    }

    fn fitting<'s>(&'s self, glob: &'s FileGlob) -> impl Iterator<Item = &'s String> {
        self.tree.files().iter().filter(|path| glob.fits(path))
    }

    fn holds_in(&self, predicate: &Predicate, path: &str) -> Option<Held> {
        let (json, toml) = (predicate.json.as_deref(), predicate.toml.as_deref());
        let mut held = Held {
            what: format!("there is {path}"),
            path: Some(path.to_owned()),
            groups: BTreeMap::new(),
        };
        if let Some(pointer) = json.or(toml) {
            let values = self.values(path, json, toml)?;
            held.what = format!("{path} has {}", dotted(pointer));
            if let Some(pattern) = &predicate.matches {
                let (value, groups) = values
                    .iter()
                    .find_map(|value| Some((value, groups(pattern, value)?)))?;
                held.what = format!("{path} has {} = {}", dotted(pointer), shortened(value));
                held.groups = groups;
            }
        }
        if let Some(pattern) = &predicate.content {
            let text = self.text(path)?;
            held.groups.extend(groups(pattern, &text)?);
            let line = pattern.0.find(&text).map_or("", |found| found.as_str());
            held.what = format!("{path} has `{}`", shortened(line.trim()));
        }
        Some(held)
    }
}

/// For people: what was looked for in vain.
pub fn missing(predicate: &Predicate) -> String {
    if let Some(dep) = &predicate.dep {
        return format!("no manifest names {dep}");
    }
    if let Some(fact) = &predicate.fact {
        return match &predicate.is {
            Some(is) => format!("{fact} is not {}", is.as_slice().join(" or ")),
            None => format!("{fact} is not known"),
        };
    }
    let globs: Vec<&str> = predicate
        .file
        .iter()
        .flat_map(OneOrMore::as_slice)
        .map(|glob| glob.text.as_str())
        .collect();
    let files = globs.join(", ");
    let pointer = predicate
        .json
        .as_deref()
        .or(predicate.toml.as_deref())
        .map(dotted);
    match (pointer, &predicate.matches, &predicate.content) {
        (Some(pointer), Some(pattern), _) => {
            format!("no {files} has {pointer} that fits /{}/", pattern.0)
        }
        (Some(pointer), None, _) => format!("no {files} has {pointer}"),
        (None, _, Some(pattern)) => format!("no {files} has /{}/", shortened(pattern.0.as_str())),
        (None, _, None) => format!("there is no {files}"),
    }
}

fn groups(pattern: &Pattern, text: &str) -> Option<BTreeMap<String, String>> {
    let captures = pattern.0.captures(text)?;
    let named = pattern.0.capture_names().flatten();
    Some(
        named
            .filter_map(|name| Some((name.to_owned(), captures.name(name)?.as_str().to_owned())))
            .collect(),
    )
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Object(table) => table
            .get("version")
            .and_then(Value::as_str)
            .map(str::to_owned),
        Value::Null | Value::Array(_) => None,
    }
}

/// `/engines/node` as `engines.node`.
fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let text = text.lines().next().unwrap_or("");
    if text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(LONGEST).collect::<String>())
    }
}
