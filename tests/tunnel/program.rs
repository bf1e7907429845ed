//! Programs that hold tunnels: none is left, and nobody else's is touched.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command},
    thread,
};

use codemate_preview::{
    model::TunnelKind,
    store::{ProcessMark, TunnelRecord},
    task::Scope,
    tunnel::{Launch, Programs, TunnelError},
};

use super::{
    Test, programs,
    rig::{Rig, is_alive, is_known, until},
    stub, tether,
    world::{an_id, block_on},
};

pub const TESTS: &[Test] = &[
    Test::new(
        "a_killed_parent_leaves_nothing",
        a_killed_parent_leaves_nothing,
    ),
    Test::new(
        "a_stranger_is_never_signalled",
        a_stranger_is_never_signalled,
    ),
    Test::new("a_zombie_is_not_waited_for", a_zombie_is_not_waited_for),
    Test::new(
        "it_outlives_the_thread_that_asked",
        it_outlives_the_thread_that_asked,
    ),
    Test::new(
        "secrets_are_in_no_command_line",
        secrets_are_in_no_command_line,
    ),
    Test::new(
        "it_is_recorded_before_it_runs",
        it_is_recorded_before_it_runs,
    ),
    Test::new(
        "ending_reaches_all_that_it_started",
        ending_reaches_all_that_it_started,
    ),
    Test::new("dropped_it_is_killed", dropped_it_is_killed),
    Test::new("one_that_cannot_run_says_why", one_that_cannot_run_says_why),
    Test::new(
        "a_tether_without_its_parent_is_nothing",
        a_tether_without_its_parent_is_nothing,
    ),
];

const KIND: TunnelKind = TunnelKind::Command;

async fn rig(scope: &Scope, mode: &str) -> Rig {
    let rig = Rig::new(scope).await;
    programs::install(&rig.dir.0, "teller", "teller");
    rig.dir.tell("mode", mode);
    rig
}

fn launch(rig: &Rig) -> Launch {
    Launch::new(rig.dir.0.join("teller"))
}

/// The agent is killed with a tunnel open: the program goes with it, and what that had started
/// goes when the next agent comes.
fn a_killed_parent_leaves_nothing() {
    block_on(|scope| async move {
        let rig = rig(&scope, "grandchild").await;
        programs::install(&rig.dir.0, "cloudflared", "cloudflared");
        let dir = rig.dir.0.to_str().unwrap();
        let alien = [
            ("TUNNEL_TOKEN", "x"),
            ("NGROK_AUTHTOKEN", "x"),
            ("CLOUDFLARE_API_TOKEN", "x"),
        ];
        let mut parent = stub::spawn_as("parent", &[dir], &alien);
        let recorded = || {
            let records = rig.tools.store.load_tunnels().unwrap();
            records.into_iter().find(|record| record.process.is_some())
        };
        let record = until("a recorded program", recorded).await;
        let run = until("a run", || rig.dir.runs().first().cloned()).await;
        assert_eq!(record.process.map(|mark| mark.pid), Some(run.pid));
        for (name, _) in alien {
            assert!(!run.env.contains_key(name), "{name} was passed on");
        }
        assert!(run.env.values().any(|value| *value == record.mark));
        assert!(is_alive(run.pid));

        parent.kill().unwrap();
        parent.wait().unwrap();
        until("the program's end", || (!is_alive(run.pid)).then_some(())).await;
        assert_eq!(run.children.len(), 2);
        assert!(
            run.children.iter().all(|pid| is_alive(*pid)),
            "the control: they go on"
        );

        let left = rig.tunnels().reap().await;
        assert!(left.is_empty(), "{left:?}");
        assert!(!run.children.iter().any(|pid| is_alive(*pid)));
        assert!(rig.records().is_empty());
    });
}

/// A process of ours that is no tunnel's, and what a record would say of it.
fn bystander() -> (Child, ProcessMark) {
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = child.id();
    let exe = super::world::until("the program", || {
        fs::read_link(format!("/proc/{pid}/exe"))
            .ok()
            .filter(|exe| exe.to_string_lossy().contains("sleep") || exe.ends_with("coreutils"))
    });
    let mark = ProcessMark {
        pid: i32::try_from(pid).unwrap(),
        started: started(pid),
        exe,
    };
    (child, mark)
}

fn started(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, after) = stat.rsplit_once(") ").unwrap();
    after.split(' ').nth(19).unwrap().parse().unwrap()
}

fn boot_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    text.trim().to_owned()
}

fn record(key: &str, boot_id: String, process: ProcessMark) -> TunnelRecord {
    TunnelRecord {
        key: key.to_owned(),
        kind: KIND,
        instances: vec![an_id()],
        mark: format!("the mark of {key}"),
        boot_id,
        process: Some(process),
        remote: std::collections::BTreeMap::new(),
    }
}

fn a_stranger_is_never_signalled() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let (mut stranger, mark) = bystander();
        let (mut ours, exact) = bystander();
        let started = ProcessMark {
            started: mark.started + 1,
            ..mark.clone()
        };
        let exe = ProcessMark {
            exe: "/usr/bin/other".into(),
            ..mark.clone()
        };
        let other_boot = "00000000-0000-0000-0000-000000000000".to_owned();
        for record in [
            record("started", boot_id(), started),
            record("exe", boot_id(), exe),
            record("boot", other_boot, mark),
            record("ours", boot_id(), exact),
        ] {
            rig.tools.store.save_tunnel(&record).unwrap();
        }
        assert!(rig.tunnels().reap().await.is_empty());
        assert!(rig.records().is_empty());
        let how = ours.wait().unwrap();
        assert_eq!(
            how.signal(),
            Some(15),
            "the control: the very same process is ended"
        );
        assert!(
            stranger.try_wait().unwrap().is_none(),
            "a stranger was signalled"
        );
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    });
}

/// Signal 0 reaches it, and nothing ever ends it but its parent.
fn a_zombie_is_not_waited_for() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let (mut child, mark) = bystander();
        child.kill().unwrap();
        until("a zombie", || (!is_alive(mark.pid)).then_some(())).await;
        assert!(is_known(mark.pid), "the control: it is there");
        rig.tools
            .store
            .save_tunnel(&record("zombie", boot_id(), mark))
            .unwrap();
        assert!(rig.tunnels().reap().await.is_empty());
        assert!(rig.records().is_empty());
        child.wait().unwrap();
    });
}

/// A parent-death signal is sent when the thread that started the program ends.
fn it_outlives_the_thread_that_asked() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let (tools, launch) = (rig.tools.clone(), launch(&rig));
        let handle = tokio::runtime::Handle::current();
        let asking = thread::spawn(move || {
            let running = handle.block_on(async {
                let programs = Programs::new(&tools);
                let ledger = programs.ledger(KIND, "key", Vec::new()).await.unwrap();
                programs.start(&ledger, launch).await.unwrap()
            });
            (running, fs::read_link("/proc/thread-self").unwrap())
        });
        let (running, thread) = asking.join().unwrap();
        let thread = Path::new("/proc").join(thread);
        until("the thread's end", || (!thread.exists()).then_some(())).await;
        // Only one that lives does as it is told.
        rig.dir.tell("die", "");
        until("its own end", || {
            (!rig.dir.0.join("die").exists()).then_some(())
        })
        .await;
        let ended = running.end().await;
        let error = ended.error().to_string();
        assert!(error.contains("with code 3"), "{error}");
    });
}

fn secrets_are_in_no_command_line() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let programs = Programs::new(&rig.tools);
        let ledger = programs.ledger(KIND, "key", Vec::new()).await.unwrap();
        let launch = launch(&rig).arg("argument").env("TUNNEL_TOKEN", "hunter2");
        assert!(!format!("{launch:?}").contains("hunter2"));
        let running = programs.start(&ledger, launch).await.unwrap();
        let run = until("a run", || rig.dir.runs().first().cloned()).await;
        assert_eq!(run.env["TUNNEL_TOKEN"], "hunter2");
        let line = fs::read_to_string(format!("/proc/{}/cmdline", run.pid)).unwrap();
        assert!(
            line.contains("argument") && !line.contains("hunter2"),
            "{line:?}"
        );
        let on_disk = fs::read_to_string(rig.tools.store.tunnels().join("key.json")).unwrap();
        assert!(!on_disk.contains("hunter2"));
        running.end().await;
    });
}

fn it_is_recorded_before_it_runs() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let programs = Programs::new(&rig.tools);
        let ledger = programs.ledger(KIND, "key", vec![an_id()]).await.unwrap();
        assert_eq!(rig.tools.store.load_tunnels().unwrap(), [ledger.record()]);
        assert_eq!(ledger.record().process, None);
        ledger
            .change(|record| drop(record.remote.insert("id".into(), "17".into())))
            .await
            .unwrap();
        let running = programs.start(&ledger, launch(&rig)).await.unwrap();
        let records = rig.tools.store.load_tunnels().unwrap();
        let process = records[0].process.clone().unwrap();
        assert_eq!(process.pid, running.pid());
        assert_eq!(process.started, started(process.pid.try_into().unwrap()));

        // Another attempt that knows nothing of this one ends it and keeps what is at the provider.
        let again = programs.ledger(KIND, "key", Vec::new()).await.unwrap();
        assert!(!is_alive(running.pid()));
        assert_eq!(again.record().remote["id"], "17");
        assert_ne!(again.record().mark, ledger.record().mark);
        running.end().await;
        again.forget().await.unwrap();
        assert!(rig.records().is_empty());
    });
}

fn ending_reaches_all_that_it_started() {
    block_on(|scope| async move {
        let rig = rig(&scope, "grandchild").await;
        let programs = Programs::new(&rig.tools);
        let ledger = programs.ledger(KIND, "key", Vec::new()).await.unwrap();
        let running = programs.start(&ledger, launch(&rig)).await.unwrap();
        let run = until("a run", || rig.dir.runs().first().cloned()).await;
        assert!(run.children.iter().all(|pid| is_alive(*pid)), "the control");
        running.end().await;
        assert!(!is_known(run.pid));
        assert!(!run.children.iter().any(|pid| is_alive(*pid)));
    });
}

fn dropped_it_is_killed() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let programs = Programs::new(&rig.tools);
        let ledger = programs.ledger(KIND, "key", Vec::new()).await.unwrap();
        let running = programs.start(&ledger, launch(&rig)).await.unwrap();
        let pid = running.pid();
        drop(running);
        until("its end, and being waited for", || {
            (!is_known(pid)).then_some(())
        })
        .await;
        assert_eq!(rig.records(), ["key"], "what else there is, is known still");
    });
}

fn one_that_cannot_run_says_why() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let programs = Programs::new(&rig.tools);
        let ledger = programs.ledger(KIND, "key", Vec::new()).await.unwrap();
        fs::write(rig.dir.0.join("data"), "no program").unwrap();
        for (file, said) in [("nothing", "No such file"), ("data", "Permission denied")] {
            let launch = Launch::new(rig.dir.0.join(file));
            let error = programs.start(&ledger, launch).await.err().unwrap();
            let TunnelError::ProgramUnusable { program, why } = error else {
                panic!("{error}");
            };
            assert_eq!(program, file);
            assert!(why.contains(said), "{why}");
        }
    });
}

/// It was started by an agent that ended before the kernel was asked to tell of that.
fn a_tether_without_its_parent_is_nothing() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let teller = rig.dir.0.join("teller");
        let mut tether = Command::new(tether())
            .args(["tether", "1", "--"])
            .arg(teller)
            .spawn()
            .unwrap();
        tether.wait().unwrap();
        assert!(rig.dir.runs().is_empty());
    });
}
