//! The first pull of 10 000 files and 187 MB beside paging through them by offset, in one run.
//!
//! `cargo bench --bench supabase`, with what `tests/supabase/setup` installs. Each puller is a
//! process of its own, so that its peak of memory is its own; rounds are interleaved, so that what
//! else the machine does hits both alike. Only ratios mean anything.

#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "the rig is told by a variable what must be there"
)]

#[path = "../tests/supabase/rig.rs"]
mod rig;

use std::{path::Path, process::Command, sync::Arc};

use codemate_preview::{
    config::SupabaseSettings,
    model::Secret,
    source::supabase::{FixedToken, Options, Puller, SCHEMA, SupabaseCredentials},
    task::Scope,
};
use serde::Deserialize;
use tokio::time::Instant;

const ROUNDS: usize = 5;
const ALICE: &str = "11111111-1111-1111-1111-111111111111";
const PROJECT: &str = "aaaaaaaa-0000-0000-0000-000000000001";

/// Files of 68 bytes to 37 kB, 18.7 kB on average.
const SEED: &str = "
insert into projects values
  ('aaaaaaaa-0000-0000-0000-000000000001', '11111111-1111-1111-1111-111111111111', 'big');
insert into project_files (project_id, path, content)
select 'aaaaaaaa-0000-0000-0000-000000000001',
  format('src/dir%s/file%s.ts', lpad((i / 100)::text, 3, '0'), lpad(i::text, 5, '0')),
  (select string_agg(format(E'export const v%s = \"%s\"; // %s\\n', j, md5(i::text || j::text),
     md5(j::text || i::text)), '') from generate_series(1, 1 + (abs(hashint4(i)) % 430)) j)
from generate_series(1, 10000) i;
analyze;";

/// What the rig of the tests waits by.
mod world {
    pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        for _ in 0..6000 {
            if let Some(it) = found() {
                return it;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("waited in vain for: {what}");
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [puller, port, dir] = args.as_slice() {
        return pull(puller, port, Path::new(dir));
    }
    if !rig::is_here() {
        println!("left out: PostgreSQL or PostgREST is missing, see tests/supabase/setup");
        return;
    }
    let _stop = Stop;
    let postgres = rig::Postgres::shared();
    let database = postgres.database(SCHEMA);
    postgres.sql(&database, SEED);
    let rest = rig::Rest::start(postgres, &database, 1000);
    let pullers = ["ours", "ours again", "by offset"];
    let mut figures = vec![Vec::new(); pullers.len()];
    for _ in 0..ROUNDS {
        let dir = tempfile::tempdir().unwrap();
        for (puller, figures) in pullers.iter().zip(&mut figures) {
            figures.push(child(puller, rest.port, dir.path()));
        }
    }
    for (puller, mut figures) in pullers.iter().zip(figures) {
        figures.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let median = figures[figures.len() / 2];
        let most = figures.iter().map(|figure| figure.kib).max().unwrap();
        println!(
            "{puller:<12} median {:.2} s, best {:.2} s, peak {:.0} MB",
            median.seconds,
            figures[0].seconds,
            f64::from(most) / 1000.0
        );
    }
}

/// However it ends.
struct Stop;

impl Drop for Stop {
    fn drop(&mut self) {
        rig::stop();
    }
}

#[derive(Clone, Copy, serde::Serialize, Deserialize)]
struct Figure {
    seconds: f64,
    /// The peak of resident memory.
    kib: u32,
}

fn child(puller: &str, port: u16, dir: &Path) -> Figure {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([puller, &port.to_string()])
        .arg(dir.join(puller.split(' ').next().unwrap()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn pull(puller: &str, port: &str, dir: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let root = format!("http://127.0.0.1:{port}");
    let seconds = runtime.block_on(async {
        let began = Instant::now();
        match puller {
            "by offset" => by_offset(&root, dir).await,
            _ => ours(&root, dir).await,
        }
        began.elapsed().as_secs_f64()
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    let kib = kib.parse().unwrap();
    println!(
        "{}",
        serde_json::to_string(&Figure { seconds, kib }).unwrap()
    );
}

async fn ours(root: &str, dir: &Path) {
    let settings = SupabaseSettings {
        rest_url: Some(root.to_owned()),
        ..SupabaseSettings::default()
    };
    let options = Options::resolve(&settings, &SupabaseCredentials::default()).unwrap();
    let token = FixedToken(Some(Secret::new(token())));
    let scope = Scope::new();
    let puller = Puller::connect(options, Arc::new(token), PROJECT, dir, &scope);
    let mut puller = puller.await.unwrap();
    let done = puller.full().await.unwrap();
    assert_eq!((done.files, done.refused.len()), (10_000, 0));
    puller.save().await.unwrap();
}

fn token() -> String {
    rig::jwt("authenticated", Some(ALICE), 600)
}

#[derive(Deserialize)]
struct Row {
    path: String,
    content: String,
}

/// What is written first: pages of a thousand whole rows, one after the other.
async fn by_offset(root: &str, dir: &Path) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut files = 0;
    loop {
        let url = format!(
            "{root}/project_files?project_id=eq.{PROJECT}&select=path,content&order=path\
             &limit=1000&offset={files}"
        );
        let answer = http.get(url).bearer_auth(token()).send().await.unwrap();
        let rows: Vec<Row> = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        for row in &rows {
            let path = dir.join(&row.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &row.content).unwrap();
        }
        files += rows.len();
        if rows.len() < 1000 {
            break;
        }
    }
    assert_eq!(files, 10_000);
}
