//! Which version of its stack a project gets: what its files ask for and what its packages bear,
//! against what there is.

pub(super) mod bounds;
#[cfg(test)]
mod marker_tests;
pub(super) mod range;

use std::cmp::{Ordering, Reverse};

use crate::{
    model::{Note, VersionChoice},
    project::{
        ProjectError,
        detection::project_view::ProjectView,
        images::{Offer, Stack},
        templates::format::{Image, Template, VersionSource},
    },
};
use bounds::VersionBound;
use range::{VersionRange, parts};

pub use range::pep440_of;

/// What a file asks for.
struct VersionRequest {
    /// As written.
    asked: String,
    from: String,
    range: VersionRange,
    /// Where it is one version, the nearest newer one does.
    pin: bool,
    /// It need not be heeded.
    hint: bool,
}

/// `wanted` is the user's own word, which no file is asked after. Notes are added for people.
pub fn choose(
    project: &ProjectView<'_>,
    template: &Template,
    offer: Offer<'_>,
    wanted: Option<&str>,
    notes: &mut Vec<Note>,
) -> Result<VersionChoice, ProjectError> {
    let stack = offer.stack;
    let image = template.image.as_ref();
    let request = match wanted {
        Some(wanted) => Some(of_user(image, stack, wanted)?),
        None => of_files(project, template, stack, notes)?,
    };
    let bound = match image.and_then(|it| it.scheme) {
        Some(scheme) if wanted.is_none() => bounds::of(scheme, &project.deps),
        _ => None,
    };
    let mut available: Vec<&str> = offer.versions().collect();
    available.sort_by(|a, b| rather(&stack.default, a, b));
    let Some(request) = request else {
        return Ok(unasked(&available, bound, notes));
    };
    let fitting: Vec<&str> = available
        .iter()
        .copied()
        .filter(|version| request.range.allows(version))
        .collect();
    let of_user = wanted.is_some();
    let choice = |version: &str| VersionChoice {
        version: version.to_owned(),
        asked: Some(request.asked.clone()),
        from: (!of_user).then(|| request.from.clone()),
        instead_of: None,
        because: None,
    };
    let first = if request.range.is_newest() {
        newest(fitting.iter().copied())
    } else {
        fitting.first().copied()
    };
    if let Some(first) = first {
        // One version that was asked for by name is taken whatever its packages bear.
        let bound = bound.filter(|_| request.range.exact().is_none());
        let borne = bound.and_then(|bound| {
            let borne = newest(fitting.iter().copied().filter(|it| bears(&bound, it)))?;
            Some((borne, bound.because))
        });
        return Ok(match borne {
            Some((borne, because)) if borne != first => VersionChoice {
                because: Some(because),
                ..choice(borne)
            },
            _ => choice(first),
        });
    }
    if request.hint && request.range.exact().is_none() {
        return Ok(unasked(&available, bound, notes));
    }
    match request.range.exact().filter(|_| request.pin && !of_user) {
        Some(exact) => {
            let nearest = nearest(&available, &exact);
            let (name, asked, from) = (&stack.name, &request.asked, &request.from);
            notes.push(Note {
                message: format!("{from} asks for {name} {asked}, which there is not here: {name} {nearest} is taken"),
                hint: Some(format!(
                    "an image of your own has any version: `--image`; there are {}",
                    listed(&available)
                )),
            });
            Ok(VersionChoice {
                instead_of: Some(request.asked.clone()),
                ..choice(nearest)
            })
        }
        None => Err(ProjectError::VersionUnavailable {
            stack: stack.name.clone(),
            asked: request.asked,
            from: request.from,
            available: sorted(&available),
        }),
    }
}

/// The default is what we would rather run; then what is nearest to it, newer before older: the
/// newest of all may not be released yet, or packages lag behind it.
fn rather(default: &str, a: &str, b: &str) -> Ordering {
    let default = parts(default);
    let (a, b) = (parts(a), parts(b));
    match (a >= default, b >= default) {
        (true, true) => a.cmp(&b),
        (false, false) => b.cmp(&a),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// Where nothing asks: the default, or the newest that the packages bear.
fn unasked(
    available: &[&str],
    bound: Option<VersionBound>,
    notes: &mut Vec<Note>,
) -> VersionChoice {
    let default = available.first().copied().unwrap_or_default();
    let (version, because) = match bound {
        Some(bound) if !bears(&bound, default) => {
            let borne = newest(available.iter().copied().filter(|it| bears(&bound, it)));
            let version = borne.unwrap_or_else(|| {
                notes.push(Note {
                    message: format!(
                        "{}, and there is none older than {}",
                        bound.because, bound.below
                    ),
                    hint: Some("an image of your own has any version: `--image`".to_owned()),
                });
                oldest(available)
            });
            (version, Some(bound.because))
        }
        _ => (default, None),
    };
    VersionChoice {
        version: version.to_owned(),
        asked: None,
        from: None,
        instead_of: None,
        because,
    }
}

fn bears(bound: &VersionBound, version: &str) -> bool {
    parts(version) < parts(&bound.below)
}

fn newest<'v>(versions: impl Iterator<Item = &'v str>) -> Option<&'v str> {
    versions.max_by_key(|version| parts(version))
}

fn oldest<'v>(available: &[&'v str]) -> &'v str {
    let oldest = available.iter().min_by_key(|version| parts(version));
    oldest.copied().unwrap_or_default()
}

/// The oldest that is newer than `exact`, else the newest there is.
fn nearest<'v>(available: &[&'v str], exact: &[u64]) -> &'v str {
    let newer = available
        .iter()
        .copied()
        .filter(|version| parts(version)[..] > *exact);
    newer
        .min_by_key(|version| parts(version))
        .or_else(|| newest(available.iter().copied()))
        .unwrap_or_default()
}

fn sorted(available: &[&str]) -> Vec<String> {
    let mut sorted: Vec<String> = available.iter().map(|it| (*it).to_owned()).collect();
    sorted.sort_by_key(|version| Reverse(parts(version)));
    sorted
}

fn listed(available: &[&str]) -> String {
    sorted(available).join(", ")
}

fn of_user(
    image: Option<&Image>,
    stack: &Stack,
    wanted: &str,
) -> Result<VersionRequest, ProjectError> {
    let from = "setting `version`".to_owned();
    match VersionRange::of(image, &[wanted.to_owned()]) {
        Some(range) => Ok(VersionRequest {
            asked: wanted.to_owned(),
            from,
            range,
            pin: false,
            hint: false,
        }),
        None => Err(ProjectError::VersionUnreadable {
            stack: stack.name.clone(),
            asked: wanted.to_owned(),
            from,
        }),
    }
}

/// The first file that asks. One that only hints and cannot be read is passed over with a note.
fn of_files(
    project: &ProjectView<'_>,
    template: &Template,
    stack: &Stack,
    notes: &mut Vec<Note>,
) -> Result<Option<VersionRequest>, ProjectError> {
    for source in &template.version {
        let texts = requested(project, source);
        if texts.is_empty() {
            continue;
        }
        let (asked, from) = (texts.join(", "), source.file.clone());
        if let Some(range) = VersionRange::of(template.image.as_ref(), &texts) {
            return Ok(Some(VersionRequest {
                asked,
                from,
                range,
                pin: source.pin || source.hint,
                hint: source.hint,
            }));
        }
        if !source.hint {
            return Err(ProjectError::VersionUnreadable {
                stack: stack.name.clone(),
                asked,
                from,
            });
        }
        notes.push(Note {
            message: format!(
                "{from} asks for {} {asked}, which is no version",
                stack.name
            ),
            hint: None,
        });
    }
    Ok(None)
}

/// What one file asks for; several where any of them will do.
fn requested(project: &ProjectView<'_>, source: &VersionSource) -> Vec<String> {
    let texts = if source.json.is_some() || source.toml.is_some() {
        project.values(&source.file, source.json.as_deref(), source.toml.as_deref())
    } else {
        project
            .text(&source.file)
            .map(|text| vec![text.to_string()])
    };
    let mut asked = Vec::new();
    for text in texts.into_iter().flatten() {
        match &source.regex {
            None => asked.push(text.trim().to_owned()),
            Some(pattern) => {
                for found in pattern.0.captures_iter(&text) {
                    let version = found.name("version").or(found.get(0));
                    // A line may list several.
                    let words = version.map_or("", |it| it.as_str()).split_whitespace();
                    asked.extend(words.map(str::to_owned));
                }
            }
        }
    }
    asked.retain(|asked| !asked.is_empty());
    asked
}
