//! Detection over real directories: the plan of every project in `tests/fixtures/projects`.

use std::{collections::BTreeMap, path::PathBuf};

use codemate_preview::{
    model::{Code, Options, ReloadMode, Secret},
    project::{self, LocalTree, ProjectError, Templates},
};

fn tree(name: &str) -> LocalTree {
    let dir: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/fixtures/projects", name]
        .iter()
        .collect();
    LocalTree::open(&dir).expect("the fixture is there")
}

fn detect(
    name: &str,
    options: &Options,
) -> Result<codemate_preview::model::DetectReport, ProjectError> {
    project::detect(&tree(name), &Templates::embedded(), options)
}

macro_rules! plans {
    ($($test:ident: $name:literal,)+) => {$(
        #[test]
        fn $test() {
            let report = detect($name, &Options::default()).unwrap();
            insta::assert_json_snapshot!($name, report.plan);
        }
    )+};
}

plans! {
    flask: "flask-hello",
    fastapi: "fastapi-hello",
    django: "django-hello",
    express: "express-hello",
    vite: "vite-hello",
    next: "next-hello",
    streamlit: "streamlit-hello",
    static_files: "static-hello",
    python_script: "script-python",
    node_script: "script-node",
}

#[test]
fn the_report_says_how_every_template_fared() {
    let report = detect("flask-hello", &Options::default()).unwrap();
    let lines: Vec<String> = report
        .candidates
        .iter()
        .map(|it| {
            let evidence: Vec<String> = it
                .evidence
                .iter()
                .map(|it| format!("{} (+{})", it.what, it.score))
                .collect();
            let rejected = it.rejected.as_deref().unwrap_or("taken");
            format!(
                "{} {}: {rejected}; {}",
                it.template,
                it.score,
                evidence.join(", ")
            )
        })
        .collect();
    insta::assert_snapshot!("report", lines.join("\n"));
}

#[test]
fn two_that_fit_equally_are_the_users_to_choose_from() {
    let error = detect("ambiguous", &Options::default()).unwrap_err();
    let problem = error.problem();
    assert_eq!(problem.code, Code::Detect);
    assert_eq!(
        problem.message,
        "`fastapi` and `flask` fit this project equally well"
    );
    assert_eq!(problem.next.len(), 2);

    let options = Options {
        template: Some("flask".to_owned()),
        ..Options::default()
    };
    let plan = detect("ambiguous", &options).unwrap().plan;
    assert_eq!(plan.run.env["FLASK_APP"], "app:app");
}

#[test]
fn nothing_fits_and_every_template_says_why() {
    let error = detect("nothing", &Options::default()).unwrap_err();
    let ProjectError::NothingDetected {
        candidates, roots, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert!(
        candidates
            .iter()
            .all(|it| it.rejected.is_some() && it.score == 0)
    );
    assert_eq!(roots.len(), 0);
    assert_eq!(error.problem().code.exit_code(), 6);
}

#[test]
fn an_image_and_a_command_are_enough_where_nothing_fits() {
    let mut options = Options {
        image: Some("example/cobol:1".to_owned()),
        port: Some(9000),
        ..Options::default()
    };
    options.run.command = Some(vec![
        "serve".to_owned(),
        "${port}".to_owned(),
        "${HOME}".to_owned(),
    ]);
    let plan = detect("nothing", &options).unwrap().plan;
    assert_eq!(plan.template, "custom");
    assert_eq!((plan.image.as_str(), plan.stack), ("example/cobol:1", None));
    assert_eq!(plan.run.argv, ["serve", "9000", "${HOME}"]);
    assert!(plan.run.port_is_fixed && plan.install.is_none());
}

#[test]
fn an_empty_directory_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let tree = LocalTree::open(dir.path()).unwrap();
    let error = project::detect(&tree, &Templates::embedded(), &Options::default()).unwrap_err();
    assert!(matches!(error, ProjectError::EmptyDirectory { .. }));
}

#[test]
fn the_back_end_of_a_monorepo_is_run_and_the_others_are_told_and_chosen_by_their_root() {
    let report = detect("monorepo", &Options::default()).unwrap();
    assert_eq!(report.plan.root, "apps/api");
    assert_eq!(report.plan.template, "flask");
    let inputs = report.plan.install.unwrap().inputs;
    assert!(inputs.iter().all(|glob| glob.starts_with("apps/api/")));
    let [note] = &report.notes[..] else {
        panic!("{:?}", report.notes)
    };
    assert_eq!(
        note.message,
        "the app in `apps/api` is run, and not `apps/web` (Vite)"
    );
    let hint = note.hint.as_deref().unwrap();
    assert!(
        hint.starts_with("to run another: codemate-preview up -C /")
            && hint.ends_with("/monorepo/apps/web"),
        "{hint}"
    );

    let options = Options {
        root: Some("./apps/web/".to_owned()),
        ..Options::default()
    };
    let plan = detect("monorepo", &options).unwrap().plan;
    assert_eq!(plan.template, "vite");
    assert_eq!(plan.install.unwrap().inputs[0], "apps/web/package.json");
    assert_eq!(plan.root, "apps/web");

    let options = Options {
        root: Some("../flask-hello".to_owned()),
        ..Options::default()
    };
    let error = detect("monorepo", &options).unwrap_err();
    assert!(matches!(error, ProjectError::BadOptions { key, .. } if key == "root"));
}

fn written(files: &[(&str, &str)]) -> (tempfile::TempDir, LocalTree) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = LocalTree::open(dir.path()).unwrap();
    (dir, tree)
}

fn problem_of(files: &[(&str, &str)]) -> (String, codemate_preview::model::Problem) {
    let (dir, tree) = written(files);
    let at = dir.path().canonicalize().unwrap();
    let error = project::detect(&tree, &Templates::embedded(), &Options::default()).unwrap_err();
    (at.to_str().unwrap().to_owned(), error.problem())
}

const FLASK: &str = "from flask import Flask\napp = Flask(__name__)\n";

#[test]
fn what_is_not_supported_is_named_with_the_file_that_shows_it() {
    for (files, message) in [
        (
            &[("Gemfile", ""), ("config.ru", "")][..],
            "Gemfile: Ruby is not supported yet",
        ),
        (
            &[
                ("artisan", ""),
                ("composer.json", "{}"),
                (
                    "package.json",
                    r#"{"scripts":{"dev":"vite"},"devDependencies":{"vite":"7"}}"#,
                ),
                ("vite.config.js", ""),
            ],
            "artisan: PHP (Laravel) is not supported yet",
        ),
        (
            &[
                ("deno.json", "{}"),
                ("main.ts", "Deno.serve(f)"),
                ("index.html", ""),
            ],
            "deno.json: Deno is not supported yet",
        ),
        (
            &[
                ("go.mod", ""),
                ("web/package.json", r#"{"scripts":{"dev":"vite"}}"#),
            ],
            "go.mod: Go is not supported yet",
        ),
        (&[("pom.xml", "")], "pom.xml: Java is not supported yet"),
        (
            &[("notes/one.ipynb", "{}")],
            "notes/one.ipynb: Jupyter notebooks is not supported yet",
        ),
        (
            &[("Dockerfile", "FROM x\n")],
            "no template fits this project, and a preview does not use its Dockerfile",
        ),
    ] {
        let (_, problem) = problem_of(files);
        assert_eq!(problem.message, message);
        assert_eq!(problem.code.exit_code(), 6);
        let hint = problem.hint.unwrap();
        assert!(
            hint.contains("Flask") && hint.contains("image = "),
            "{hint}"
        );
        assert!(!problem.candidates.is_empty());
    }
}

#[test]
fn apps_that_are_alike_are_the_users_to_choose_from_by_commands_that_work_anywhere() {
    let (at, problem) = problem_of(&[
        ("01-hello/app.py", FLASK),
        ("01-hello/requirements.txt", "flask"),
        ("02-forms/app.py", FLASK),
        ("02-forms/requirements.txt", "flask"),
    ]);
    assert_eq!(
        problem.message,
        "the project holds several apps, and none is clearly meant"
    );
    assert_eq!(
        problem.next[0].argv,
        ["codemate-preview", "up", "-C", &format!("{at}/01-hello")]
    );
    assert_eq!(problem.next.len(), 3);
}

#[test]
fn the_only_app_is_run_where_it_is() {
    for dir in ["backend", "src/backend", "services/shop/web"] {
        let app = format!("{dir}/app.py");
        let requirements = format!("{dir}/requirements.txt");
        let (_dir, tree) = written(&[
            ("README.md", ""),
            ("docker-compose.yml", "services: {}\n"),
            (&app, FLASK),
            (&requirements, "flask\n"),
        ]);
        let report = project::detect(&tree, &Templates::embedded(), &Options::default()).unwrap();
        assert_eq!((report.plan.root.as_str(), report.notes.len()), (dir, 0));
    }
}

#[test]
fn what_the_user_says_is_stronger_than_the_template() {
    let mut options = Options {
        version: Some("3.11".to_owned()),
        port: Some(5050),
        env: BTreeMap::from([("TOKEN".to_owned(), Secret::new("hunter2"))]),
        set: BTreeMap::from([("entry".to_owned(), "other:web".to_owned())]),
        ..Options::default()
    };
    options.install.commands = Some(vec![vec!["make".to_owned(), "deps".to_owned()]]);
    options.ready.path = Some("/health".to_owned());
    options.ready.status = Some("200".to_owned());
    options.ready.timeout = Some("2m".to_owned());
    options.reload.mode = Some(ReloadMode::None);
    options.sync.ignore = Some(vec!["data/".to_owned()]);
    let report = detect("flask-hello", &options).unwrap();
    let plan = &report.plan;
    assert_eq!(plan.image.as_str(), "codemate/python:3.11");
    assert_eq!(plan.run.env["FLASK_APP"], "other:web");
    assert_eq!(
        (plan.run.port, plan.run.env["PORT"].as_str()),
        (5050, "5050")
    );
    assert_eq!(plan.install.as_ref().unwrap().commands, [["make", "deps"]]);
    assert_eq!(
        (plan.ready.path.as_str(), plan.ready.status),
        ("/health", Some((200, 200)))
    );
    assert_eq!((plan.ready.timeout.as_secs(), plan.ready.most), (120, None));
    assert_eq!(plan.reload.mode, ReloadMode::None);
    assert!(plan.ignore.contains(&"data/".to_owned()));
    assert!(!serde_json::to_string(&report).unwrap().contains("hunter2"));
}

#[test]
fn settings_that_cannot_be_are_refused_by_their_key() {
    let with = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        detect("flask-hello", &options).unwrap_err().problem()
    };
    for (problem, message) in [
        (
            with(|it| it.port = Some(0)),
            "setting `port`: expected 1 to 65535",
        ),
        (
            with(|it| it.ready.timeout = Some("soon".to_owned())),
            "setting `ready.timeout`: expected a duration, such as `90s`",
        ),
        (
            with(|it| _ = it.set.insert("entri".to_owned(), "a:b".to_owned())),
            "setting `set.entri`: template `flask` has no such question; did you mean `entry`?",
        ),
        (
            with(|it| it.template = Some("flaks".to_owned())),
            "there is no template `flaks`",
        ),
    ] {
        assert_eq!(
            (problem.code, problem.message.as_str()),
            (Code::Config, message)
        );
    }
    let problem = with(|it| it.version = Some("2.7".to_owned()));
    assert_eq!(problem.code, Code::Detect);
    assert!(
        problem
            .message
            .starts_with("setting `version` asks for python 2.7"),
        "{}",
        problem.message
    );
}
