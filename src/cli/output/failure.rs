//! A problem as people read it: what happened, a hint, and commands that could help.

use std::fmt::Write;

use super::{style::Paint, text};
use crate::model::Problem;

pub fn render(problem: &Problem, paint: Paint) -> String {
    let mut rendered = format!(
        "{} {}",
        paint.bad("error:"),
        text::harmless(problem.message.trim_end())
    );
    if let Some(hint) = &problem.hint {
        let _ = write!(
            rendered,
            "\n{} {}",
            paint.note("hint:"),
            text::harmless(hint)
        );
    }
    for step in &problem.next {
        let line = text::harmless(&text::command_line(&step.argv));
        let why = text::harmless(&step.why);
        let _ = write!(
            rendered,
            "\n  {} {}",
            paint.strong(line),
            paint.faint(format!("# {why}"))
        );
    }
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Code;

    #[test]
    fn everything_it_holds_is_told() {
        let problem = Problem::new(Code::Install, "`uv pip install` failed\nno such package")
            .hint("is it spelled right?")
            .next(&["codemate-preview", "logs", "my shop"], "read all of it");
        insta::assert_snapshot!(render(&problem, Paint(false)), @r"
        error: `uv pip install` failed
        no such package
        hint: is it spelled right?
          codemate-preview logs 'my shop' # read all of it
        ");
    }
}
