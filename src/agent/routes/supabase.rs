//! Supabase: signing in and out, what is wrong, our tables' SQL, and how far a mirror is.

use axum::{Json, extract::State};

use super::{AppState, Target, reply::Refusal, up::learn};
use crate::{
    api::{
        self, FindingView, FindingsView, LeftOutView, SchemaView, SignInRequest, SignedInView,
        SignedOutView, SupabaseRequest, SyncView,
    },
    lifecycle::FilesStatus,
    source::{
        FollowStatus, LeftOut,
        supabase::{SCHEMA, SignedOut, SupabaseError, SupabaseFinding, SupabaseFindingState},
    },
};

pub async fn login(
    State(state): State<AppState>,
    Json(request): Json<SignInRequest>,
) -> Result<Json<SignedInView>, Refusal> {
    learn(&state, &request.credentials).await?;
    let sessions = &state.supabase;
    let user = sessions.sign_in(&request.email, &request.password).await?;
    Ok(Json(SignedInView { user }))
}

pub async fn logout(
    State(state): State<AppState>,
    Json(request): Json<SupabaseRequest>,
) -> Result<Json<SignedOutView>, Refusal> {
    learn(&state, &request.credentials).await?;
    let (was_in, problem) = match state.supabase.sign_out().await? {
        SignedOut::Revoked => (true, None),
        SignedOut::Forgotten { why } => (true, Some(why.problem())),
        SignedOut::Nobody => (false, None),
    };
    Ok(Json(SignedOutView { was_in, problem }))
}

pub async fn check(
    State(state): State<AppState>,
    Json(request): Json<SupabaseRequest>,
) -> Result<Json<FindingsView>, Refusal> {
    learn(&state, &request.credentials).await?;
    let sessions = &state.supabase;
    let findings = sessions.check(request.project.as_deref()).await;
    Ok(Json(FindingsView {
        findings: findings.into_iter().map(finding).collect(),
    }))
}

pub async fn schema() -> Json<SchemaView> {
    Json(SchemaView {
        sql: SCHEMA.to_owned(),
    })
}

pub async fn sync(
    State(state): State<AppState>,
    Target(asked): Target,
) -> Result<Json<SyncView>, Refusal> {
    let view = match state.manager.files(asked.as_str()).await? {
        FilesStatus::Mirror(status) => view(*status),
        FilesStatus::Directory {
            files,
            left_out,
            has_more,
        } => of_directory(files, &left_out, has_more),
    };
    Ok(Json(view))
}

fn finding(finding: SupabaseFinding) -> FindingView {
    FindingView {
        subject: finding.subject,
        state: match finding.state {
            SupabaseFindingState::Good => api::FindingState::Good,
            SupabaseFindingState::Unsure => api::FindingState::Unsure,
            SupabaseFindingState::Bad => api::FindingState::Bad,
        },
        said: finding.said,
        hint: finding.hint,
    }
}

fn of_directory(files: usize, left_out: &[LeftOut], has_more: bool) -> SyncView {
    let view = |it: &LeftOut| LeftOutView {
        path: it.path.clone(),
        why: it.why.to_string(),
        include: it.include(),
    };
    SyncView {
        cursor: None,
        files,
        is_live: true,
        last_look: None,
        last_full_check: None,
        last_change: None,
        lag_ms: None,
        failures: 0,
        problem: None,
        refused: Vec::new(),
        is_directory: true,
        left_out: left_out.iter().map(view).collect(),
        has_more,
    }
}

fn view(status: FollowStatus) -> SyncView {
    SyncView {
        cursor: status.cursor,
        files: status.files,
        is_live: status.is_live,
        last_look: status.last_look,
        last_full_check: status.last_full_check,
        last_change: status.last_change,
        lag_ms: status
            .lag
            .map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)),
        failures: status.failures,
        problem: status.problem,
        refused: status
            .refused
            .into_iter()
            .map(|refused| format!("{}: {}", refused.path, refused.why))
            .collect(),
        is_directory: false,
        left_out: Vec::new(),
        has_more: false,
    }
}

impl From<SupabaseError> for Refusal {
    fn from(error: SupabaseError) -> Self {
        Self(error.problem())
    }
}
