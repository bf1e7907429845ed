//! Instances from `up` to `down`, without Docker.

mod answers;
mod images;
mod last_run;
mod life;
mod owners;
mod remedies;
pub mod tunnel;
pub mod world;
