//! The agent's end of the guest's multiplexed stream.
