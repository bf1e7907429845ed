//! Instances from `up` to `down`, without Docker.

mod life;
mod tunnel;
pub mod world;
