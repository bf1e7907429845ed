//! The volumes of previews: the guest's, an app's home, and the helper container that fills them.

pub(super) mod guest;
pub(super) mod helper;
pub(super) mod home;
