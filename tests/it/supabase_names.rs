//! Who may name Supabase: its own room, its verb at each end, its settings, and the names that records
//! and directories have. All else knows a `Source` and `Credentials`.

use std::collections::BTreeSet;

use crate::floors::{code_of, sources};

const NAME: &str = "supabase";
const ROOM: &str = "source/supabase/";

/// The files, each group with its reason.
const MAY: &[(&str, &[&str])] = &[
    (
        "the room, and the agent that makes it",
        &["source/mod.rs", "agent/compose.rs"],
    ),
    (
        "its verb, from the command line to the answer",
        &[
            "agent/mod.rs",
            "agent/routes/mod.rs",
            "agent/routes/supabase.rs",
            "agent/routes/table.rs",
            "agent/session_vault.rs",
            "api/mod.rs",
            "api/supabase.rs",
            "cli/args.rs",
            "cli/commands/mod.rs",
            "cli/commands/project/mod.rs",
            "cli/commands/project/supabase.rs",
            "client/mod.rs",
        ],
    ),
    (
        "its settings, and whose users the API believes",
        &[
            "agent/remote/bind.rs",
            "config/api.rs",
            "config/credentials.rs",
            "config/mod.rs",
            "config/supabase.rs",
            "config/user.rs",
        ],
    ),
    (
        "the tag of its sources in records and in the API",
        &[
            "agent/routes/status.rs",
            "agent/routes/up.rs",
            "api/instance.rs",
            "cli/commands/preview/ls.rs",
            "cli/commands/preview/up.rs",
            "model/instance/id.rs",
            "store/record.rs",
        ],
    ),
    (
        "names in the state directory",
        &[
            "store/access/credentials.rs",
            "store/mirror.rs",
            "store/access/user_session.rs",
        ],
    ),
    (
        "messages of the library that an app uses",
        &["lifecycle/explain/variable/library_errors.rs"],
    ),
];

fn names_it(code: &str) -> bool {
    code.to_lowercase().contains(NAME)
}

#[test]
fn only_these_files_name_supabase() {
    let listed: Vec<&str> = MAY.iter().flat_map(|(_, files)| *files).copied().collect();
    let allowed: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(allowed.len(), listed.len(), "a file is listed twice");
    let named: BTreeSet<String> = sources()
        .into_iter()
        .filter(|file| !file.starts_with(ROOM) && names_it(&code_of(file)))
        .filter(|file| !file.starts_with("lifecycle/explain/cases/"))
        .collect();
    let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    let strangers: Vec<_> = named.difference(&allowed).collect();
    assert!(strangers.is_empty(), "no reason to name it: {strangers:?}");
    let idle: Vec<_> = allowed.difference(&named).collect();
    assert!(idle.is_empty(), "listed, and does not name it: {idle:?}");
}

#[test]
fn a_name_in_code_is_seen() {
    assert!(names_it("use crate::source::supabase::Puller;"));
    assert!(names_it("SUPABASE_URL"));
    assert!(!names_it("use crate::source::Source;"));
    assert!(names_it(&code_of("source/supabase/mod.rs")));
}
