//! What each `nft` lists is what it was given: every table of ours, by the `nft` of every suite that the
//! net image may be made of. They print one and the same priority in different words.

use std::{
    io::Write,
    net::Ipv4Addr,
    process::{Command, Stdio},
};

use codemate_preview::{
    model::Egress,
    security::firewall::{HostNetwork, host_table, netns_table},
};
use guest_api::ruleset;

use super::{Test, host::docker};

pub const TESTS: &[Test] = &[("each_nft_lists_what_it_was_given", each_nft)];

/// As `images/net/image.toml` has them.
const BASES: [&str; 2] = ["debian:trixie-slim", "debian:bookworm-slim"];

fn tables() -> Vec<String> {
    let around = HostNetwork {
        resolvers: vec![Ipv4Addr::new(9, 9, 9, 9), Ipv4Addr::new(1, 1, 1, 1)],
        reach: vec!["10.1.2.3:3128".parse().unwrap()],
        host: vec![Ipv4Addr::new(203, 0, 113, 9)],
        pool: Some((Ipv4Addr::new(10, 213, 0, 0), 16)),
    };
    let named = Egress::Allow(vec!["pypi.org".to_owned()]);
    [
        host_table("codemate_test", "cmtest", &around),
        host_table("codemate_test", "cmtest", &HostNetwork::default()),
        netns_table(&Egress::Open, &around),
        netns_table(&Egress::None, &around),
        netns_table(&named, &around),
    ]
    .into()
}

fn each_nft() {
    let recipe = include_str!("../../images/net/image.toml");
    for base in BASES {
        let suite = base.trim_start_matches("debian:").trim_end_matches("-slim");
        assert!(recipe.contains(suite), "{suite} is no source any more");
    }
    assert_eq!(recipe.matches("suite =").count(), BASES.len());
    for base in BASES {
        let image = image_of(base);
        for table in tables() {
            let listed = list(&image, &table);
            assert_eq!(
                ruleset::normal(&listed),
                ruleset::normal(&table),
                "{base} lists\n{listed}"
            );
            // The control: one rule less is seen.
            let fewer = table.replacen("accept", "drop", 1);
            assert_ne!(ruleset::normal(&listed), ruleset::normal(&fewer));
        }
        docker(&["image", "rm", &image]);
    }
}

/// The net image's own recipe on this base.
fn image_of(base: &str) -> String {
    let tag = format!("codemate-test-nft:{}", base.replace([':', '/'], "-"));
    let context = concat!(env!("CARGO_MANIFEST_DIR"), "/images/net");
    let built = Command::new("docker")
        .env("DOCKER_BUILDKIT", "0")
        .args(["build", "--quiet", "--network", "host", "--tag", &tag])
        .args(["--build-arg", &format!("BASE={base}"), context])
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    tag
}

/// The table as it is printed after it was loaded, in a namespace of its own.
fn list(image: &str, table: &str) -> String {
    let name = ruleset::table_name(table).unwrap();
    let script = format!("nft -f - && exec nft list table {name}");
    let mut child = Command::new("docker")
        .args(["run", "--rm", "--interactive", "--network", "none"])
        .args(["--cap-add", "NET_ADMIN", "--entrypoint", "sh", image])
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(table.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{table}");
    String::from_utf8(output.stdout).unwrap()
}
