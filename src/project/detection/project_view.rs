//! What is looked up in a project while templates are tried: texts, values, dependencies.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use serde_json::Value;

use super::{
    file_order,
    other_languages::{self, OtherLanguage},
};
use crate::project::{
    commands::{
        declared::{self, DeclaredCommand},
        npm_scripts::{self, Script},
    },
    dependencies::Dependencies,
    files::{manifest, tree::Tree},
    node::PackageManager,
    python,
    templates::{
        format::{Declaration, Predicate, ScriptKind},
        pattern::{OneOrMore, Pattern},
    },
};

/// No more than this is read of any file.
pub const CAP: usize = 256 << 10;
/// No more files than this are read for one predicate.
const MOST_READ: usize = 200;

/// What [`ProjectView::found`] knows.
const FINDINGS: [&str; 14] = [
    "python.manager",
    "python.words",
    "python.loose",
    "python.package",
    "python.pinned",
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
pub struct ProjectView<'a> {
    pub tree: &'a dyn Tree,
    pub deps: Dependencies,
    texts: RefCell<BTreeMap<String, Option<Rc<str>>>>,
    script: OnceCell<Option<Script>>,
    foreign: OnceCell<Option<OtherLanguage>>,
    /// What starts the project, and what tells people how to.
    declared: OnceCell<(Vec<DeclaredCommand>, Vec<DeclaredCommand>)>,
}

/// A predicate that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredicateMatch {
    /// Such as `requirements.txt names flask`.
    pub what: String,
    /// The file it was found in.
    pub path: Option<String>,
    /// Named groups of the pattern, in so far as they took part.
    pub groups: BTreeMap<String, String>,
}

impl<'a> ProjectView<'a> {
    pub fn new(tree: &'a dyn Tree) -> Self {
        Self {
            tree,
            deps: Dependencies::read(tree, CAP),
            texts: RefCell::default(),
            script: OnceCell::new(),
            foreign: OnceCell::new(),
            declared: OnceCell::new(),
        }
    }

    /// The script of `package.json` that would be run.
    pub fn script(&self) -> Option<&Script> {
        self.script
            .get_or_init(|| npm_scripts::choose(self.tree))
            .as_ref()
    }

    /// Another language's application at the top.
    pub fn foreign(&self) -> Option<&OtherLanguage> {
        self.foreign
            .get_or_init(|| other_languages::application(self.tree))
            .as_ref()
    }

    fn declared(&self, where_: Declaration) -> Vec<DeclaredCommand> {
        if where_ == Declaration::Worker {
            let lines = declared::procfile(self.tree, CAP).into_iter();
            let workers = lines.filter(|(name, _)| !matches!(name.as_str(), "web" | "release"));
            return workers
                .map(|(_, command)| DeclaredCommand {
                    file: "Procfile".to_owned(),
                    command,
                })
                .collect();
        }
        let (start, readme) = self.declared.get_or_init(|| declared::read(self.tree, CAP));
        match where_ {
            Declaration::Readme => readme.clone(),
            _ => start.clone(),
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
            "python.pinned" => python::pinned(self.tree, python()?, CAP)?,
            "python.pins" => python::pins(self.tree, python()?, CAP)?,
            "python.mended" => python::mended(self.tree, python()?, CAP)?,
            "node.manager" => vec![self.deps.node.manager?.to_owned()],
            "node.flags" => self.deps.node.flags.clone(),
            "node.tools" => self.deps.node.tools.clone(),
            "node.folders.npm" => folders(PackageManager::Npm)?,
            "node.folders.pnpm" => folders(PackageManager::Pnpm)?,
            "node.folders.yarn" => [
                folders(PackageManager::Yarn),
                folders(PackageManager::Berry),
            ]
            .into_iter()
            .flatten()
            .flatten()
            .collect(),
            "node.folders.bun" => folders(PackageManager::Bun)?,
            _ => return None,
        };
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Whether [`ProjectView::found`] knows what that is.
    pub fn is_known_finding(what: &str) -> bool {
        FINDINGS.contains(&what)
    }

    /// Whether a predicate holds that is not about a fact.
    pub fn holds(&self, predicate: &Predicate) -> Option<PredicateMatch> {
        if let Some(dep) = &predicate.dep {
            let file = self.deps.find(dep)?;
            let name = dep.split_once(':').map_or(dep.as_str(), |it| it.1);
            return Some(PredicateMatch {
                what: format!("{file} names {name}"),
                path: Some(file.to_owned()),
                groups: BTreeMap::new(),
            });
        }
        if let Some(kind) = predicate.script {
            return self.script_holds(predicate, kind);
        }
        if let Some(where_) = predicate.declared {
            let mut commands = self.declared(where_).into_iter();
            return commands.find_map(|it| command_holds(predicate, it));
        }
        if let Some(wanted) = predicate.foreign {
            let foreign = self.foreign();
            return (foreign.is_some() == wanted).then(|| PredicateMatch {
                what: foreign.map_or("no other language's application".to_owned(), |it| {
                    format!(
                        "{} is of {}, which is not supported yet",
                        it.file, it.language
                    )
                }),
                path: foreign.map(|it| it.file.clone()),
                groups: BTreeMap::new(),
            });
        }
        let globs = predicate.file.as_ref()?.as_slice();
        file_order::fitting(self.tree.files(), globs, &predicate.first)
            .into_iter()
            .take(MOST_READ)
            .find_map(|path| self.holds_in(predicate, path))
    }

    fn script_holds(&self, predicate: &Predicate, kind: ScriptKind) -> Option<PredicateMatch> {
        let script = self.script()?;
        let is_so = match kind {
            ScriptKind::Any => true,
            ScriptKind::Watches => script.watches,
            ScriptKind::Serves => script.serves && !script.watches,
            ScriptKind::Built => script.build.is_some(),
        };
        let fits = |pattern: &Pattern| pattern.0.is_match(&script.text);
        if !is_so || predicate.unless.as_ref().is_some_and(fits) {
            return None;
        }
        let mut groups = match &predicate.runs {
            None => BTreeMap::new(),
            Some(pattern) => groups(pattern, &script.text)?,
        };
        groups.insert("script".to_owned(), script.name.clone());
        if let Some(build) = &script.build {
            groups.insert("build".to_owned(), build.clone());
        }
        Some(PredicateMatch {
            what: format!(
                "package.json has scripts.{} = {}",
                script.name,
                shortened(&script.text)
            ),
            path: Some("package.json".to_owned()),
            groups,
        })
    }

    fn holds_in(&self, predicate: &Predicate, path: &str) -> Option<PredicateMatch> {
        let (json, toml) = (predicate.json.as_deref(), predicate.toml.as_deref());
        let mut matched = PredicateMatch {
            what: format!("there is {path}"),
            path: Some(path.to_owned()),
            groups: BTreeMap::new(),
        };
        if let Some(pointer) = json.or(toml) {
            let values = self.values(path, json, toml)?;
            matched.what = format!("{path} has {}", dotted(pointer));
            if let Some(pattern) = &predicate.matches {
                let (value, groups) = values
                    .iter()
                    .find_map(|value| Some((value, groups(pattern, value)?)))?;
                matched.what = format!("{path} has {} = {}", dotted(pointer), shortened(value));
                matched.groups = groups;
            }
        }
        if let Some(pattern) = &predicate.content {
            let text = self.text(path)?;
            matched.groups.extend(groups(pattern, &text)?);
            let line = pattern.0.find(&text).map_or("", |found| found.as_str());
            matched.what = format!("{path} has `{}`", shortened(line.trim()));
        }
        if let Some(pattern) = &predicate.unless
            && pattern.0.is_match(&self.text(path)?)
        {
            return None;
        }
        Some(matched)
    }
}

fn command_holds(predicate: &Predicate, declared: DeclaredCommand) -> Option<PredicateMatch> {
    let fits = |pattern: &Pattern| pattern.0.is_match(&declared.command);
    if predicate.unless.as_ref().is_some_and(fits) {
        return None;
    }
    let mut groups = match &predicate.runs {
        None => BTreeMap::new(),
        Some(pattern) => groups(pattern, &declared.command)?,
    };
    let what = format!("{} says `{}`", declared.file, shortened(&declared.command));
    groups.insert("command".to_owned(), declared.command);
    Some(PredicateMatch {
        what,
        path: Some(declared.file),
        groups,
    })
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
    if let Some(kind) = predicate.script {
        return match kind {
            ScriptKind::Any => "no script of package.json serves anything".to_owned(),
            ScriptKind::Watches => "no script of package.json serves and watches".to_owned(),
            ScriptKind::Serves => "no script of package.json serves without watching".to_owned(),
            ScriptKind::Built => "no script of package.json runs what has to be built".to_owned(),
        };
    }
    if let Some(where_) = predicate.declared {
        return match where_ {
            Declaration::Start => {
                "no Procfile, Dockerfile or the like names the command".to_owned()
            }
            Declaration::Readme => "no README names the command".to_owned(),
            Declaration::Worker => "no Procfile names a worker".to_owned(),
        };
    }
    if predicate.foreign.is_some() {
        return "it is no application of another language".to_owned();
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
