//! From a save in the table to the new page over HTTP: told by Realtime, and found by polling.
//!
//! `make bench-supabase`, or `cargo bench --bench supabase_edit` where Docker, the base images and
//! what `tests/supabase/setup` installs are there. PostgreSQL, PostgREST, Docker and the binary are
//! the real ones; Realtime is the server of our tests, told right after the commit, so what the
//! real one takes to read the commit comes on top. Saves of both kinds take turns, so that what
//! else the machine does hits both alike. Only ratios mean anything.

#![expect(clippy::print_stdout, reason = "a program whose output is its result")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![expect(
    clippy::disallowed_types,
    reason = "wall-clock time is what is measured"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the rig is told by a variable what must be there"
)]

#[path = "../tests/supabase/door.rs"]
mod door;
#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/supabase/gate.rs"]
mod gate;
#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/docker/host.rs"]
mod host;
#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/supabase/phoenix.rs"]
mod phoenix;
#[path = "../tests/supabase/rig.rs"]
mod rig;
#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/docker/web.rs"]
mod web;
#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/supabase/wire.rs"]
mod wire;
#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/supabase/world.rs"]
mod world;

use std::{
    fs,
    time::{Duration, Instant},
};

use codemate_preview::task::Scope;
use serde_json::json;

use door::Door;
use gate::PUBLISHABLE;
use host::Host;
use phoenix::Phoenix;
use rig::jwt;
use wire::change;
use world::{ALICE, PROJECT, World, until};

/// Of each kind.
const SAVES: u32 = 50;
/// Between two looks at the table where nothing else asks for one: the shortest there is.
const POLL: Duration = Duration::from_secs(2);

fn main() {
    if !rig::is_here() || !host::docker_is_here() {
        println!("left out: Docker, PostgreSQL or PostgREST is missing, see `make bench-supabase`");
        return;
    }
    let _stop = Stop;
    world::block_on(|scope| async move {
        let told = Preview::start(&scope, true).await;
        let polled = Preview::start(&scope, false).await;
        let (mut by_realtime, mut by_polling) = (Vec::new(), Vec::new());
        for n in 0..SAVES {
            // A save that follows a page at once would always come right after a look.
            tokio::time::sleep(pause(n)).await;
            by_realtime.push(told.save(n).await);
            tokio::time::sleep(pause(n)).await;
            by_polling.push(polled.save(n).await);
        }
        print(by_realtime, by_polling);
    });
}

/// However it ends.
struct Stop;

impl Drop for Stop {
    fn drop(&mut self) {
        rig::stop();
    }
}

/// Spread evenly over the time between two looks, and the same in every run.
fn pause(n: u32) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    POLL.mul_f64((f64::from(n) * GOLDEN).fract())
}

/// A preview of one page, with a database and an agent of its own.
struct Preview {
    world: World,
    phoenix: Option<Phoenix>,
    url: String,
    /// Takes everything away when it is dropped.
    _host: Host,
}

impl Preview {
    /// All settings but this one are the usual ones.
    async fn start(scope: &Scope, realtime: bool) -> Self {
        let world = World::ours(scope, 1000).await;
        world.put("index.html", "first").await;
        let mut host = Host::new();
        let phoenix = Phoenix::start(scope).await;
        let door = Door::open(&world.gate, phoenix.addr, scope).await;
        let token = jwt("authenticated", Some(ALICE), 3600);
        host.env.extend([
            ("SUPABASE_URL", door.url()),
            ("SUPABASE_KEY", PUBLISHABLE.to_owned()),
            ("SUPABASE_USER_TOKEN", token),
            ("CODEMATE_PREVIEW_TUNNEL", "none".to_owned()),
        ]);
        fs::create_dir_all(host.config()).unwrap();
        let settings = format!("[supabase]\nrealtime = {realtime}\n");
        fs::write(host.config().join("config.toml"), settings).unwrap();
        let url = host.run(&["up", "--project", PROJECT]).url();
        if realtime {
            until("Realtime", || {
                let status = host.json(&["sync", PROJECT, "--status"]);
                (status["is_live"] == true).then_some(())
            });
        }
        Self {
            world,
            phoenix: realtime.then_some(phoenix),
            url,
            _host: host,
        }
    }

    /// Milliseconds from the answer to a save until its page is there.
    async fn save(&self, n: u32) -> f64 {
        let content = format!("save {n:03}");
        let path = format!("project_files?project_id=eq.{PROJECT}&path=eq.index.html");
        let body = json!({ "content": content });
        let status = self.world.write("PATCH", &path, body).await;
        let since = Instant::now();
        assert_eq!(status, 204);
        if let Some(phoenix) = &self.phoenix {
            let row = json!({ "project_id": PROJECT, "path": "index.html", "content": content });
            phoenix.change(change("UPDATE", &row, &json!({})));
        }
        // Every 5 ms.
        until("the page", || {
            let (status, page) = web::try_get(&self.url)?;
            (status == 200 && page.contains(&content)).then_some(())
        });
        since.elapsed().as_secs_f64() * 1000.0
    }
}

fn print(by_realtime: Vec<f64>, by_polling: Vec<f64>) {
    let rows = [
        ("told by Realtime", Figures::of(by_realtime)),
        ("polled, every 2 s", Figures::of(by_polling)),
    ];
    let polled = rows[1].1.p50;
    println!("save in the table → new page, each from the answer to its PATCH");
    println!("(Realtime is our test server, told right after the commit: the real one's own");
    println!("delay comes on top; whoever waits for the page uses the preview, so the agent");
    println!("also looks every 2 s for that, in both rows)");
    println!("| changes are | n | p50 ms | p95 ms | max ms | p50 / polled |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (name, figures) in rows {
        let Figures { n, p50, p95, max } = figures;
        let ratio = p50 / polled;
        println!("| {name} | {n} | {p50:.0} | {p95:.0} | {max:.0} | {ratio:.2} |");
    }
}

struct Figures {
    n: usize,
    p50: f64,
    p95: f64,
    max: f64,
}

impl Figures {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let n = times.len();
        // The least that so many of a hundred do not exceed.
        let rank = |percent: usize| times[(n * percent).div_ceil(100) - 1];
        Self {
            n,
            p50: rank(50),
            p95: rank(95),
            max: times[n - 1],
        }
    }
}
