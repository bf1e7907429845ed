//! A template seen against a project: its facts, its predicates, and its texts filled in.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    file_order,
    project_view::{self, PredicateMatch, ProjectView},
};
use crate::project::{
    ProjectError,
    files::tree::relative,
    python::module_paths,
    templates::format::{Case, Fact, Predicate, Template},
};

/// One template, one project, one user's answers.
pub struct TemplateView<'a> {
    pub project: &'a ProjectView<'a>,
    pub template: &'a Template,
    set: &'a BTreeMap<String, String>,
    /// Facts under way, so that one that rests on itself is unknown and not an endless search.
    pending: RefCell<BTreeSet<String>>,
    facts: RefCell<BTreeMap<String, Option<FactValue>>>,
}

/// A fact, with what it was found by.
#[derive(Debug, Clone)]
struct FactValue {
    value: String,
    path: Option<String>,
    groups: BTreeMap<String, String>,
}

impl FactValue {
    fn plain(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            path: None,
            groups: BTreeMap::new(),
        }
    }
}

/// What `${…}` may stand for besides facts.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    pub port: u16,
    pub version: String,
    pub workspace: String,
    /// The line of a fact that a command is repeated for.
    pub each: String,
}

impl<'a> TemplateView<'a> {
    pub fn new(
        project: &'a ProjectView<'a>,
        template: &'a Template,
        set: &'a BTreeMap<String, String>,
    ) -> Self {
        Self {
            project,
            template,
            set,
            pending: RefCell::default(),
            facts: RefCell::default(),
        }
    }

    /// What a fact is, if it can be known.
    pub fn fact(&self, name: &str) -> Option<String> {
        self.fact_value(name).map(|it| it.value)
    }

    fn fact_value(&self, name: &str) -> Option<FactValue> {
        if let Some(answer) = self.set.get(name) {
            return Some(FactValue::plain(answer));
        }
        if let Some(fact_value) = self.facts.borrow().get(name) {
            return fact_value.clone();
        }
        let fact = self.template.facts.get(name)?;
        if !self.pending.borrow_mut().insert(name.to_owned()) {
            return None;
        }
        // What stands with tests, documents and examples comes last, whichever case it is of.
        let mut aside = None;
        let found = fact.cases.iter().find_map(|case| {
            let fact_value = self.case(case)?;
            if fact_value.path.as_deref().is_some_and(file_order::is_aside) {
                aside.get_or_insert(fact_value);
                return None;
            }
            Some(fact_value)
        });
        let found = found.or(aside);
        self.pending.borrow_mut().remove(name);
        let fact_value = found
            .or_else(|| {
                Some(FactValue::plain(
                    &self.project.found(fact.found.as_deref()?)?,
                ))
            })
            .or_else(|| fact.default.as_deref().map(FactValue::plain));
        // What was asked for on the way to another fact may have been cut short by it.
        if self.pending.borrow().is_empty() {
            self.facts
                .borrow_mut()
                .insert(name.to_owned(), fact_value.clone());
        }
        fact_value
    }

    /// The file that is run, of the facts that name one.
    pub fn entry_path(&self) -> Option<String> {
        const ENTRIES: [&str; 6] = ["entry", "manage", "main", "file", "code", "dir"];
        ENTRIES
            .iter()
            .find_map(|name| self.fact_value(name))
            .and_then(|it| it.path)
    }

    /// Whether the manifests at the top name a dependency that the template looks for.
    pub fn is_named_by_manifest(&self) -> bool {
        let detect = &self.template.detect;
        let frameworks = self.template.facts.get("framework");
        let cases = frameworks.iter().flat_map(|fact| &fact.cases);
        let predicates = detect.all.iter().chain(&detect.any);
        predicates
            .chain(cases.flat_map(|case| case.when.as_slice()))
            .any(|it| it.dep.is_some() && self.project.holds(it).is_some())
    }

    pub fn holds(&self, predicate: &Predicate) -> Option<PredicateMatch> {
        let Some(name) = &predicate.fact else {
            return self.project.holds(predicate);
        };
        let fact_value = self.fact_value(name)?;
        let fits = predicate
            .is
            .as_ref()
            .is_none_or(|is| is.as_slice().contains(&fact_value.value))
            && predicate
                .by
                .as_ref()
                .is_none_or(|group| fact_value.groups.contains_key(group));
        let mut groups = fact_value.groups;
        groups.insert(name.clone(), fact_value.value.clone());
        fits.then(|| PredicateMatch {
            what: format!("{name} is {}", fact_value.value),
            path: fact_value.path,
            groups,
        })
    }

    /// For people: what was looked for in vain.
    pub fn missing(&self, predicate: &Predicate) -> String {
        const MOST: usize = 3;
        let plain = project_view::missing(predicate);
        let fact = predicate
            .fact
            .as_ref()
            .and_then(|name| self.template.facts.get(name));
        let Some(fact) = fact.filter(|_| predicate.is.is_none()) else {
            return plain;
        };
        let mut reasons: Vec<String> = fact
            .cases
            .iter()
            .take(MOST)
            .filter_map(|case| case.when.as_slice().first())
            .map(project_view::missing)
            .collect();
        if fact.cases.len() > MOST {
            reasons.push("…".to_owned());
        }
        format!("{plain}: {}", reasons.join(", "))
    }

    /// The first predicate's file, and what was found by all of them.
    fn case(&self, case: &Case) -> Option<FactValue> {
        let mut all = case.when.as_slice().iter();
        let mut matched = self.holds(all.next()?)?;
        for predicate in all {
            matched.groups.extend(self.holds(predicate)?.groups);
        }
        if case.is_module {
            let module = matched.groups.get("module")?;
            matched.path = Some(module_paths::file_of(self.project.tree.files(), module)?);
        }
        let value = self.fill_value(&case.value, &matched);
        let value = if case.is_file {
            self.existing(&value)?
        } else {
            value
        };
        if case.is_file {
            matched.path = Some(value.clone());
        }
        Some(FactValue {
            value,
            path: matched.path,
            groups: matched.groups,
        })
    }

    /// The file that `node` would take `value` for.
    fn existing(&self, value: &str) -> Option<String> {
        let path = relative(value)?;
        ["", ".js", ".mjs", ".cjs", "/index.js"]
            .into_iter()
            .map(|end| format!("{path}{end}"))
            .find(|path| self.project.has_file(path))
    }

    /// `{module}:{attr|factory}` with the groups and the path of what was found.
    fn fill_value(&self, value: &str, matched: &PredicateMatch) -> String {
        let path = matched.path.as_deref().unwrap_or("");
        let fact_value = |name: &str| match name {
            "path" => Some(path.to_owned()),
            "dir" => Some(path.rsplit_once('/').map_or(".", |it| it.0).to_owned()),
            "stem" => Path::new(path)
                .file_stem()
                .map(|it| it.to_string_lossy().into_owned()),
            "module" => Some(module_paths::module(path, &self.source_root(path))),
            // Of a `__main__.py`, whose own name is of no use.
            "package" if path.ends_with("/__main__.py") => {
                let module = module_paths::module(path, &self.source_root(path));
                module.strip_suffix(".__main__").map(str::to_owned)
            }
            "source_root" => Some(self.source_root(path)),
            group => matched.groups.get(group).cloned(),
        };
        replace(value, "{", |names| {
            Some(names.split('|').find_map(fact_value).unwrap_or_default())
        })
    }

    /// See [`modules::source_root`].
    fn source_root(&self, path: &str) -> String {
        let text = self.project.text(path);
        module_paths::source_root(
            self.project.tree.files(),
            path,
            text.as_deref().unwrap_or(""),
        )
    }

    /// `text` with every `${…}` filled in.
    pub fn expand(&self, text: &str, variables: &Variables) -> Result<String, ProjectError> {
        let mut fault = None;
        let filled = replace(text, "${", |name| {
            let value = match name {
                "port" => Some(variables.port.to_string()),
                "version" => Some(variables.version.clone()),
                "workspace" => Some(variables.workspace.clone()),
                "each" if !variables.each.is_empty() => Some(variables.each.clone()),
                // Anything else is not ours: a user's own command may have it for its own shell.
                _ => {
                    let name = name.strip_prefix("facts.")?;
                    let value = self.fact(name);
                    if value.is_none() {
                        fault.get_or_insert_with(|| self.unanswered(name));
                    }
                    value
                }
            };
            Some(value.unwrap_or_default())
        });
        fault.map_or(Ok(filled), Err)
    }

    /// That `name` is not known. An example is made of the project's own files where the template has
    /// a fact for it, such as `entry_example`.
    pub fn unanswered(&self, name: &str) -> ProjectError {
        let fact = self.template.facts.get(name).cloned().unwrap_or_default();
        let Fact {
            question, example, ..
        } = fact;
        ProjectError::NeedsAnswer {
            template: self.template.id.clone(),
            fact: name.to_owned(),
            question: question.unwrap_or_else(|| format!("what is `{name}`")),
            hint: self.fact(&format!("{name}_example")).or(example),
            directory: self.project.tree.directory(),
        }
    }
}

/// Names in `${…}` that a template may use, given its facts.
pub fn unknown_variable(text: &str, template: &Template) -> Option<String> {
    let mut unknown = None;
    replace(text, "${", |name| {
        let fact_value = match name.strip_prefix("facts.") {
            Some(fact) => template.facts.contains_key(fact),
            None => matches!(name, "port" | "version" | "workspace" | "each"),
        };
        if !fact_value {
            unknown.get_or_insert_with(|| name.to_owned());
        }
        Some(String::new())
    });
    unknown
}

/// Every `open…}` replaced by what is given for its inside; left alone where that is nothing.
fn replace(text: &str, open: &str, mut give: impl FnMut(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            filled.push_str(open);
            rest = after;
            break;
        };
        if let Some(value) = give(name) {
            filled.push_str(&value);
        } else {
            filled.push_str(open);
            filled.push_str(name);
            filled.push('}');
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let give = |name: &str| (name == "port").then(|| "80".to_owned());
        assert_eq!(replace("a${port}b${HOME}c${", "${", give), "a80b${HOME}c${");
    }
}
