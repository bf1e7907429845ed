//! The text of a packet filter's table: handed to `nft`, read back from it, and compared. The agent
//! and the guest must agree on which two texts are the same table.

use std::{fmt::Write, net::Ipv4Addr};

/// Put the resolvers that the engine gives to containers where a table names none: only a process
/// of the host's namespace can see them.
pub fn with_resolvers(rules: &str, resolvers: &[Ipv4Addr]) -> String {
    const NONE: &str = "set dns4 {\n\t\ttype ipv4_addr\n";
    if resolvers.is_empty() {
        return rules.to_owned();
    }
    let list: Vec<String> = resolvers.iter().map(ToString::to_string).collect();
    let filled = format!("{NONE}\t\telements = {{ {} }}\n\t}}", list.join(", "));
    rules.replace(&format!("{NONE}\t}}"), &filled)
}

/// What the table is called, family first: `inet codemate`.
pub fn table_name(rules: &str) -> Option<&str> {
    let (name, _) = rules.trim_start().strip_prefix("table ")?.split_once('{')?;
    Some(name.trim())
}

/// The same table with nothing in it that only tells.
pub fn without_logs(rules: &str) -> String {
    let kept = rules.lines().filter(|line| !line.contains(" log group "));
    kept.fold(String::new(), |text, line| text + line + "\n")
}

/// A table in the one form that what was asked for and what `nft list` prints have in common:
/// without counts, in single spaces, the elements of sets sorted, priorities as numbers.
pub fn normal(rules: &str) -> String {
    let mut words = rules.split_whitespace().peekable();
    let mut text = String::with_capacity(rules.len());
    while let Some(word) = words.next() {
        match word {
            "counter" => {
                text.push_str("counter ");
                for name in ["packets", "bytes"] {
                    if words.next_if_eq(&name).is_some() {
                        words.next();
                    }
                }
            }
            "elements" => {
                let all: Vec<&str> = words.by_ref().take_while(|&word| word != "}").collect();
                let all = all.join(" ");
                let list = all.trim_start_matches(['=', ' ', '{']);
                let mut list: Vec<&str> = list.split(',').map(str::trim).collect();
                list.sort_unstable();
                let _ = write!(text, "elements = {{ {} }} ", list.join(", "));
            }
            "priority" => {
                let mut said = Vec::new();
                for word in words.by_ref() {
                    said.push(word.trim_end_matches(';'));
                    if word.ends_with(';') {
                        break;
                    }
                }
                let said = said.join(" ");
                let number = priority(&said).map(|number| number.to_string());
                let _ = write!(text, "priority {}; ", number.unwrap_or(said));
            }
            word => {
                text.push_str(word);
                text.push(' ');
            }
        }
    }
    text
}

/// The number that a chain's priority is short for. Which of `-110` and `dstnat - 10` is printed
/// depends on the version of `nft`.
fn priority(said: &str) -> Option<i32> {
    // Of nft(8), for every family that we have a table of.
    const NAMED: [(&str, i32); 6] = [
        ("raw", -300),
        ("mangle", -150),
        ("dstnat", -100),
        ("filter", 0),
        ("security", 50),
        ("srcnat", 100),
    ];
    let mut words = said.split(' ');
    let base = words.next()?;
    let named = NAMED.iter().find(|(name, _)| *name == base);
    let base = named.map_or_else(|| base.parse().ok(), |(_, number)| Some(*number))?;
    let (sign, number) = match (words.next(), words.next()) {
        (None, _) => return Some(base),
        (Some("+"), Some(number)) => (1, number),
        (Some("-"), Some(number)) => (-1, number),
        _ => return None,
    };
    Some(base + sign * number.parse::<i32>().ok()?)
}

/// Tells tables apart by their normal form. Not against somebody who may choose both: who loads
/// them is ours.
pub fn fingerprint(rules: &str) -> String {
    // FNV-1a of 64 bits.
    let hash = normal(rules)
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_the_order_of_elements_make_no_difference_and_rules_do() {
        let asked = "table inet t {\n\tset s {\n\t\telements = { 10.1.1.1, 9.9.9.9 }\n\t}\n\tchain c {\n\t\tcounter drop\n\t}\n}\n";
        let listed = "table inet t {\n\tset s {\n\t\telements = { 9.9.9.9,\n\t\t\t     10.1.1.1 }\n\t}\n\n\tchain c {\n\t\tcounter packets 17 bytes 1020 drop\n\t}\n}\n";
        assert_eq!(normal(asked), normal(listed));
        assert_eq!(fingerprint(asked), fingerprint(listed));
        // The control.
        for other in [
            listed.replace("drop", "accept"),
            listed.replace("9.9.9.9,", ""),
            listed.replace("10.1.1.1", "10.1.1.2"),
            listed.replace("counter packets 17 bytes 1020 drop", ""),
        ] {
            assert_ne!(normal(asked), normal(&other), "{other}");
        }
    }

    #[test]
    fn a_priority_is_the_same_by_name_and_by_number() {
        let chain = |priority: &str| {
            format!(
                "table inet t {{ chain c {{ type nat hook output priority {priority}; policy accept; }} }}"
            )
        };
        for (number, others) in [
            ("-110", vec!["dstnat - 10"]),
            ("-1", vec!["filter - 1"]),
            ("0", vec!["filter"]),
            ("-5", vec!["filter - 5", "filter + -5"]),
            ("-150", vec!["mangle", "dstnat - 50"]),
        ] {
            for other in others {
                assert_eq!(normal(&chain(number)), normal(&chain(other)), "{other}");
            }
        }
        // The controls: another number, and a word that stands for none.
        assert_ne!(normal(&chain("-110")), normal(&chain("dstnat - 11")));
        assert_ne!(normal(&chain("-110")), normal(&chain("dstnat")));
        assert_ne!(normal(&chain("0")), normal(&chain("later")));
        assert!(normal(&chain("later + 3")).contains("priority later + 3; policy"));
    }
}
