//! From an error of a room to a status and a `Problem`.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;

use crate::{
    engine::EngineError,
    lifecycle::LifecycleError,
    model::{Code, Problem},
};

/// A refused request. The status is for HTTP clients; ours read the body.
pub struct Refusal(pub Problem);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0.code {
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Usage | Code::Config | Code::Detect => StatusCode::UNPROCESSABLE_ENTITY,
            Code::Policy => StatusCode::FORBIDDEN,
            Code::Docker | Code::Agent => StatusCode::SERVICE_UNAVAILABLE,
            Code::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(self.0)).into_response()
    }
}

impl From<LifecycleError> for Refusal {
    fn from(error: LifecycleError) -> Self {
        Self(error.problem())
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self(error.problem())
    }
}
