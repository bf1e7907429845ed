//! `@supabase/lite`: Supabase's own small server, with real users, tokens and keys, and the tables
//! of our schema. One for all tests, and others where a test has wishes.

use std::sync::OnceLock;

use codemate_preview::source::supabase::{Endpoint, SCHEMA};
use serde_json::{Value, json};

use crate::node::Node;

pub const PUBLISHABLE: &str = "sb_publishable_3Jq8vTz0aLwXk5RbYd2u";
pub const SECRET: &str = "sb_secret_9Hf1cNs6eMpQo7GiWt4x";
pub const JWT_SECRET: &str = "a-secret-of-at-least-thirty-two-characters";
pub const PASSWORD: &str = "correct horse battery";

/// What Supabase's own image of `PostgreSQL` has and this one lacks.
const ROLES: &str = "
create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on sequences to anon, authenticated, service_role;
";

pub struct Lite {
    /// Ends with this.
    _node: Node,
    port: u16,
}

impl Lite {
    /// Its access tokens are good for an hour.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Lite> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(3600))
    }

    /// `lifetime` is that of an access token, in seconds.
    pub fn start(lifetime: u32) -> Self {
        let settings = json!({
            "jwtSecret": JWT_SECRET,
            "jwtExpiry": lifetime,
            "publishable": PUBLISHABLE,
            "secret": SECRET,
            "sql": [ROLES, SCHEMA],
        });
        let node = Node::start("lite.mjs", &settings);
        let port = node.says("its port", |said| said["port"].is_u64())["port"].as_u64();
        Self {
            _node: node,
            port: port.unwrap().try_into().unwrap(),
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(Some(&self.url()), None).unwrap()
    }

    /// A new user with [`PASSWORD`]; says the id.
    pub async fn sign_up(&self, email: &str) -> String {
        let asked = json!({ "email": email, "password": PASSWORD });
        let answer = self.post("auth/v1/signup", PUBLISHABLE, &asked).await;
        answer["user"]["id"].as_str().unwrap().to_owned()
    }

    /// A project of this user's with one file, written with the secret key.
    pub async fn project(&self, id: &str, owner: &str) {
        let row = json!({ "id": id, "owner_id": owner, "name": "one" });
        self.post("rest/v1/projects", SECRET, &row).await;
        let row = json!({ "project_id": id, "path": "a", "content": "x" });
        self.post("rest/v1/project_files", SECRET, &row).await;
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Value {
        // Not one for all: its connections belong to the runtime of one test.
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.post(format!("{}/{path}", self.url()));
        let request = request.header("apikey", key).json(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}
