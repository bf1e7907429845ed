//! Instances from `up` to `down`, without Docker.

mod last_run;
mod life;
mod owners;
mod tunnel;
pub mod world;
