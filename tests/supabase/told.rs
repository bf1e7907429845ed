//! `up --project` on the real Docker where Realtime tells of changes, and nothing else would for an
//! hour.
//!
//! Nobody asks the preview for a page before a change is known of: that would be use, and whoever
//! uses a preview has its rows looked at.

use codemate_preview::task::Scope;
use serde_json::{Value, json};

use crate::{
    Test,
    door::Door,
    host::until,
    phoenix::Phoenix,
    up::{Case, until_says},
    wire::change,
    world::{PROJECT, block_on},
};

pub const TESTS: &[Test] = &[
    ("an_update_is_seen_by_its_event", by_event),
    ("what_was_not_told_is_seen_after_a_rejoin", after_rejoin),
];

const SETTINGS: &str = "[supabase]\npoll = \"1h\"\nidle_poll = \"1h\"\nfull_check = \"1h\"\n";
/// A join refused for this is tried again in a moment.
const BUSY: &str = "IncreaseConnectionPool: Please increase your connection pool size";

/// A preview that runs and is told of changes.
struct Told {
    case: Case,
    phoenix: Phoenix,
    url: String,
}

impl Told {
    async fn new(scope: &Scope) -> Self {
        let phoenix = Phoenix::start(scope).await;
        let world = Case::world(scope).await;
        let door = Door::open(&world.gate, phoenix.addr, scope).await;
        let case = Case::of(world, door.url(), SETTINGS);
        phoenix.manners().refuses = Some(BUSY.to_owned());
        let url = case.host.run(&["up", "--project", PROJECT]).url();
        let told = Self { case, phoenix, url };
        told.rejoin();
        told
    }

    fn status(&self) -> Value {
        self.case.host.json(&["sync", PROJECT, "--status"])
    }

    fn cursor(&self) -> i64 {
        self.status()["cursor"].as_i64().unwrap()
    }

    fn until_cursor_passes(&self, before: i64) {
        until("the cursor to move", || {
            (self.cursor() > before).then_some(())
        });
    }

    fn leave(&self) {
        self.phoenix.manners().refuses = Some(BUSY.to_owned());
        self.phoenix.close();
        until("the loss to be known", || {
            (self.status()["is_live"] == false).then_some(())
        });
    }

    /// Let it join, and wait for the comparison that makes up for what was not told.
    fn rejoin(&self) {
        let check = || self.status()["last_full_check"].as_str().map(str::to_owned);
        let before = until("the first comparison", check);
        self.phoenix.manners().refuses = None;
        until("to be told of changes", || {
            (self.status()["is_live"] == true).then_some(())
        });
        until("another comparison", || {
            check().filter(|last| *last != before)
        });
    }

    /// An UPDATE that is committed and not told; says what would tell it.
    async fn update(&self, path: &str, content: &str) -> Value {
        let query = format!("?project_id=eq.{PROJECT}&path=eq.{path}");
        let body = json!({ "content": content });
        self.case.write("PATCH", &query, body).await;
        let row = json!({ "project_id": PROJECT, "path": path, "content": content });
        change("UPDATE", &row, &json!({}))
    }

    /// Since `before` was the cursor and the gateway forgot what it saw.
    fn nobody_looked(&self, before: i64) {
        assert_eq!(self.cursor(), before);
        let seen = self.case.world.gate.seen();
        assert!(seen.is_empty(), "{seen:?}");
    }
}

fn by_event() {
    block_on(|scope| async move {
        let told = Told::new(&scope).await;
        let human = told.case.host.run(&["sync", PROJECT, "--status"]).ok();
        assert!(human.stdout.contains("Realtime"), "{human:#?}");

        let before = told.cursor();
        told.case.world.gate.forget();
        let event = told.update("data/a.txt", "a2").await;
        told.nobody_looked(before);
        told.phoenix.change(event);
        told.until_cursor_passes(before);
        until_says(&told.url, "ONE a2 b1 none");
    });
}

fn after_rejoin() {
    block_on(|scope| async move {
        let told = Told::new(&scope).await;
        let before = told.cursor();
        told.case.world.gate.forget();
        told.leave();
        let event = told.update("data/a.txt", "a2").await;
        told.phoenix.change(event);
        told.nobody_looked(before);
        told.rejoin();
        assert!(told.cursor() > before);

        let before = told.cursor();
        let event = told.update("data/b.txt", "b2").await;
        told.phoenix.change(event);
        told.until_cursor_passes(before);
        until_says(&told.url, "ONE a2 b2 none");
    });
}
