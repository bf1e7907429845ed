//! How a table is written down: as `nft list` prints it, so that what is read back can be compared.

/// A named set. One without elements is there too, and matches nothing.
pub fn set(name: &str, kind: &str, elements: &[String]) -> String {
    let elements = match elements {
        [] => String::new(),
        all => format!("\t\telements = {{ {} }}\n", all.join(", ")),
    };
    format!("\tset {name} {{\n\t\ttype {kind}\n{elements}\t}}\n")
}

/// A chain; its first line says which hook it is on, if it is on one.
pub fn chain<S: AsRef<str>>(name: &str, rules: &[S]) -> String {
    let rules: Vec<&str> = rules.iter().map(AsRef::as_ref).collect();
    format!("\tchain {name} {{\n\t\t{}\n\t}}\n", rules.join("\n\t\t"))
}

pub fn table(name: &str, parts: &[String]) -> String {
    format!("table inet {name} {{\n{}}}\n", parts.concat())
}
