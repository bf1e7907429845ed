//! The format of a template file.

use std::collections::BTreeMap;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Unexpected},
};

use super::{
    fixture::Fixture,
    pattern::{FileGlob, OneOrMore, Pattern},
};
use crate::{
    config::Combine,
    model::{BadSize, ProxyHost, ReloadMode, Size},
};

/// One file of `templates/`. A base, whose id begins with `_`, is only ever extended.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub schema: u32,
    pub id: String,
    /// For people; may name facts.
    pub title: Option<String>,
    pub extends: Option<String>,
    /// Fallback 5, file 20, framework 60, more special framework 70.
    #[serde(default)]
    pub priority: i32,
    pub image: Option<Image>,
    #[serde(default)]
    pub version: Vec<VersionSource>,
    #[serde(default)]
    pub detect: Detect,
    #[serde(default)]
    pub facts: BTreeMap<String, Fact>,
    /// For install and run.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub install: InstallPart,
    #[serde(default)]
    pub run: RunPart,
    #[serde(default)]
    pub ready: ReadyPart,
    #[serde(default)]
    pub reload: ReloadPart,
    #[serde(default)]
    pub proxy: ProxyPart,
    #[serde(default)]
    pub sync: SyncPart,
    /// Fixtures, run by one test for every template.
    #[serde(default, rename = "test")]
    pub tests: Vec<Fixture>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// One of `images/`.
    pub stack: Option<String>,
    pub scheme: Option<Scheme>,
    /// Words that stand for a version or a range, such as `lts/iron`.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// An image that is not ours, in place of a stack.
    pub name: Option<String>,
}

/// How a stack writes versions and ranges of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Pep440,
    Npm,
}

/// Where a version may be asked for; the first file that does is heeded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionSource {
    pub file: String,
    pub json: Option<String>,
    pub toml: Option<String>,
    /// Its group `version`, or all of it, is what is asked for; each time that it fits.
    pub regex: Option<Pattern>,
    /// One version that is not to be had is stood in for by the nearest newer one.
    #[serde(default)]
    pub pin: bool,
    /// What it asks for is passed over where it cannot be had or read.
    #[serde(default)]
    pub hint: bool,
}

/// `all` and `none` hold when empty; `any` too. A template without a predicate is taken only
/// when it is asked for by name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Detect {
    pub all: Vec<Predicate>,
    pub any: Vec<Predicate>,
    pub none: Vec<Predicate>,
    pub boost: Vec<Boost>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boost {
    #[serde(rename = "if")]
    pub when: Predicate,
    pub add: i32,
}

/// One statement about a project: of a `file`, a `dep`endency, a `fact`, a `script`, a command that
/// is `declared`, or another language's application (`foreign`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Predicate {
    /// Globs; the first file that fits, in the order of the globs, is the one looked at. What stands
    /// with tests, documents and examples comes last.
    pub file: Option<OneOrMore<FileGlob>>,
    /// Names of files without their endings. The files are then looked at from the top down, on each
    /// level those called so first, in this order.
    pub first: Vec<String>,
    /// Parsed as JSON it has a value at this pointer.
    pub json: Option<String>,
    pub toml: Option<String>,
    /// That value, as text, fits this.
    pub matches: Option<Pattern>,
    /// The file's text fits this.
    pub content: Option<Pattern>,
    /// The file's text, or the script's, does not fit this.
    pub unless: Option<Pattern>,
    /// `npm:NAME` or `pypi:NAME`.
    pub dep: Option<String>,
    /// A fact of this template is known.
    pub fact: Option<String>,
    /// It is this.
    pub is: Option<OneOrMore<String>>,
    /// It was found by a pattern in which this group took part.
    pub by: Option<String>,
    /// The script of `package.json` that would be run is of this kind.
    pub script: Option<ScriptKind>,
    /// What it runs, or the command that is declared, fits this.
    pub runs: Option<Pattern>,
    /// A command that the project's own files name: a Procfile's `web` and the like, or a README's.
    pub declared: Option<Declaration>,
    /// Another language's application stands here.
    pub foreign: Option<bool>,
}

/// What is asked of the script that would be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptKind {
    Any,
    /// It sees edits by itself.
    Watches,
    /// It is known to serve, and does not see edits.
    Serves,
    /// It runs what has to be built first.
    Built,
}

/// Where a command is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Declaration {
    /// In what starts the project somewhere.
    Start,
    /// In what tells people how to start it.
    Readme,
    /// In a line of the Procfile that is no `web`.
    Worker,
}

/// Something to find out; `${facts.NAME}` in commands, environment and title.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fact {
    /// The first that holds gives the value.
    pub cases: Vec<Case>,
    /// What detection finds out by itself, after the cases: one that `ProjectView::found` knows.
    /// Several values, one a line, become several words of a command.
    pub found: Option<String>,
    pub default: Option<String>,
    /// Asked when a value is needed and neither files nor user gave one.
    pub question: Option<String>,
    /// An answer, as an example.
    pub example: Option<String>,
}

/// A value under a condition. It may name `{path}`, `{module}`, `{source_root}` of the file looked
/// at, and the groups of the pattern; `{a|b}` is the first that took part in the match. Of several
/// predicates the file is the first one's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(rename = "if")]
    pub when: OneOrMore<Predicate>,
    pub value: String,
    /// The value is the path of a file, which must be there.
    #[serde(default)]
    pub is_file: bool,
    /// The group `module` is a Python module, which must be there; its file is the one looked at.
    #[serde(default)]
    pub is_module: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstallPart {
    pub inputs: Option<Vec<String>>,
    /// The fact whose value chooses among `commands`; where it names none, nothing is installed.
    pub by: Option<String>,
    pub commands: BTreeMap<String, Vec<Vec<String>>>,
    /// Values of that fact that cannot be installed, and why.
    pub unsupported: BTreeMap<String, String>,
    /// Run before, each under its own condition.
    pub before: Vec<Also>,
    /// Run afterwards, likewise.
    pub also: Vec<Also>,
    /// Ways round the last of the commands that `by` chose.
    pub fallback: Vec<FallbackPart>,
}

/// A way round a command that fails.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FallbackPart {
    /// Values of the fact `by` that it is for; all of them if there are none.
    #[serde(default, rename = "for")]
    pub values: Vec<String>,
    /// It is there only where these hold.
    #[serde(default)]
    pub all: Vec<Predicate>,
    /// Fits a line of the failed command's output.
    pub when: Pattern,
    pub commands: Vec<Vec<String>>,
    /// What was done and why, for people.
    pub say: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    #[serde(default)]
    pub all: Vec<Predicate>,
    #[serde(default)]
    pub none: Vec<Predicate>,
    /// A fact; the commands are run once for each line of it, which is their `${each}`.
    pub each: Option<String>,
    pub commands: Vec<Vec<String>>,
    /// Ways round the last of them.
    #[serde(default)]
    pub fallback: Vec<FallbackPart>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunPart {
    pub command: Option<Vec<String>>,
    pub port: Option<u16>,
    /// `false` for a program without a port.
    pub listens: Option<bool>,
    /// How much memory such an app takes, where nobody named a size; a size such as `2GiB`.
    #[serde(deserialize_with = "bytes")]
    pub memory: Option<u64>,
    pub env: BTreeMap<String, String>,
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse() {
        Ok(Size(bytes)) => Ok(Some(bytes)),
        Err(BadSize) => Err(D::Error::invalid_value(
            Unexpected::Str(&text),
            &"a size, such as `2GiB`",
        )),
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadyPart {
    pub path: Option<String>,
    pub timeout: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReloadPart {
    pub mode: Option<ReloadMode>,
    pub restart_on: Option<Vec<String>>,
    /// More of them, each under its own condition.
    pub also: Vec<ReloadAlso>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadAlso {
    #[serde(default)]
    pub all: Vec<Predicate>,
    #[serde(default)]
    pub none: Vec<Predicate>,
    pub restart_on: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyPart {
    pub host: Option<ProxyHost>,
    pub forwarded_host: Option<bool>,
    pub public_deny: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncPart {
    pub ignore: Vec<String>,
}

impl Template {
    pub fn is_base(&self) -> bool {
        self.id.starts_with('_')
    }

    /// This template with `base` underneath. What recognises, tests and names it is its own.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        let mut ignore = base.sync.ignore;
        ignore.extend(self.sync.ignore);
        Self {
            title: self.title.or(base.title),
            priority: if self.priority == 0 {
                base.priority
            } else {
                self.priority
            },
            image: self.image.or(base.image),
            version: if self.version.is_empty() {
                base.version
            } else {
                self.version
            },
            facts: self.facts.combine(base.facts),
            env: self.env.combine(base.env),
            install: self.install.over(base.install),
            run: RunPart {
                command: self.run.command.or(base.run.command),
                port: self.run.port.or(base.run.port),
                listens: self.run.listens.or(base.run.listens),
                memory: self.run.memory.or(base.run.memory),
                env: self.run.env.combine(base.run.env),
            },
            ready: ReadyPart {
                path: self.ready.path.or(base.ready.path),
                timeout: self.ready.timeout.or(base.ready.timeout),
            },
            reload: ReloadPart {
                mode: self.reload.mode.or(base.reload.mode),
                restart_on: self.reload.restart_on.or(base.reload.restart_on),
                also: [base.reload.also, self.reload.also].concat(),
            },
            proxy: ProxyPart {
                host: self.proxy.host.or(base.proxy.host),
                forwarded_host: self.proxy.forwarded_host.or(base.proxy.forwarded_host),
                public_deny: self.proxy.public_deny.or(base.proxy.public_deny),
            },
            sync: SyncPart { ignore },
            ..self
        }
    }
}

impl InstallPart {
    fn over(self, base: Self) -> Self {
        let mut before = base.before;
        before.extend(self.before);
        let mut also = base.also;
        also.extend(self.also);
        let mut fallback = self.fallback;
        fallback.extend(base.fallback);
        Self {
            inputs: self.inputs.or(base.inputs),
            by: self.by.or(base.by),
            commands: self.commands.combine(base.commands),
            unsupported: self.unsupported.combine(base.unsupported),
            before,
            also,
            fallback,
        }
    }
}
