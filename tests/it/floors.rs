//! The floor plan, kept by a test: a room imports the rooms named beside it and no other, and no
//! file grows past what one can hold in mind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lower floors first. A room may import only rooms above it in this list, and of those only these.
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("guest_api", &[]),
    ("task", &[]),
    ("http_client", &[]),
    ("http_server", &["task"]),
    ("api", &["model"]),
    ("config", &["model"]),
    ("security", &["model", "guest_api"]),
    ("store", &["model"]),
    ("engine", &["model", "guest_api", "security", "task"]),
    ("project", &["model", "config"]),
    ("source", &["model", "config", "task", "http_client"]),
    (
        "gateway",
        &["model", "config", "security", "task", "http_server"],
    ),
    (
        "tunnel",
        &["model", "config", "store", "task", "http_client"],
    ),
    ("sync", &["model", "task", "engine", "source"]),
    (
        "lifecycle",
        &[
            "model", "config", "security", "store", "task", "engine", "project", "source",
            "gateway", "tunnel", "sync",
        ],
    ),
    ("client", &["model", "api", "config", "http_client"]),
    (
        "agent",
        &[
            "model",
            "api",
            "config",
            "security",
            "store",
            "task",
            "engine",
            "source",
            "gateway",
            "tunnel",
            "sync",
            "lifecycle",
            "http_client",
            "http_server",
        ],
    ),
    ("cli", &["model", "api", "config", "client"]),
];

/// One file, one further room, for one reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // `agent run` is the agent.
    ("cli/commands/agent/mod.rs", "agent"),
    // What the agent starts tunnels' programs through is this binary.
    ("cli/commands/host/tether.rs", "tunnel"),
];

/// A program of its own, built by `build.rs`. It imports what it has in common with the agent and no
/// other room.
const GUEST: &str = "guest";
/// A crate and not a module, since the guest compiles it too; paths into it have no `crate::` before.
const SHARED: &str = "guest_api";
/// The only folder with unsafe code.
const UNSAFE: &str = "guest/sys/";
const LONGEST: usize = 400;
/// Type names that three rooms define, and how many do: no name may join them.
const SHARED_NAMES: &[(&str, usize)] = &[
    // The alias of a room's own error, as the standard library has it.
    ("Result", 3),
];

/// Names that say nothing of a role where they stand alone. No type is called so.
const RETIRED_TYPES: &[&str] = &[
    "Allowance",
    "Any",
    "Apart",
    "Book",
    "Busy",
    "By",
    "Census",
    "Desk",
    "DiskBook",
    "Door",
    "Ended",
    "Entrance",
    "Entry",
    "Epoch",
    "Errand",
    "Fixed",
    "Found",
    "Front",
    "Gate",
    "Given",
    "Hall",
    "Halves",
    "Heard",
    "Held",
    "Hosted",
    "House",
    "Keeper",
    "Kept",
    "Known",
    "Leash",
    "Left",
    "Lobby",
    "Means",
    "Mood",
    "News",
    "Opened",
    "Order",
    "Pass",
    "Patient",
    "Place",
    "Said",
    "Seat",
    "Seats",
    "Shown",
    "Sight",
    "Spare",
    "Tenant",
    "Ticket",
    "Tickets",
    "Told",
    "Traits",
    "Visit",
    "Warden",
    "Way",
    "Why",
    "Wish",
    "Woken",
    "Wrong",
];
/// And no file.
const RETIRED_FILES: &[&str] = &[
    "allowance",
    "apart",
    "book",
    "census",
    "desk",
    "door",
    "entrance",
    "errand",
    "gate",
    "glance",
    "hall",
    "house",
    "keep",
    "keeper",
    "kept",
    "leash",
    "lobby",
    "manners",
    "mood",
    "patience",
    "said",
    "seat",
    "sight",
    "spares",
    "ticket",
    "told",
    "turn",
    "utils",
    "warden",
    "wish",
];
/// A listing of more files is not a plan any more.
const MOST_FILES_OF_A_FOLDER: usize = 16;
/// Folders that have more, and why nobody is lost in them.
const LONG_FOLDERS: &[(&str, usize)] = &[
    // One file a route.
    ("agent/routes", 22),
    // One file a table of the settings.
    ("config", 21),
];

#[test]
fn no_type_and_no_file_has_a_retired_name() {
    let mut wrong = Vec::new();
    for file in sources() {
        let stem = file.rsplit('/').next().unwrap().trim_end_matches(".rs");
        if RETIRED_FILES.contains(&stem) {
            wrong.push(file.clone());
        }
        let types = types_defined_in(&code_of(&file)).into_iter();
        let retired = types.filter(|name| RETIRED_TYPES.contains(&name.as_str()));
        wrong.extend(retired.map(|name| format!("{file}: {name}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_folder_is_too_long_to_read() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for file in sources() {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        *folders.entry(folder.to_owned()).or_default() += 1;
    }
    folders.retain(|_, files| *files > MOST_FILES_OF_A_FOLDER);
    let long: Vec<(&str, usize)> = folders
        .iter()
        .map(|(name, files)| (name.as_str(), *files))
        .collect();
    assert_eq!(long, LONG_FOLDERS, "a folder grew, or shrank");
}

#[test]
fn every_import_goes_down() {
    let wrong: Vec<String> = sources()
        .iter()
        .flat_map(|file| complaints(file, &code_of(file)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_way_up() {
    for (floor, (room, allowed)) in FLOORS.iter().enumerate() {
        for other in *allowed {
            let below = FLOORS[..floor].iter().any(|(name, _)| name == other);
            assert!(
                below,
                "`{room}` may import `{other}`, which is not below it"
            );
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|file| (code_of(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > LONGEST)
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
}

/// A name that says its role is defined once, or for the same role in two rooms.
#[test]
fn no_type_name_is_defined_in_three_rooms() {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources() {
        let Some((room, _)) = file.split_once('/') else {
            continue;
        };
        for name in types_defined_in(&code_of(&file)) {
            rooms.entry(name).or_default().insert(room.to_owned());
        }
    }
    let shared: Vec<(&str, usize)> = rooms
        .iter()
        .filter(|(_, rooms)| rooms.len() >= 3)
        .map(|(name, rooms)| (name.as_str(), rooms.len()))
        .collect();
    assert_eq!(shared, SHARED_NAMES, "a name of three rooms, or one less");
}

/// The control: definitions are seen, whatever stands before and after the name.
#[test]
fn definitions_of_types_are_seen() {
    let code = "pub struct A;\nenum B<T> {}\npub(crate) trait C: D {}\ntype E = F;\n    struct Inner;\nfn g() {}\nuse h::I;";
    assert_eq!(types_defined_in(code), ["A", "B", "C", "E"]);
}

#[test]
fn every_file_says_its_subject_first() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|file| !text_of(file).starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "no `//!` line first: {silent:?}");
}

/// The control: each kind of violation is one the test would see.
#[test]
fn violations_are_seen() {
    let wrong = [
        ("model/x.rs", "use crate::engine::Engine;"),
        (
            "engine/x.rs",
            "use crate::{model::Plan, lifecycle::Manager};",
        ),
        ("gateway/x.rs", "fn f() { crate::store::Store::open() }"),
        ("attic/x.rs", ""),
        ("engine/docker/x.rs", "use super::super::Engine;"),
        ("guest/x.rs", "use crate::model::Plan;"),
        ("guest/x.rs", "use codemate_preview::model::Plan;"),
        ("guest_api/x.rs", "use crate::model::Plan;"),
        ("gateway/x.rs", "use guest_api::wire::Message;"),
        ("engine/x.rs", "#[path = \"../cli/up.rs\"]\nmod up;"),
        ("engine/x.rs", "#[path = \"up.rs\"]\nmod other;"),
        ("engine/x.rs", "fn f() { unsafe { g() } }"),
        ("guest/init/mod.rs", "unsafe extern \"C\" {}"),
        ("cli/up.rs", "use crate::agent::run;"),
    ];
    for (file, code) in wrong {
        assert!(!complaints(file, code).is_empty(), "{file}: {code}");
    }
    let right = [
        ("cli/commands/agent/mod.rs", "use crate::agent::run;"),
        ("guest/x.rs", "use guest_api::wire::Message;"),
        ("guest/sys/x.rs", "fn f() { unsafe { g() } }"),
        ("engine/x.rs", "use guest_api::wire::Message;"),
    ];
    for (file, code) in right {
        assert_eq!(complaints(file, code), [""; 0], "{file}: {code}");
    }
}

fn complaints(file: &str, code: &str) -> Vec<String> {
    let Some((room, _)) = file.split_once('/') else {
        return Vec::new();
    };
    let mut wrong = Vec::new();
    if code.contains("#[path") {
        wrong.push(format!("{file} takes a file by `#[path]`; say `mod`"));
    }
    let unsafe_code = ["{", "fn ", "impl ", "trait ", "extern "];
    let is_unsafe = unsafe_code.map(|what| code.contains(&format!("unsafe {what}")));
    if is_unsafe.contains(&true) && !file.starts_with(UNSAFE) {
        wrong.push(format!(
            "{file} has unsafe code, which belongs into {UNSAFE}"
        ));
    }
    if code.contains("super::super::") && room != GUEST {
        wrong.push(format!("{file} leaves its room by `super`; say `crate::`"));
    }
    let known = FLOORS.iter().find(|(name, _)| *name == room);
    let Some((_, allowed)) = known.or((room == GUEST).then_some(&(GUEST, &[SHARED]))) else {
        wrong.push(format!("{file}: `{room}` is on no floor"));
        return wrong;
    };
    let foreign = rooms_named_in(code).into_iter().filter(|other| {
        let known = FLOORS.iter().any(|(name, _)| name == other);
        let excepted = EXCEPTIONS.contains(&(file, other.as_str()));
        known && other != room && !allowed.contains(&other.as_str()) && !excepted
    });
    wrong.extend(foreign.map(|other| format!("{file} imports `{other}`")));
    wrong
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file under `src`, as `room/file.rs`.
pub fn sources() -> Vec<String> {
    fn walk(dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let inside = path.strip_prefix(src()).unwrap();
                found.push(inside.to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&src(), &mut found);
    assert!(!found.is_empty());
    found
}

/// The names of types that a file defines, outside of functions and blocks.
fn types_defined_in(code: &str) -> Vec<String> {
    let name_of = |line: &str| {
        let item = match line.strip_prefix("pub(") {
            Some(rest) => rest.split_once(") ")?.1,
            None => line.strip_prefix("pub ").unwrap_or(line),
        };
        let (kind, name) = item.split_once(' ')?;
        matches!(kind, "struct" | "enum" | "trait" | "type").then(|| first_word(name))
    };
    code.lines().filter_map(name_of).collect()
}

fn text_of(file: &str) -> String {
    fs::read_to_string(src().join(file)).unwrap()
}

/// The text of a file without its comments and its unit tests.
pub fn code_of(file: &str) -> String {
    let text = text_of(file);
    let code = text
        .split("\n#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    let bare = |line: &str| {
        if line.trim_start().starts_with("//") {
            String::new()
        } else {
            line.to_owned()
        }
    };
    code.lines().map(bare).collect::<Vec<_>>().join("\n")
}

/// The names that follow `crate::` or the product's name, alone or first in each arm of `crate::{…}`;
/// and the shared crate, where a path begins with it.
fn rooms_named_in(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if code.contains(&format!("{SHARED}::")) {
        names.insert(SHARED.to_owned());
    }
    let product = code.split("codemate_preview::").skip(1);
    for after in code.split("crate::").skip(1).chain(product) {
        match after.strip_prefix('{') {
            None => {
                names.insert(first_word(after));
            }
            Some(group) => names.extend(arms(group).iter().map(|arm| first_word(arm))),
        }
    }
    names
}

/// The arms of a `{…}` group whose opening brace is gone, cut at its own commas only.
fn arms(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut arms = vec![String::new()];
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => {
                arms.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        arms.last_mut().unwrap().push(c);
    }
    arms
}

fn first_word(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
