//! `Templates`: every template there is, read, checked and laid over its base.

pub(super) mod fixture;
#[cfg(test)]
mod fixture_tests;
pub(super) mod format;
pub(super) mod pattern;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

use rust_embed::RustEmbed;

use crate::{
    config,
    project::{
        ProjectError,
        dependencies::Dependencies,
        detection::{project_view::ProjectView, template_view},
        images,
    },
};
use format::{Predicate, Template};

#[derive(RustEmbed)]
#[folder = "templates/"]
#[include = "*.toml"]
struct Files;

/// By id.
#[derive(Debug, Clone)]
pub struct Templates {
    /// As written, with the file each came from.
    written: BTreeMap<String, (String, Template)>,
    /// Over their bases, without the bases themselves.
    complete: BTreeMap<String, Template>,
}

impl Templates {
    /// Those that ship.
    pub fn embedded() -> Self {
        static EMBEDDED: LazyLock<Templates> = LazyLock::new(Templates::read_embedded);
        EMBEDDED.clone()
    }

    fn read_embedded() -> Self {
        let written = Files::iter().filter_map(|path| {
            let file = Files::get(&path)?;
            let text = String::from_utf8_lossy(&file.data).into_owned();
            Some((format!("templates/{path}"), text))
        });
        let mut templates = Self {
            written: BTreeMap::new(),
            complete: BTreeMap::new(),
        };
        templates
            .add(written)
            .expect("every embedded template is read by a test");
        templates
    }

    /// With the user's own over them, and the project's own over those, by id.
    pub fn with_user_dirs(
        mut self,
        project_root: &Path,
        config_dir: &Path,
    ) -> Result<Self, ProjectError> {
        for dir in [
            config_dir.join("templates"),
            project_root.join(".codemate/templates"),
        ] {
            self.add(files_in(&dir)?)?;
        }
        Ok(self)
    }

    pub fn get(&self, id: &str) -> Option<&Template> {
        self.complete.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.complete.values()
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.complete.keys().map(String::as_str)
    }

    /// Adds texts by the name of their file; nothing changes if one is wrong.
    pub(super) fn add(
        &mut self,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ProjectError> {
        let mut files = files.into_iter().peekable();
        if files.peek().is_none() {
            return Ok(());
        }
        let mut written = self.written.clone();
        for (file, text) in files {
            let template: Template = config::from_toml(&text).map_err(|template_fault| {
                let key = template_fault
                    .line
                    .map_or("TOML".to_owned(), |line| format!("line {line}"));
                let reason = config::TomlFault {
                    line: None,
                    ..template_fault
                }
                .to_string();
                ProjectError::BadTemplate {
                    file: file.clone(),
                    key,
                    reason,
                }
            })?;
            written.insert(template.id.clone(), (file, template));
        }
        let mut complete = BTreeMap::new();
        for (id, (file, template)) in &written {
            let whole = extended(&written, template).and_then(|it| check(&it).map(|()| it));
            let whole = whole.map_err(|(key, reason)| ProjectError::BadTemplate {
                file: file.clone(),
                key,
                reason,
            })?;
            if !whole.is_base() {
                complete.insert(id.clone(), whole);
            }
        }
        *self = Self { written, complete };
        Ok(())
    }
}

/// A key and what is wrong with it.
type TemplateFault = (String, String);

fn template_fault<T>(key: &str, reason: impl Into<String>) -> Result<T, TemplateFault> {
    Err((key.to_owned(), reason.into()))
}

fn extended(
    written: &BTreeMap<String, (String, Template)>,
    template: &Template,
) -> Result<Template, TemplateFault> {
    let Some(base) = &template.extends else {
        return Ok(template.clone());
    };
    match written.get(base) {
        None => {
            let meant = config::nearest(base, written.keys().map(String::as_str));
            let meant = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
            template_fault("extends", format!("there is no template `{base}`{meant}"))
        }
        Some((_, base)) if base.extends.is_some() => {
            template_fault("extends", "a base has no base of its own")
        }
        Some((_, base)) => Ok(template.clone().over(base.clone())),
    }
}

/// What the format allows and a template must not be.
fn check(template: &Template) -> Result<(), TemplateFault> {
    if template.schema != 1 {
        return template_fault("schema", "this version knows only 1");
    }
    let id_is_plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if template.id.is_empty() || !template.id.chars().all(id_is_plain) {
        return template_fault("id", "use a-z, 0-9 and `-`");
    }
    if template.is_base() {
        return Ok(());
    }
    match &template.image {
        // Whoever asks for it by name has to name an image too.
        None if template.detect.all.is_empty() && template.detect.any.is_empty() => {}
        None => return template_fault("image", "it is missing"),
        Some(image) => match (&image.stack, &image.name) {
            (Some(stack), None) if images::stack(stack).is_none() => {
                return template_fault("image.stack", format!("there is no `images/{stack}`"));
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => return template_fault("image", "give either `stack` or `name`"),
        },
    }
    for (key, predicate) in predicates(template) {
        check_predicate(template, predicate).or_else(|reason| template_fault(&key, reason))?;
    }
    check_install(template)?;
    for (name, fact) in &template.facts {
        if let Some(what) = fact
            .found
            .as_ref()
            .filter(|it| !ProjectView::is_known_finding(it))
        {
            return template_fault(
                &format!("facts.{name}.found"),
                format!("`{what}` is nothing that is found"),
            );
        }
    }
    for (key, text) in texts(template) {
        if let Some(name) = template_view::unknown_variable(text, template) {
            return template_fault(&key, format!("`${{{name}}}` stands for nothing"));
        }
    }
    Ok(())
}

fn check_predicate(template: &Template, predicate: &Predicate) -> Result<(), String> {
    let subjects = [
        predicate.file.is_some(),
        predicate.dep.is_some(),
        predicate.fact.is_some(),
        predicate.script.is_some(),
        predicate.declared.is_some(),
        predicate.foreign.is_some(),
    ];
    if subjects.iter().filter(|it| **it).count() != 1 {
        return Err(
            "a predicate is about one of `file`, `dep`, `fact`, `script`, `declared` and `foreign`"
                .to_owned(),
        );
    }
    let pointer = predicate.json.is_some() || predicate.toml.is_some();
    let of_file = pointer || predicate.content.is_some() || !predicate.first.is_empty();
    if predicate.file.is_none() && of_file {
        return Err("`json`, `toml`, `content` and `first` need a `file`".to_owned());
    }
    if predicate.runs.is_some() && predicate.script.is_none() && predicate.declared.is_none() {
        return Err("`runs` needs a `script` or `declared`".to_owned());
    }
    if predicate.matches.is_some() && !pointer {
        return Err("`matches` needs `json` or `toml`".to_owned());
    }
    if (predicate.is.is_some() || predicate.by.is_some()) && predicate.fact.is_none() {
        return Err("`is` and `by` need a `fact`".to_owned());
    }
    if let Some(dep) = predicate
        .dep
        .as_ref()
        .filter(|dep| !Dependencies::is_known_kind(dep))
    {
        return Err(format!("`{dep}` is neither `npm:NAME` nor `pypi:NAME`"));
    }
    match &predicate.fact {
        Some(fact) if !template.facts.contains_key(fact) => {
            Err(format!("there is no fact `{fact}`"))
        }
        _ => Ok(()),
    }
}

fn check_install(template: &Template) -> Result<(), TemplateFault> {
    let install = &template.install;
    match &install.by {
        Some(by) if !template.facts.contains_key(by) => {
            return template_fault("install.by", format!("there is no fact `{by}`"));
        }
        None if !install.commands.is_empty() => {
            return template_fault("install.by", "it is missing");
        }
        _ => {}
    }
    let stranger = install
        .fallback
        .iter()
        .flat_map(|fallback| &fallback.values)
        .find(|value| !install.commands.contains_key(*value));
    if let Some(value) = stranger {
        return template_fault("install.fallback", format!("`{value}` has no commands"));
    }
    let twice: BTreeSet<&String> = install
        .unsupported
        .keys()
        .filter(|value| install.commands.contains_key(*value))
        .collect();
    match twice.first() {
        Some(value) => template_fault("install.unsupported", format!("`{value}` has commands")),
        None => Ok(()),
    }
}

fn predicates(template: &Template) -> impl Iterator<Item = (String, &Predicate)> {
    let detect = &template.detect;
    let plain = [
        ("detect.all", &detect.all),
        ("detect.any", &detect.any),
        ("detect.none", &detect.none),
    ];
    let plain = plain
        .into_iter()
        .flat_map(|(key, list)| list.iter().map(move |it| (key.to_owned(), it)));
    let boosts = detect
        .boost
        .iter()
        .map(|boost| ("detect.boost".to_owned(), &boost.when));
    let cases = template.facts.iter().flat_map(|(name, fact)| {
        let all = fact.cases.iter().flat_map(|case| case.when.as_slice());
        all.map(move |it| (format!("facts.{name}"), it))
    });
    let beside = template.install.before.iter().chain(&template.install.also);
    let fallbacks = template.install.fallback.iter();
    let fallbacks = fallbacks.chain(beside.clone().flat_map(|it| &it.fallback));
    let also = beside
        .flat_map(|also| also.all.iter().chain(&also.none))
        .chain(fallbacks.flat_map(|it| &it.all));
    let reload = template.reload.also.iter();
    let reload = reload
        .flat_map(|also| also.all.iter().chain(&also.none))
        .map(|it| ("reload.also".to_owned(), it));
    plain
        .chain(reload)
        .chain(boosts)
        .chain(cases)
        .chain(also.map(|it| ("install.also".to_owned(), it)))
}

fn texts(template: &Template) -> impl Iterator<Item = (String, &String)> {
    let run = template
        .run
        .command
        .iter()
        .flatten()
        .map(|it| ("run.command".to_owned(), it));
    let beside = template.install.before.iter().chain(&template.install.also);
    let ways = template.install.fallback.iter();
    let ways = ways.chain(beside.clone().flat_map(|it| &it.fallback));
    let also = beside.flat_map(|also| &also.commands);
    let install = template
        .install
        .commands
        .values()
        .flatten()
        .chain(also)
        .chain(ways.flat_map(|it| &it.commands))
        .flatten();
    let env = template.env.iter().chain(&template.run.env);
    run.chain(install.map(|it| ("install.commands".to_owned(), it)))
        .chain(env.map(|(name, it)| (format!("env.{name}"), it)))
        .chain(template.title.iter().map(|it| ("title".to_owned(), it)))
}

/// The templates of a directory that may not be there.
fn files_in(dir: &Path) -> Result<Vec<(String, String)>, ProjectError> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "toml"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.display().to_string();
            match fs::read_to_string(&path) {
                Ok(text) => Ok((name, text)),
                Err(error) => Err(ProjectError::Unreadable {
                    path: name,
                    reason: error.to_string(),
                }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let mut templates = Templates::embedded();
        templates
            .add([("mine.toml".to_owned(), text.to_owned())])
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_bad_template_is_named_with_its_file_and_key() {
        let head = "schema = 1\nid = \"mine\"\nextends = \"_python\"\n";
        for (text, expected) in [
            ("schema = 1\n", "line 1: missing field `id`"),
            (
                "schema = 1\nid = \"mine\"\npriorty = 3\n",
                "line 3: unknown key `priorty`; did you mean `priority`?",
            ),
            (
                "schema = 2\nid = \"mine\"\n",
                "schema: this version knows only 1",
            ),
            (
                "schema = 1\nid = \"mine\"\ndetect.all = [{ file = \"x\" }]",
                "image: it is missing",
            ),
            (
                "schema = 1\nid = \"mine\"\nextends = \"_pyton\"\n",
                "extends: there is no template `_pyton`; did you mean `_python`?",
            ),
            (
                "schema = 1\nid = \"mine\"\nimage.stack = \"cobol\"\n",
                "image.stack: there is no `images/cobol`",
            ),
            (
                &format!("{head}detect.all = [{{ dep = \"flask\" }}]"),
                "detect.all: `flask` is neither `npm:NAME` nor `pypi:NAME`",
            ),
            (
                &format!("{head}detect.none = [{{ fact = \"x\" }}]"),
                "detect.none: there is no fact `x`",
            ),
            (
                &format!("{head}run.command = [\"${{prot}}\"]"),
                "run.command: `${prot}` stands for nothing",
            ),
            (
                &format!("{head}install.by = \"x\""),
                "install.by: there is no fact `x`",
            ),
            (
                &format!("{head}detect.all = [{{ file = \"a\", matches = \"b\" }}]"),
                "detect.all: `matches` needs `json` or `toml`",
            ),
        ] {
            assert_eq!(
                error(text),
                format!("template `mine.toml`: {expected}"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_users_template_takes_the_place_of_ours_and_the_projects_that_of_the_users() {
        let (project, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |dir: &Path, title: &str| {
            fs::create_dir_all(dir).unwrap();
            let text =
                format!("schema = 1\nid = \"flask\"\nextends = \"_python\"\ntitle = \"{title}\"\n");
            fs::write(dir.join("flask.toml"), text).unwrap();
        };
        write(&config.path().join("templates"), "user");
        let load = || {
            Templates::embedded()
                .with_user_dirs(project.path(), config.path())
                .unwrap()
        };
        assert_eq!(load().get("flask").unwrap().title.as_deref(), Some("user"));
        write(&project.path().join(".codemate/templates"), "project");
        assert_eq!(
            load().get("flask").unwrap().title.as_deref(),
            Some("project")
        );
    }
}
