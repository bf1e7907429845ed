//! The table inside a preview's network namespace.

use super::{
    ASK, ESTABLISHED, HostNetwork, REACH, by_name, deny,
    text::{chain, set, table},
};
use crate::model::Egress;

/// What may leave, by the preview's egress; nothing may come in but answers.
///
/// TCP is refused with a reset and all else with a message, so that a program that tries is told at
/// once and does not wait.
pub fn netns_table(egress: &Egress, around: &HostNetwork) -> String {
    let mut output = vec![
        "type filter hook output priority filter; policy drop;".to_owned(),
        r#"oifname "lo" accept"#.to_owned(),
        ESTABLISHED.to_owned(),
    ];
    // Seldom enough that no flood of refusals becomes one of messages.
    let refusal_log = format!(
        "limit rate 20/second burst 40 packets log group {}",
        by_name::LOG_GROUP
    );
    let mut parts = vec![
        deny::sets(),
        set("host4", "ipv4_addr", &around.public()),
        set("dns4", "ipv4_addr", &around.resolvers()),
        set("reach4", "ipv4_addr . inet_service", &around.reach()),
        chain(
            "refuse",
            &[
                &refusal_log,
                "meta l4proto 6 counter reject with tcp reset",
                "counter reject with icmpx admin-prohibited",
            ],
        ),
    ];
    match egress {
        Egress::None => {}
        Egress::Allow(_) => {
            let more = by_name::rules(around);
            parts.extend(more.parts);
            output.extend(more.output);
        }
        Egress::Open => output.extend(open(around)),
    }
    output.push("goto refuse".to_owned());
    parts.extend([
        chain("output", &output),
        chain(
            "input",
            &[
                "type filter hook input priority filter; policy drop;",
                r#"iifname "lo" accept"#,
                ESTABLISHED,
            ],
        ),
        chain(
            "forward",
            &["type filter hook forward priority filter; policy drop;"],
        ),
    ]);
    table("codemate", &parts)
}

fn open(around: &HostNetwork) -> Vec<String> {
    let mut rules = vec!["ct state invalid drop".to_owned()];
    rules.extend(ASK.map(str::to_owned));
    rules.push(REACH.to_owned());
    if let Some((network, bits)) = around.pool.filter(|(network, _)| !deny::covers(*network)) {
        rules.push(format!("ip daddr {network}/{bits} goto refuse"));
    }
    rules.extend(
        [
            "ip daddr @host4 goto refuse",
            "ip daddr @deny4 goto refuse",
            "ip6 daddr @deny6 goto refuse",
            "meta l4proto { 1, 6, 17, 58 } accept",
        ]
        .map(str::to_owned),
    );
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> HostNetwork {
        HostNetwork {
            resolvers: vec![[10, 0, 0, 53].into()],
            reach: vec!["10.1.2.3:3128".parse().unwrap()],
            host: vec![[192, 168, 1, 2].into(), [203, 0, 113, 9].into()],
            pool: Some(([172, 30, 0, 0].into(), 16)),
        }
    }

    fn chain_of<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
        let (_, rest) = table.split_once(&format!("chain {name} {{\n")).unwrap();
        let (body, _) = rest.split_once("\t}\n").unwrap();
        body.lines().map(str::trim).collect()
    }

    #[test]
    fn nothing_leaves_unless_it_is_let() {
        for egress in [
            Egress::Open,
            Egress::None,
            Egress::Allow(vec!["pypi".to_owned()]),
        ] {
            let table = netns_table(&egress, &around());
            let output = chain_of(&table, "output");
            assert!(output[0].ends_with("policy drop;"), "{table}");
            assert_eq!(output.last(), Some(&"goto refuse"), "{table}");
            assert!(chain_of(&table, "forward")[0].ends_with("policy drop;"));
            assert_eq!(
                chain_of(&table, "input"),
                [
                    "type filter hook input priority filter; policy drop;",
                    r#"iifname "lo" accept"#,
                    ESTABLISHED
                ]
            );
        }
    }

    #[test]
    fn with_no_egress_there_is_only_loopback() {
        let table = netns_table(&Egress::None, &around());
        let accepted: Vec<_> = chain_of(&table, "output")
            .into_iter()
            .filter(|rule| rule.ends_with("accept"))
            .collect();
        assert_eq!(accepted, [r#"oifname "lo" accept"#, ESTABLISHED]);
    }

    #[test]
    fn every_refusal_stands_before_the_one_rule_that_lets_the_rest_out() {
        let table = netns_table(&Egress::Open, &around());
        let output = chain_of(&table, "output");
        let at = |part: &str| output.iter().position(|rule| rule.contains(part)).unwrap();
        let out = at("meta l4proto");
        for refusal in ["@host4", "@deny4", "@deny6"] {
            assert!(at(refusal) < out, "{table}");
        }
        // And what is excepted before what is refused.
        assert!(at("@dns4") < at("@deny4") && at("@reach4") < at("@deny4"));
    }

    #[test]
    fn only_public_addresses_of_the_host_are_named() {
        let table = netns_table(&Egress::Open, &around());
        assert!(table.contains("elements = { 203.0.113.9 }"), "{table}");
        assert!(!table.contains("192.168.1.2"), "{table}");
    }

    #[test]
    fn a_pool_of_public_addresses_is_refused_too() {
        let lab = HostNetwork {
            pool: Some(([203, 0, 113, 0].into(), 24)),
            ..around()
        };
        let table = netns_table(&Egress::Open, &lab);
        assert!(table.contains("ip daddr 203.0.113.0/24 goto refuse"));
        assert!(!netns_table(&Egress::Open, &around()).contains("172.30.0.0"));
    }
}
