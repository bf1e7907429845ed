//! Labels on what we create: how a restarted agent finds its own and leaves all else alone.

use crate::model::{ContainerSpec, InstanceId};

/// Whose objects these are: one agent's state directory. Two agents on one engine never touch
/// each other's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(pub String);

pub const OWNER: &str = "dev.codemate.preview.owner";
pub const ID: &str = "dev.codemate.preview.id";
pub const NAME: &str = "dev.codemate.preview.name";
pub const ROLE: &str = "dev.codemate.preview.role";
/// The role of an app's container.
pub const APP: &str = "app";
pub const GENERATION: &str = "dev.codemate.preview.generation";
/// On an app's container: the sidecar whose network it has, and that sidecar's end of it, which is
/// another one after the sidecar was restarted.
pub const SIDECAR: &str = "dev.codemate.preview.sidecar";
pub const ENDPOINT: &str = "dev.codemate.preview.endpoint";
/// On a sidecar and on the host firewall: the fingerprint of the rules it was given.
pub const RULES: &str = "dev.codemate.preview.rules";
/// On images: the stack it was built from.
pub const STACK: &str = "dev.codemate.preview.stack";

/// On images of ours: the fingerprint of what it was made from.
pub const RECIPE: &str = "dev.codemate.preview.recipe";

/// The labels of a container.
pub fn of_container(owner: &Owner, spec: &ContainerSpec) -> Vec<(String, String)> {
    [
        (OWNER, owner.0.clone()),
        (ID, spec.id.to_string()),
        (NAME, spec.name.to_string()),
        (ROLE, APP.to_owned()),
        (GENERATION, spec.generation.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// The labels that say whose network a container has.
pub fn of_network(sidecar: &str, endpoint: &str) -> [(String, String); 2] {
    [(SIDECAR, sidecar), (ENDPOINT, endpoint)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// The labels of a home volume.
pub fn of_home(owner: &Owner, id: &InstanceId) -> Vec<(String, String)> {
    [
        (OWNER, owner.0.clone()),
        (ID, id.to_string()),
        (ROLE, "home".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}
