//! The gateway between real sockets: apps written here, visitors written here.

mod connections;
mod framing;
mod headers;
mod pages;
mod streams;
mod upgrades;
mod world;
