//! What every test here has: a database behind PostgREST behind a gateway, and waiting for a
//! condition.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use codemate_preview::{
    config::SupabaseSettings,
    model::Secret,
    source::supabase::{
        Effort, FixedToken, Options, Pace, Puller, SupabaseCredentials, SupabaseError,
    },
    task::Scope,
};
use tempfile::TempDir;

use crate::{
    gate::{Gate, PUBLISHABLE},
    rig::{Postgres, Rest, jwt},
};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub const ALICE: &str = "11111111-1111-1111-1111-111111111111";
pub const BOB: &str = "22222222-2222-2222-2222-222222222222";
/// Alice's.
pub const PROJECT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
/// Alice's, without files.
pub const BARE: &str = "aaaaaaaa-0000-0000-0000-000000000002";
/// Of nobody.
pub const NOWHERE: &str = "ffffffff-0000-0000-0000-00000000000f";

pub type Files = BTreeMap<String, Vec<u8>>;

pub struct World {
    pub rest: Rest,
    pub gate: Gate,
    pub db: tokio_postgres::Client,
    pub config: tokio_postgres::Config,
    pub scope: Scope,
    http: reqwest::Client,
}

impl World {
    /// With our own schema, and two projects of Alice's.
    pub async fn ours(scope: &Scope, max_rows: u32) -> Self {
        let world = Self::with(scope, codemate_preview::source::supabase::SCHEMA, max_rows).await;
        world.projects().await;
        world
    }

    pub async fn with(scope: &Scope, sql: &str, max_rows: u32) -> Self {
        Self::on(Postgres::shared(), scope, sql, max_rows).await
    }

    pub async fn on(postgres: &Postgres, scope: &Scope, sql: &str, max_rows: u32) -> Self {
        let database = postgres.database(sql);
        let rest = Rest::start(postgres, &database, max_rows);
        let config = postgres.config(&database);
        let gate = Gate::open(rest.port, scope).await;
        Self {
            db: database_client(&config, scope).await,
            rest,
            gate,
            config,
            scope: scope.clone(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub async fn projects(&self) {
        let sql = format!(
            "insert into projects (id, owner_id, name) values
             ('{PROJECT}', '{ALICE}', 'one'), ('{BARE}', '{ALICE}', 'bare')"
        );
        self.sql(&sql).await;
    }

    pub async fn sql(&self, sql: &str) {
        let done = self.db.batch_execute(sql).await;
        assert!(done.is_ok(), "{sql}: {done:?}");
    }

    /// Write files, or change them, in our own schema.
    pub async fn put(&self, path: &str, content: &str) {
        self.db
            .execute(
                "insert into project_files (project_id, path, content)
                 values ($1::text::uuid, $2, $3)
                 on conflict (project_id, path) do update set content = excluded.content",
                &[&PROJECT, &path, &content],
            )
            .await
            .unwrap();
    }

    /// What the table says, in our own schema.
    pub async fn truth(&self) -> Files {
        let sql = "select path, content from project_files where project_id::text = $1";
        let rows = self.db.query(sql, &[&PROJECT]).await.unwrap();
        rows.iter()
            .map(|row| (row.get(0), row.get::<_, String>(1).into_bytes()))
            .collect()
    }

    /// A request to PostgREST itself, as Alice; says the status.
    pub async fn write(&self, method: &str, path: &str, body: serde_json::Value) -> u16 {
        let url = format!("http://127.0.0.1:{}/{path}", self.rest.port);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self
            .http
            .request(method, url)
            .bearer_auth(jwt("authenticated", Some(ALICE), 600))
            .json(&body);
        request.send().await.unwrap().status().as_u16()
    }

    /// Through the gateway, with the publishable key.
    pub fn options(&self, settings: &SupabaseSettings) -> Options {
        let env = SupabaseCredentials {
            url: Some(self.gate.url()),
            key: Some(Secret::new(PUBLISHABLE)),
            ..SupabaseCredentials::default()
        };
        hasty(Options::resolve(settings, &env).unwrap())
    }

    /// As Alice.
    pub async fn connect(&self, dir: &Path) -> Puller {
        let options = self.options(&SupabaseSettings::default());
        self.connect_as(options, alice(), PROJECT, dir)
            .await
            .unwrap()
    }

    pub async fn connect_as(
        &self,
        options: Options,
        token: FixedToken,
        project: &str,
        dir: &Path,
    ) -> Result<Puller, SupabaseError> {
        Puller::connect(options, Arc::new(token), project, dir, &self.scope).await
    }
}

pub async fn database_client(
    config: &tokio_postgres::Config,
    scope: &Scope,
) -> tokio_postgres::Client {
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let token = scope.token();
    scope.spawn(async move {
        tokio::select! {
            () = token.cancelled() => {}
            _ = connection => {}
        }
    });
    client
}

/// Patience of a test instead of a user's.
pub fn hasty(mut options: Options) -> Options {
    options.effort = Effort {
        attempts: 2,
        first_wait: Duration::from_millis(10),
        longest_wait: Duration::from_millis(100),
        connect: Duration::from_secs(2),
        one_request: Duration::from_secs(10),
    };
    options.pace = Pace {
        poll: Duration::from_millis(50),
        idle_poll: Duration::from_millis(200),
        full_check: Duration::from_secs(1),
        debounce: Duration::from_millis(10),
    };
    options
}

pub fn alice() -> FixedToken {
    token("authenticated", Some(ALICE))
}

pub fn token(role: &str, user: Option<&str>) -> FixedToken {
    FixedToken(Some(Secret::new(jwt(role, user, 3600))))
}

pub fn nobody() -> FixedToken {
    FixedToken(None)
}

pub fn a_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("codemate-mirror-")
        .tempdir()
        .unwrap()
}

/// Every file of a mirror.
pub fn on_disk(mirror: &Path) -> Files {
    fn walk(root: &Path, dir: &Path, files: &mut Files) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                files.insert(name.to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    let root = mirror.join("files");
    let mut files = Files::new();
    walk(&root, &root, &mut files);
    files
}

pub fn files(list: &[(&str, &str)]) -> Files {
    list.iter()
        .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
        .collect()
}

/// How two sets of files differ, by name: missing, other content, too many.
pub fn difference(truth: &Files, found: &Files) -> [Vec<String>; 3] {
    let names = |files: &Files, keep: &dyn Fn(&String) -> bool| {
        files.keys().filter(|path| keep(path)).cloned().collect()
    };
    [
        names(truth, &|path| !found.contains_key(path)),
        names(truth, &|path| {
            found
                .get(path)
                .is_some_and(|content| *content != truth[path])
        }),
        names(found, &|path| !truth.contains_key(path)),
    ]
}

/// Poll until `found` finds something.
#[track_caller]
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(it) = found() {
            return it;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain for: {what}");
}

/// Run a test on a runtime of its own, and end all that it spawned.
pub fn block_on<F: Future<Output = ()>>(test: impl FnOnce(Scope) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let scope = Scope::new();
        test(scope.clone()).await;
        assert!(scope.close(Duration::from_secs(20)).await, "left running");
    });
}
