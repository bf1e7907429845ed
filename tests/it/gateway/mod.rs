//! The gateway between real sockets: apps written here, visitors written here.

mod challenges;
mod closing;
mod connections;
mod entrances;
mod framing;
mod headers;
mod outsiders;
mod pages;
mod public_deny;
mod streams;
mod upgrades;
mod world;
