//! What every HTTP server of ours has: how it accepts, how long a connection may say nothing, how many an
//! address may hold, how it ends. The gateway and the API over TCP are two services on it.

mod accept;
mod per_ip;
mod stall_budget;
mod timeout_io;

pub use accept::{DRAIN, accept, until_drained};
pub use per_ip::{PerIpLimit, PerIpPermit, ip_prefix};
pub use stall_budget::StallBudget;
pub use timeout_io::{InFlight, RequestCounter, TimeoutIo};
