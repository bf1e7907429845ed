//! What is wrong with a connection, looked at step by step: server, key, table, columns, project.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Key, KeyKind, Options, RestClient, Shape, SupabaseError, Tokens, Visibility,
    table::{desired::desired, listing::Lister, probe, visibility},
};
use crate::model::Problem;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupabaseFinding {
    /// Such as `columns`; stable.
    pub subject: String,
    pub state: SupabaseFindingState,
    /// One line.
    pub said: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupabaseFindingState {
    Good,
    /// It works, and could work better, or cannot be told.
    Unsure,
    Bad,
}

/// Everything that can be told; what stands on something bad is not looked at.
pub async fn examine(
    options: &Options,
    tokens: Arc<dyn Tokens>,
    project: Option<&str>,
) -> Vec<SupabaseFinding> {
    let mut findings = Vec::new();
    if let Err(error) = check_visibility(options, tokens, project, &mut findings).await {
        findings.push(bad(subject(&error), &error));
    }
    findings
}

async fn check_visibility(
    options: &Options,
    tokens: Arc<dyn Tokens>,
    project: Option<&str>,
    findings: &mut Vec<SupabaseFinding>,
) -> Result<(), SupabaseError> {
    let is_signed_in = tokens.token().await?.is_some();
    let client = RestClient::new(options, tokens)?;
    findings.push(of_key(options, is_signed_in));
    let found = probe::check_visibility(&client, options).await?;
    let server = options.endpoint.rest();
    findings.push(good("server", format!("{server} answers")));
    findings.push(good("table", format!("`{}` can be read", options.table)));
    let shape = Shape::choose(options, &found)?;
    findings.push(of_columns(&shape));
    findings.push(of_changes(&shape));
    let Some(project) = project else {
        return Ok(());
    };
    let sight = visibility::check_visibility(&client, options, project).await?;
    sight.empty_result(project)?;
    findings.push(match sight {
        Visibility::Seen => good("project", format!("`{project}` can be seen")),
        _ => unsure(
            "project",
            "there is no table of projects that could tell whether it can be seen",
            "name one as `supabase.projects_table`",
        ),
    });
    let lister = Lister {
        client: &client,
        shape: &shape,
        project,
    };
    let rows = lister.all().await?;
    let desired = desired(rows.iter());
    let files = format!("{} of {} rows are files", desired.files.len(), rows.len());
    findings.push(match desired.refused.first() {
        _ if rows.is_empty() => unsure(
            "files",
            "the project has no rows, or none that can be seen",
            "save a file; is there a policy that lets this user read?",
        ),
        Some(one) => unsure(
            "files",
            &format!(
                "{files}; {} are refused, such as `{}`: {}",
                desired.refused.len(),
                one.path,
                one.why
            ),
            "rename them in the table",
        ),
        None => good("files", files),
    });
    Ok(())
}

fn of_key(options: &Options, is_signed_in: bool) -> SupabaseFinding {
    let kind = match options.key.as_ref().map(super::ApiKey::kind) {
        None => "there is no key".to_owned(),
        Some(KeyKind::Publishable) => "a publishable key".to_owned(),
        Some(KeyKind::Secret) => "a secret key".to_owned(),
        Some(KeyKind::Jwt { role }) => format!("a key of the older kind, for the role `{role}`"),
        Some(KeyKind::Other) => "a key of a form not known here".to_owned(),
    };
    let is_service = options.key.as_ref().is_some_and(super::ApiKey::is_service);
    match (is_signed_in, is_service) {
        (true, _) => good("key", format!("{kind}, and a user's token")),
        (false, true) => unsure(
            "key",
            &format!("{kind}, which no row-level security binds"),
            "use a publishable key and sign in, on a host that runs what others wrote",
        ),
        (false, false) => unsure(
            "key",
            &format!("{kind}, and nobody is signed in"),
            "sign in with `codemate-preview supabase login`, if rows are some user's",
        ),
    }
}

fn of_columns(shape: &Shape) -> SupabaseFinding {
    let key = match &shape.key {
        Key::Id(column) => column.as_str(),
        Key::Path => "the path",
    };
    let content = shape.content.as_deref().unwrap_or("Storage");
    let said = format!(
        "path from `{}`, content from `{content}`, rows known by {key}",
        shape.path
    );
    good("columns", said)
}

fn of_changes(shape: &Shape) -> SupabaseFinding {
    match &shape.revisions {
        Some(revisions) => good(
            "changes",
            format!(
                "found by `{}` and `{}`",
                revisions.column, revisions.deletions
            ),
        ),
        None if shape.is_blind() => unsure(
            "changes",
            "no column tells that a file changed: all content is fetched each time",
            "add a column `updated_at`, or name one as `supabase.columns.changed`",
        ),
        None => unsure(
            "changes",
            "found by comparing every row",
            "with the schema of `codemate-preview supabase schema` only changes are asked for",
        ),
    }
}

/// What is bad when something ends the examination.
fn subject(error: &SupabaseError) -> &'static str {
    match error {
        SupabaseError::Credential { .. } => "key",
        SupabaseError::Denied { .. } | SupabaseError::NoTable { .. } => "table",
        SupabaseError::NoColumn { .. } | SupabaseError::NotFiles { .. } => "columns",
        SupabaseError::NoProject { .. } | SupabaseError::BadValue { .. } => "project",
        SupabaseError::Settings { .. } => "settings",
        _ => "server",
    }
}

fn bad(subject: &str, error: &SupabaseError) -> SupabaseFinding {
    let Problem { message, hint, .. } = error.problem();
    SupabaseFinding {
        subject: subject.to_owned(),
        state: SupabaseFindingState::Bad,
        said: message,
        hint,
    }
}

fn good(subject: &str, said: String) -> SupabaseFinding {
    SupabaseFinding {
        subject: subject.to_owned(),
        state: SupabaseFindingState::Good,
        said,
        hint: None,
    }
}

fn unsure(subject: &str, said: &str, hint: &str) -> SupabaseFinding {
    SupabaseFinding {
        subject: subject.to_owned(),
        state: SupabaseFindingState::Unsure,
        said: said.to_owned(),
        hint: Some(hint.to_owned()),
    }
}
