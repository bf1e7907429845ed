//! When the app of a plan counts as ready: the path asked for, the statuses, the time it has.

use std::time::Duration;

use super::bad;
use crate::{
    model::{Options, Readiness},
    project::{
        ProjectError, commands::server_count::starts_several,
        detection::template_view::TemplateView,
    },
};

/// For an app that is still at work, where nobody said how long it may take.
const MOST_PATIENCE: Duration = Duration::from_mins(3);

pub fn ready(
    view: &TemplateView<'_>,
    options: &Options,
    argv: &[String],
) -> Result<Readiness, ProjectError> {
    let (ours, theirs) = (&view.template.ready, &options.ready);
    let path = theirs
        .path
        .as_deref()
        .or(ours.path.as_deref())
        .unwrap_or("/");
    if !path.starts_with('/') {
        return bad("ready.path", "it begins with `/`");
    }
    let status = match theirs.status.as_deref() {
        Some(text) => match status_range(text) {
            Some(range) => Some(range),
            None => {
                return bad(
                    "ready.status",
                    "expected a status or a range of them, such as `200-399`",
                );
            }
        },
        None => None,
    };
    let timeout = theirs
        .timeout
        .as_deref()
        .or(ours.timeout.as_deref())
        .unwrap_or("60s");
    let Ok(timeout) = humantime::parse_duration(timeout.trim()) else {
        return bad("ready.timeout", "expected a duration, such as `90s`");
    };
    Ok(Readiness {
        path: path.to_owned(),
        status,
        timeout,
        most: theirs.timeout.is_none().then(|| timeout.max(MOST_PATIENCE)),
        several: starts_several(view.project, argv),
    })
}

/// `200` or `200-399`.
fn status_range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let range = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (100 <= range.0 && range.0 <= range.1 && range.1 <= 599).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        assert_eq!(status_range("200"), Some((200, 200)));
        assert_eq!(status_range("200-399"), Some((200, 399)));
        for text in ["", "399-200", "0-99", "200-", "2xx", "600"] {
            assert_eq!(status_range(text), None, "{text}");
        }
    }
}
