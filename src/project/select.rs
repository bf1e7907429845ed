//! Which template a project gets: every one is tried, and the report says how each fared.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ProjectError, Templates,
    facts::View,
    images::Registry,
    look::Look,
    manifest, notes, plan,
    template::Template,
    tree::{Rooted, Tree, relative},
};
use crate::{
    config,
    model::{Candidate, DetectReport, Evidence, Options},
};

/// The template taken when the user gave both an image and a command and nothing else fits.
const CUSTOM: &str = "custom";

/// Reads what is needed of `tree` and executes nothing.
///
/// The plan's globs are relative to `tree`, also where `options.root` names a directory in it;
/// its commands are to be run in that directory. The plan holds none of `options.env`, whose
/// values are secret: they are laid over the plan's environment where it is used.
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
    let look = Look::new(&rooted);
    let mut candidates = all_tried(&look, templates, options);
    let chosen = choose(&look, templates, options, &candidates);
    let chosen = unless_broken(&rooted, options, &candidates, chosen)?;
    explain(&mut candidates, &chosen.id);
    for key in options.set.keys() {
        check_answer(key, chosen)?;
    }
    let view = View::new(&look, chosen, &options.set);
    let mut notes = Vec::new();
    let plan = plan::assemble(&view, options, &root, registry, &mut notes)?;
    notes::of_packages(&look, &plan, &mut notes);
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
        (Ok(_), None) => false,
        (Err(ProjectError::NoSuchTemplate { .. }), _) => false,
        (Err(_), _) => true,
    };
    match broken.into_iter().find(|it| matters(it.stack)) {
        Some(broken) => Err(broken.error),
        None => chosen,
    }
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

fn all_tried(look: &Look<'_>, templates: &Templates, options: &Options) -> Vec<Candidate> {
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

/// How one template fares.
fn tried(view: &View<'_>) -> Candidate {
    let detect = &view.template.detect;
    let mut evidence = Vec::new();
    let mut note = |what: String, score| evidence.push(Evidence { what, score });
    let mut rejected = None;
    for predicate in &detect.all {
        match view.holds(predicate) {
            Some(held) => note(held.what, 0),
            None => _ = rejected.get_or_insert_with(|| view.missing(predicate)),
        }
    }
    if !detect.any.is_empty() {
        if let Some(held) = detect
            .any
            .iter()
            .find_map(|predicate| view.holds(predicate))
        {
            note(held.what, 0);
        } else {
            let reasons: Vec<String> = detect.any.iter().map(|it| view.missing(it)).collect();
            rejected.get_or_insert_with(|| reasons.join(", and "));
        }
    }
    if let Some(held) = detect
        .none
        .iter()
        .find_map(|predicate| view.holds(predicate))
    {
        rejected.get_or_insert(held.what);
    }
    if rejected.is_none() {
        for boost in &detect.boost {
            if let Some(held) = view.holds(&boost.when) {
                note(held.what, boost.add);
            }
        }
        if let Some(first) = evidence.first_mut() {
            first.score = view.template.priority;
        }
    }
    let score = if rejected.is_some() {
        0
    } else {
        evidence.iter().map(|it| it.score).sum()
    };
    Candidate {
        template: view.template.id.clone(),
        score,
        evidence,
        rejected,
    }
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
            _ => Err(ProjectError::NothingDetected {
                candidates: candidates.to_vec(),
                roots: apps_inside(look.tree, templates),
            }),
        },
        _ => Err(ProjectError::Ambiguous {
            candidates: best.into_iter().cloned().collect(),
        }),
    }
}

/// Directories, two levels down at most, that a template fits.
fn apps_inside(tree: &dyn Tree, templates: &Templates) -> Vec<(String, String)> {
    const MOST: usize = 64;
    let dirs: BTreeSet<&str> = tree
        .files()
        .iter()
        .filter_map(|path| Some(path.rsplit_once('/')?.0))
        .filter(|dir| dir.matches('/').count() < 2)
        .collect();
    let mut found: Vec<(String, String)> = Vec::new();
    for dir in dirs.into_iter().take(MOST) {
        let rooted = Rooted::new(tree, dir);
        let look = Look::new(&rooted);
        let best = all_tried(&look, templates, &Options::default())
            .into_iter()
            .next();
        let Some(template) = best
            .filter(|it| it.score > 0)
            .and_then(|it| templates.get(&it.template))
        else {
            continue;
        };
        // A directory of an app that was found already is a part of it.
        if !found
            .iter()
            .any(|(app, _)| dir.starts_with(&format!("{app}/")))
        {
            let none = BTreeMap::new();
            found.push((
                dir.to_owned(),
                plan::title(&View::new(&look, template, &none)),
            ));
        }
    }
    found
}

/// The winner first; of those it beat, by how much.
fn explain(candidates: &mut [Candidate], chosen: &str) {
    let Some(index) = candidates.iter().position(|it| it.template == chosen) else {
        return;
    };
    candidates[..=index].rotate_right(1);
    let (winner, others) = candidates.split_at_mut(1);
    for other in others.iter_mut().filter(|it| it.rejected.is_none()) {
        other.rejected = Some(if other.score <= winner[0].score {
            format!(
                "{chosen} fits better: {} against {}",
                winner[0].score, other.score
            )
        } else {
            format!("{chosen} was asked for")
        });
    }
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
