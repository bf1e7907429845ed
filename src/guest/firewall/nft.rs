//! `nft`, run as a program: load a table, read it back, take it away.

use std::{
    io::{self, Read, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use guest_api::ruleset;

/// For what takes 20 ms.
const LIMIT: Duration = Duration::from_secs(10);

/// Replace the table by this one in a single transaction, read it back, and compare.
pub fn ensure(table: &str) -> Result<(), String> {
    let name = ruleset::table_name(table).ok_or("the rules are no table")?;
    // Made first, so that there is one to delete.
    run(
        &["-f", "-"],
        &format!("table {name}\ndelete table {name}\n{table}"),
    )?;
    check(table)
}

/// Whether the table is there, as it should be.
pub fn check(table: &str) -> Result<(), String> {
    let name = ruleset::table_name(table).ok_or("the rules are no table")?;
    let list: Vec<&str> = ["list", "table"]
        .into_iter()
        .chain(name.split(' '))
        .collect();
    let found = run(&list, "")?;
    if ruleset::normal(&found) == ruleset::normal(table) {
        Ok(())
    } else {
        Err("what nft lists is not what it was given".to_owned())
    }
}

pub fn delete(table: &str) -> Result<(), String> {
    let name = ruleset::table_name(table).ok_or("the rules are no table")?;
    run(&["-f", "-"], &format!("delete table {name}")).map(drop)
}

fn run(args: &[&str], input: &str) -> Result<String, String> {
    let describe = |error: io::Error| format!("nft: {error}");
    let mut child = Command::new("nft")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(describe)?;
    // It reads all of its input before it writes, and what it writes of a table of ours fits into a
    // pipe; the limit is for whatever does not.
    let outcome = exchange(&mut child, input);
    if outcome.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    outcome
}

fn exchange(child: &mut Child, input: &str) -> Result<String, String> {
    let describe = |error: io::Error| format!("nft: {error}");
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(describe)?;
    }
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(describe)? {
            break status;
        }
        if Instant::now() > deadline {
            return Err("nft does not end".to_owned());
        }
        thread::sleep(Duration::from_millis(1));
    };
    let (mut out, mut err) = (String::new(), String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut out).map_err(describe)?;
    }
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut err).map_err(describe)?;
    }
    if status.success() {
        Ok(out)
    } else {
        let reason = err.lines().next().unwrap_or_default();
        Err(format!("nft: {status}: {reason}"))
    }
}
