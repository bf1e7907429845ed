//! Instances from `up` to `down`, without Docker.

mod answers;
mod last_run;
mod life;
mod owners;
mod tunnel;
pub mod world;
