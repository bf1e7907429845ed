//! Following a table: by hints, by polling, by full checks, until it is told to stop.

use std::time::Duration;

use codemate_preview::{
    config::SupabaseSettings,
    source::supabase::{Follower, Hint, Options},
    task::Scope,
};
use tokio::sync::mpsc;

use crate::{
    Test,
    world::{PROJECT, World, a_dir, alice, block_on, files, on_disk},
};

pub const TESTS: &[Test] = &[
    ("a_hint_wakes_it", hinted),
    ("without_hints_it_polls", polled),
    ("a_full_check_finds_what_no_tombstone_told", checked),
    ("a_lost_connection_turns_to_polling", lost),
    ("it_saves_its_index_when_it_stops", stopped),
    ("a_touch_makes_it_look_at_once", touched),
];

const NEVER: Duration = Duration::from_secs(100_000);

struct Following {
    world: World,
    dir: tempfile::TempDir,
    follower: Follower,
    hints: mpsc::Sender<Hint>,
    scope: Scope,
}

impl Following {
    async fn new(scope: &Scope, pace: impl FnOnce(&mut Options)) -> Self {
        let world = World::ours(scope, 1000).await;
        world.put("a", "1").await;
        let dir = a_dir();
        let mut options = world.options(&SupabaseSettings::default());
        options.pace.poll = NEVER;
        options.pace.idle_poll = NEVER;
        options.pace.full_check = NEVER;
        pace(&mut options);
        let puller = world.connect_as(options, alice(), PROJECT, dir.path());
        let mut puller = puller.await.unwrap();
        let first = puller.full().await.unwrap();
        let (hints, told) = mpsc::channel(16);
        let own = scope.child();
        let follower = Follower::start(puller, &first, told, &own);
        Self {
            world,
            dir,
            follower,
            hints,
            scope: own,
        }
    }

    async fn until(&self, what: &str, expected: &[(&str, &str)]) {
        let expected = files(expected);
        let mut status = self.follower.status();
        let reached = async {
            while on_disk(self.dir.path()) != expected {
                status.changed().await.unwrap();
            }
        };
        let reached = tokio::time::timeout(crate::world::PATIENCE, reached).await;
        let status = self.follower.status();
        assert!(reached.is_ok(), "{what}: {:?}", *status.borrow());
    }
}

fn hinted() {
    block_on(|scope| async move {
        let it = Following::new(&scope, |_| {}).await;
        it.world.put("a", "2").await;
        it.hints.send(Hint::Changed).await.unwrap();
        it.until("a change", &[("a", "2")]).await;
        let status = it.follower.status().borrow().clone();
        assert!(status.by_revision && status.cursor.is_some() && status.lag.is_some());
        assert_eq!((status.files, status.problem), (1, None));
        // A burst is one look.
        it.world.put("b", "1").await;
        for _ in 0..16 {
            it.hints.send(Hint::Changed).await.unwrap();
        }
        it.until("a burst", &[("a", "2"), ("b", "1")]).await;
        let looks = it.follower.status().borrow().looks;
        assert!(looks <= 3, "{looks} looks for two bursts");
    });
}

fn polled() {
    block_on(|scope| async move {
        let it = Following::new(&scope, |options| {
            options.pace.poll = Duration::from_millis(20);
        });
        let it = it.await;
        it.world.put("a", "2").await;
        it.until("a change", &[("a", "2")]).await;
        it.world.sql("delete from project_files").await;
        it.until("a deletion", &[]).await;
    });
}

fn checked() {
    block_on(|scope| async move {
        let it = Following::new(&scope, |options| {
            options.pace.full_check = Duration::from_millis(100);
        });
        let it = it.await;
        it.world.put("b", "1").await;
        it.world
            .sql("alter table project_files disable trigger all; delete from project_files where path = 'a'")
            .await;
        it.until("a full check", &[("b", "1")]).await;
    });
}

fn lost() {
    block_on(|scope| async move {
        let it = Following::new(&scope, |options| {
            options.pace.poll = Duration::from_millis(20);
        });
        let it = it.await;
        it.hints.send(Hint::Live).await.unwrap();
        let mut status = it.follower.status();
        status
            .wait_for(|status| status.is_live && status.looks > 0)
            .await
            .unwrap();
        let before = status.borrow().looks;
        it.hints.send(Hint::Lost).await.unwrap();
        status
            .wait_for(|status| !status.is_live && status.looks > before + 2)
            .await
            .unwrap();
        it.world.put("a", "2").await;
        it.until("a change", &[("a", "2")]).await;
        // As does an end of all hints.
        drop(it.hints);
    });
}

fn stopped() {
    block_on(|scope| async move {
        let it = Following::new(&scope, |_| {}).await;
        it.world.put("b", "1").await;
        it.hints.send(Hint::Changed).await.unwrap();
        it.until("a change", &[("a", "1"), ("b", "1")]).await;
        it.scope.cancel();
        it.follower.ended().await;
        let index = std::fs::read_to_string(it.dir.path().join("index.json")).unwrap();
        assert!(index.contains("\"b\""));
        let mut puller = it.world.connect(it.dir.path()).await;
        assert_eq!(puller.full().await.unwrap().bytes, 0);
    });
}

fn touched() {
    block_on(|scope| async move {
        let it = Following::new(&scope, |_| {}).await;
        it.world.put("a", "2").await;
        it.follower.touch();
        it.until("a look", &[("a", "2")]).await;
    });
}
