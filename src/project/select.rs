//! Which template a project gets: every one is tried, and the report says how each fared.

use super::{
    ProjectError, Templates,
    error::place,
    facts::View,
    foreign,
    images::Registry,
    look::Look,
    manifest, notes, plan,
    score::{explain, tried},
    subfolders::{self, App, Role},
    template::Template,
    tree::{Rooted, Tree, relative},
};
use crate::{
    config,
    model::{Candidate, DetectReport, Note, Options},
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
    let rooted = Rooted::new(tree, &root);
    if rooted.files().is_empty() {
        return Err(ProjectError::EmptyDirectory {
            root: if root.is_empty() { ".".into() } else { root },
        });
    }
    let asked = Asked { options, registry };
    let look = Look::new(&rooted);
    let candidates = all_tried(&look, templates, options);
    let chosen = choose(&look, templates, options, &candidates);
    let chosen = unless_broken(&rooted, options, &candidates, chosen);
    if let Err(error @ ProjectError::BrokenManifest { .. }) = chosen {
        return Err(error);
    }
    // What the user said is not looked for elsewhere.
    if options.root.is_some() || options.template.is_some() {
        return report(&look, chosen?, candidates, asked, &root);
    }
    let standing = match &chosen {
        Ok(template) => standing(&View::new(&look, template, &options.set)),
        Err(ProjectError::Ambiguous { .. }) => Standing::Firm,
        Err(_) => Standing::None,
    };
    if standing == Standing::Firm {
        return report(&look, chosen?, candidates, asked, &root);
    }
    let mut apps = subfolders::apps(tree, templates);
    // The pages of an application in another language are not that application.
    if look.foreign().is_some() {
        apps.retain(|app| app.role == Role::Server);
    }
    let best = subfolders::clearly_best(&apps);
    let best = best.filter(|app| standing != Standing::Weak || app.is_server_of_its_own(tree));
    match (best, chosen) {
        // The files to install from are at the top and apply to each app below.
        (Some(_), Ok(template)) if standing == Standing::Deep => {
            report(&look, template, candidates, asked, &root)
        }
        (Some(app), _) => {
            let rooted = Rooted::new(tree, &app.root);
            let look = Look::new(&rooted);
            let candidates = all_tried(&look, templates, options);
            let chosen = choose(&look, templates, options, &candidates);
            let chosen = unless_broken(&rooted, options, &candidates, chosen)?;
            let mut report = report(&look, chosen, candidates, asked, &app.root)?;
            report.notes.extend(others(tree, app, &apps));
            Ok(report)
        }
        (None, Ok(template))
            if matches!(standing, Standing::Weak | Standing::Apart) || apps.is_empty() =>
        {
            report(&look, template, candidates, asked, &root)
        }
        (None, Ok(_) | Err(ProjectError::NothingDetected { .. })) => {
            Err(nothing(&look, candidates, apps))
        }
        (None, Err(error)) => Err(error),
    }
}

/// What the user said, and where versions may come from.
#[derive(Clone, Copy)]
struct Asked<'o> {
    options: &'o Options,
    registry: Registry,
}

/// How well a template fits the top of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
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

fn standing(view: &View<'_>) -> Standing {
    if subfolders::is_deeper(view) {
        return Standing::None;
    }
    if subfolders::is_one_of_several(view) {
        return Standing::Deep;
    }
    if subfolders::is_apart(view) {
        return Standing::Apart;
    }
    let is_bare = matches!(Role::of(view), Role::Script | Role::Pages);
    let has_manifest = view
        .look
        .tree
        .files()
        .iter()
        .any(|file| subfolders::is_manifest(file));
    if is_bare && !has_manifest {
        Standing::Weak
    } else {
        Standing::Firm
    }
}

fn report(
    look: &Look<'_>,
    chosen: &Template,
    mut candidates: Vec<Candidate>,
    asked: Asked<'_>,
    root: &str,
) -> Result<DetectReport, ProjectError> {
    explain(&mut candidates, &chosen.id);
    for key in asked.options.set.keys() {
        check_answer(key, chosen)?;
    }
    let view = View::new(look, chosen, &asked.options.set);
    let mut notes = Vec::new();
    let plan = plan::assemble(&view, asked.options, root, asked.registry, &mut notes)?;
    notes::of_packages(look, &plan, &mut notes);
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
fn beside(view: &View<'_>) -> Option<Note> {
    let image = view.template.image.as_ref()?;
    let script = view.look.script().filter(|script| script.serves)?;
    if image.stack.as_deref() != Some("python") || view.template.id == "static" {
        return None;
    }
    let place = place(view.look.tree.directory(), "");
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

fn nothing(look: &Look<'_>, candidates: Vec<Candidate>, apps: Vec<App>) -> ProjectError {
    let foreign = foreign::anything(look.tree).map(Box::new);
    ProjectError::NothingDetected {
        candidates,
        roots: apps.into_iter().map(|app| (app.root, app.title)).collect(),
        unused: unused(look.tree),
        foreign,
        directory: look.tree.directory(),
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

pub(super) fn all_tried(
    look: &Look<'_>,
    templates: &Templates,
    options: &Options,
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = templates
        .iter()
        .filter(|template| is_selected_by_files(template))
        .map(|template| tried(&View::new(look, template, &options.set)))
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
    look: &Look<'_>,
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
            _ => Err(question(look, templates, options)
                .unwrap_or_else(|| nothing(look, candidates.to_vec(), Vec::new()))),
        },
        _ => Err(ProjectError::Ambiguous {
            candidates: best.into_iter().cloned().collect(),
            directory: look.tree.directory(),
        }),
    }
}

/// Of the templates whose framework the manifests name, what the likeliest would have to know.
fn question(look: &Look<'_>, templates: &Templates, options: &Options) -> Option<ProjectError> {
    let mut named: Vec<&Template> = templates
        .iter()
        .filter(|template| {
            let view = View::new(look, template, &options.set);
            let none = &template.detect.none;
            view.is_named_by_manifest() && none.iter().all(|it| view.holds(it).is_none())
        })
        .collect();
    named.sort_by_key(|template| std::cmp::Reverse(template.priority));
    named.into_iter().find_map(|template| {
        let view = View::new(look, template, &options.set);
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
