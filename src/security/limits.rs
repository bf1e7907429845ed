//! Ceilings every instance gets unless its user asks for others.

use crate::model::Limits;

/// What a user asked for; the rest is as below.
#[derive(Debug, Clone, Copy, Default)]
pub struct LimitRequest {
    pub cpus: Option<f64>,
    pub memory_bytes: Option<u64>,
    pub disk_bytes: Option<u64>,
}

/// The limits of one instance.
pub fn limits(asked: LimitRequest) -> Limits {
    Limits {
        cpus: asked.cpus.unwrap_or(1.0),
        memory_bytes: asked.memory_bytes.unwrap_or(1 << 30),
        pids: 512,
        open_files: 8192,
        log_bytes: 10 << 20,
        tmp_bytes: 256 << 20,
        disk_bytes: asked.disk_bytes.unwrap_or(Limits::disk()),
    }
}
