//! What is wrong with URL, key, row-level security, columns or publication, one by one.

use super::{
    Client, Desk, Identity, Options, RealtimeState, Shape, Sight, Subscription, SupabaseError,
    probe, sight,
};
use crate::model::Problem;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Such as `columns`.
    pub what: &'static str,
    /// What was found, or what is wrong.
    pub result: Result<String, Problem>,
    /// It works without, but less well.
    pub is_optional: bool,
}

impl Finding {
    fn good(what: &'static str, detail: impl Into<String>) -> Self {
        Self {
            what,
            result: Ok(detail.into()),
            is_optional: false,
        }
    }

    fn bad(what: &'static str, error: &SupabaseError) -> Self {
        Self {
            what,
            result: Err(error.problem()),
            is_optional: false,
        }
    }
}

impl Desk {
    /// Look at everything up to the first thing that nothing after it can do without. Without a
    /// project, what needs one is left out.
    pub async fn check(&self, project: Option<&str>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let options = match self.options().await {
            Ok(options) => options,
            Err(error) => return vec![Finding::bad("settings", &error)],
        };
        findings.push(Finding::good("settings", options.endpoint.rest().as_str()));
        match self.identity(&options).await {
            Ok(identity) => findings.push(Finding::good("identity", who(&identity))),
            Err(error) => findings.push(Finding::bad("identity", &error)),
        }
        if let Err(error) = self.check_rows(&options, project, &mut findings).await {
            findings.push(error);
        }
        findings
    }

    async fn check_rows(
        &self,
        options: &Options,
        project: Option<&str>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Finding> {
        let tokens = self.tokens(options).await;
        let client = tokens
            .and_then(|tokens| Client::new(options, tokens))
            .map_err(|error| Finding::bad("key", &error))?;
        let found = probe::look(&client, options)
            .await
            .map_err(|error| Finding::bad("table", &error))?;
        findings.push(Finding::good(
            "table",
            format!("`{}` answers", options.table),
        ));
        let shape =
            Shape::choose(options, &found).map_err(|error| Finding::bad("columns", &error))?;
        findings.push(Finding::good("columns", columns(&shape)));
        let Some(project) = project else {
            return Ok(());
        };
        let seen = sight::look(&client, options, project)
            .await
            .and_then(|sight| sight.of_nothing(project).map(|()| sight))
            .map_err(|error| Finding::bad("project", &error))?;
        findings.push(Finding::good(
            "project",
            match seen {
                Sight::Unknown => "no table of projects says whether it is there",
                Sight::Seen | Sight::Hidden { .. } => "it can be seen",
            },
        ));
        findings.push(self.check_realtime(options, &shape, project).await);
        Ok(())
    }

    async fn check_realtime(&self, options: &Options, shape: &Shape, project: &str) -> Finding {
        let optional = |result| Finding {
            what: "realtime",
            result,
            is_optional: true,
        };
        if !options.realtime {
            return optional(Ok("off; the table is polled".to_owned()));
        }
        let what = Subscription {
            project: project.to_owned(),
            schema: options.schema.clone(),
            table: shape.table.clone(),
            column: Some(shape.project.clone()),
        };
        optional(match self.try_realtime(options, what).await {
            Ok(Some(RealtimeState::Live)) => Ok("it tells of changes".to_owned()),
            Ok(Some(RealtimeState::Lost(error) | RealtimeState::Unavailable(error))) => {
                Err(error.problem())
            }
            Ok(Some(RealtimeState::Opening) | None) => {
                Ok("there is none; the table is polled".to_owned())
            }
            Err(error) => Err(error.problem()),
        })
    }
}

fn who(identity: &Identity) -> String {
    match identity {
        Identity::User(user) => format!("signed in as {user}"),
        Identity::Token => "a token of the settings".to_owned(),
        Identity::Service => "a service key, which no row-level security binds".to_owned(),
        Identity::Anyone => "nobody is signed in; `codemate-preview supabase login`".to_owned(),
    }
}

fn columns(shape: &Shape) -> String {
    let by = match &shape.revisions {
        Some(revisions) => format!("changes by `{}` and tombstones", revisions.column),
        None if shape.changed.is_empty() => "changes by reading everything".to_owned(),
        None => format!("changes by comparing {}", shape.changed.join(", ")),
    };
    let content = shape.content.as_deref().unwrap_or("no column");
    format!("path in `{}`, content in `{content}`, {by}", shape.path)
}
