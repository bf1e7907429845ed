//! The known word nearest to a misspelt one.

use strsim::osa_distance;

/// The closest of `known`, if it is close enough to have been meant.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    known
        .into_iter()
        .map(|word| (osa_distance(&text, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 1.max(word.len().max(text.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_been_meant() {
        let known = ["template", "image", "port", "run"];
        assert_eq!(nearest("tempalte", known), Some("template"));
        assert_eq!(nearest("Port", known), Some("port"));
        assert_eq!(nearest("imgae", known), Some("image"));
        assert_eq!(nearest("colour", known), None);
    }
}
