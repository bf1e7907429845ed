//! What goes wrong between the table and the mirror: nothing is deleted, the last good files stay,
//! and all is well again by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use codemate_preview::{
    config::SupabaseSettings,
    source::supabase::{Follower, Hint},
    task::Scope,
};
use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::{
    Test,
    gate::Fault,
    rig::Postgres,
    world::{Files, PATIENCE, PROJECT, World, a_dir, alice, block_on, difference, on_disk},
};

pub const TESTS: &[Test] = &[
    ("unauthorized", || gate(Fault::Unauthorized)),
    ("forbidden", || gate(Fault::Forbidden)),
    ("too_many_requests", || gate(Fault::TooManyRequests)),
    ("server_errors", || gate(Fault::ServerError)),
    ("silence", || gate(Fault::Silence)),
    ("connections_cut_off", || gate(Fault::CutOff)),
    ("half_a_json_text", || gate(Fault::HalfJson)),
    ("short_pages", || gate(Fault::ShortPages)),
    ("doubled_rows", || gate(Fault::DoubledRows)),
    ("empty_pages", || gate(Fault::EmptyPages)),
    ("postgrest_killed", || run(&Trouble::Rest)),
    ("postgresql_killed", || run(&Trouble::Database)),
];

const RUNS: usize = 20;
const FILES: usize = 40;

enum Trouble {
    Gate(Fault),
    Rest,
    Database,
}

impl Trouble {
    /// Under it some rows still come, in their own order and number: the mirror may keep up.
    fn is_mild(&self) -> bool {
        matches!(self, Self::Gate(Fault::ShortPages | Fault::DoubledRows))
    }
}

fn gate(fault: Fault) {
    run(&Trouble::Gate(fault));
}

fn run(trouble: &Trouble) {
    let own = matches!(trouble, Trouble::Database).then(Postgres::start);
    let postgres = own.as_ref().unwrap_or_else(|| Postgres::shared());
    // Ten runs by revision, ten by comparing.
    for by_revision in [true, false] {
        block_on(|scope| runs(scope, trouble, postgres, by_revision));
    }
}

async fn runs(scope: Scope, trouble: &Trouble, postgres: &Postgres, by_revision: bool) {
    let sql = codemate_preview::source::supabase::SCHEMA;
    // More pages than one, and more batches.
    let mut it = Subject::new(World::on(postgres, &scope, sql, 25).await, by_revision).await;
    for run in 0..RUNS / 2 {
        it.one(trouble, postgres, run).await;
    }
}

struct Subject {
    world: World,
    dir: tempfile::TempDir,
    follower: Follower,
    hints: mpsc::Sender<Hint>,
    /// Files that were deleted, as the file system tells.
    deleted: Arc<AtomicUsize>,
    _watcher: notify::RecommendedWatcher,
}

impl Subject {
    async fn new(world: World, by_revision: bool) -> Self {
        world.projects().await;
        for n in 0..FILES {
            world.put(&format!("d{}/f{n}", n % 5), "0").await;
        }
        let dir = a_dir();
        let settings = SupabaseSettings {
            deletions_table: (!by_revision).then(String::new),
            ..SupabaseSettings::default()
        };
        let mut options = world.options(&settings);
        options.effort.one_request = Duration::from_millis(400);
        let puller = world.connect_as(options, alice(), PROJECT, dir.path());
        let mut puller = puller.await.unwrap();
        assert_eq!(puller.shape().revisions.is_some(), by_revision);
        let first = puller.full().await.unwrap();
        let deleted = Arc::new(AtomicUsize::new(0));
        let watcher = watch(&dir.path().join("files"), &deleted);
        let (hints, told) = mpsc::channel(16);
        let follower = Follower::start(puller, &first, told, &world.scope);
        Self {
            world,
            dir,
            follower,
            hints,
            deleted,
            _watcher: watcher,
        }
    }

    async fn one(&mut self, trouble: &Trouble, postgres: &Postgres, run: usize) {
        let before = on_disk(self.dir.path());
        let failures = self.follower.status().borrow().failures;
        assert_eq!(failures, 0, "well before");
        // It begins in the middle of something, a different one each time.
        match trouble {
            Trouble::Gate(fault) => self.world.gate.fail(*fault, run % 7),
            Trouble::Rest | Trouble::Database => {}
        }
        self.change(run).await;
        let after = self.world.truth().await;
        let _ = self.hints.send(Hint::Changed).await;
        match trouble {
            Trouble::Gate(_) => self.suffer(trouble, &before).await,
            Trouble::Rest => {
                self.world.rest.kill();
                self.suffer(trouble, &before).await;
                self.world.rest.run();
            }
            Trouble::Database => {
                postgres.kill();
                self.suffer(trouble, &before).await;
                postgres.run();
                let client = crate::world::database_client(&self.world.config, &self.world.scope);
                self.world.db = client.await;
            }
        }
        assert_eq!(self.deleted.load(Ordering::SeqCst), 0, "a file was deleted");
        self.intact(&before, &after);
        self.world.gate.mend();
        self.until_same(&after).await;
        // The control: a deletion that is one is made, and seen by the watcher.
        self.world
            .sql("delete from project_files where path = 'extra'")
            .await;
        let mut rest = after;
        rest.remove("extra");
        self.until_same(&rest).await;
        let seen = || self.deleted.swap(0, Ordering::SeqCst) == 1;
        crate::world::until("the deletion to be told", || seen().then_some(()));
    }

    /// A third of the files, and a new one.
    async fn change(&self, run: usize) {
        let sql = format!(
            "update project_files set content = '{run}' || path where right(path, 1) in ('1','4','7')"
        );
        self.world.sql(&sql).await;
        self.world.put("extra", &format!("extra {run}")).await;
    }

    /// Until the trouble was met, and met again.
    async fn suffer(&self, trouble: &Trouble, before: &Files) {
        let mut status = self.follower.status();
        let looks = status.borrow().looks;
        let met = status.wait_for(|status| {
            if trouble.is_mild() {
                status.looks > looks + 2
            } else {
                status.failures > 1 || (status.looks > looks + 4 && self.world.gate.met() > 4)
            }
        });
        let met = tokio::time::timeout(PATIENCE, met).await;
        let status = self.follower.status();
        assert!(
            met.is_ok(),
            "{:?}, {} met",
            *status.borrow(),
            self.world.gate.met()
        );
        let [missing, _, _] = difference(before, &on_disk(self.dir.path()));
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// Every file is as it was, or as it is to be.
    fn intact(&self, before: &Files, after: &Files) {
        for (path, content) in on_disk(self.dir.path()) {
            let is_good = [before, after]
                .iter()
                .any(|files| files.get(&path) == Some(&content));
            assert!(is_good, "{path} is {:?}", String::from_utf8_lossy(&content));
        }
    }

    async fn until_same(&self, truth: &Files) {
        let mut status = self.follower.status();
        let same = async {
            while status.borrow().failures > 0 || on_disk(self.dir.path()) != *truth {
                status.changed().await.unwrap();
            }
        };
        let same = tokio::time::timeout(PATIENCE, same).await;
        let wrong = difference(truth, &on_disk(self.dir.path()));
        let status = self.follower.status();
        assert!(same.is_ok(), "{wrong:?}: {:?}", *status.borrow());
    }
}

fn watch(root: &std::path::Path, deleted: &Arc<AtomicUsize>) -> notify::RecommendedWatcher {
    let deleted = Arc::clone(deleted);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if matches!(event.unwrap().kind, EventKind::Remove(_)) {
            deleted.fetch_add(1, Ordering::SeqCst);
        }
    })
    .unwrap();
    watcher.watch(root, RecursiveMode::Recursive).unwrap();
    watcher
}
