//! The gateway between real sockets: apps written here, visitors written here.

mod challenges;
mod connections;
mod entrances;
mod framing;
mod headers;
mod leave;
mod links;
mod outsiders;
mod pages;
mod public_deny;
mod siblings;
mod streams;
mod upgrades;
mod world;
