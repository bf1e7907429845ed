//! Labels on what we create: how a restarted agent finds its own and leaves all else alone.

use crate::model::{ContainerSpec, InstanceId, Role};

/// Whose objects these are: one agent's state directory. Two agents on one engine never touch
/// each other's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(pub String);

pub const OWNER: &str = "dev.codemate.preview.owner";
pub const ID: &str = "dev.codemate.preview.id";
pub const NAME: &str = "dev.codemate.preview.name";
pub const ROLE: &str = "dev.codemate.preview.role";
pub const GENERATION: &str = "dev.codemate.preview.generation";
/// On images: the stack it was built from.
pub const STACK: &str = "dev.codemate.preview.stack";

/// The labels of a container.
pub fn of_container(owner: &Owner, spec: &ContainerSpec) -> Vec<(String, String)> {
    let role = match spec.role {
        Role::App => "app",
    };
    [
        (OWNER, owner.0.clone()),
        (ID, spec.id.to_string()),
        (NAME, spec.name.to_string()),
        (ROLE, role.to_owned()),
        (GENERATION, spec.generation.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
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
