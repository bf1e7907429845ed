//! Docker, by bollard.
