//! What a project's table says: its files, how it is brought up, and what a user must see.

use std::{collections::BTreeMap, fs, path::Path};

use regex::Regex;
use serde::{Deserialize, Deserializer, de::Error};

use crate::Test;

pub const TESTS: &[Test] = &[
    (
        "tables::an_unknown_key_is_refused",
        an_unknown_key_is_refused,
    ),
    (
        "tables::a_broken_pattern_is_refused",
        a_broken_pattern_is_refused,
    ),
    (
        "tables::a_name_given_twice_is_seen",
        a_name_given_twice_is_seen,
    ),
    (
        "tables::a_project_that_expects_nothing_is_seen",
        a_project_that_expects_nothing_is_seen,
    ),
    (
        "tables::a_failure_that_nobody_mends_is_seen",
        a_failure_that_nobody_mends_is_seen,
    ),
    (
        "tables::a_command_alone_mends_most_of_what_needs_no_person",
        a_command_alone_mends_most_of_what_needs_no_person,
    ),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    project: Vec<Project>,
}

/// One project.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Unique over all tables; the directory's name, so the preview's as well.
    pub name: String,
    /// The reports that it shows (`F2`, `case 25`), or the kind that it varies.
    pub shows: String,
    /// Whether every run has it, or only the one of all.
    #[serde(default)]
    pub core: bool,
    /// Text files.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Text files that are written as UTF-16LE with a byte order mark.
    #[serde(default)]
    pub utf16: BTreeMap<String, String>,
    /// Symlinks and their targets.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Files that may be executed.
    #[serde(default)]
    pub executable: Vec<String>,
    /// Arguments of `up` beside the directory. `{root}` is the project's directory, here and in all
    /// other commands and variables.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables of the user's, for `up`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The directory within the project where the user is. `up` then names no directory.
    pub cwd: Option<String>,
    pub expect: Expect,
    /// Steps after `up`, in order.
    #[serde(default)]
    pub then: Vec<Step>,
}

/// What a user must see of `up`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub exit: i32,
    /// What the URL answers with.
    pub status: Option<u16>,
    /// What the page holds.
    pub page: Option<Pattern>,
    /// What is on standard error.
    #[serde(default)]
    pub says: Vec<Pattern>,
    /// What is not on standard error.
    #[serde(default)]
    pub never: Vec<Pattern>,
    /// What `codemate-preview logs` holds afterwards.
    #[serde(default)]
    pub log: Vec<Pattern>,
    /// The problem's first command, run as it is, ends in 0 and in a page with this status.
    pub next: Option<String>,
    /// What a person has to do about a failure, where no command alone mends it.
    pub needs: Option<Needs>,
}

/// What only a person can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// Edit the project or its settings.
    Edit,
    /// Give a value that is theirs.
    Value,
    /// Have a service where a preview can reach it.
    Service,
    /// Bring an image, for the stack is not supported.
    Support,
}

/// What is done afterwards, and what a user must see then.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    pub write: BTreeMap<String, String>,
    pub delete: Vec<String>,
    /// A path below the URL that is asked first and whose answer stays open from then on.
    pub hold: Option<String>,
    /// A command, run in the project's directory.
    pub run: Vec<String>,
    /// How the command ends; 0 if nothing is said.
    pub exit: Option<i32>,
    /// What the command prints, on either stream.
    pub says: Vec<Pattern>,
    /// What it does not print.
    pub never: Vec<Pattern>,
    /// What the URL answers with, once it does.
    pub status: Option<u16>,
    /// What the page holds, once it does.
    pub page: Option<Pattern>,
}

/// A regular expression that was written in a table.
#[derive(Debug)]
pub struct Pattern(Regex);

impl Pattern {
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Regex::new(&text).map(Self).map_err(D::Error::custom)
    }
}

fn read(text: &str) -> Result<Vec<Project>, toml::de::Error> {
    toml::from_str::<Table>(text).map(|table| table.project)
}

/// Every project, with the name of the table that it is in.
pub fn all() -> Vec<(String, Project)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects");
    let mut files: Vec<_> = fs::read_dir(here)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let file = path.file_stem().unwrap().to_str().unwrap();
        let projects = read(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        all.extend(projects.into_iter().map(|it| (file.to_owned(), it)));
    }
    all
}

/// What is wrong with the tables, one sentence each.
pub fn wrong(projects: &[(String, Project)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for (file, project) in projects {
        let name = &project.name;
        if let Some(other) = seen.insert(name, file) {
            wrong.push(format!("{file}: {name} is in {other} too"));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            wrong.push(format!(
                "{file}: {name} is no name of small letters, digits and dashes"
            ));
        }
        if project.shows.trim().is_empty() {
            wrong.push(format!("{file}: {name} does not say what it shows"));
        }
        let expect = &project.expect;
        if expect.status.is_none() && expect.page.is_none() && expect.says.is_empty() {
            wrong.push(format!("{file}: {name} expects nothing that a user sees"));
        }
        if expect.exit != 0 && (expect.status.is_some() || expect.page.is_some()) {
            wrong.push(format!(
                "{file}: {name} expects a page of an `up` that fails"
            ));
        }
        if expect.exit != 0 && expect.next.is_none() && expect.needs.is_none() {
            wrong.push(format!(
                "{file}: {name} fails, and nobody says which command or person mends it"
            ));
        }
    }
    wrong
}

const LEAST: &str = r#"
    [[project]]
    name = "least"
    shows = "nothing"
    [project.expect]
    exit = 0
    status = 200
"#;

fn an_unknown_key_is_refused() {
    assert_eq!(read(LEAST).unwrap().len(), 1);
    for key in ["colour = 1", "[[project.then]]\nwrites = {}"] {
        let error = read(&format!("{LEAST}\n{key}")).unwrap_err();
        assert!(error.message().contains("unknown field"), "{error}");
    }
}

fn a_broken_pattern_is_refused() {
    let broken = format!("{LEAST}\nsays = [\"(\"]");
    read(&broken).unwrap_err();
    read(&broken.replace('(', "()")).unwrap();
}

fn tabled(text: &str) -> Vec<(String, Project)> {
    let projects = read(text).unwrap();
    projects
        .into_iter()
        .map(|it| ("t".to_owned(), it))
        .collect()
}

fn a_name_given_twice_is_seen() {
    assert_eq!(wrong(&tabled(LEAST)), Vec::<String>::new());
    assert_eq!(wrong(&tabled(&LEAST.repeat(2))), ["t: least is in t too"]);
}

fn a_project_that_expects_nothing_is_seen() {
    let nothing = tabled(&LEAST.replace("status = 200", ""));
    assert_eq!(
        wrong(&nothing),
        ["t: least expects nothing that a user sees"]
    );
    let failing = tabled(&LEAST.replace("exit = 0", "exit = 9\nneeds = \"edit\""));
    assert_eq!(
        wrong(&failing),
        ["t: least expects a page of an `up` that fails"]
    );
}

fn a_failure_that_nobody_mends_is_seen() {
    let failing = LEAST.replace("exit = 0", "exit = 9\nsays = [\"no\"]");
    let failing = failing.replace("status = 200", "");
    let told = ["t: least fails, and nobody says which command or person mends it"];
    assert_eq!(wrong(&tabled(&failing)), told);
    for mended in ["next = \"200\"", "needs = \"value\""] {
        let mended = tabled(&format!("{failing}\n{mended}"));
        assert_eq!(wrong(&mended), Vec::<String>::new());
    }
}

/// Where no person has to do anything, the first command that is named mends it, in two thirds of
/// the failures at least. That each of these commands does is seen when its project is run.
fn a_command_alone_mends_most_of_what_needs_no_person() {
    let projects = all();
    let failing = projects.iter().map(|(_, project)| &project.expect);
    let without_a_person: Vec<_> = failing
        .filter(|it| it.exit != 0 || it.next.is_some())
        .filter(|it| it.needs.is_none())
        .collect();
    let mended = without_a_person.iter().filter(|it| it.next.is_some());
    let (mended, all) = (mended.count(), without_a_person.len());
    assert!(all > 0 && mended * 3 >= all * 2, "{mended} of {all}");
}
