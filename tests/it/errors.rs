//! `docs/errors.md` is what the code says of its errors. `UPDATE_ERRORS=1` writes it anew.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, time::Duration};

use codemate_preview::{
    engine::EngineError,
    lifecycle::{
        LifecycleError,
        explain::{Explanation, FailureStage, ProjectFacts, explain},
    },
    model::{AppExit, Code, FailureKind, Problem, command_line},
    project::{LocalTree, ProjectError},
    source::{SourceError, supabase::SupabaseError},
};

/// Each code with the test that ends in it.
const SHOWN: [(Code, &str); 16] = [
    (Code::Internal, "the_example_of_a_code_has_it"),
    (Code::Usage, "bad_usage_is_2"),
    (Code::NotFound, "not_found_is_3"),
    (Code::Credential, "the_example_of_a_code_has_it"),
    (Code::Docker, "no_engine_is_5"),
    (Code::Agent, "the_example_of_a_code_has_it"),
    (Code::Detect, "nothing_recognised_is_6"),
    (Code::Config, "a_bad_settings_file_is_6"),
    (Code::Sync, "a_file_too_large_is_7"),
    (Code::Install, "a_failed_install_is_8"),
    (Code::AppExited, "an_app_that_exits_is_9"),
    (Code::TimedOut, "nothing_listening_is_10"),
    (Code::Tunnel, "the_example_of_a_code_has_it"),
    (Code::Policy, "too_much_asked_is_12"),
    (Code::Interrupted, "interrupted_is_130"),
    (Code::Terminated, "terminated_is_143"),
];

/// A kind, the project's files, what was going on, what was written.
type Output = (
    FailureKind,
    &'static [(&'static str, &'static str)],
    FailureStage,
    &'static str,
);

/// Each kind from an output.
const OUTPUTS: &[Output] = &[
    (
        FailureKind::ServiceMissing,
        &[(
            ".env.example",
            "DATABASE_URL=postgres://u:p@localhost:5432/shop\n",
        )],
        FailureStage::Start,
        "psycopg2.OperationalError: connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused",
    ),
    (
        FailureKind::VariableMissing,
        &[(".env.example", "API_TOKEN=abc\n")],
        FailureStage::Start,
        "    key = os.environ[\"API_TOKEN\"]\nKeyError: 'API_TOKEN'",
    ),
    (
        FailureKind::ModuleMissing,
        &[
            ("requirements.txt", "flask\n"),
            ("app.py", "import dotenv\n"),
        ],
        FailureStage::Start,
        "  File \"/home/app/workspace/app.py\", line 1, in <module>\nModuleNotFoundError: No module named 'dotenv'",
    ),
    (
        FailureKind::FileMissing,
        &[("error.js", ""), ("index.js", "require('./Error')\n")],
        FailureStage::Start,
        "Error: Cannot find module './Error'\nRequire stack:\n- /home/app/workspace/index.js",
    ),
    (
        FailureKind::BuildMissing,
        &[("package.json", "{\"scripts\":{\"build\":\"tsc\"}}")],
        FailureStage::Start,
        "Error: Cannot find module '/home/app/workspace/dist/index.js'",
    ),
    (
        FailureKind::NotMigrated,
        &[("manage.py", "")],
        FailureStage::Answer,
        "django.db.utils.OperationalError: no such table: shop_item",
    ),
    (
        FailureKind::NeedsBuilding,
        &[],
        FailureStage::Install,
        "  × Failed to build `psycopg2==2.9.9`\n      Error: pg_config executable not found.",
    ),
    (
        FailureKind::NeedsGit,
        &[],
        FailureStage::Install,
        "  ╰─▶ Git executable not found. Ensure that Git is installed and available.",
    ),
    (
        FailureKind::VersionUnsupported,
        &[],
        FailureStage::Install,
        "  ╰─▶ Because the current Python version (3.13.5) does not satisfy Python>=3.8,<3.12 and numba==0.57",
    ),
    (
        FailureKind::PackageUnavailable,
        &[("requirements.txt", "flaskk\n")],
        FailureStage::Install,
        "  ╰─▶ Because flaskk was not found in the package registry and you require flaskk, we can conclude",
    ),
    (
        FailureKind::DependencyConflict,
        &[],
        FailureStage::Install,
        "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree",
    ),
    (
        FailureKind::LockMismatch,
        &[("package-lock.json", "{}"), ("package.json", "{}")],
        FailureStage::Start,
        "Error: Cannot find module '@rollup/rollup-linux-x64-gnu'",
    ),
    (
        FailureKind::OutOfMemory,
        &[],
        FailureStage::Start,
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
    ),
    (
        FailureKind::PortTaken,
        &[],
        FailureStage::Start,
        "Error: listen EADDRINUSE: address already in use :::3000",
    ),
    (
        FailureKind::NotAllowed,
        &[],
        FailureStage::Start,
        "Error: EROFS: read-only file system, mkdir '/data'",
    ),
    (
        FailureKind::RunsInBackground,
        &[],
        FailureStage::Start,
        "[PM2] Starting /home/app/workspace/server.mjs in fork_mode (1 instance)",
    ),
    (
        FailureKind::WatchLimit,
        &[],
        FailureStage::Start,
        "Error: ENOSPC: System limit for number of file watchers reached, watch '/home/app/workspace'",
    ),
    (
        FailureKind::OldOpenssl,
        &[],
        FailureStage::Start,
        "Error: error:0308010C:digital envelope routines::unsupported",
    ),
    (
        FailureKind::Python2,
        &[],
        FailureStage::Start,
        "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?",
    ),
    (
        FailureKind::HostRefused,
        &[],
        FailureStage::Answer,
        "Invalid HTTP_HOST header: 'shop.localhost:7070'. You may need to add 'shop.localhost' to ALLOWED_HOSTS.",
    ),
    (
        FailureKind::AppError,
        &[],
        FailureStage::Start,
        "Traceback (most recent call last):\n  File \"/home/app/workspace/app.py\", line 7, in <module>\nValueError: no",
    ),
];

fn told(files: &[(&str, &str)], during: FailureStage, output: &str) -> Option<Explanation> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let tree = LocalTree::open(dir.path()).unwrap();
    let up = ["codemate-preview", "up", "/src/shop"].map(str::to_owned);
    let known = ProjectFacts::new("shop", "/src/shop", up.into(), &tree);
    let lines: Vec<String> = output.lines().map(str::to_owned).collect();
    explain(&lines, during, &known)
}

fn exit(code: i32) -> AppExit {
    AppExit {
        code: Some(code),
        signal: None,
        out_of_memory: false,
        peak_bytes: None,
        limit_bytes: None,
        last_lines: Vec::new(),
    }
}

/// A problem of each code, from the room that tells it.
fn examples() -> Vec<Problem> {
    let shop = || "shop".to_owned();
    let mut examples: Vec<Problem> = vec![
        LifecycleError::ProbeFailed { rows: 1 }.problem(),
        Problem::new(
            Code::Usage,
            "`--follow` has no end, so it is not one document",
        )
        .hint("`--format ndjson` streams"),
        LifecycleError::NotFound { asked: shop() }.problem(),
        LifecycleError::from(SourceError::from(SupabaseError::Credential {
            said: "invalid API key".to_owned(),
            hint: "set SUPABASE_KEY".to_owned(),
        }))
        .problem(),
        LifecycleError::from(EngineError::Unreachable {
            endpoint: "/var/run/docker.sock".to_owned(),
            reason: "connection refused".to_owned(),
        })
        .problem(),
        LifecycleError::ShuttingDown.problem(),
        LifecycleError::from(ProjectError::EmptyDirectory {
            root: "/src/shop".to_owned(),
        })
        .problem(),
        LifecycleError::BadOption {
            key: "limits.memory",
            value: "much".to_owned(),
            expected: "size, such as `512MiB`",
        }
        .problem(),
        Problem::new(
            Code::Sync,
            "`data.bin` did not get in: it is larger than 512 MiB",
        ),
        LifecycleError::Install {
            command: "npm ci".to_owned(),
            argv: vec!["npm".to_owned(), "ci".to_owned()],
            code: 1,
            lines: Vec::new(),
        }
        .problem(),
        LifecycleError::AppExited {
            exit: Box::new(exit(1)),
            answered: false,
        }
        .problem(),
        LifecycleError::WaitTimedOut {
            name: shop(),
            waited: Duration::from_mins(1),
            phase: codemate_preview::model::PhaseKind::Starting,
        }
        .problem(),
        LifecycleError::NoTunnelChosen.problem(),
        LifecycleError::TooManyLinks { most: 100 }.problem(),
        LifecycleError::Cancelled { name: shop() }.problem(),
    ];
    examples.push(Problem::new(Code::Terminated, "terminated"));
    examples
}

#[test]
fn the_example_of_a_code_has_it() {
    let codes: Vec<Code> = examples().iter().map(|it| it.code).collect();
    assert_eq!(codes, Code::ALL);
    let shown: Vec<Code> = SHOWN.iter().map(|(code, _)| *code).collect();
    assert_eq!(shown, Code::ALL);
}

#[test]
fn every_code_is_shown_by_a_test_that_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let sources: String = ["docker/exits.rs", "it/errors.rs"]
        .iter()
        .map(|file| fs::read_to_string(tests.join(file)).unwrap())
        .collect();
    for (code, test) in SHOWN {
        assert!(
            sources.contains(&format!("fn {test}()")),
            "{}: {test}",
            code.as_str()
        );
    }
}

#[test]
fn every_kind_is_told_from_an_output() {
    let mut seen: BTreeSet<FailureKind> = BTreeSet::new();
    for (kind, files, during, output) in OUTPUTS {
        let told = told(files, *during, output).unwrap_or_else(|| panic!("{output}"));
        assert_eq!(told.kind, *kind, "{output}: {told:?}");
        seen.insert(*kind);
    }
    // That of a command on what is not running, which no output tells.
    seen.insert(FailureKind::NotRunning);
    let all: BTreeSet<FailureKind> = FailureKind::ALL.iter().copied().collect();
    assert_eq!(seen, all);
}

#[test]
fn the_page_that_ships_is_current() {
    let page = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    #[expect(clippy::disallowed_methods, reason = "a test has no settings")]
    let update = std::env::var_os("UPDATE_ERRORS").is_some();
    if update {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let shipped = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        shipped == page,
        "docs/errors.md is old: run the tests with UPDATE_ERRORS=1"
    );
}

fn page() -> String {
    let mut page = "# Errors\n\n\
        Written by `tests/it/errors.rs` from the code; `UPDATE_ERRORS=1 cargo test --test it errors` writes it anew.\n\n\
        Every failure is a `Problem`: with `--json` in the result, with text on standard error.\n\n\
        ```json\n{\"code\": \"E_…\", \"kind\": \"…\", \"message\": \"…\", \"hint\": \"…\", \"retryable\": false, \"next\": [{\"argv\": [\"…\"], \"why\": \"…\"}]}\n```\n\n\
        `code` and `kind` are stable; programs need no text. `next` holds commands that run as they are from any \
        directory, the most promising first. Such a command changes a file of the project only where its `why` says so.\n\n\
        ## Codes\n\n"
        .to_owned();
    for (problem, (code, test)) in examples().iter().zip(SHOWN) {
        let (cause, remedy) = code.cause_and_remedy();
        let _ = write!(
            page,
            "### `{}`, exit {}\n\n{cause} {remedy}\n\n{}Shown by the test `{test}`.\n\n",
            code.as_str(),
            code.exit_code(),
            example(&problem.message, problem.hint.as_deref(), None),
        );
    }
    page.push_str(
        "## Kinds\n\nWhat a failed installation or a failed start comes from, told from what was written and from the project's files. \
         After each is an output and what is told of it.\n\n",
    );
    for kind in FailureKind::ALL {
        let (cause, remedy) = kind.cause_and_remedy();
        let _ = write!(
            page,
            "### `{}`\n\n{} {remedy}\n\n",
            kind.as_str(),
            cause.trim()
        );
        for (of, files, during, output) in OUTPUTS {
            if of != kind {
                continue;
            }
            let told = told(files, *during, output).unwrap();
            let first = told.next.first();
            let who = match first {
                Some(_) => "The first command alone may end it.",
                None => "A person has to edit what is named.",
            };
            let _ = write!(
                page,
                "```text\n{output}\n```\n\n{}{who}\n\n",
                example(
                    &told.what,
                    Some(&told.hint),
                    first.map(|step| command_line(&step.argv)).as_deref()
                ),
            );
        }
    }
    page.push_str(&failures());
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Projects that fail at first, of those that the tests bring up, and what ends each failure.
fn failures() -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects");
    let mut rows: Vec<(String, i64, bool)> = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "toml") {
            continue;
        }
        let table: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for project in table["project"].as_array().unwrap() {
            let exit = project["expect"]["exit"].as_integer().unwrap();
            if exit != 0 {
                let by_command = project["expect"].get("next").is_some();
                let name = project["name"].as_str().unwrap().to_owned();
                rows.push((name, exit, by_command));
            }
        }
    }
    rows.sort();
    let by_command = rows.iter().filter(|(.., by_command)| *by_command).count();
    let mut text = format!(
        "## Failures that are tried\n\nProjects of `tests/projects` whose first `up` fails, {} in all. \
         Of {by_command} the first command that is printed, run as it is, ends in a page; of the others a person has to edit \
         what the message names, or to give a value.\n\n| project | exit | what ends it |\n|---|--:|---|\n",
        rows.len()
    );
    for (name, exit, by_command) in rows {
        let who = if by_command {
            "the first command"
        } else {
            "a person"
        };
        let _ = writeln!(text, "| `{name}` | {exit} | {who} |");
    }
    text
}

fn example(message: &str, hint: Option<&str>, next: Option<&str>) -> String {
    let mut text = format!("```text\n{message}\n");
    if let Some(hint) = hint {
        let _ = writeln!(text, "hint: {hint}");
    }
    if let Some(next) = next {
        let _ = writeln!(text, "  {next}");
    }
    text.push_str("```\n\n");
    text
}
