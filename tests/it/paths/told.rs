//! The first entrance: the validator that every source asks.

use std::collections::BTreeSet;

use codemate_preview::source::{Names, path_rules};

use super::{CLASSES, Expect, VARIANTS, census::World, inputs};

#[test]
fn every_class_is_told_from_what_is_harmless() {
    let world = World::new("root", &[]);
    for (class, variant, input) in inputs(&world) {
        for whose in [Names::Everywhere, Names::Here] {
            let said = input.text().map(|path| whose.check(path));
            let is_refused = said != Some(Ok(()));
            let expected = match class.expect {
                Expect::Escapes | Expect::Refused => true,
                Expect::Foreign => whose == Names::Everywhere,
                _ => false,
            };
            assert_eq!(
                is_refused, expected,
                "{} {}, {variant}, {whose:?}: {input:?}",
                class.number, class.name
            );
        }
        if let (Expect::OneOfTwo, Some(other)) = (class.expect, &input.other) {
            assert_eq!(path_rules::check(other), Ok(()));
            let path = input.text().unwrap();
            let dir = |path: &str| path.split('/').next().unwrap().to_owned();
            let alike = path_rules::spelling(path) == path_rules::spelling(other)
                || path_rules::spelling(&dir(path)) == path_rules::spelling(&dir(other));
            assert!(alike && path < other.as_str(), "{input:?}");
        }
    }
}

/// The control of the table itself: the classes differ, and their inputs do.
#[test]
fn the_table_is_as_large_as_it_says() {
    let world = World::new("root", &[]);
    let numbers: BTreeSet<u32> = CLASSES.iter().map(|class| class.number).collect();
    // 46 is a race; from 50 on, what is hostile is no path.
    assert!((1..=49).filter(|number| *number != 46).eq(numbers));
    let mut all = 0;
    let mut different = BTreeSet::new();
    for (class, _, input) in inputs(&world) {
        all += 1;
        different.insert((class.number, format!("{input:?}")));
    }
    assert_eq!(all, 48 * VARIANTS);
    assert!(
        different.len() > all * 3 / 4,
        "{} of {all}",
        different.len()
    );
}
