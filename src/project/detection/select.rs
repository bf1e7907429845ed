//! Which template a project gets: every one is tried, and the report says how each fared.

use super::{
    other_languages,
    project_view::ProjectView,
    score::{evaluate, explain},
    template_view::TemplateView,
};
use crate::{
    config,
    model::{Candidate, DetectReport, Note, Options},
    project::{
        ProjectError, Templates,
        error::place,
        files::{
            manifest,
            tree::{SubTree, Tree, relative},
        },
        images::Registry,
        plan::{self, notes},
        subfolders::{self, App, Role},
        templates::format::Template,
    },
};

/// The template taken when the user gave both an image and a command and nothing else fits.
const CUSTOM: &str = "custom";

/// Reads what is needed of `tree` and executes nothing.
///
/// The plan's globs are relative to `tree`, also where `options.root` names a directory in it, or
/// where the app was found in one; its commands are to be run in that directory. The plan holds none
/// of `options.env`, whose values are secret: they are laid over the plan's environment where it is
/// used.
pub fn detect(
    tree: &dyn Tree,
    templates: &Templates,
    options: &Options,
) -> Result<DetectReport, ProjectError> {
    detect_where(tree, templates, options, Registry::Silent)
}

/// The same where more versions may be had.
pub fn detect_where(
    tree: &dyn Tree,
    templates: &Templates,
    options: &Options,
    registry: Registry,
) -> Result<DetectReport, ProjectError> {
    let root = root(options)?;
    let rooted = SubTree::new(tree, &root);
    if rooted.files().is_empty() {
        return Err(ProjectError::EmptyDirectory {
            root: if root.is_empty() { ".".into() } else { root },
        });
    }
    let asked = DetectRequest { options, registry };
    let project = ProjectView::new(&rooted);
    let candidates = all_tried(&project, templates, options);
    let chosen = choose(&project, templates, options, &candidates);
    let chosen = unless_broken(&rooted, options, &candidates, chosen);
    if let Err(error @ ProjectError::BrokenManifest { .. }) = chosen {
        return Err(error);
    }
    // What the user said is not looked for elsewhere.
    if options.root.is_some() || options.template.is_some() {
        return report(&project, chosen?, candidates, asked, &root);
    }
    let template_fit = match &chosen {
        Ok(template) => template_fit(&TemplateView::new(&project, template, &options.set)),
        Err(ProjectError::Ambiguous { .. }) => TemplateFit::Firm,
        Err(_) => TemplateFit::None,
    };
    if template_fit == TemplateFit::Firm {
        return report(&project, chosen?, candidates, asked, &root);
    }
    let mut apps = subfolders::apps(tree, templates);
    // The pages of an application in another language are not that application.
    if project.foreign().is_some() {
        apps.retain(|app| app.role == Role::Server);
    }
    let best = subfolders::clearly_best(&apps);
    let best =
        best.filter(|app| template_fit != TemplateFit::Weak || app.is_server_of_its_own(tree));
    match (best, chosen) {
        // The files to install from are at the top and apply to each app below.
        (Some(_), Ok(template)) if template_fit == TemplateFit::Deep => {
            report(&project, template, candidates, asked, &root)
        }
        (Some(app), _) => {
            let rooted = SubTree::new(tree, &app.root);
            let project = ProjectView::new(&rooted);
            let candidates = all_tried(&project, templates, options);
            let chosen = choose(&project, templates, options, &candidates);
            let chosen = unless_broken(&rooted, options, &candidates, chosen)?;
            let mut report = report(&project, chosen, candidates, asked, &app.root)?;
            report.notes.extend(others(tree, app, &apps));
            Ok(report)
        }
        (None, Ok(template))
            if matches!(template_fit, TemplateFit::Weak | TemplateFit::Apart)
                || apps.is_empty() =>
        {
            report(&project, template, candidates, asked, &root)
        }
        (None, Ok(_) | Err(ProjectError::NothingDetected { .. })) => {
            Err(nothing(&project, candidates, apps))
        }
        (None, Err(error)) => Err(error),
    }
}

/// What the user said, and where versions may come from.
#[derive(Clone, Copy)]
struct DetectRequest<'o> {
    options: &'o Options,
    registry: Registry,
}

/// How well a template fits the top of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TemplateFit {
    Firm,
    /// A bare script or files, with nothing to install from: a server below is rather meant.
    Weak,
    /// What it would run lies in a directory that is no package, and may be one of several.
    Deep,
    /// What it would run lies in the one directory that has code, and expects to be run there.
    Apart,
    /// What it would run lies in a directory that has its own manifest, or nothing fits.
    None,
}

fn template_fit(view: &TemplateView<'_>) -> TemplateFit {
    if subfolders::is_deeper(view) {
        return TemplateFit::None;
    }
    if subfolders::is_one_of_several(view) {
        return TemplateFit::Deep;
    }
    if subfolders::is_apart(view) {
        return TemplateFit::Apart;
    }
    let is_bare = matches!(Role::of(view), Role::Script | Role::Pages);
    let has_manifest = view
        .project
        .tree
        .files()
        .iter()
        .any(|file| subfolders::is_manifest(file));
    if is_bare && !has_manifest {
        TemplateFit::Weak
    } else {
        TemplateFit::Firm
    }
}

fn report(
    project: &ProjectView<'_>,
    chosen: &Template,
    mut candidates: Vec<Candidate>,
    asked: DetectRequest<'_>,
    root: &str,
) -> Result<DetectReport, ProjectError> {
    explain(&mut candidates, &chosen.id);
    for key in asked.options.set.keys() {
        check_answer(key, chosen)?;
    }
    let view = TemplateView::new(project, chosen, &asked.options.set);
    let mut notes = Vec::new();
    let plan = plan::assemble(&view, asked.options, root, asked.registry, &mut notes)?;
    notes::of_packages(project, &plan, &mut notes);
    notes.extend(beside(&view));
    Ok(DetectReport {
        version: plan.version.clone(),
        notes,
        plan,
        candidates,
    })
}

/// What was chosen, unless a manifest that it would rest on does not parse.
fn unless_broken<'t>(
    tree: &dyn Tree,
    options: &Options,
    candidates: &[Candidate],
    chosen: Result<&'t Template, ProjectError>,
) -> Result<&'t Template, ProjectError> {
    // Frameworks are recognised by what they need besides.
    const FRAMEWORK: i32 = 60;
    let broken = manifest::broken(tree).into_iter();
    let stack = chosen
        .as_ref()
        .ok()
        .and_then(|it| it.image.as_ref()?.stack.clone());
    let score = candidates.first().map_or(0, |it| it.score);
    let said = options.install.commands.is_some() && options.run.command.is_some();
    let matters = |stack_of: &str| match (&chosen, &stack) {
        _ if said => false,
        (Ok(_), Some(stack)) => stack == stack_of || score < FRAMEWORK,
        (Ok(_), None) | (Err(ProjectError::NoSuchTemplate { .. }), _) => false,
        (Err(_), _) => true,
    };
    match broken.into_iter().find(|it| matters(it.stack)) {
        Some(broken) => Err(broken.error),
        None => chosen,
    }
}

/// A script of `package.json` that serves pages beside an application in Python.
fn beside(view: &TemplateView<'_>) -> Option<Note> {
    let image = view.template.image.as_ref()?;
    let script = view.project.script().filter(|script| script.serves)?;
    if image.stack.as_deref() != Some("python") || view.template.id == "static" {
        return None;
    }
    let place = place(view.project.tree.directory(), "");
    Some(Note {
        message: format!(
            "package.json has a script `{}` that serves too, and it is not run",
            script.name
        ),
        hint: Some(format!(
            "to run it instead: codemate-preview up -C {place} --template npm-script"
        )),
    })
}

/// The apps that are not run, for people.
fn others(tree: &dyn Tree, taken: &App, apps: &[App]) -> Option<Note> {
    let others: Vec<&App> = apps
        .iter()
        .filter(|app| app.root != taken.root && app.is_worth_telling())
        .collect();
    let first = others.first()?;
    let listed: Vec<String> = others
        .iter()
        .map(|app| format!("`{}` ({})", app.root, app.title))
        .collect();
    Some(Note {
        message: format!(
            "the app in `{}` is run, and not {}",
            taken.root,
            listed.join(", ")
        ),
        hint: Some(format!(
            "to run another: codemate-preview up -C {}",
            place(tree.directory(), &first.root)
        )),
    })
}

fn nothing(project: &ProjectView<'_>, candidates: Vec<Candidate>, apps: Vec<App>) -> ProjectError {
    let foreign = other_languages::anything(project.tree).map(Box::new);
    ProjectError::NothingDetected {
        candidates,
        roots: apps.into_iter().map(|app| (app.root, app.title)).collect(),
        unused: unused(project.tree),
        foreign,
        directory: project.tree.directory(),
    }
}

/// Files that say how a project is run to programs that are not this one.
fn unused(tree: &dyn Tree) -> Option<String> {
    const FILES: [&str; 6] = [
        "Dockerfile",
        "compose.yaml",
        "compose.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
        "Procfile",
    ];
    let is_there = |name: &&&str| tree.files().iter().any(|file| file == **name);
    FILES.iter().find(is_there).map(|&name| name.to_owned())
}

fn root(options: &Options) -> Result<String, ProjectError> {
    let Some(root) = &options.root else {
        return Ok(String::new());
    };
    relative(root).ok_or_else(|| ProjectError::BadOptions {
        key: "root".to_owned(),
        reason: format!("`{root}` is not a directory inside the project"),
    })
}

pub(in crate::project) fn all_tried(
    project: &ProjectView<'_>,
    templates: &Templates,
    options: &Options,
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = templates
        .iter()
        .filter(|template| is_selected_by_files(template))
        .map(|template| evaluate(&TemplateView::new(project, template, &options.set)))
        .collect();
    candidates.sort_by(|a, b| {
        b.score
            .cmp(&a.score)
            .then_with(|| a.template.cmp(&b.template))
    });
    candidates
}

fn is_selected_by_files(template: &Template) -> bool {
    !template.detect.all.is_empty() || !template.detect.any.is_empty()
}

fn choose<'t>(
    project: &ProjectView<'_>,
    templates: &'t Templates,
    options: &Options,
    candidates: &[Candidate],
) -> Result<&'t Template, ProjectError> {
    if let Some(asked) = &options.template {
        return templates
            .get(asked)
            .ok_or_else(|| ProjectError::NoSuchTemplate {
                asked: asked.clone(),
                nearest: config::nearest(asked, templates.ids()).map(str::to_owned),
                known: templates.ids().map(str::to_owned).collect(),
            });
    }
    let best: Vec<&Candidate> = candidates
        .iter()
        .filter(|it| it.rejected.is_none() && it.score == candidates[0].score)
        .collect();
    match best[..] {
        [only] => Ok(templates
            .get(&only.template)
            .expect("candidates are templates")),
        [] => match templates.get(CUSTOM) {
            Some(custom) if options.image.is_some() && options.run.command.is_some() => Ok(custom),
            _ => Err(question(project, templates, options)
                .unwrap_or_else(|| nothing(project, candidates.to_vec(), Vec::new()))),
        },
        _ => Err(ProjectError::Ambiguous {
            candidates: best.into_iter().cloned().collect(),
            directory: project.tree.directory(),
        }),
    }
}

/// Of the templates whose framework the manifests name, what the likeliest would have to know.
fn question(
    project: &ProjectView<'_>,
    templates: &Templates,
    options: &Options,
) -> Option<ProjectError> {
    let mut named: Vec<&Template> = templates
        .iter()
        .filter(|template| {
            let view = TemplateView::new(project, template, &options.set);
            let none = &template.detect.none;
            view.is_named_by_manifest() && none.iter().all(|it| view.holds(it).is_none())
        })
        .collect();
    named.sort_by_key(|template| std::cmp::Reverse(template.priority));
    named.into_iter().find_map(|template| {
        let view = TemplateView::new(project, template, &options.set);
        let asked = template.detect.all.iter().filter_map(|it| {
            let name = it.fact.as_ref()?;
            template.facts.get(name)?.question.as_ref()?;
            view.holds(it).is_none().then_some(name)
        });
        asked.map(|name| view.unanswered(name)).next()
    })
}

fn check_answer(key: &str, template: &Template) -> Result<(), ProjectError> {
    if template.facts.contains_key(key) {
        return Ok(());
    }
    let known: Vec<&str> = template.facts.keys().map(String::as_str).collect();
    let meant = config::nearest(key, known.iter().copied()).map_or_else(
        || format!("it knows {}", known.join(", ")),
        |it| format!("did you mean `{it}`?"),
    );
    Err(ProjectError::BadOptions {
        key: format!("set.{key}"),
        reason: format!("template `{}` has no such question; {meant}", template.id),
    })
}
