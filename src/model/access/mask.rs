//! `Mask`: takes the values of secrets out of text that somebody else wrote.

use crate::model::Secret;

/// Shorter values are left: they are words and numbers that text is full of.
const SHORTEST: usize = 6;
/// What stands in place of a value.
const MARK: &str = "[secret]";

/// Values that must not appear in what we keep and tell of an app's output.
#[derive(Clone, Default)]
pub struct Mask(Vec<Secret>);

impl Mask {
    /// A value of several lines is looked for line by line, as output comes.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut pieces: Vec<Secret> = secrets
            .into_iter()
            .flat_map(|secret| secret.reveal().lines())
            .map(str::trim)
            .filter(|piece| piece.len() >= SHORTEST)
            .map(Secret::new)
            .collect();
        // Longest first, so that no value is cut by one it contains.
        pieces.sort_by_key(|piece| std::cmp::Reverse(piece.reveal().len()));
        Self(pieces)
    }

    #[must_use]
    pub fn clean(&self, mut text: String) -> String {
        for piece in &self.0 {
            if text.contains(piece.reveal()) {
                text = text.replace(piece.reveal(), MARK);
            }
        }
        text
    }

    pub fn clean_all(&self, lines: &mut [String]) {
        for line in lines {
            *line = self.clean(std::mem::take(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_and_short_ones_stay() {
        let secrets = [
            "hunter2!",
            "hunter2!-and-more",
            "8080",
            "-----KEY\nabcdefgh\n",
        ];
        let secrets: Vec<Secret> = secrets.into_iter().map(Secret::new).collect();
        let mask = Mask::new(&secrets);
        for (said, told) in [
            ("port 8080", "port 8080"),
            ("pw=hunter2!;", "pw=[secret];"),
            ("hunter2!-and-more", "[secret]"),
            ("key: abcdefgh", "key: [secret]"),
        ] {
            assert_eq!(mask.clean(said.to_owned()), told);
        }
        assert_eq!(Mask::default().clean("hunter2!".to_owned()), "hunter2!");
    }
}
