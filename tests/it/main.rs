//! Tests over the crate's own surface.

mod detect;
