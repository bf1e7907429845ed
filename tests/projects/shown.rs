//! Which reports of other people's projects are shown by a project here.

use std::collections::BTreeSet;

use regex::Regex;

use crate::{Test, table::Project};

pub const TESTS: &[Test] = &[("tables::a_missing_report_is_seen", a_missing_report_is_seen)];

/// The cases, by number. Numbers that are missing were never built.
const CASES: &[u32] = &[
    1, 3, 4, 6, 8, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 23, 25, 27, 28, 30, 32, 33, 36, 37, 38,
    39, 42, 43, 45, 46, 49, 50,
];
/// The faults that real projects showed, by number.
const FAULTS: std::ops::RangeInclusive<u32> = 1..=43;

/// The reports that no project shows, one sentence each.
pub fn wrong(projects: &[(String, Project)]) -> Vec<String> {
    missing(projects.iter().map(|(_, project)| project.shows.as_str()))
}

fn missing<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let report = Regex::new(r"\bF[0-9]+\b|\bcase [0-9]+\b").unwrap();
    let shown: BTreeSet<&str> = texts
        .flat_map(|text| report.find_iter(text).map(|found| found.as_str()))
        .collect();
    let faults = FAULTS.map(|number| format!("F{number}"));
    let cases = CASES.iter().map(|number| format!("case {number}"));
    faults
        .chain(cases)
        .filter(|report| !shown.contains(report.as_str()))
        .map(|report| format!("no project shows {report}"))
        .collect()
}

fn a_missing_report_is_seen() {
    let faults = FAULTS.map(|number| format!("F{number}, "));
    let cases = CASES.iter().map(|number| format!("case {number}; "));
    let all: String = faults.chain(cases).collect();
    assert_eq!(missing([all.as_str()].into_iter()), Vec::<String>::new());
    let fewer = all.replace("F7, ", "").replace("case 30; ", "case 300; ");
    assert_eq!(
        missing([fewer.as_str()].into_iter()),
        ["no project shows F7", "no project shows case 30"]
    );
}
