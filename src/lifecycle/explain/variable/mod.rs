//! A variable of the environment that the app needs and has not been given.

mod library_errors;

use std::sync::LazyLock;

use regex::Regex;

use super::{Explanation, output::Output, project::ProjectFacts};
use crate::model::FailureKind;
use library_errors::LACKING;

/// Each captures the name.
static NAMED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // decouple, django-environ, environs, starlette's Config, Prisma.
        r"UndefinedValueError: (?<name>\w+) not found",
        r"ImproperlyConfigured: Set the (?<name>\w+) environment variable",
        r#"EnvError: Environment variable "(?<name>\w+)" not set"#,
        r"KeyError: .Config '(?<name>\w+)' is missing",
        r"Config '(?<name>\w+)' is missing, and has no default",
        r"Environment variable not found: (?<name>\w+)",
        // The words of clients' libraries and of those who write checks themselves.
        r"(?i)(?:environment|env)\.? ?var(?:iable)?s?:? [\x22'`(]?(?<name>(?-i:[A-Z][A-Z0-9_]{2,}))[\x22'`)]?,? (?:is |are |was |has )?(?:not |missing|required|undefined|unset|empty|must)",
        r"(?i)(?:missing|required?|set|define|provide|specify|configure|expected|need)\b[^.]{0,40}?(?:environment|env)\.? ?var(?:iable)?(?:\(?s\)?)?:?\s*[\x22'`(]?(?<name>(?-i:[A-Z][A-Z0-9_]{2,}))\b",
        r"(?i)(?:missing|required?|set|define|provide|specify)\b (?:the |a |an )?[\x22'`]?(?<name>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))[\x22'`]? (?:environment|env|in (?:your )?\.?env|variable)",
        r"[\x22'`]?\b(?<name>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b[\x22'`]? (?i:environment variable |env var(?:iable)? |env )?(?i:is |was |must be |has )?(?i:not set|not defined|not provided|not found|not configured|not been set|missing|required|undefined|unset|empty|set\b|defined\b|provided\b)",
        r"(?i)(?:missing|required?|no|undefined|please set|please define|please provide)\b:? (?:the )?[\x22'`]?(?<name>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))\b",
        r"(?i)set(?:ting)? (?:the )?[\x22'`]?(?<name>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))\b[\x22'`]? (?:environment|env)",
        // Zod, valibot, envalid, env-schema, class-validator.
        r"path: \[ '(?<name>[A-Z][A-Z0-9_]{2,})' \]",
        r"^\s*→ at (?<name>[A-Z][A-Z0-9_]{2,})$",
        r"^[\s{]*(?<name>[A-Z][A-Z0-9_]{2,}): (?:\{ _errors: )?\[ ['\x22](?:Required|Invalid|.*(?:undefined|required|empty))",
        r"property (?<name>[A-Z][A-Z0-9_]{2,}) has failed the following constraints",
        r"must have required property '(?<name>[A-Z][A-Z0-9_]{2,})'",
        r#"Invalid environment variables:.*?['"]?(?<name>[A-Z][A-Z0-9_]{2,})['"]?:"#,
    ]
    .map(|pattern| Regex::new(pattern).expect("the pattern is fixed"))
    .into()
});

pub fn explain(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let mut names = all_named(output, known);
    let mut what = None;
    if names.is_empty()
        && let Some((_, thing, words)) = LACKING.iter().find(|(said, ..)| output.says(said))
    {
        what = Some(*thing);
        names.extend(shown_unset(output, known).or_else(|| likely(words, known)));
    }
    if names.is_empty() && is_about_nothing(output) {
        names.extend(shown_unset(output, known));
    }
    names.retain(|name| !known.given.contains(name));
    let Some(first) = names.first().cloned() else {
        return what.map(|thing| {
            Explanation::new(
                FailureKind::VariableMissing,
                format!("it has not been given {thing}"),
            )
            .hint(
                "set the variable that it reads that from with `codemate-preview secret set NAME`",
            )
        });
    };
    let listed = names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let (is, them) = if names.len() == 1 {
        ("is", "it")
    } else {
        ("are", "them")
    };
    let thing = what.map_or(String::new(), |thing| format!(", which has {thing},"));
    let explained = Explanation::new(
        FailureKind::VariableMissing,
        format!("{listed}{thing} {is} not set"),
    );
    let sample = known
        .sample_of(&first)
        .or_else(|| names.iter().find_map(|name| known.sample_of(name)));
    let set = known.set(&first);
    let Some((sample, has_value)) = sample else {
        let read = known.uses().iter().find(|it| it.name == first);
        let place = read.map_or(String::new(), |it| format!("; {} reads it", it.place));
        return Some(
            explained
                .hint(format!(
                    "set {them} with `codemate-preview secret set`, then run `up` again{place}"
                ))
                .next(set),
        );
    };
    let path = known.absolute(&sample.path);
    let with_sample = known.up_with(
        &["--env-file", &path],
        format!("starts it with the values of {}", sample.path),
    );
    let explained = explained.hint(format!(
        "{} lists {them}: copy it to `.env` and fill it in, or start with it as it is, or set {them} with `codemate-preview secret set`",
        sample.path
    ));
    Some(if has_value {
        explained.next(with_sample).next(set)
    } else {
        explained.next(set).next(with_sample)
    })
}

/// Every name that the output says is missing.
fn all_named(output: &Output, known: &ProjectFacts<'_>) -> Vec<String> {
    if let Some(names) = of_settings(output, known) {
        return names;
    }
    let speaks_of = |name: &str| {
        name.contains('_')
            || known.names().iter().any(|it| it == name)
            || known.given.contains(name)
    };
    let mut names: Vec<String> = key_error(output).into_iter().collect();
    names.extend(below_headings(output));
    for line in output.lines() {
        // What a program says it reads is not what it lacks.
        if is_warning(line) {
            continue;
        }
        for pattern in NAMED.iter() {
            if let Some(found) = pattern.captures(line) {
                let name = found["name"].to_owned();
                if is_variable(&name) && speaks_of(&name) && !names.contains(&name) {
                    names.push(name);
                }
                break;
            }
        }
    }
    names
}

/// Names that stand alone on a line, below one that says what they are.
fn below_headings(output: &Output) -> Vec<String> {
    static ALONE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"^\s+(?:- )?"?(?<name>[A-Z][A-Z0-9_]{2,})"?(?:$|: )"#)
            .expect("the pattern is fixed")
    });
    let mut names = Vec::new();
    let mut is_list = false;
    for line in output.lines() {
        let is_heading = line.trim_end().ends_with(r#""path": ["#)
            || line.trim_end().ends_with("issing environment variables:");
        let found = ALONE.captures(line).filter(|_| is_list);
        is_list = is_heading || found.is_some();
        if let Some(name) = found.map(|it| it["name"].to_owned())
            && is_variable(&name)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn is_warning(line: &str) -> bool {
    let line = line.to_lowercase();
    ["warn", "deprecat", "using default"]
        .iter()
        .any(|word| line.contains(word))
}

/// An error number, or a word in capitals, is no variable.
fn is_variable(name: &str) -> bool {
    const NEVER: [&str; 10] = [
        "MODULE_NOT_FOUND",
        "ERR_",
        "E_",
        "NODE_ENV",
        "SQLITE_",
        "P1012",
        "NODE_OPTIONS",
        "SIG",
        "CERTIFICATE_",
        "SQL_",
    ];
    !NEVER.iter().any(|it| name.starts_with(it))
}

/// `os.environ["X"]` of what is not there.
fn key_error(output: &Output) -> Option<String> {
    static KEY: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^KeyError: '(?<name>\w+)'$").expect("the pattern is fixed"));
    let name = output.last(&KEY)?["name"].to_owned();
    output.says("environ").then_some(name)
}

/// The fields that pydantic's settings lack, as variables.
fn of_settings(output: &Output, known: &ProjectFacts<'_>) -> Option<Vec<String>> {
    static HEAD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"validation errors? for (?<class>\w*(?:[Ss]ettings|[Cc]onfig|[Ee]nv)\w*)")
            .expect("the pattern is fixed")
    });
    let lines = output.lines();
    let at = lines.iter().position(|line| HEAD.is_match(line))?;
    let mut fields = Vec::new();
    for pair in lines[at + 1..].windows(2) {
        let is_missing = pair[1].contains("type=missing")
            || pair[1].contains("value_error.missing")
            || pair[1].trim() == "field required";
        if is_missing && !pair[0].starts_with(' ') {
            let field = pair[0].trim().split(" -> ").last().unwrap_or_default();
            fields.push(field.to_uppercase());
        }
    }
    let names = known.names();
    let full = |field: String| {
        let suffix = format!("_{field}");
        let exact = names.iter().find(|name| name.to_uppercase() == field);
        let prefixed = names
            .iter()
            .find(|name| name.to_uppercase().ends_with(&suffix));
        exact.or(prefixed).cloned().unwrap_or(field)
    };
    (!fields.is_empty()).then(|| fields.into_iter().map(full).collect())
}

/// Whether the error is of a value that is not there.
fn is_about_nothing(output: &Output) -> bool {
    static NOTHING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"NoneType|of undefined|undefined \(|of null|Received undefined|got undefined|Invalid URL|must be (?:a string|of type string)|argument must be|is not a valid|undefined is not")
            .expect("the pattern is fixed")
    });
    output.has(&NOTHING)
}

/// A variable that a frame of the error shows being read.
fn shown_unset(output: &Output, known: &ProjectFacts<'_>) -> Option<String> {
    static SHOWN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"(?x)process\.env(?:\.|\[["'])(?<js>[A-Z_][A-Z0-9_]*)
              | (?:environ(?:\.get)?|getenv)\s*[\[(]\s*["'](?<py>[A-Z_][A-Z0-9_]*)"#,
        )
        .expect("the pattern is fixed")
    });
    output.lines().iter().rev().find_map(|line| {
        let found = SHOWN.captures(line)?;
        let name = found.name("js").or_else(|| found.name("py"))?.as_str();
        (!known.given.contains(name)).then(|| name.to_owned())
    })
}

/// The variable of the project's that is most likely meant: words in falling order.
fn likely(words: &[&str], known: &ProjectFacts<'_>) -> Option<String> {
    let names = known.names();
    words.iter().find_map(|word| {
        let found = names
            .iter()
            .filter(|name| !known.given.contains(*name))
            .find(|name| name.to_uppercase().contains(word));
        found.cloned()
    })
}
