//! How well each template fits a project, and the reasons.

use super::template_view::TemplateView;
use crate::model::{Candidate, Evidence};

/// How one template fares.
pub fn evaluate(view: &TemplateView<'_>) -> Candidate {
    let detect = &view.template.detect;
    let mut evidence = Vec::new();
    let mut note = |what: String, score| evidence.push(Evidence { what, score });
    let mut rejected = None;
    for predicate in &detect.all {
        match view.holds(predicate) {
            Some(matched) => note(matched.what, 0),
            None => _ = rejected.get_or_insert_with(|| view.missing(predicate)),
        }
    }
    if !detect.any.is_empty() {
        if let Some(matched) = detect
            .any
            .iter()
            .find_map(|predicate| view.holds(predicate))
        {
            note(matched.what, 0);
        } else {
            let reasons: Vec<String> = detect.any.iter().map(|it| view.missing(it)).collect();
            rejected.get_or_insert_with(|| reasons.join(", and "));
        }
    }
    if let Some(matched) = detect
        .none
        .iter()
        .find_map(|predicate| view.holds(predicate))
    {
        rejected.get_or_insert(matched.what);
    }
    if rejected.is_none() {
        for boost in &detect.boost {
            if let Some(matched) = view.holds(&boost.when) {
                note(matched.what, boost.add);
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

/// The winner first; of those it beat, by how much.
pub fn explain(candidates: &mut [Candidate], chosen: &str) {
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
