//! What happens to an instance: sent to readers, written to the agent's log, kept past its container.

pub(in crate::lifecycle) mod agent_log;
pub(in crate::lifecycle) mod egress_denials;
pub(in crate::lifecycle) mod journal;
pub(in crate::lifecycle) mod last_run;
pub(in crate::lifecycle) mod step;
