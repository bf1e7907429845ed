//! The known word nearest to a misspelt one.

/// The closest of `known`, if it is close enough to have been meant.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    known
        .into_iter()
        .map(|word| (distance(&text, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 1.max(word.len().max(text.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let differs = usize::from(a[i - 1] != b[j - 1]);
                let edit = (table[i - 1][j - 1] + differs)
                    .min(table[i - 1][j] + 1)
                    .min(table[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped {
                    edit.min(table[i - 2][j - 2] + 1)
                } else {
                    edit
                }
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("port", "prot", 1),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn only_what_may_have_been_meant() {
        let known = ["template", "image", "port", "run"];
        assert_eq!(nearest("tempalte", known), Some("template"));
        assert_eq!(nearest("Port", known), Some("port"));
        assert_eq!(nearest("imgae", known), Some("image"));
        assert_eq!(nearest("colour", known), None);
    }
}
