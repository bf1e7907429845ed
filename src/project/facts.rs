//! A template seen against a project: its facts, its predicates, and its texts filled in.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    ProjectError,
    look::{self, Held, Look},
    template::{Case, Fact, Predicate, Template},
    tree::relative,
};

/// One template, one project, one user's answers.
pub struct View<'a> {
    pub look: &'a Look<'a>,
    pub template: &'a Template,
    set: &'a BTreeMap<String, String>,
    /// Facts under way, so that one that rests on itself is unknown and not an endless search.
    pending: RefCell<BTreeSet<String>>,
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

impl<'a> View<'a> {
    pub fn new(
        look: &'a Look<'a>,
        template: &'a Template,
        set: &'a BTreeMap<String, String>,
    ) -> Self {
        Self {
            look,
            template,
            set,
            pending: RefCell::default(),
        }
    }

    /// What a fact is, if it can be known.
    pub fn fact(&self, name: &str) -> Option<String> {
        if let Some(answer) = self.set.get(name) {
            return Some(answer.clone());
        }
        let fact = self.template.facts.get(name)?;
        if !self.pending.borrow_mut().insert(name.to_owned()) {
            return None;
        }
        let found = fact.cases.iter().find_map(|case| self.case(case));
        self.pending.borrow_mut().remove(name);
        found
            .or_else(|| self.look.found(fact.found.as_deref()?))
            .or_else(|| fact.default.clone())
    }

    pub fn holds(&self, predicate: &Predicate) -> Option<Held> {
        let Some(name) = &predicate.fact else {
            return self.look.holds(predicate);
        };
        let value = self.fact(name)?;
        let fits = predicate
            .is
            .as_ref()
            .is_none_or(|is| is.as_slice().contains(&value));
        fits.then(|| Held {
            what: format!("{name} is {value}"),
            path: None,
            groups: BTreeMap::from([(name.clone(), value)]),
        })
    }

    /// For people: what was looked for in vain.
    pub fn missing(&self, predicate: &Predicate) -> String {
        const MOST: usize = 3;
        let plain = look::missing(predicate);
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
            .map(|case| look::missing(&case.when))
            .collect();
        if fact.cases.len() > MOST {
            reasons.push("…".to_owned());
        }
        format!("{plain}: {}", reasons.join(", "))
    }

    fn case(&self, case: &Case) -> Option<String> {
        let held = self.holds(&case.when)?;
        let value = self.fill_value(&case.value, &held);
        if case.is_file {
            self.existing(&value)
        } else {
            Some(value)
        }
    }

    /// The file that `node` would take `value` for.
    fn existing(&self, value: &str) -> Option<String> {
        let path = relative(value)?;
        ["", ".js", ".mjs", ".cjs", "/index.js"]
            .into_iter()
            .map(|end| format!("{path}{end}"))
            .find(|path| self.look.has_file(path))
    }

    /// `{module}:{attr|factory}` with the groups and the path of what was found.
    fn fill_value(&self, value: &str, held: &Held) -> String {
        let path = held.path.as_deref().unwrap_or("");
        let source_root = self.source_root(path);
        let known = |name: &str| match name {
            "path" => Some(path.to_owned()),
            "module" => Some(module(path, source_root)),
            "source_root" => Some(source_root.to_owned()),
            group => held.groups.get(group).cloned(),
        };
        replace(value, "{", |names| {
            Some(names.split('|').find_map(known).unwrap_or_default())
        })
    }

    /// `src` if that is no package itself and so has to be on the module path.
    fn source_root(&self, path: &str) -> &'static str {
        if path.starts_with("src/") && !self.look.has_file("src/__init__.py") {
            "src"
        } else {
            "."
        }
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

    fn unanswered(&self, name: &str) -> ProjectError {
        let fact = self.template.facts.get(name).cloned().unwrap_or_default();
        let Fact {
            question, example, ..
        } = fact;
        ProjectError::NeedsAnswer {
            template: self.template.id.clone(),
            fact: name.to_owned(),
            question: question.unwrap_or_else(|| format!("what is `{name}`")),
            hint: example,
        }
    }
}

/// Names in `${…}` that a template may use, given its facts.
pub fn unknown_variable(text: &str, template: &Template) -> Option<String> {
    let mut unknown = None;
    replace(text, "${", |name| {
        let known = match name.strip_prefix("facts.") {
            Some(fact) => template.facts.contains_key(fact),
            None => matches!(name, "port" | "version" | "workspace" | "each"),
        };
        if !known {
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

/// `app/main.py` as `app.main`, `shop/__init__.py` as `shop`.
fn module(path: &str, source_root: &str) -> String {
    let path = path
        .strip_prefix(source_root)
        .map_or(path, |rest| rest.trim_start_matches('/'));
    let path = path.strip_suffix(".py").unwrap_or(path);
    path.strip_suffix("/__init__")
        .unwrap_or(path)
        .replace('/', ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_named_from_their_source_root() {
        for (path, root, expected) in [
            ("app.py", ".", "app"),
            ("app/main.py", ".", "app.main"),
            ("shop/__init__.py", ".", "shop"),
            ("src/shop/main.py", "src", "shop.main"),
            ("src/main.py", ".", "src.main"),
        ] {
            assert_eq!(module(path, root), expected, "{path}");
        }
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let give = |name: &str| (name == "port").then(|| "80".to_owned());
        assert_eq!(replace("a${port}b${HOME}c${", "${", give), "a80b${HOME}c${");
    }
}
