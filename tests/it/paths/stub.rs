//! A table as PostgREST would serve it, with rows that no database would hold, and answers that are
//! not all of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use codemate_preview::{
    config::SupabaseSettings,
    source::supabase::{Effort, FixedToken, Options, Puller, SupabaseCredentials, SupabaseError},
    task::Scope,
};
use serde_json::{Map, Value, json};

#[derive(Clone)]
pub struct Stub(Arc<Mutex<Table>>, String);

#[derive(Default)]
pub struct Table {
    rows: Vec<Value>,
    pub fault: Fault,
}

/// What is wrong with listings from now on.
#[derive(Debug, Clone, Copy, Default)]
pub enum Fault {
    #[default]
    None,
    /// They end after so many rows.
    Short(usize),
    /// The same, and no row is found that is asked for by name.
    Lying(usize),
    Status(u16),
    /// Their text ends before its end.
    Cut(usize),
}

impl Stub {
    pub async fn start(scope: &Scope) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Self(
            Arc::default(),
            format!("http://{}", listener.local_addr().unwrap()),
        );
        let router = Router::new()
            .route("/{table}", get(answer))
            .with_state(stub.clone());
        scope.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        stub
    }

    pub fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap()
    }

    pub async fn puller(
        &self,
        dir: &std::path::Path,
        scope: &Scope,
    ) -> Result<Puller, SupabaseError> {
        let settings = SupabaseSettings {
            rest_url: Some(self.1.clone()),
            table: Some("files".to_owned()),
            ..SupabaseSettings::default()
        };
        let options = Options {
            effort: Effort {
                attempts: 1,
                first_wait: Duration::ZERO,
                longest_wait: Duration::ZERO,
                ..Effort::default()
            },
            ..Options::resolve(&settings, &SupabaseCredentials::default())?
        };
        Puller::connect(options, Arc::new(FixedToken::default()), "p", dir, scope).await
    }
}

impl Table {
    /// A row is known by its place; `version` tells that it changed.
    pub fn put(&mut self, path: &str, content: &str, size: Option<u64>) {
        let (id, version) = (self.rows.len() + 1, self.rows.len());
        self.rows.push(json!({
            "id": id, "project_id": "p", "path": path, "content": content,
            "size": size.unwrap_or(content.len() as u64), "version": version,
        }));
    }

    pub fn change(&mut self, path: &str, content: &str) {
        let row = self
            .rows
            .iter_mut()
            .find(|row| row["path"] == path)
            .unwrap();
        row["content"] = content.into();
        row["version"] = (row["version"].as_u64().unwrap() + 1_000_000).into();
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        self.change(from, to);
        let row = self
            .rows
            .iter_mut()
            .find(|row| row["path"] == from)
            .unwrap();
        row["path"] = to.into();
    }

    pub fn delete(&mut self, path: &str) {
        self.rows.retain(|row| row["path"] != path);
    }

    fn select(&self, asked: &[(String, String)]) -> Vec<&Value> {
        let of = |name: &'static str| asked.iter().filter(move |(key, _)| key == name);
        let limit = of("limit")
            .next()
            .map_or(usize::MAX, |(_, limit)| limit.parse().unwrap());
        let ids: Vec<&str> = of("id").map(|(_, is)| is.as_str()).collect();
        let paths: Vec<&str> = of("path").map(|(_, is)| is.as_str()).collect();
        let is_listing = of("order").count() > 0 && ids.iter().all(|is| is.starts_with("gt."));
        let most = match self.fault {
            Fault::Short(most) if is_listing && paths.is_empty() => most,
            Fault::Lying(most) if is_listing && paths.is_empty() => most,
            Fault::Lying(_) => 0,
            _ => usize::MAX,
        };
        let matches = |row: &Value| {
            let id = row["id"].as_u64().unwrap();
            let text = row["path"].as_str().unwrap();
            ids.iter().all(|is| match is.strip_prefix("gt.") {
                Some(after) => id > after.parse().unwrap(),
                None => list(is).contains(&id.to_string()),
            }) && paths
                .iter()
                .all(|is| list(is).iter().any(|path| path == text))
        };
        self.rows
            .iter()
            .take(most)
            .filter(|row| matches(row))
            .take(limit)
            .collect()
    }
}

/// The texts of `in.("a","b")`.
fn list(is: &str) -> Vec<String> {
    let inside = is.strip_prefix("in.(").unwrap().strip_suffix(')').unwrap();
    let mut texts = Vec::new();
    let (mut text, mut quoted, mut escaped) = (String::new(), false, false);
    for c in inside.chars() {
        match c {
            c if escaped => {
                text.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => {
                if quoted {
                    texts.push(std::mem::take(&mut text));
                }
                quoted = !quoted;
            }
            c if quoted => text.push(c),
            _ => {}
        }
    }
    texts
}

async fn answer(
    State(stub): State<Stub>,
    Path(table): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    if table != "files" {
        let said = r#"{"code":"42P01","message":"relation does not exist"}"#;
        return (StatusCode::NOT_FOUND, said).into_response();
    }
    let asked: Vec<(String, String)> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let named: HashMap<_, _> = asked.iter().cloned().collect();
    let table = stub.table();
    if let Fault::Status(status) = table.fault {
        return (StatusCode::from_u16(status).unwrap(), "{}").into_response();
    }
    let terms: Vec<(&str, &str)> = named["select"]
        .split(',')
        .map(|term| term.split_once(':').unwrap_or((term, term)))
        .collect();
    let shown = |row: &Value| {
        if named["select"] == "*" {
            return row.clone();
        }
        let field = |(name, column): &(&str, &str)| ((*name).to_owned(), row[*column].clone());
        Value::Object(terms.iter().map(field).collect::<Map<_, _>>())
    };
    let known = table.rows.first().cloned().unwrap_or_else(|| json!({}));
    if let Some((_, column)) = terms
        .iter()
        .find(|(_, column)| *column != "*" && known.get(column).is_none())
    {
        let said = json!({ "code": "42703", "message": format!("column {column} does not exist") });
        return (StatusCode::BAD_REQUEST, said.to_string()).into_response();
    }
    let rows: Vec<Value> = table.select(&asked).into_iter().map(shown).collect();
    let mut text = Value::Array(rows).to_string();
    if let Fault::Cut(at) = table.fault {
        let at = at % text.len();
        text = text.chars().take(at).collect();
    }
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}
