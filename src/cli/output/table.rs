//! Rows for people, without borders.

use comfy_table::{ContentArrangement, Table, presets};

/// Columns under a header. Nothing is wrapped or cut, so that lines can be searched.
pub fn columns<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = bare();
    table.set_header(header);
    table.add_rows(rows);
    rendered(&table)
}

/// A name and its value on each line.
pub fn pairs(rows: impl IntoIterator<Item = (impl Into<String>, String)>) -> String {
    let mut table = bare();
    table.add_rows(rows.into_iter().map(|(name, value)| [name.into(), value]));
    rendered(&table)
}

fn bare() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Neither an indent nor blanks at the ends of lines.
fn rendered(table: &Table) -> String {
    let lines = table.lines().map(|line| {
        line.strip_prefix(' ')
            .unwrap_or(&line)
            .trim_end()
            .to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
