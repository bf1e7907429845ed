//! `Query`: a PostgREST question, every value spelled so that it means itself.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

/// What needs no escape in a query. A `+` does: it would be read as a space.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'*')
    .remove(b',')
    .remove(b':');

#[derive(Debug, Clone)]
pub struct Query {
    table: String,
    text: String,
}

impl Query {
    pub fn of(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            text: String::new(),
        }
    }

    /// `column=condition`, or a word of PostgREST's own such as `select`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text.extend(utf8_percent_encode(name, ESCAPED));
        self.text.push('=');
        self.text.extend(utf8_percent_encode(value, ESCAPED));
        self
    }

    #[must_use]
    pub fn with_all(self, pairs: &[(String, String)]) -> Self {
        pairs
            .iter()
            .fold(self, |query, (name, value)| query.with(name, value))
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    /// `root` is PostgREST's.
    pub fn url(&self, root: &Url) -> Url {
        let mut url = root.clone();
        let path = root.path().trim_end_matches('/');
        let table = utf8_percent_encode(&self.table, ESCAPED);
        url.set_path(&format!("{path}/{table}"));
        url.set_query(Some(&self.text));
        url
    }
}

/// `in.("a","b")`. An empty text matches nothing, whatever the column holds.
pub fn is_one_of<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut list = String::from("in.(");
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            list.push(',');
        }
        list.push('"');
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                list.push('\\');
            }
            list.push(c);
        }
        list.push('"');
    }
    list.push(')');
    list
}

/// Bytes that `value` takes in an `in.(…)` list of a URL.
pub fn cost(value: &str) -> usize {
    let escaped: usize = utf8_percent_encode(value, ESCAPED).map(str::len).sum();
    let backslashes = value.bytes().filter(|b| matches!(b, b'"' | b'\\')).count();
    // `%22`, twice, and a comma.
    escaped + 3 * backslashes + 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_mean_themselves() {
        let root = Url::parse("http://h/rest/v1/").unwrap();
        let query = Query::of("project_files")
            .with("updated_at", "gt.2026-01-01T00:00:00+00:00")
            .with("path", &is_one_of(["a,b (c)", "q\"u\\o", " é&="]));
        assert_eq!(
            query.url(&root).as_str(),
            "http://h/rest/v1/project_files?updated_at=gt.2026-01-01T00:00:00%2B00:00&path=in.\
             %28%22a,b%20%28c%29%22,%22q%5C%22u%5C%5Co%22,%22%20%C3%A9%26%3D%22%29"
        );
    }

    #[test]
    fn the_cost_is_what_a_value_adds_to_the_url() {
        let root = Url::parse("http://h").unwrap();
        let len = |values: &[&str]| {
            let list = is_one_of(values.iter().copied());
            Query::of("t").with("p", &list).url(&root).as_str().len()
        };
        for value in ["a", "q\"u\\o", " é&=", "日本"] {
            assert_eq!(len(&["x", value]), len(&["x"]) + cost(value), "{value}");
        }
    }
}
