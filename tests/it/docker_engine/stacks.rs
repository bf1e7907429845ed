//! The base images themselves: built from `images/`, and fit to install with.

use std::path::PathBuf;

use codemate_preview::{
    engine::{BuildRequest, Engine, ExecOutput, ExecSpec},
    model::{ContainerSpec, ImageRef},
    project::images::{Layer, OwnImage, SUITES},
    security::egress_presets,
};
use tokio::sync::mpsc;

use super::{Rig, approved, command};

const TRUST: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A running instance on a freshly built stack.
async fn on_stack(test: &str, stack: &str, version: &str, suite: &str) -> Rig {
    let rig = rig_of(test);
    let debian: ImageRef = format!("debian:{suite}-slim").parse().unwrap();
    assert!(
        rig.engine.image(&debian).await.unwrap().is_some(),
        "{test}: {debian} is not here; `images/setup` makes it"
    );
    let ours = OwnImage::of(&ImageRef::ours(SUITES, suite)).unwrap();
    let base = built_as(&rig, ours, &debian).await;
    started(rig, stack, version, &base).await
}

fn rig_of(test: &str) -> Rig {
    Rig::with(test, |settings| {
        settings.ca_bundle = Some(TRUST.into()).filter(|path: &PathBuf| path.exists());
    })
}

/// The instance runs in what ships as that version, built on `base`.
async fn started(rig: Rig, stack: &str, version: &str, base: &ImageRef) -> Rig {
    let ours = OwnImage::of(&ImageRef::ours(stack, version)).unwrap();
    let image = built_as(&rig, ours, base).await;
    let spec = ContainerSpec {
        image,
        ..rig.spec()
    };
    rig.engine.start(&approved(spec)).await.unwrap();
    rig
}

/// What ships as that image, built on `base` under a name of the test's own.
async fn built_as(rig: &Rig, ours: OwnImage, base: &ImageRef) -> ImageRef {
    let tag: ImageRef = format!("codemate-test/{}:{}", rig.owner, ours.stack.name)
        .parse()
        .unwrap();
    let mut args = ours.args(base);
    let registry = format!("https://{}", egress_presets()["npm"][0]);
    args.insert("NPM_REGISTRY".to_owned(), registry);
    let build = BuildRequest {
        tag: tag.clone(),
        context: ours.context(),
        args,
        recipe: Some(ours.recipe()),
    };
    let (progress, mut told) = mpsc::channel(100);
    let (outcome, ()) = tokio::join!(rig.engine.build_image(build, progress), async {
        while told.recv().await.is_some() {}
    });
    outcome.unwrap();
    tag
}

async fn run(rig: &Rig, argv: &[&str]) -> String {
    let spec = ExecSpec {
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
        cwd: ContainerSpec::WORKSPACE.to_owned(),
        ..command(&[])
    };
    let mut session = rig.engine.exec(&rig.id(), spec).await.unwrap();
    let mut told = String::new();
    while let Some(ExecOutput::Stdout(bytes) | ExecOutput::Stderr(bytes)) =
        session.read().await.unwrap()
    {
        told.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert_eq!(session.exit_code().await.unwrap(), 0, "{argv:?}: {told}");
    told
}

async fn installs_flask(test: &str, version: &str, base: &str) {
    let rig = on_stack(test, "python", version, base).await;
    flask_on(&rig, version).await;
}

async fn flask_on(rig: &Rig, version: &str) {
    run(rig, &["uv", "venv", "--quiet", "/home/app/venv"]).await;
    run(
        rig,
        &[
            "uv",
            "pip",
            "install",
            "--quiet",
            "--python",
            "/home/app/venv",
            "flask",
        ],
    )
    .await;
    let told = run(
        rig,
        &[
            "python",
            "-c",
            "import flask, sys; print(sys.prefix, sys.version)",
        ],
    )
    .await;
    assert!(
        told.starts_with(&format!("/home/app/venv {version}.")),
        "{told}"
    );
    assert_eq!(rig.run(&["stat", "/home/app"]).await.0, "1000:1000 755");
}

#[tokio::test]
async fn python_3_13_installs_flask() {
    installs_flask("python_3_13_installs_flask", "3.13", "trixie").await;
}

#[tokio::test]
async fn python_3_11_installs_flask() {
    installs_flask("python_3_11_installs_flask", "3.11", "bookworm").await;
}

/// Where no image of the suite is to be had: it is made in a container of another.
#[tokio::test]
async fn python_3_14_installs_flask_on_a_suite_made_in_another() {
    let test = "python_3_14_installs_flask_on_a_suite_made_in_another";
    let rig = rig_of(test);
    let bookworm: ImageRef = "debian:bookworm-slim".parse().unwrap();
    let forky = OwnImage::of(&ImageRef::ours(SUITES, "forky")).unwrap();
    let suite = built_as(&rig, forky.with(Layer::Made), &bookworm).await;
    let rig = started(rig, "python", "3.14", &suite).await;
    flask_on(&rig, "3.14").await;
}

#[tokio::test]
async fn node_24_installs_express() {
    let test = "node_24_installs_express";
    let rig = on_stack(test, "node", "24", "trixie").await;
    let quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    run(
        &rig,
        &[&["npm", "install", "express@5"][..], &quiet].concat(),
    )
    .await;
    run(&rig, &[&["npm", "ci"][..], &quiet].concat()).await;
    let told = run(
        &rig,
        &[
            "node",
            "-p",
            "require('express').name + process.versions.node",
        ],
    )
    .await;
    assert!(told.starts_with("createApplication24."), "{told}");
}
