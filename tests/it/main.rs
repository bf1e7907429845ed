//! Tests of the library and the program from outside, one module a room or a verb.
#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]

mod agent_logs;
mod api;
mod cli;
mod cli_exec;
mod cli_leave;
mod cli_ports;
mod cli_share;
mod cli_streams;
mod cli_surroundings;
mod cli_tunnel;
mod cli_up;
mod completions;
mod detect;
mod docker_engine;
mod engine_contract;
mod errors;
mod filter;
mod floors;
mod gateway;
mod guest;
mod help;
mod launch;
mod lifecycle;
mod makefile;
mod manifest;
mod own_authorities;
mod paths;
mod sources;
mod store;
mod supabase_names;
mod supervisor;
mod sync;
