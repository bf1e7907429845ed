//! `up --project` on the real Docker: a Flask project that is rows of a table, and what is saved
//! in the table seen in the running app.

use std::{fs, process::Command};

use codemate_preview::task::Scope;
use serde_json::json;

use crate::{
    Test,
    gate::PUBLISHABLE,
    host::{Host, docker_is_here, until},
    rig::jwt,
    world::{ALICE, NOWHERE, PROJECT, World, block_on},
};

pub const TESTS: &[Test] = &[
    ("rows_become_a_preview_and_stay_in_step", in_step),
    ("without_the_database_the_last_files_stay", without),
    ("what_cannot_be_seen_is_refused", unseen),
    ("the_next_agent_goes_on", next_agent),
    ("ten_thousand_files_fit_in_little_memory", many),
];

pub fn docker() -> bool {
    docker_is_here()
}

const APP: &str = r#"
import os
from flask import Flask
app = Flask(__name__)
def read(name):
    try:
        return open(name).read()
    except FileNotFoundError:
        return "none"
@app.route("/")
def hello():
    return "ONE " + " ".join(read(f"data/{n}.txt") for n in ["a", "b", "c"])
"#;

/// A world with a Flask project in it, and a host that knows of it by its environment alone.
pub struct Case {
    pub world: World,
    pub host: Host,
}

impl Case {
    /// Its rows are looked at often.
    async fn new(scope: &Scope) -> Self {
        let world = Self::world(scope).await;
        let url = world.gate.url();
        let settings = "[supabase]\npoll = \"200ms\"\nidle_poll = \"200ms\"\nrealtime = false\n";
        Self::of(world, url, settings)
    }

    pub async fn world(scope: &Scope) -> World {
        let world = World::ours(scope, 1000).await;
        world.put("requirements.txt", "flask\n").await;
        world.put("app.py", APP).await;
        world.put("data/a.txt", "a1").await;
        world.put("data/b.txt", "b1").await;
        world
    }

    /// `url` is where the host takes the Supabase project to be.
    pub fn of(world: World, url: String, settings: &str) -> Self {
        let mut host = Host::new();
        host.env.extend([
            ("SUPABASE_URL", url),
            ("SUPABASE_KEY", PUBLISHABLE.to_owned()),
            (
                "SUPABASE_USER_TOKEN",
                jwt("authenticated", Some(ALICE), 3600),
            ),
            ("CODEMATE_PREVIEW_TUNNEL", "none".to_owned()),
        ]);
        let config = host.config();
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("config.toml"), settings).unwrap();
        Self { world, host }
    }

    pub async fn write(&self, method: &str, query: &str, body: serde_json::Value) {
        let path = format!("project_files{query}");
        let status = self.world.write(method, &path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
    }
}

fn get(url: &str) -> Option<String> {
    let authority = url.strip_prefix("http://")?;
    let (_, port) = authority.rsplit_once(':')?;
    crate::web::try_get(&format!("http://{authority}/"))
        .filter(|(status, _)| *status == 200 && !port.is_empty())
        .map(|(_, body)| body)
}

pub fn until_says(url: &str, text: &str) {
    let mut seen = None;
    let found = |seen: &mut Option<String>| {
        *seen = get(url);
        seen.as_deref() == Some(text)
    };
    until(&format!("`{text}`"), || found(&mut seen).then_some(()));
}

fn in_step() {
    block_on(|scope| async move {
        let case = Case::new(&scope).await;
        let up = case.host.run(&["up", "--project", PROJECT]);
        let url = up.url();
        until_says(&url, "ONE a1 b1 none");
        let again = case
            .host
            .run(&["up", "--project", PROJECT, "--format", "ndjson"]);
        let last = again.lines().pop().unwrap();
        assert_eq!(last["data"]["changed"], false, "{last}");

        let row = |path: &str| format!("?project_id=eq.{PROJECT}&path=eq.{path}");
        case.write("PATCH", &row("data/a.txt"), json!({ "content": "a2" }))
            .await;
        until_says(&url, "ONE a2 b1 none");
        let new = json!({ "project_id": PROJECT, "path": "data/c.txt", "content": "c1" });
        case.write("POST", "", new).await;
        until_says(&url, "ONE a2 b1 c1");
        case.write("DELETE", &row("data/b.txt"), json!({})).await;
        until_says(&url, "ONE a2 none c1");
        case.write("PATCH", &row("data/c.txt"), json!({ "path": "data/b.txt" }))
            .await;
        until_says(&url, "ONE a2 c1 none");
        let code = APP.replace("ONE", "TWO");
        case.write("PATCH", &row("app.py"), json!({ "content": code }))
            .await;
        until_says(&url, "TWO a2 c1 none");

        let status = case.host.json(&["sync", PROJECT, "--status"]);
        assert_eq!(status["files"], 4, "{status}");
        assert!(status["cursor"].as_i64().is_some(), "{status}");
        assert!(status["problem"].is_null(), "{status}");
        let doctor = case.host.run(&["supabase", "doctor", PROJECT]).ok();
        assert!(doctor.stdout.contains("can be seen"), "{doctor:#?}");
    });
}

fn without() {
    block_on(|scope| async move {
        let case = Case::new(&scope).await;
        let url = case.host.run(&["up", "--project", PROJECT]).url();
        until_says(&url, "ONE a1 b1 none");
        case.world.rest.kill();
        until("the trouble to be told", || {
            let status = case.host.json(&["sync", PROJECT, "--status"]);
            (status["failures"].as_u64()? > 0).then_some(())
        });
        until_says(&url, "ONE a1 b1 none");
        let down = case.host.run(&["down", PROJECT]);
        assert_eq!(down.code, 0, "{down:#?}");
        let refused = case.host.run(&["up", "--project", PROJECT]);
        assert_ne!(refused.code, 0, "{refused:#?}");
        case.world.rest.run();
        case.world.rest.until_ready();
        let url = case.host.run(&["up", "--project", PROJECT]).url();
        until_says(&url, "ONE a1 b1 none");
    });
}

fn next_agent() {
    block_on(|scope| async move {
        let mut case = Case::new(&scope).await;
        let url = case.host.run(&["up", "--project", PROJECT]).url();
        let pid = case.host.agent_pid().to_string();
        let killed = Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.unwrap().success());
        let row = format!("?project_id=eq.{PROJECT}&path=eq.data/a.txt");
        case.write("PATCH", &row, json!({ "content": "meanwhile" }))
            .await;
        // It knows who asks, though nothing tells it again.
        case.host
            .env
            .retain(|(name, _)| !name.starts_with("SUPABASE"));
        case.host.run(&["ls"]).ok();
        until_says(&url, "ONE meanwhile b1 none");
        case.host.run(&["down", PROJECT, "--purge", "--yes"]).ok();
        let mirrors = case.host.config().join("../state/supabase");
        assert_eq!(fs::read_dir(mirrors).unwrap().count(), 0);
    });
}

/// 10 000 files of 18.7 kB, as the notes on other ways of fetching them have it.
fn many() {
    block_on(|scope| async move {
        let case = Case::new(&scope).await;
        case.world.sql("delete from project_files").await;
        case.world.put("index.html", "<p>many</p>").await;
        let insert = format!(
            "insert into project_files (project_id, path, content)
             select '{PROJECT}', 'files/' || g % 100 || '/' || g || '.txt', repeat(md5(g::text), 584)
             from generate_series(1, 10000) g"
        );
        case.world.sql(&insert).await;
        let url = case.host.run(&["up", "--project", PROJECT]).url();
        until_says(&url, "<p>many</p>");
        let file = crate::web::get(&format!("{url}/files/42/42.txt"));
        assert_eq!((file.0, file.1.len()), (200, 32 * 584));
        let pid = case.host.agent_pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let mebibytes = |what: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(what));
            let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
            kib.parse::<u64>().unwrap() >> 10
        };
        // The pages of the program's own file are those of an unoptimised one here.
        let peak = mebibytes("VmHWM:") - mebibytes("RssFile:");
        assert!(peak < 100, "the agent took {peak} MiB: {status}");
    });
}

fn unseen() {
    block_on(|scope| async move {
        let case = Case::new(&scope).await;
        let refused = case.host.run(&["up", "--project", NOWHERE]);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (3, ""),
            "{refused:#?}"
        );
        assert!(refused.stderr.contains("can be seen"), "{refused:#?}");
        assert!(case.host.run(&["ls"]).ok().stdout.is_empty());
        let doctor = case.host.run(&["supabase", "doctor", NOWHERE]);
        assert_ne!(doctor.code, 0, "{doctor:#?}");
    });
}
