//! A database whose tables have not been made, and code that a schema has to be turned into first.

use std::sync::LazyLock;

use regex::Regex;

use super::{Explanation, FailureStage, output::Output, project::ProjectFacts};
use crate::model::{FailureKind, NextStep};

static NO_TABLE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"no such table: (?<table>[\w.]+)",
        r#"relation "(?<table>[\w.]+)" does not exist"#,
        r"Table '(?<table>[\w.]+)' doesn't exist",
        r"The table `(?<table>[\w.]+)` does not exist in the current database",
        r"UndefinedTable",
        r"P2021",
    ]
    .map(|pattern| Regex::new(pattern).expect("the pattern is fixed"))
    .into()
});

static OWN_COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?:click|cli)\.command\(\s*["'](?<name>(?:init|create|setup|seed)[-_]?(?:db|database|tables?|all)?)["']"#,
    )
    .expect("the pattern is fixed")
});

/// The words of Prisma, of Node.js and of TypeScript where Prisma's client has not been generated.
static NOT_GENERATED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)@prisma/client\ did\ not\ initialize\ yet
          |Please\ run\ "prisma\ generate"
          |has\ no\ exported\ member\ 'PrismaClient'
          |'"@prisma/client"'\ has\ no\ exported\ member
          |prisma/client'\ does\ not\ provide\ an\ export\ named
          |Cannot\ find\ (?:module|package)\ '
            (?:\.prisma/client|@prisma/client|[^']*(?:\.prisma|generated[^']*prisma|prisma[^']*generated))"#,
    )
    .expect("the pattern is fixed")
});

/// Whether a line says that the client of Prisma has to be generated.
pub fn asks_to_generate(line: &str) -> bool {
    NOT_GENERATED.is_match(line)
}

pub fn explain(
    output: &Output,
    known: &ProjectFacts<'_>,
    during: FailureStage,
) -> Option<Explanation> {
    if output.has(&NOT_GENERATED) {
        return Some(not_generated(known));
    }
    let found = NO_TABLE.iter().find_map(|pattern| output.last(pattern))?;
    let what = match found.name("table") {
        Some(table) => format!("its database has no table `{}` yet", table.as_str()),
        None => "its database does not have its tables yet".to_owned(),
    };
    let explained = Explanation::new(FailureKind::NotMigrated, what);
    let Some(command) = command(known) else {
        return Some(explained.hint(
            "make the tables: run what the project says for that with `codemate-preview exec`, or once after each installation with `[install] after` in codemate-preview.toml",
        ));
    };
    let line = crate::model::command_line(&command);
    let list = command
        .iter()
        .map(|arg| format!("{arg:?}"))
        .collect::<Vec<_>>()
        .join(", ");
    let setting = format!("install.after = [[{list}]]");
    Some(match during {
        FailureStage::Answer => {
            let mut argv = ["codemate-preview", "exec", known.name, "--"]
                .map(str::to_owned)
                .to_vec();
            argv.extend(command);
            explained
                .hint(format!(
                    "`{line}` makes its tables; `[install] after = [[{list}]]` in codemate-preview.toml does so after each installation"
                ))
                .next(NextStep {
                    argv,
                    why: "makes the tables, inside".to_owned(),
                })
        }
        // Nothing runs that a command could be run in.
        FailureStage::Start | FailureStage::Install => explained
            .hint(format!(
                "`{line}` makes its tables; `[install] after = [[{list}]]` in codemate-preview.toml does so after each installation"
            ))
            .next(known.up_with(
                &["--rebuild", "--config", &setting],
                "makes the tables after installing, then starts it",
            )),
    })
}

/// The client of a schema that has not been made.
fn not_generated(known: &ProjectFacts<'_>) -> Explanation {
    Explanation::new(
        FailureKind::BuildMissing,
        "the client of Prisma has not been generated",
    )
    .hint("`[install] after = [[\"npx\", \"prisma\", \"generate\"]]` in codemate-preview.toml generates it after each installation")
    .next(known.up_with(
        &["--rebuild", "--config", "install.after = [[\"npx\", \"prisma\", \"generate\"]]"],
        "generates it after installing, then starts it",
    ))
}

/// What makes the tables, run in the app's directory.
fn command(known: &ProjectFacts<'_>) -> Option<Vec<String>> {
    let root = known.root();
    let here = |name: &str| known.has(&format!("{root}{name}"));
    let below = |folder: &str| {
        let folder = format!("{root}{folder}/");
        known.files().iter().any(|file| file.starts_with(&folder))
    };
    let owned = |argv: &[&str]| argv.iter().map(|&arg| arg.to_owned()).collect();
    if let Some(manage) = manage_py(known) {
        return Some(owned(&["python", &manage, "migrate"]));
    }
    if below("prisma") {
        let deploys = below("prisma/migrations");
        return Some(owned(if deploys {
            &["npx", "prisma", "migrate", "deploy"]
        } else {
            &["npx", "prisma", "db", "push"]
        }));
    }
    if known.npm_depends_on("sequelize-cli") {
        return Some(owned(&["npx", "sequelize-cli", "db:migrate"]));
    }
    if here("knexfile.js") || here("knexfile.ts") {
        return Some(owned(&["npx", "knex", "migrate:latest"]));
    }
    if known.npm_depends_on("drizzle-kit") {
        return Some(owned(if below("drizzle") {
            &["npx", "drizzle-kit", "migrate"]
        } else {
            &["npx", "drizzle-kit", "push"]
        }));
    }
    let flask = flask(known);
    let migrates = known
        .find_in_code(|line| line.contains("flask_migrate"))
        .is_some();
    if migrates && let Some(flask) = &flask {
        let mut argv = flask.clone();
        argv.extend(["db".to_owned(), "upgrade".to_owned()]);
        return Some(argv);
    }
    if here("alembic.ini") {
        return Some(owned(&["alembic", "upgrade", "head"]));
    }
    // A command of the app's own, as Flask's tutorial has it.
    let mut flask = flask?;
    let name = known.code().find_map(|file| {
        let text = known.read(file)?;
        Some(OWN_COMMAND.captures(&text)?["name"].to_owned())
    })?;
    flask.push(name);
    Some(flask)
}

/// `manage.py`, seen from the app's directory.
fn manage_py(known: &ProjectFacts<'_>) -> Option<String> {
    let root = known.root();
    known
        .files()
        .iter()
        .find(|file| {
            file.starts_with(&root) && (file.ends_with("/manage.py") || *file == "manage.py")
        })
        .map(|file| file[root.len()..].to_owned())
}

/// `flask` with the app it is run with.
fn flask(known: &ProjectFacts<'_>) -> Option<Vec<String>> {
    let argv = &known.plan?.run.argv;
    let at = argv
        .iter()
        .position(|arg| arg == "flask" || arg.ends_with("/flask"))?;
    let run = argv[at..].iter().position(|arg| arg == "run")?;
    let own = argv[at..at + run].iter().filter(|arg| *arg != "--debug");
    Some(own.cloned().collect())
}
