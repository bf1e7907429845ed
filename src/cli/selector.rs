//! Which instance an argument means.

use std::path::Path;

use super::{context::Context, exit::Failure};
use crate::model::{Code, InstanceId, Name, Problem};

/// An instance as the agent is asked for it, and as people know it.
#[derive(Debug)]
pub struct Selector {
    /// An id or a name.
    pub reference: String,
    directory: Option<String>,
    label: Option<Name>,
}

impl Selector {
    pub fn of(context: &Context, argument: Option<&str>) -> Result<Self, Failure> {
        let label = context.global.name.as_ref();
        let directory = match argument {
            None => context.directory()?,
            Some(text) if is_directory(text) => context.resolve(Path::new(text))?,
            Some(text) => return Self::named(text, label),
        };
        Ok(Self {
            reference: InstanceId::of_directory(&directory, label).to_string(),
            directory: Some(directory.display().to_string()),
            label: label.cloned(),
        })
    }

    fn named(text: &str, label: Option<&Name>) -> Result<Self, Failure> {
        if label.is_some() {
            return Err(Failure::usage(format!(
                "`{text}` and `--name` both name an instance: use one of them"
            )));
        }
        // Every id is a name by its form.
        text.parse::<Name>().map_err(|error| {
            Failure::from(Problem::new(Code::Usage, error.to_string()).hint(format!(
                "a directory is written with a slash, such as `./{text}`"
            )))
        })?;
        Ok(Self {
            reference: text.to_owned(),
            directory: None,
            label: None,
        })
    }

    /// Say what was looked for in the user's words, for an id was never typed.
    pub fn explain(&self, failure: impl Into<Failure>) -> Failure {
        let failure = failure.into();
        match &self.directory {
            Some(directory) if failure.is_unknown() => {
                let mut up = vec!["codemate-preview", "up", directory];
                if let Some(label) = &self.label {
                    up.extend(["--name", label.as_str()]);
                }
                Problem::new(Code::NotFound, format!("nothing runs for `{directory}`"))
                    .next(&up, "start it")
                    .next(&["codemate-preview", "ls"], "see what runs")
                    .into()
            }
            _ => failure,
        }
    }
}

fn is_directory(text: &str) -> bool {
    text == "." || text == ".." || text.contains('/')
}
