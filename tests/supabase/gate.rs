//! A gateway in the place of Supabase's: it knows the keys, hands requests on to PostgREST, keeps
//! a little Storage, and goes wrong when told.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use codemate_preview::task::Scope;
use serde_json::{Value, json};

use crate::rig::jwt;

pub const PUBLISHABLE: &str = "sb_publishable_test";
pub const SECRET: &str = "sb_secret_test";

/// What goes wrong, with requests for rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Unauthorized,
    Forbidden,
    TooManyRequests,
    ServerError,
    /// No answer at all.
    Silence,
    /// The connection ends inside the body.
    CutOff,
    /// A body that ends too early, and says that it is whole.
    HalfJson,
    /// Pages of three rows at most.
    ShortPages,
    /// Every row twice.
    DoubledRows,
    /// Pages without a row.
    EmptyPages,
    /// Storage answers that there is no such object.
    NoObjects,
}

/// What was asked, and how.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub apikey: Option<String>,
    pub authorization: Option<String>,
    pub user_agent: Option<String>,
    pub query: String,
    pub path: String,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Self {
            apikey: header("apikey"),
            authorization: header("authorization"),
            user_agent: header("user-agent"),
            query: request.uri().query().unwrap_or_default().to_owned(),
            path: request.uri().path().to_owned(),
        }
    }
}

#[derive(Clone)]
pub struct Gate {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    rest: u16,
    http: reqwest::Client,
    fault: Mutex<Option<(Fault, usize)>>,
    /// Requests that met the fault.
    met: AtomicUsize,
    seen: Mutex<Vec<Seen>>,
    objects: Mutex<HashMap<String, Bytes>>,
}

impl Gate {
    pub async fn open(rest: u16, scope: &Scope) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = Self {
            port: listener.local_addr().unwrap().port(),
            shared: Arc::new(Shared {
                rest,
                http: reqwest::Client::builder().no_proxy().build().unwrap(),
                fault: Mutex::new(None),
                met: AtomicUsize::new(0),
                seen: Mutex::new(Vec::new()),
                objects: Mutex::new(HashMap::new()),
            }),
        };
        let router = Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&gate.shared));
        let token = scope.token();
        scope.spawn(async move {
            tokio::select! {
                () = token.cancelled() => {}
                _ = axum::serve(listener, router) => {}
            }
        });
        gate
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From the request after `spare` others on, until [`Self::mend`].
    pub fn fail(&self, fault: Fault, spare: usize) {
        self.shared.met.store(0, Ordering::SeqCst);
        *self.shared.fault.lock().unwrap() = Some((fault, spare));
    }

    pub fn mend(&self) {
        *self.shared.fault.lock().unwrap() = None;
    }

    /// Requests that met the fault.
    pub fn met(&self) -> usize {
        self.shared.met.load(Ordering::SeqCst)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.shared.seen.lock().unwrap().clear();
    }

    pub fn keep_object(&self, bucket: &str, name: &str, content: &[u8]) {
        let mut objects = self.shared.objects.lock().unwrap();
        objects.insert(format!("{bucket}/{name}"), Bytes::copy_from_slice(content));
    }
}

impl Shared {
    fn fault(&self) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap();
        let (fault, spare) = fault.as_mut()?;
        if *spare > 0 {
            *spare -= 1;
            return None;
        }
        self.met.fetch_add(1, Ordering::SeqCst);
        Some(*fault)
    }
}

async fn serve(State(gate): State<Arc<Shared>>, request: Request) -> Response {
    let seen = Seen::of(&request);
    gate.seen.lock().unwrap().push(seen.clone());
    let Ok(authorization) = translated(&seen) else {
        let body = json!({ "message": "Invalid API key" });
        return (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response();
    };
    let path = seen.path.clone();
    if let Some(object) = path.strip_prefix("/storage/v1/object/authenticated/") {
        return stored(&gate, object);
    }
    let Some(table) = path.strip_prefix("/rest/v1/") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let fault = gate.fault();
    if let Some(answer) = instead(fault).await {
        return answer;
    }
    let url = format!("http://127.0.0.1:{}/{table}?{}", gate.rest, seen.query);
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let mut onward = gate.http.request(parts.method, url).body(body);
    for name in ["accept-profile", "content-type", "prefer"] {
        if let Some(value) = parts.headers.get(name) {
            onward = onward.header(name, value);
        }
    }
    if let Some(authorization) = authorization {
        onward = onward.header("authorization", authorization);
    }
    match onward.send().await {
        Ok(answer) => {
            let (status, headers) = (answer.status(), answer.headers().clone());
            match answer.bytes().await {
                Ok(body) => handed_on(fault, status, &headers, body),
                Err(_) => StatusCode::BAD_GATEWAY.into_response(),
            }
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// The gateway's rule: a JWT decides, and a key stands for the token of its role. An error where
/// the key is wrong or is not where it belongs.
fn translated(seen: &Seen) -> Result<Option<String>, WrongKey> {
    let role = match seen.apikey.as_deref() {
        Some(PUBLISHABLE) => "anon",
        Some(SECRET) => "service_role",
        Some(other) if other.split('.').count() == 3 => "",
        _ => return Err(WrongKey),
    };
    match &seen.authorization {
        Some(value) if value.starts_with("Bearer sb_") => Err(WrongKey),
        Some(value) => Ok(Some(value.clone())),
        None if role.is_empty() => Ok(None),
        None => Ok(Some(format!("Bearer {}", jwt(role, None, 60)))),
    }
}

struct WrongKey;

fn stored(gate: &Shared, object: &str) -> Response {
    let object = percent_encoding::percent_decode_str(object).decode_utf8_lossy();
    let is_failing = matches!(*gate.fault.lock().unwrap(), Some((Fault::NoObjects, _)));
    let found = gate.objects.lock().unwrap().get(object.as_ref()).cloned();
    if let Some(content) = found.filter(|_| !is_failing) {
        return content.into_response();
    }
    gate.met
        .fetch_add(usize::from(is_failing), Ordering::SeqCst);
    // As Storage does it: always 400, the truth inside.
    let body = json!({ "statusCode": "404", "error": "not_found", "message": "Object not found" });
    (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
}

/// Answers that never reach PostgREST.
async fn instead(fault: Option<Fault>) -> Option<Response> {
    let problem = |status: StatusCode, code: &str| {
        let body = json!({ "code": code, "message": "made to fail" });
        Some((status, axum::Json(body)).into_response())
    };
    match fault? {
        Fault::Unauthorized => problem(StatusCode::UNAUTHORIZED, "PGRST301"),
        Fault::Forbidden => problem(StatusCode::FORBIDDEN, "42501"),
        Fault::TooManyRequests => {
            let mut answer = StatusCode::TOO_MANY_REQUESTS.into_response();
            answer.headers_mut().insert("retry-after", 0.into());
            Some(answer)
        }
        Fault::ServerError => problem(StatusCode::SERVICE_UNAVAILABLE, "53300"),
        Fault::Silence => {
            tokio::time::sleep(Duration::from_mins(2)).await;
            None
        }
        _ => None,
    }
}

fn handed_on(
    fault: Option<Fault>,
    status: StatusCode,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let of_rows = |change: &dyn Fn(Vec<Value>) -> Vec<Value>| {
        let rows = serde_json::from_slice::<Vec<Value>>(&body).unwrap_or_default();
        Bytes::from(serde_json::to_vec(&change(rows)).unwrap())
    };
    let body = match fault.filter(|_| status.is_success()) {
        Some(Fault::HalfJson) => body.slice(..body.len() / 2),
        Some(Fault::CutOff) => {
            let half = body.slice(..body.len() / 2);
            let parts = [Ok(half), Err(std::io::Error::other("cut off"))];
            return Body::from_stream(futures_util::stream::iter(parts)).into_response();
        }
        Some(Fault::ShortPages) => of_rows(&|rows| rows.into_iter().take(3).collect()),
        Some(Fault::DoubledRows) => of_rows(&|rows| {
            let twice = |row: Value| [row.clone(), row];
            rows.into_iter().flat_map(twice).collect()
        }),
        Some(Fault::EmptyPages) => of_rows(&|_| Vec::new()),
        _ => body,
    };
    let mut answer = (status, body).into_response();
    if let Some(kind) = headers.get("content-type") {
        answer.headers_mut().insert("content-type", kind.clone());
    }
    answer
}
