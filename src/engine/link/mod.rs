//! The agent's end of the guest's multiplexed stream.

mod file_op;

pub use file_op::{Content, FileOp, FileRefusal, Held};

use super::{EngineError, Result};

/// Stand-in until the real one is merged.
#[derive(Debug, Clone)]
pub struct Link;

impl Link {
    #[expect(clippy::unused_async, reason = "stand-in for the real link")]
    pub async fn inventory(&self) -> Result<Vec<Held>> {
        Err(EngineError::Missing { what: "link".into() })
    }

    #[expect(clippy::unused_async, reason = "stand-in for the real link")]
    pub async fn apply(&self, _ops: Vec<FileOp>) -> Result<Vec<Result<(), FileRefusal>>> {
        Err(EngineError::Missing { what: "link".into() })
    }
}
