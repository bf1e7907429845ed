//! Instances from `up` to `down`, without Docker.

mod life;
mod owners;
mod tunnel;
pub mod world;
