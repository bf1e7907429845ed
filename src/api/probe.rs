//! What came of trying the sandbox out.

use serde::{Deserialize, Serialize};

use crate::model::ProbeRow;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeView {
    pub rows: Vec<ProbeRow>,
    /// From the wish until everything was cleared away again.
    pub ms: u64,
}
