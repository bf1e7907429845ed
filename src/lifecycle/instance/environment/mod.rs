//! The variables of an instance's processes: from its user, its project's files and its template.

pub(in crate::lifecycle) mod compose_env;
pub(in crate::lifecycle) mod compose_file;
pub(in crate::lifecycle) mod env_files;
pub(in crate::lifecycle) mod secret_values;
pub(in crate::lifecycle) mod variables;
