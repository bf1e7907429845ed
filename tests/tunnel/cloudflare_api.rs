//! The part of the Cloudflare API that named tunnels need, in memory, with the shapes that its
//! documentation gives.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use codemate_preview::task::Scope;
use serde_json::{Value, json};

pub const ACCOUNT: &str = "01a7362d577a6c3019a474fd6f485823";
pub const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";
pub const ZONE_NAME: &str = "example.com";
pub const TOKEN: &str = "api-token-of-the-test";
/// What the token of every tunnel begins with: `{"a":"ACCOUNT","t":"` in Base64.
pub const TUNNEL_TOKEN: &str = "eyJhIjoiMDFhNzM2MmQ1NzdhNmMzMDE5YTQ3NGZkNmY0ODU4MjMiLCJ0Ijoi";
const AT: &str = "/client/v4";

#[derive(Clone)]
pub struct FakeApi {
    /// Its base URL.
    pub base: String,
    state: Arc<Mutex<Everything>>,
}

#[derive(Default)]
struct Everything {
    tunnels: BTreeMap<String, Tunnel>,
    records: BTreeMap<String, Value>,
    calls: Vec<String>,
    faults: Vec<Fault>,
    made: u32,
}

#[derive(Debug, Clone, Default)]
pub struct Tunnel {
    pub name: String,
    pub config_src: String,
    pub ingress: Vec<Value>,
    /// It is not deleted while it has any.
    pub connections: u32,
}

/// An answer that a request gets in place of its own.
#[derive(Debug, Clone)]
pub struct Fault {
    pub method: &'static str,
    /// In its path.
    pub path: &'static str,
    pub status: u16,
    pub code: u32,
    /// Seconds.
    pub retry_after: Option<u64>,
    pub times: usize,
    /// It is done nevertheless, and only the answer is lost.
    pub done: bool,
}

impl Fault {
    pub const FOR_EVER: usize = usize::MAX;

    pub fn new(method: &'static str, path: &'static str, status: u16) -> Self {
        Self {
            method,
            path,
            status,
            code: 1000,
            retry_after: None,
            times: 1,
            done: false,
        }
    }
}

/// What a request comes to.
enum Answer {
    Result(Value),
    Page(Vec<Value>),
    Error(u16, u32, &'static str),
}

impl FakeApi {
    pub async fn start(scope: &Scope) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Self {
            base: format!("http://{}{AT}", listener.local_addr().unwrap()),
            state: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(api.clone());
        let token = scope.token();
        scope.spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(token.cancelled_owned())
                .await
        });
        api
    }

    pub fn fail(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// Every tunnel by its id.
    pub fn tunnels(&self) -> BTreeMap<String, Tunnel> {
        self.lock().tunnels.clone()
    }

    /// Every DNS record by its id.
    pub fn records(&self) -> BTreeMap<String, Value> {
        self.lock().records.clone()
    }

    /// A record that someone made by hand.
    pub fn plant(&self, record: Value) -> String {
        self.lock().keep(record)
    }

    /// Delete a record by hand.
    pub fn forget(&self, record: &str) {
        self.lock().records.remove(record);
    }

    /// Have the tunnel look served.
    pub fn connect(&self, tunnel: &str, connections: u32) {
        if let Some(tunnel) = self.lock().tunnels.get_mut(tunnel) {
            tunnel.connections = connections;
        }
    }

    /// Delete a tunnel as its owner can.
    pub fn lose_tunnels(&self) {
        self.lock().tunnels.clear();
    }

    /// Every call so far, such as `PUT /accounts/…`, ids and all, without queries.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// How many calls of this method had this in their path.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.calls()
            .iter()
            .filter_map(|call| call.split_once(' '))
            .filter(|(by, at)| *by == method && at.contains(path))
            .count()
    }

    fn lock(&self) -> MutexGuard<'_, Everything> {
        self.state.lock().unwrap()
    }
}

async fn answer(State(api): State<FakeApi>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let path = parts.uri.path().strip_prefix(AT).unwrap_or_default();
    let said = parts.headers.get(header::AUTHORIZATION);
    let believed = said.is_some_and(|said| *said == *format!("Bearer {TOKEN}"));
    let mut all = api.lock();
    all.calls.push(format!("{} {path}", parts.method));
    if !believed {
        return respond(&Answer::Error(403, 9109, "Invalid access token"), &[], None);
    }
    let query: Vec<(&str, &str)> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let fault = all.fault(&parts.method, path);
    if let Some(fault) = fault {
        if fault.done {
            all.route(&parts.method, path, &query, &body);
        }
        let answer = Answer::Error(fault.status, fault.code, "as the test wants it");
        return respond(&answer, &query, fault.retry_after);
    }
    let answer = all.route(&parts.method, path, &query, &body);
    respond(&answer, &query, None)
}

fn respond(answer: &Answer, query: &[(&str, &str)], retry_after: Option<u64>) -> Response {
    let number = |key: &str, otherwise: usize| {
        let found = query.iter().find(|(name, _)| *name == key);
        found.map_or(otherwise, |(_, value)| value.parse().unwrap())
    };
    let good = json!({"success": true, "errors": [], "messages": []});
    let (mut status, mut body) = (200, good);
    match answer {
        Answer::Result(result) => body["result"] = result.clone(),
        Answer::Page(all) => {
            let (page, size) = (number("page", 1), number("per_page", 20));
            let some: Vec<&Value> = all.iter().skip((page - 1) * size).take(size).collect();
            body["result_info"] = json!({
                "page": page, "per_page": size, "count": some.len(), "total_count": all.len(),
            });
            body["result"] = json!(some);
        }
        Answer::Error(refused, code, message) => {
            status = *refused;
            body["success"] = json!(false);
            body["errors"] = json!([{"code": code, "message": message}]);
            body["result"] = Value::Null;
        }
    }
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    response.body(Body::from(body.to_string())).unwrap()
}

impl Everything {
    fn fault(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.times > 0 && fault.method == method.as_str() && path.contains(fault.path)
        })?;
        if fault.times != Fault::FOR_EVER {
            fault.times -= 1;
        }
        Some(fault.clone())
    }

    fn route(
        &mut self,
        method: &Method,
        path: &str,
        query: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let asked = |key: &str| query.iter().find(|(name, _)| *name == key).map(|it| it.1);
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["user", "tokens", "verify"]) => Answer::Result(json!({
                "id": "ed17574386854bf78a67040be0a770b0", "status": "active",
            })),
            ("GET", ["zones", ZONE]) => Answer::Result(json!({
                "id": ZONE, "name": ZONE_NAME, "status": "active",
                "account": {"id": ACCOUNT, "name": "test"},
            })),
            (_, ["accounts", ACCOUNT, "cfd_tunnel", rest @ ..]) => {
                self.tunnel(method, rest, asked("name"), body)
            }
            (_, ["zones", ZONE, "dns_records", rest @ ..]) => {
                self.dns(method, rest, asked("name"), body)
            }
            _ => Answer::Error(
                404,
                7003,
                "Could not route to the path, perhaps your object identifier is invalid?",
            ),
        }
    }

    fn tunnel(
        &mut self,
        method: &Method,
        rest: &[&str],
        name: Option<&str>,
        body: &Value,
    ) -> Answer {
        let tell = |(id, tunnel): (&String, &Tunnel)| {
            json!({
                "id": id, "name": tunnel.name, "account_tag": ACCOUNT, "tun_type": "cfd_tunnel",
                "config_src": tunnel.config_src, "remote_config": true, "deleted_at": null,
                "status": "inactive", "connections": [],
            })
        };
        match (method.as_str(), rest) {
            ("GET", []) => {
                let wanted = |tunnel: &Tunnel| name.is_none_or(|name| tunnel.name == name);
                let all = self.tunnels.iter();
                Answer::Page(all.filter(|(_, it)| wanted(it)).map(tell).collect())
            }
            ("POST", []) => {
                let name = body["name"].as_str().unwrap().to_owned();
                if self.tunnels.values().any(|tunnel| tunnel.name == name) {
                    return Answer::Error(409, 1013, "You already have a tunnel with this name");
                }
                self.made += 1;
                let id = format!("f70ff985-a4ef-4643-bbbc-{:012x}", self.made);
                let tunnel = Tunnel {
                    name,
                    config_src: body["config_src"].as_str().unwrap().to_owned(),
                    ..Tunnel::default()
                };
                let told = tell((&id, &tunnel));
                self.tunnels.insert(id, tunnel);
                Answer::Result(told)
            }
            (_, [id, what @ ..]) => {
                let Some(tunnel) = self.tunnels.get_mut(*id) else {
                    return Answer::Error(404, 1003, "Tunnel not found");
                };
                match (method.as_str(), what) {
                    ("GET", ["token"]) => Answer::Result(json!(token_of(id))),
                    ("PUT", ["configurations"]) => {
                        let rules = body["config"]["ingress"].as_array().unwrap();
                        tunnel.ingress.clone_from(rules);
                        if rules
                            .last()
                            .is_none_or(|rule| rule.get("hostname").is_some())
                        {
                            return Answer::Error(400, 1056, "Bad Configuration: no catch-all");
                        }
                        Answer::Result(json!({
                            "tunnel_id": id, "version": 1, "config": body["config"],
                        }))
                    }
                    ("DELETE", ["connections"]) => {
                        tunnel.connections = 0;
                        Answer::Result(json!({}))
                    }
                    ("DELETE", []) if tunnel.connections > 0 => Answer::Error(
                        400,
                        1022,
                        "Cannot delete tunnel because it has active connections",
                    ),
                    ("DELETE", []) => {
                        self.tunnels.remove(*id);
                        Answer::Result(json!({"id": id, "deleted_at": "2026-01-01T00:00:00Z"}))
                    }
                    _ => Answer::Error(405, 10405, "Method not allowed"),
                }
            }
            _ => Answer::Error(405, 10405, "Method not allowed"),
        }
    }

    fn dns(&mut self, method: &Method, rest: &[&str], name: Option<&str>, body: &Value) -> Answer {
        let absent = Answer::Error(404, 81044, "Record does not exist.");
        match (method.as_str(), rest) {
            ("GET", []) => {
                let wanted = |record: &&Value| name.is_none_or(|name| record["name"] == name);
                Answer::Page(self.records.values().filter(wanted).cloned().collect())
            }
            ("POST", []) => {
                let same = |record: &&Value| record["name"] == body["name"];
                match self.records.values().find(same) {
                    Some(record) if record["content"] == body["content"] => {
                        Answer::Error(400, 81058, "An identical record already exists.")
                    }
                    Some(_) => Answer::Error(
                        400,
                        81053,
                        "An A, AAAA, or CNAME record with that host already exists.",
                    ),
                    None => {
                        let id = self.keep(body.clone());
                        Answer::Result(self.records[&id].clone())
                    }
                }
            }
            ("GET", [id]) => match self.records.get(*id) {
                Some(record) => Answer::Result(record.clone()),
                None => absent,
            },
            ("PATCH", [id]) => match self.records.get_mut(*id) {
                Some(record) => {
                    for (key, value) in body.as_object().unwrap() {
                        record[key] = value.clone();
                    }
                    Answer::Result(record.clone())
                }
                None => absent,
            },
            ("DELETE", [id]) => match self.records.remove(*id) {
                Some(_) => Answer::Result(json!({"id": id})),
                None => absent,
            },
            _ => Answer::Error(405, 10405, "Method not allowed"),
        }
    }

    fn keep(&mut self, mut record: Value) -> String {
        self.made += 1;
        let id = format!("372e67954025e0ba6aaa6d58{:08x}", self.made);
        record["id"] = json!(id);
        record["zone_name"] = json!(ZONE_NAME);
        self.records.insert(id.clone(), record);
        id
    }
}

/// What an agent of a named tunnel is run with, in the form that `cloudflared` takes.
pub fn token_of(tunnel: &str) -> String {
    let secret = BASE64.encode(secret_of(tunnel));
    // Not by `json!`, which has an order of its own: how it begins is known to tests.
    BASE64.encode(format!(
        r#"{{"a":"{ACCOUNT}","t":"{tunnel}","s":"{secret}"}}"#
    ))
}

/// The secret that a tunnel is served with.
pub fn secret_of(tunnel: &str) -> Vec<u8> {
    format!("{:.<32}", &tunnel[24..]).into_bytes()
}
