//! The agent's API over TCP: who gets in, how far, and for how long.

mod audit;
mod browser;
mod jwt;
mod limits;
mod matrix;
mod outside;
mod owners;
mod rig;
mod shares;
mod signer;
mod streams;
