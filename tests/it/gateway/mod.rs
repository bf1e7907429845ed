//! The gateway between real sockets: apps written here, visitors written here.

mod attacks;
mod challenges;
mod closing;
mod connections;
mod entrances;
mod framing;
mod headers;
mod leave;
mod links;
mod names;
mod outsiders;
mod pages;
mod ports;
mod public_deny;
mod restarts;
mod siblings;
mod slow;
mod smuggling;
mod streams;
mod tape;
mod upgrades;
mod vectors;
mod world;
