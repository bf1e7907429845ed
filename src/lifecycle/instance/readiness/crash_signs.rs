//! What an app's lines say of a program that crashed while what watches it goes on. Pure.

/// What one line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashSign {
    /// A watcher says that its program ended and that it waits for an edit.
    Crashed,
    /// A program ended, or something else failed.
    Perhaps,
    /// The watcher starts it once more.
    Again,
}

const CRASHED: [&str; 6] = [
    "app crashed - waiting for file changes",
    "clean exit - waiting for changes",
    "Failed running '",
    "Completed running '",
    "Waiting for file changes before restarting",
    "Application startup failed. Exiting.",
];
const PERHAPS: [&str; 6] = [
    "Traceback (most recent call last)",
    "Process SpawnProcess-",
    "Worker failed to boot",
    "exited with code 1",
    "Command failed with exit code",
    // Of Nest, whose watcher says nothing of its end.
    "ERROR [ExceptionHandler]",
];
/// Of the version of a runtime, which it writes last when it ends on an error.
const LAST_WORDS: [&str; 2] = ["Node.js v", "Bun v"];
const AGAIN: [&str; 3] = [
    "restarting due to changes",
    "Restarting '",
    "[nodemon] starting",
];

pub fn sign(line: &str) -> Option<CrashSign> {
    let line = plain(line);
    let line = line.trim();
    let has = |words: &[&str]| words.iter().any(|words| line.contains(words));
    if has(&AGAIN) {
        Some(CrashSign::Again)
    } else if has(&CRASHED) {
        Some(CrashSign::Crashed)
    } else if has(&PERHAPS)
        || is_of_traceback(line)
        || ends_a_runtime(line)
        || has_compile_errors(line)
    {
        Some(CrashSign::Perhaps)
    } else {
        None
    }
}

/// In Python's words. Its first line may be too far back to be seen.
fn is_of_traceback(line: &str) -> bool {
    line.starts_with("File \"") && line.contains("\", line ")
}

fn ends_a_runtime(line: &str) -> bool {
    // Behind the name that runners of several programs put before each line.
    let line = line.rsplit("] ").next().unwrap_or(line);
    LAST_WORDS.iter().any(|words| {
        let version = line.strip_prefix(words);
        version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    })
}

/// In the words of TypeScript's compiler when it watches.
fn has_compile_errors(line: &str) -> bool {
    let Some((_, rest)) = line.split_once("Found ") else {
        return false;
    };
    rest.ends_with("Watching for file changes.") && !rest.starts_with("0 ")
}

/// Without the codes of colours.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        let end = after.find(|last: char| last.is_ascii_alphabetic());
        rest = end.map_or("", |end| &after[end + 1..]);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchers_are_understood_in_their_own_words() {
        let cases = [
            (
                "[nodemon] app crashed - waiting for file changes before starting...",
                Some(CrashSign::Crashed),
            ),
            (
                "\u{1b}[31m[nodemon] app crashed - waiting for file changes before starting...\u{1b}[39m",
                Some(CrashSign::Crashed),
            ),
            (
                "[0] [nodemon] clean exit - waiting for changes before restart",
                Some(CrashSign::Crashed),
            ),
            ("Failed running 'server.js'", Some(CrashSign::Crashed)),
            (
                "Failed running 'src/app.js'. Waiting for file changes before restarting...",
                Some(CrashSign::Crashed),
            ),
            ("Completed running 'server.js'", Some(CrashSign::Crashed)),
            (
                "ERROR:    Application startup failed. Exiting.",
                Some(CrashSign::Crashed),
            ),
            (
                "[nodemon] restarting due to changes...",
                Some(CrashSign::Again),
            ),
            ("Restarting 'server.js'", Some(CrashSign::Again)),
            (
                "[nodemon] starting `node server.js`",
                Some(CrashSign::Again),
            ),
            (
                "Traceback (most recent call last):",
                Some(CrashSign::Perhaps),
            ),
            (
                "  File \"/home/app/workspace/main.py\", line 3, in <module>",
                Some(CrashSign::Perhaps),
            ),
            ("Process SpawnProcess-1:", Some(CrashSign::Perhaps)),
            ("Node.js v20.19.2", Some(CrashSign::Perhaps)),
            ("[api] Node.js v22.1.0", Some(CrashSign::Perhaps)),
            ("Bun v1.2.0 (Linux x64)", Some(CrashSign::Perhaps)),
            (
                "[0] npm run api exited with code 1",
                Some(CrashSign::Perhaps),
            ),
            (
                "10:00:00 AM - Found 3 errors. Watching for file changes.",
                Some(CrashSign::Perhaps),
            ),
            (
                "10:00:00 AM - Found 0 errors. Watching for file changes.",
                None,
            ),
            ("Node.js version is fine", None),
            ("Running on Node.js v20", None),
            ("listening on 3000", None),
            ("the build failed, running on", None),
        ];
        for (line, expected) in cases {
            assert_eq!(sign(line), expected, "{line:?}");
        }
    }
}
