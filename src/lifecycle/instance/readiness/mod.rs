//! Whether an app is ready: its ports are asked and its output is read until there is a verdict.

pub(in crate::lifecycle) mod app_answer;
pub(in crate::lifecycle) mod app_tls;
pub(in crate::lifecycle) mod crash_signs;
pub(in crate::lifecycle) mod host_header;
pub(in crate::lifecycle) mod host_refusal;
pub(in crate::lifecycle) mod http_probe;
pub(in crate::lifecycle) mod not_ready;
pub(in crate::lifecycle) mod port_survey;
pub(in crate::lifecycle) mod prober;
pub(in crate::lifecycle) mod rules;
pub(in crate::lifecycle) mod verdict;
#[cfg(test)]
mod verdict_cases;
