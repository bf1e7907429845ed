//! Questions, asked only where there is somebody to answer.

use std::io::{self, IsTerminal};

use console::Term;
use dialoguer::{Confirm, Select};

use crate::{
    cli::exit::Failure,
    model::{Code, Problem, Secret},
};

#[derive(Debug, Clone, Copy)]
pub struct Prompt {
    pub yes: bool,
    pub no_input: bool,
}

impl Prompt {
    fn can_ask(self) -> bool {
        !self.no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    pub fn confirm(self, question: &str) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        if !self.can_ask() {
            return Err(
                Problem::new(Code::Usage, format!("{question} Nobody can be asked here"))
                    .hint("`--yes` answers it")
                    .into(),
            );
        }
        let answer = Confirm::new()
            .with_prompt(question)
            .default(false)
            .interact_on_opt(&Term::stderr());
        Ok(answered(answer).flatten().unwrap_or(false))
    }

    /// `None` if nobody can be asked.
    pub fn line(self, what: &str) -> Option<String> {
        let term = self.asked(what)?;
        term.read_line().ok().filter(|line| !line.is_empty())
    }

    /// The same, not shown as it is typed.
    pub fn secret(self, what: &str) -> Option<Secret> {
        let term = self.asked(what)?;
        let line = term.read_secure_line().ok();
        line.filter(|line| !line.is_empty()).map(Secret::new)
    }

    fn asked(self, what: &str) -> Option<Term> {
        if !self.can_ask() {
            return None;
        }
        let term = Term::stderr();
        term.write_str(&format!("{what}: ")).ok()?;
        Some(term)
    }

    /// `None` if nobody can be asked, or nobody wants to say.
    pub fn choose(self, question: &str, of: &[String]) -> Option<usize> {
        if !self.can_ask() || of.is_empty() {
            return None;
        }
        let answer = Select::new()
            .with_prompt(question)
            .items(of)
            .default(0)
            .interact_on_opt(&Term::stderr());
        answered(answer).flatten()
    }
}

/// The prompt hides the cursor and does not bring it back when it is interrupted.
fn answered<T>(answer: dialoguer::Result<T>) -> Option<T> {
    let _ = Term::stderr().show_cursor();
    answer.ok()
}
