//! The table in the namespace of the engine's host, which every preview's packets pass.

use super::{
    ASK, ESTABLISHED, HostNetwork, REACH, deny,
    text::{chain, set, table},
};

/// `name` tells one owner's table from another's; `bridges` is what the names of its bridges begin
/// with, and no other interface's.
///
/// What a preview starts may leave for the internet and nowhere else. `fib daddr type local` is
/// every address of the host, those it gets later and public ones included.
pub fn host_table(name: &str, bridges: &str, around: &HostNetwork) -> String {
    let from = format!(r#"iifname "{bridges}*""#);
    let to = format!(r#"oifname "{bridges}*""#);
    let mut excepted = vec![ESTABLISHED];
    excepted.extend(ASK);
    excepted.push(REACH);
    let mut leaving = excepted.clone();
    leaving.extend([
        "fib daddr type { local, broadcast, anycast, multicast } counter drop",
        "ip daddr @deny4 counter drop",
        "ip6 daddr @deny6 counter drop",
    ]);
    let mut entering = excepted;
    entering.push("counter drop");
    table(
        name,
        &[
            deny::sets(),
            set("dns4", "ipv4_addr", &around.resolvers()),
            set("reach4", "ipv4_addr . inet_service", &around.reach()),
            chain("leaving", &leaving),
            chain("entering", &entering),
            chain(
                "from_preview",
                &[
                    "type filter hook prerouting priority mangle; policy accept;",
                    &format!("{from} goto leaving"),
                ],
            ),
            chain(
                "into_host",
                &[
                    "type filter hook input priority filter - 5; policy accept;",
                    &format!("{from} goto entering"),
                ],
            ),
            chain(
                "into_preview",
                &[
                    "type filter hook forward priority filter - 5; policy accept;",
                    &format!("{to} {ESTABLISHED}"),
                    &format!("{to} counter drop"),
                ],
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_bridges_are_touched() {
        let table = host_table("codemate_abcdef", "cmabcdef-", &HostNetwork::default());
        let hooks: Vec<&str> = table.split("hook ").skip(1).collect();
        assert_eq!(hooks.len(), 3);
        for hook in hooks {
            let chain = hook.split_once("\t}").unwrap().0;
            for rule in chain.lines().skip(1).filter(|line| !line.trim().is_empty()) {
                assert!(rule.contains(r#"ifname "cmabcdef-*""#), "{rule}");
            }
        }
    }

    #[test]
    fn the_last_word_about_the_host_is_no() {
        let table = host_table("t", "b-", &HostNetwork::default());
        let entering = table.split_once("chain entering").unwrap().1;
        let entering = entering.split_once("\t}").unwrap().0;
        assert!(entering.trim_end().ends_with("counter drop"), "{entering}");
    }
}
