//! One preview takes all it can get, and its neighbour and the agent go on: what each limit holds
//! is seen from inside, and that every request of the neighbour's was answered from outside.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    Test,
    host::{Host, docker, until},
    world::get,
};

pub const TESTS: &[Test] = &[("a_neighbour_goes_on_beside_each_abuse", a_neighbour_goes_on)];

/// What takes two CPUs to see.
pub const SPREAD: &[Test] = &[("who_spins_is_kept_apart", who_spins_is_kept_apart)];

const ABUSER: &str = include_str!("abuser.py");
const NEIGHBOUR: &str = include_str!("neighbour.py");

const MEMORY: &str = "512MiB";
const PIDS: usize = 512;
const DESCRIPTORS: usize = 8192;
const TMP_BYTES: usize = 256 << 20;
const LOG_BYTES: usize = 10 << 20;

/// Asks the neighbour again and again, beside what is done meanwhile.
struct Visitor {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    thread: thread::JoinHandle<Vec<String>>,
}

impl Visitor {
    fn start(url: &str) -> Self {
        let (stop, answered) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (told, counted, url) = (stop.clone(), answered.clone(), url.to_owned());
        let thread = thread::spawn(move || {
            let mut wrong = Vec::new();
            while !told.load(Ordering::Relaxed) {
                match get(&url, "/") {
                    (200, body) if body == "hello" => drop(counted.fetch_add(1, Ordering::Relaxed)),
                    other => wrong.push(format!("{other:?}")),
                }
            }
            wrong
        });
        Self {
            stop,
            answered,
            thread,
        }
    }

    /// Once it was answered `more` times from now on.
    fn until_answered(&self, more: usize) {
        let from = self.answered.load(Ordering::Relaxed);
        until("the neighbour's answers", || {
            (self.answered.load(Ordering::Relaxed) >= from + more || self.thread.is_finished())
                .then_some(())
        });
    }

    fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let wrong = self.thread.join().unwrap();
        (self.answered.load(Ordering::Relaxed), wrong)
    }
}

fn a_neighbour_goes_on() {
    let host = Host::new();
    let neighbour = host.project("neighbour", &[("main.py", NEIGHBOUR)]);
    let abuser = host.project("abuser", &[("main.py", ABUSER)]);
    let neighbour = host.up(&neighbour).url();
    let abuser_dir = abuser.to_str().unwrap();
    let url = host.run(&["up", abuser_dir, "--memory", MEMORY]).url();
    let container = docker(&["ps", "-q", "--filter", "name=-abuser-"]);
    for (abuse, holds) in HOLDS {
        let visitor = Visitor::start(&neighbour);
        let (status, got) = get(&url, &format!("/{abuse}"));
        visitor.until_answered(20);
        // The agent, and what it asks of the engine, while it is held.
        let listed = host.run(&["ls"]).ok().stdout;
        assert!(
            listed.contains("neighbour") && listed.contains("abuser"),
            "{abuse}: {listed}"
        );
        host.run(&["exec", "neighbour", "--", "true"]).ok();
        let (released, _) = get(&url, "/release");
        let (answered, wrong) = visitor.end();
        println!("{abuse}: {got}; the neighbour answered {answered} times");
        assert_eq!((status, released), (200, 200), "{abuse}: {got}");
        assert!(holds(&got), "{abuse}: {got}");
        assert_eq!(wrong, Vec::<String>::new(), "{abuse}");
    }
    let kept = std::process::Command::new("docker")
        .args(["logs", container[0].as_str()])
        .output()
        .unwrap();
    let kept = kept.stdout.len();
    println!("logs: {kept} bytes are kept");
    assert!((1 << 20..=LOG_BYTES).contains(&kept), "{kept}");
}

fn who_spins_is_kept_apart() {
    let host = Host::new();
    let quiet = host.project("quiet", &[("main.py", NEIGHBOUR)]);
    let busy = host.project("busy", &[("main.py", ABUSER)]);
    let url = host.up(&quiet).url();
    let busy_url = host.up(&busy).url();
    let cpus = |name: &str| -> BTreeSet<String> {
        let named = format!("label=dev.codemate.preview.name={name}");
        let container = &docker(&["ps", "-q", "--filter", &named])[0];
        let set = docker(&["inspect", "-f", "{{.HostConfig.CpusetCpus}}", container]);
        let set = set.first().map_or("", String::as_str);
        let numbers = set.split(',').filter(|number| !number.is_empty());
        numbers.map(str::to_owned).collect()
    };
    // The control: of two that are quiet neither is anywhere in particular.
    assert_eq!((cpus("quiet").len(), cpus("busy").len()), (0, 0));
    let visitor = Visitor::start(&url);
    visitor.until_answered(20);
    assert_eq!(get(&busy_url, "/cpu").0, 200);
    until("CPUs of their own", || {
        let (theirs, its) = (cpus("quiet"), cpus("busy"));
        let apart = !theirs.is_empty() && !its.is_empty() && theirs.is_disjoint(&its);
        apart.then_some(())
    });
    host.run(&["down", busy.to_str().unwrap()]).ok();
    until("all CPUs", || {
        let all = std::thread::available_parallelism().unwrap().get();
        (cpus("quiet").len() == all).then_some(())
    });
    assert_eq!(visitor.end().1, Vec::<String>::new());
}

/// The number after a word.
fn number(text: &str, word: &str) -> Option<usize> {
    let mut words = text.split(' ').skip_while(|it| *it != word);
    words.nth(1)?.parse().ok()
}

type Holds = fn(&str) -> bool;

/// Each abuse, and what it tells if the limit held: more than nothing was got, and not more than
/// the limit. Each would have got more than that without one.
const HOLDS: [(&str, Holds); 6] = [
    ("forks", |got| {
        number(got, "forks").is_some_and(|forks| (100..PIDS).contains(&forks))
            && number(got, "refused").is_some_and(|refused| refused > 0)
    }),
    ("memory", |got| got == "signal 9"),
    ("disk", |got| {
        number(got, "bytes").is_some_and(|bytes| (1..=TMP_BYTES).contains(&bytes))
            && got.ends_with("ENOSPC")
    }),
    ("logs", |got| {
        number(got, "bytes").is_some_and(|bytes| bytes > 4 * LOG_BYTES)
    }),
    ("descriptors", |got| {
        number(got, "opened").is_some_and(|opened| (1000..=DESCRIPTORS).contains(&opened))
            && got.ends_with("EMFILE")
    }),
    ("cpu", |got| got == "spinning 8"),
];
