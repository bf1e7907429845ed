//! `codemate-preview` runs any backend project in a hardened container and prints a URL that
//! answers. This page is the architecture; each room's own page says more.
//!
//! One binary is everything: the CLI a person or a script calls, and the agent, one process a user,
//! started on demand, that owns the instances. They speak HTTP/1 and JSON over a Unix socket
//! ([`api`]). A third program, the guest, is built by `build.rs`, embedded, and is the first
//! process of every container.
//!
//! ```text
//!  codemate-preview up ──HTTP/1 + JSON on a 0600 Unix socket──▶ agent
//!                                                                 │
//!  browser ──▶ gateway (http://<name>.localhost:PORT) ────────────┤ Docker API
//!  internet ──▶ tunnel ──▶ a public listener of the gateway ──────┤
//!                                                                 ▼
//!           ┌─ sidecar: holds the network namespace and its packet filter ───────────┐
//!           │        container: guest (PID 1) ── install ── app ── children          │
//!           │        /home/app on one volume: workspace, dependencies, caches        │
//!           └────────────────────────────────────────────────────────────────────────┘
//!           host firewall, one an agent: holds the table between these and the host
//! ```
//!
//! # Floors
//!
//! A room imports rooms below it and no other; `tests/it/floors.rs` keeps that. Every room but
//! [`guest_api`] is a module of this crate: that one is a crate of its own, since the guest compiles
//! it too. The guest (`src/guest`) stands beside the floors and imports nothing else.
//!
//! | floor | rooms |
//! |--:|---|
//! | 6 | [`cli`] |
//! | 5 | [`agent`], [`client`] |
//! | 4 | [`lifecycle`] |
//! | 3 | [`sync`] |
//! | 2 | [`engine`], [`gateway`], [`source`], [`project`], [`tunnel`] |
//! | 1 | [`api`], [`config`], [`http_client`], [`http_server`], [`security`], [`store`], [`task`] |
//! | 0 | [`model`], [`guest_api`] |
//!
//! # What `up` does
//!
//! Detect the project, make a plan, approve the container ([`security`] is the only maker of
//! [`security::Approved`], and [`engine::Engine::start`] takes nothing else), have the image, start
//! the container, link to the guest, copy the files, install unless what was installed is still
//! good, start the app, find the port that answers HTTP, route the name to it.
//!
//! # What a preview can reach
//!
//! The internet, or less, and nothing of the host or its networks. Three layers hold it, each alone
//! enough: the host firewall's table in the host's namespace, the sidecar's in the preview's own, and a
//! container without the privilege to change either. [`security`] writes both tables down, the guest
//! program loads them and reads them back, and [`engine::Engine::start`] starts nothing before both
//! were seen to hold. What one of them loses is put back while the other holds.
//!
//! # How the world comes in
//!
//! [`tunnel`] has a provider for each kind of tunnel and one supervisor for all of them. What comes
//! through a tunnel arrives at a [`gateway::PublicListener`] that leads to that preview alone. A URL
//! is shown when a challenge has come back through it from that listener. The preview's
//! [`gateway::AccessPolicy`] says who is let in: holders of a link, or everyone where its user says
//! so. A link's secret is known to its holders; only hashes are kept ([`security`], [`store`]).
//!
//! # Where files come from
//!
//! A directory of this host, or the rows of a Supabase table: those are mirrored into a private
//! directory ([`source::supabase`]), and all else is the same.
//!
//! # What is true
//!
//! Labels on the engine's objects say what exists; the store says what should; the guest's journal
//! says which files sync wrote. An agent that was killed is replaced by the next command, which
//! links to the containers that still run and makes again those that do not.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | preview | what a person starts with `up`: the word of the CLI, the pages and the docs |
//! | instance | the same in the API and in the code: [`model::InstanceId`], [`store::Record`] |
//! | agent | the process of one user that owns the instances |
//! | guest | the program that is the first process of every container |
//! | generation | one container of an instance; a later one replaces it |
//! | sidecar | the container that keeps an instance's network namespace and its packet filter |
//! | host firewall | the container that keeps the packet filter between instances and the host; its role on engine objects is `warden` |
//! | upstream | the app's port, as the gateway connects to it |
//! | public listener | where a tunnel leads, and visitors from outside arrive |
//! | grant | the right of a link's holder to see one preview |
//! | tenant | a user of the API over TCP who owns instances of their own |
//! | mirror | the private directory into which the rows of a table are written |
#![forbid(unsafe_code)]

pub mod agent;
pub mod api;
pub mod cli;
pub mod client;
pub mod config;
pub mod engine;
pub mod gateway;
pub mod http_client;
pub mod http_server;
pub mod lifecycle;
pub mod model;
pub mod project;
pub mod security;
pub mod source;
pub mod store;
pub mod sync;
pub mod task;
pub mod tunnel;
