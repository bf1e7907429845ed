//! Four writers with slow transactions against a mirror that is done all the while.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use codemate_preview::{config::SupabaseSettings, task::Scope};
use serde_json::Value;

use crate::{
    Test,
    rig::jwt,
    world::{
        ALICE, Files, PROJECT, World, a_dir, alice, block_on, database_client, difference, on_disk,
    },
};

pub const TESTS: &[Test] = &[
    ("by_revision_at_a_thousand_rows", || run(Table::Ours, 1000)),
    ("by_revision_at_seven_rows", || run(Table::Ours, 7)),
    ("by_comparing_at_a_thousand_rows", || run(Table::Wild, 1000)),
    ("by_comparing_at_seven_rows", || run(Table::Wild, 7)),
    ("by_comparing_paths_alone", || run(Table::Unnumbered, 300)),
];

const WRITERS: u64 = 4;
const SECONDS: Duration = Duration::from_secs(8);
/// Questions for changes and at least one listing among them.
const FEWEST_LOOKS: u32 = 8;
/// Enough that its pages come to some hundreds at seven rows each.
const FILES: u32 = 1500;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Ours,
    /// A surrogate id and a time of change, which is all that most tables have.
    Wild,
    /// A path and a time of change.
    Unnumbered,
}

impl Table {
    fn sql(self) -> String {
        let key = match self {
            Self::Ours => return codemate_preview::source::supabase::SCHEMA.to_owned(),
            Self::Wild => {
                "id uuid primary key default gen_random_uuid(), unique (project_id, path)"
            }
            Self::Unnumbered => "primary key (project_id, path)",
        };
        format!(
            "create table projects (id uuid primary key, owner_id uuid, name text);
             create table project_files (project_id uuid not null, path text not null,
               content text not null, updated_at timestamptz not null default now(), {key});
             create function bump() returns trigger language plpgsql as
               $$ begin new.updated_at := now(); return new; end $$;
             create trigger bump before insert or update on project_files
               for each row execute function bump()"
        )
    }
}

fn run(table: Table, max_rows: u32) {
    block_on(|scope| async move {
        let world = World::with(&scope, &table.sql(), max_rows).await;
        world.projects().await;
        let sql = format!(
            "insert into project_files (project_id, path, content)
             select '{PROJECT}', 'src/' || lpad(n::text, 4, '0'), md5(n::text)
             from generate_series(0, {FILES} - 1) n"
        );
        world.sql(&sql).await;
        let dir = a_dir();
        let options = world.options(&SupabaseSettings::default());
        let puller = world.connect_as(options, alice(), PROJECT, dir.path());
        let mut puller = puller.await.unwrap();
        assert_eq!(puller.shape().revisions.is_some(), table == Table::Ours);
        puller.full().await.unwrap();
        let mut naive = Naive::default();
        if table == Table::Wild && max_rows == 1000 {
            naive.pull(&world).await;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|seed| writer(&world, &scope, seed, &stop))
            .collect();
        let end = tokio::time::Instant::now() + SECONDS;
        let mut looks = 0;
        // A slow machine takes longer for as many looks.
        while looks < FEWEST_LOOKS || tokio::time::Instant::now() < end {
            // Listings that take their time, among questions for changes.
            let done = if looks % 8 == 7 {
                puller.full().await
            } else {
                puller.quick().await
            };
            done.unwrap();
            looks += 1;
            if naive.cursor.is_some() {
                naive.pull(&world).await;
            }
        }
        stop.store(true, Ordering::SeqCst);
        let mut commits = 0;
        for writer in writers {
            commits += writer.await.unwrap();
        }
        let mut left = 4;
        while puller.quick().await.unwrap().unsettled > 0 && left > 0 {
            left -= 1;
        }
        let truth = truth(&world).await;
        let [missing, stale, ghosts] = difference(&truth, &on_disk(dir.path()));
        assert!(
            missing.is_empty() && stale.is_empty() && ghosts.is_empty(),
            "missing {missing:?}, stale {stale:?}, ghosts {ghosts:?} of {}",
            truth.len()
        );
        assert!(commits > 20, "{commits} commits, {looks} looks");
        // The control: what most write first is wrong on the very same changes.
        if naive.cursor.is_some() {
            naive.pull(&world).await;
            let wrong = difference(&truth, &naive.files).map(|list| list.len());
            assert!(wrong.iter().sum::<usize>() > 0, "{wrong:?}");
        }
    });
}

async fn truth(world: &World) -> Files {
    let sql = "select path, content from project_files where project_id::text = $1";
    let rows = world.db.query(sql, &[&PROJECT]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get::<_, String>(1).into_bytes()))
        .collect()
}

/// Transactions of one to four changes, some of which take their time. Says how many there were.
fn writer(
    world: &World,
    scope: &Scope,
    seed: u64,
    stop: &Arc<AtomicBool>,
) -> tokio::task::JoinHandle<u32> {
    let (config, stop) = (world.config.clone(), Arc::clone(stop));
    let inner = scope.clone();
    scope.spawn(async move {
        let mut db = database_client(&config, &inner).await;
        let mut chance = Chance(seed * 2 + 1);
        let mut commits = 0;
        while !stop.load(Ordering::SeqCst) {
            let work = db.transaction().await.unwrap();
            let mut is_good = true;
            for _ in 0..=chance.below(4) {
                let statement = change(&mut chance);
                // Two writers may want one path, or each other's locks.
                is_good &= work.batch_execute(&statement).await.is_ok();
                if chance.below(100) < 5 {
                    tokio::time::sleep(Duration::from_millis(chance.below(1200))).await;
                }
                if !is_good {
                    break;
                }
            }
            if is_good {
                commits += u32::from(work.commit().await.is_ok());
            } else {
                work.rollback().await.unwrap();
            }
        }
        commits
    })
}

fn change(chance: &mut Chance) -> String {
    let path = format!("src/{:04}", chance.below(2000));
    let other = format!("ren/{:04}", chance.below(2000));
    let content = chance.next();
    let row = format!("project_id = '{PROJECT}' and path = '{path}'");
    match chance.below(100) {
        0..25 => format!(
            "insert into project_files (project_id, path, content)
             values ('{PROJECT}', '{path}', '{content}') on conflict do nothing"
        ),
        25..70 => format!("update project_files set content = '{content}' where {row}"),
        70..85 => format!("update project_files set path = '{other}' where {row}"),
        _ => format!("delete from project_files where {row}"),
    }
}

/// The same numbers for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) ^ self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 7) % limit
    }
}

/// `updated_at > cursor`, page by page by offset: kept here to see that it fails.
#[derive(Default)]
struct Naive {
    cursor: Option<String>,
    files: Files,
    paths: BTreeMap<String, String>,
}

impl Naive {
    async fn pull(&mut self, world: &World) {
        let root = format!("http://127.0.0.1:{}/project_files", world.rest.port);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let bearer = jwt("authenticated", Some(ALICE), 600);
        let mut offset = 0;
        loop {
            let mut query = vec![
                ("project_id", format!("eq.{PROJECT}")),
                ("select", "id,path,content,updated_at".to_owned()),
                ("order", "updated_at.asc".to_owned()),
                ("limit", "1000".to_owned()),
                ("offset", offset.to_string()),
            ];
            if let Some(cursor) = &self.cursor {
                query.push(("updated_at", format!("gt.{cursor}")));
            }
            let url = reqwest::Url::parse_with_params(&root, query).unwrap();
            let answer = http.get(url).bearer_auth(&bearer).send().await.unwrap();
            let rows: Vec<BTreeMap<String, Value>> =
                serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            let text =
                |row: &BTreeMap<String, Value>, name: &str| row[name].as_str().unwrap().to_owned();
            let mut last = None;
            for row in &rows {
                let path = text(row, "path");
                if let Some(old) = self.paths.insert(text(row, "id"), path.clone()) {
                    self.files.remove(&old);
                }
                self.files.insert(path, text(row, "content").into_bytes());
                last = Some(text(row, "updated_at"));
            }
            if rows.len() < 1000 {
                self.cursor = last.or(self.cursor.take());
                return;
            }
            offset += 1000;
        }
    }
}
