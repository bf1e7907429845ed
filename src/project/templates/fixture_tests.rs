//! Runs the fixtures that templates carry.

use super::{
    fixture::{Expect, Fixture},
    format::Template,
    pattern::FileGlob,
};
use crate::{
    model::{DetectReport, Options, Plan},
    project::{ProjectError, Templates, detect, files::tree::memory::MemoryTree},
};

#[test]
fn every_template_keeps_what_its_fixtures_say() {
    let templates = Templates::embedded();
    let mut faults = Vec::new();
    for template in templates.iter() {
        for fixture in &template.tests {
            let options = Options {
                set: fixture.set.clone(),
                ..Options::default()
            };
            let tree = MemoryTree::new(fixture.files.clone());
            let outcome = detect(&tree, &templates, &options);
            for fault in compare(fixture, &outcome) {
                faults.push(format!("{}: {}: {fault}", template.id, fixture.name));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_template_has_three_fixtures_and_one_that_it_does_not_fit() {
    for template in Templates::embedded()
        .iter()
        .filter(|it| !it.detect.all.is_empty())
    {
        assert!(template.tests.len() >= 3, "{}", template.id);
        assert!(
            template.tests.iter().any(|it| is_negative(template, it)),
            "{}",
            template.id
        );
    }
}

fn is_negative(template: &Template, fixture: &Fixture) -> bool {
    let expect = &fixture.expect;
    expect.not_template.as_ref() == Some(&template.id)
        || expect.error.is_some()
        || expect
            .template
            .as_ref()
            .is_some_and(|it| *it != template.id)
}

fn compare(fixture: &Fixture, outcome: &Result<DetectReport, ProjectError>) -> Vec<String> {
    let expect = &fixture.expect;
    let report = match outcome {
        Ok(report) => report,
        Err(error) => return of_error(expect, error),
    };
    let plan = &report.plan;
    let mut faults = Vec::new();
    let mut check = |what: &str, holds: Option<bool>, got: &dyn std::fmt::Debug| {
        if holds == Some(false) {
            faults.push(format!("{what} is {got:?}"));
        }
    };
    check("error", expect.error.as_ref().map(|_| false), &"none");
    check(
        "template",
        expect.template.as_ref().map(|it| *it == plan.template),
        &plan.template,
    );
    check(
        "template",
        expect.not_template.as_ref().map(|it| *it != plan.template),
        &plan.template,
    );
    check(
        "title",
        expect.title.as_ref().map(|it| *it == plan.title),
        &plan.title,
    );
    check(
        "command",
        expect.command.as_ref().map(|it| *it == plan.run.argv),
        &plan.run.argv,
    );
    for (files, expected) in [(&expect.restarts, true), (&expect.keeps, false)] {
        for file in files {
            let restarts = restarts(plan, file);
            check("restart", Some(restarts == expected), file);
        }
    }
    check(
        "root",
        expect.root.as_ref().map(|it| *it == plan.root),
        &plan.root,
    );
    for (name, value) in &expect.env {
        check(
            name,
            Some(plan.run.env.get(name) == Some(value)),
            &plan.run.env.get(name),
        );
    }
    check(
        "port",
        expect.port.map(|it| it == plan.run.port),
        &plan.run.port,
    );
    check(
        "reload",
        expect.reload.map(|it| it == plan.reload.mode),
        &plan.reload.mode,
    );
    let version = plan.version.as_ref().map(|it| it.version.as_str());
    check(
        "version",
        expect
            .version
            .as_ref()
            .map(|it| Some(it.as_str()) == version),
        &version,
    );
    let install = plan.install.as_ref().map_or(&[][..], |it| &it.commands);
    check(
        "install",
        expect.install.as_ref().map(|it| it == install),
        &install,
    );
    faults
}

/// What is wrong with an error, if anything is.
fn of_error(expect: &Expect, error: &ProjectError) -> Vec<String> {
    let known = expect.error.as_deref() == Some(kind(error));
    let excused =
        expect.error.is_none() && expect.template.is_none() && expect.not_template.is_some();
    if known || excused {
        Vec::new()
    } else {
        vec![format!("{error}: {error:?}")]
    }
}

fn restarts(plan: &Plan, file: &str) -> bool {
    let globs = plan.reload.restart_on.iter();
    let mut globs = globs.map(|glob| FileGlob::new(glob).unwrap());
    globs.any(|glob| glob.fits(file))
}

fn kind(error: &ProjectError) -> &'static str {
    match error {
        ProjectError::EmptyDirectory { .. } => "empty-directory",
        ProjectError::Unreadable { .. } => "unreadable",
        ProjectError::NothingDetected { .. } => "nothing-detected",
        ProjectError::Ambiguous { .. } => "ambiguous",
        ProjectError::NeedsAnswer { .. } => "needs-answer",
        ProjectError::Unsupported { .. } => "unsupported",
        ProjectError::BadTemplate { .. } => "bad-template",
        ProjectError::NoSuchTemplate { .. } => "no-such-template",
        ProjectError::VersionUnavailable { .. } => "version-unavailable",
        ProjectError::VersionUnreadable { .. } => "version-unreadable",
        ProjectError::BrokenManifest { .. } => "broken-manifest",
        ProjectError::BadOptions { .. } => "bad-options",
    }
}
