//! Every integration test: one binary, so one link step.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod cli;
mod cli_exec;
mod cli_leave;
mod cli_streams;
mod cli_up;
mod completions;
mod help;
mod launch;
