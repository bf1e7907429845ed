//! Colour and marks, decided once for each stream.

use console::{Style, StyledObject};

use crate::{cli::args::Colour, config::Env};

/// Whether colour is used: the flag, then `NO_COLOR`, then being forced, then the terminal.
pub fn colourful(flag: Colour, env: &Env, is_terminal: bool) -> bool {
    match flag {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if env.no_color => false,
        Colour::Auto if env.force_color => true,
        Colour::Auto => is_terminal && env.term.as_deref() != Some("dumb"),
    }
}

/// Paints, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    fn with<T>(self, style: Style, text: T) -> StyledObject<T> {
        style.force_styling(self.0).apply_to(text)
    }

    pub fn good<T>(self, text: T) -> StyledObject<T> {
        self.with(Style::new().green(), text)
    }

    pub fn bad<T>(self, text: T) -> StyledObject<T> {
        self.with(Style::new().red().bold(), text)
    }

    pub fn warn<T>(self, text: T) -> StyledObject<T> {
        self.with(Style::new().yellow().bold(), text)
    }

    pub fn note<T>(self, text: T) -> StyledObject<T> {
        self.with(Style::new().cyan().bold(), text)
    }

    pub fn strong<T>(self, text: T) -> StyledObject<T> {
        self.with(Style::new().bold(), text)
    }

    pub fn faint<T>(self, text: T) -> StyledObject<T> {
        self.with(Style::new().dim(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_and_then_no_color() {
        let plain = Env::default();
        let no_color = Env {
            no_color: true,
            force_color: true,
            ..Env::default()
        };
        let forced = Env {
            force_color: true,
            ..Env::default()
        };
        let dumb = Env {
            term: Some("dumb".to_owned()),
            ..Env::default()
        };
        let cases = [
            (Colour::Always, &no_color, false, true),
            (Colour::Never, &forced, true, false),
            (Colour::Auto, &no_color, true, false),
            (Colour::Auto, &forced, false, true),
            (Colour::Auto, &dumb, true, false),
            (Colour::Auto, &plain, true, true),
            (Colour::Auto, &plain, false, false),
        ];
        for (flag, env, terminal, expected) in cases {
            assert_eq!(
                colourful(flag, env, terminal),
                expected,
                "{flag:?} {env:?} {terminal}"
            );
        }
    }
}
