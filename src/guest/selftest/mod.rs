//! `guest probe`: what a preview can do from inside, tried and told as one line each.
//!
//! Nothing is sent further than to the host: what goes to other addresses lives for one hop, so that
//! even a sandbox that is wide open lets none of it reach them.

mod limits;
mod reach;
mod syscalls;

use std::{fmt::Display, io, net::SocketAddr, path::PathBuf};

/// What the sandbox is said to be, and what is tried against it.
#[derive(Default)]
pub struct ExpectedLimits {
    /// Whether the internet may be reached.
    open: bool,
    /// Where the agent listens on the host.
    host: Vec<SocketAddr>,
    /// Files of the host that must not be here.
    absent: Vec<PathBuf>,
    /// Variables that may be set.
    known: Vec<String>,
    memory: u64,
    pids: u64,
    files: u64,
}

pub fn run(args: impl Iterator<Item = String>) -> io::Result<()> {
    let wanted = ExpectedLimits::parse(args)?;
    reach::probe(&wanted);
    limits::probe(&wanted);
    // Last: one of these may take the process elsewhere.
    syscalls::probe();
    Ok(())
}

impl ExpectedLimits {
    fn parse(mut args: impl Iterator<Item = String>) -> io::Result<Self> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        let mut wanted = Self::default();
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| bad(&name))?;
            let number = || value.parse().map_err(|_| bad(&value));
            match name.as_str() {
                "--egress" => wanted.open = value == "open",
                "--host" => wanted.host.push(value.parse().map_err(|_| bad(&value))?),
                "--absent" => wanted.absent.push(value.into()),
                "--known" => wanted.known.push(value),
                "--memory" => wanted.memory = number()?,
                "--pids" => wanted.pids = number()?,
                "--files" => wanted.files = number()?,
                _ => return Err(bad(&name)),
            }
        }
        Ok(wanted)
    }
}

/// One thing that was tried; `held` says whether it ended as it should.
fn report(area: &str, tried: impl Display, result: impl Display, held: bool) {
    let verdict = if held { "held" } else { "open" };
    println!("{area}\t{tried}\t{result}\t{verdict}");
}

fn errno_text(error: i32) -> String {
    let text = io::Error::from_raw_os_error(error).to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase()
}
