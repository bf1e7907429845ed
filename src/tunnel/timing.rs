//! `TunnelTiming`: how long things are waited for, in one place so that tests can hurry.

use std::time::Duration;

use crate::tunnel::verifier::PATIENCE;

#[derive(Debug, Clone)]
pub struct TunnelTiming {
    /// What a program has to end by itself after SIGTERM. `cloudflared` is told to take 3 s.
    pub first_grace: Duration,
    /// What it has after a second SIGTERM, on which `cloudflared` quits at once (0.5 s measured).
    /// Then comes SIGKILL.
    pub second_grace: Duration,
    /// How long `cloudflared` may take to be connected before it is started anew with another
    /// protocol. On a network that lets it through it takes about 2 s.
    pub connecting: Duration,
    /// Between questions to a program that is not ready yet.
    pub asking: Duration,
    /// Between looks at one that was.
    pub looking: Duration,
    /// Between being connected and the first look at a fresh quick URL: its name was seen to be
    /// known 2 to 6 s after that.
    pub settling: Duration,
    /// How long no quick tunnel is asked for after the service refused one for there being too
    /// many, by how often in a row; the last for ever more.
    pub held_back: Vec<Duration>,
    /// Between quick tunnels asked for when the service has just refused.
    pub apart: Duration,
    /// How long a program of the user's may take to print its URL unless the settings say.
    pub printing: Duration,
    /// How long a fresh URL is asked before it is shown unverified.
    pub verifying: Duration,
}

impl Default for TunnelTiming {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self {
            first_grace: Duration::from_secs(5),
            second_grace: Duration::from_secs(8),
            connecting: Duration::from_secs(20),
            asking: Duration::from_millis(100),
            looking: Duration::from_secs(1),
            settling: Duration::from_secs(6),
            held_back: vec![minutes(1), minutes(5), minutes(15)],
            apart: Duration::from_secs(5),
            printing: Duration::from_secs(30),
            verifying: PATIENCE,
        }
    }
}
