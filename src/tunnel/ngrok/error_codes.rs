//! `ERR_NGROK_*`: what each code that a tunnel can meet asks the user, or us, to do.
//!
//! From ngrok's list of error codes. The codes from 3000 on and 8012 are pages that ngrok shows to
//! visitors; an agent is never told them.

use std::time::Duration;

use crate::tunnel::TunnelError;

const BY: &str = "ngrok";
/// Between attempts while an earlier session of ours may linger.
const LINGER: Duration = Duration::from_secs(10);
/// ngrok names no interval with its rate limits.
const RATE: Duration = Duration::from_mins(1);

/// What a code comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CodeMeaning {
    Credential,
    /// Ours of before, or someone else's; only time tells.
    Session,
    Endpoint,
    Rate,
    Limit,
    Taken,
    /// The setting `tunnels.ngrok.domain` makes no sense.
    Domain,
    Rejected,
}

const TABLE: &[(&[u32], CodeMeaning, &str)] = &[
    (
        &[105, 106, 107, 305, 306, 4018],
        CodeMeaning::Credential,
        "copy the authtoken from https://dashboard.ngrok.com/get-started/your-authtoken and set \
         NGROK_AUTHTOKEN",
    ),
    (
        &[108, 129, 348],
        CodeMeaning::Session,
        "stop the other agents at https://dashboard.ngrok.com/agents",
    ),
    (
        &[334],
        CodeMeaning::Endpoint,
        "stop the endpoint at https://dashboard.ngrok.com/endpoints, or set another \
         `tunnels.ngrok.domain`",
    ),
    (&[349, 351, 353], CodeMeaning::Rate, ""),
    (
        &[323, 324, 350, 352],
        CodeMeaning::Limit,
        "stop another preview's tunnel with `codemate-preview tunnel stop`, or take a larger plan",
    ),
    (
        &[313, 314, 315],
        CodeMeaning::Limit,
        "remove `tunnels.ngrok.domain`, or take a plan that has custom domains",
    ),
    (
        &[320, 381],
        CodeMeaning::Taken,
        "set another `tunnels.ngrok.domain`, or the authtoken of the account it belongs to",
    ),
    (
        &[326, 327, 328, 329, 330, 331, 347, 355],
        CodeMeaning::Domain,
        "set `tunnels.ngrok.domain` to a domain of the account, such as \
         `{name}.example.ngrok.app`",
    ),
    (
        &[318, 319, 321, 354, 15013],
        CodeMeaning::Rejected,
        "reserve the domain at https://dashboard.ngrok.com/domains, or remove \
         `tunnels.ngrok.domain`",
    ),
    (
        &[308, 316],
        CodeMeaning::Rejected,
        "the authtoken's ACL does not allow the domain: change it at \
         https://dashboard.ngrok.com/authtokens",
    ),
    (
        &[102, 103, 337, 338],
        CodeMeaning::Rejected,
        "the account is suspended: see https://dashboard.ngrok.com/billing",
    ),
    (
        &[123, 382],
        CodeMeaning::Rejected,
        "verify the account's email address at https://dashboard.ngrok.com/user/settings",
    ),
    (
        &[115, 116, 122, 126, 127, 9040],
        CodeMeaning::Rejected,
        "ngrok does not take agents from this network: see the account's IP restrictions",
    ),
    (
        &[120, 121],
        CodeMeaning::Rejected,
        "update codemate-preview: its ngrok agent is too old for the account",
    ),
];

/// The error of a refusal. `host` is the domain that was asked for; `patient` says that waiting for
/// an earlier session to end is still worth it.
pub fn error(code: Option<u32>, said: &str, host: Option<&str>, patient: bool) -> TunnelError {
    let said = match code {
        Some(code) => format!("{said} (ERR_NGROK_{code})"),
        None => said.to_owned(),
    };
    let row = code.and_then(|code| TABLE.iter().find(|(codes, ..)| codes.contains(&code)));
    let (means, hint) = match (row, code) {
        (Some((_, means, hint)), _) => (*means, (*hint).to_owned()),
        (None, Some(code)) => (
            CodeMeaning::Rejected,
            format!("see https://ngrok.com/docs/errors/err_ngrok_{code}"),
        ),
        (None, None) => (
            CodeMeaning::Rejected,
            "see https://dashboard.ngrok.com".to_owned(),
        ),
    };
    let host = host.unwrap_or("the endpoint").to_owned();
    let by = BY;
    match means {
        CodeMeaning::Session | CodeMeaning::Endpoint if patient => TunnelError::Held {
            by,
            said,
            after: LINGER,
        },
        CodeMeaning::Credential => TunnelError::Credential { by, said, hint },
        CodeMeaning::Session | CodeMeaning::Limit => TunnelError::Limit { by, said, hint },
        CodeMeaning::Rate => TunnelError::RateLimited {
            by,
            said,
            after: RATE,
        },
        CodeMeaning::Endpoint | CodeMeaning::Taken => TunnelError::HostTaken { host, said, hint },
        CodeMeaning::Domain => TunnelError::Settings { what: said, hint },
        CodeMeaning::Rejected => TunnelError::Rejected { by, said, hint },
    }
}

/// Whether the code may only mean that an earlier session of ours is not given up yet.
pub fn lingers(code: u32) -> bool {
    TABLE.iter().any(|(codes, means, _)| {
        matches!(means, CodeMeaning::Session | CodeMeaning::Endpoint) && codes.contains(&code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::Retry;

    fn of(code: u32, patient: bool) -> TunnelError {
        error(Some(code), "no", Some("shop.example"), patient)
    }

    #[test]
    fn each_kind_of_refusal_has_its_error() {
        assert!(matches!(of(107, true), TunnelError::Credential { .. }));
        assert!(matches!(of(313, true), TunnelError::Limit { .. }));
        assert!(matches!(of(324, true), TunnelError::Limit { .. }));
        assert!(matches!(of(319, true), TunnelError::Rejected { .. }));
        assert!(matches!(of(355, true), TunnelError::Settings { .. }));
        assert!(matches!(of(121, true), TunnelError::Rejected { .. }));
        let TunnelError::HostTaken { host, said, .. } = of(320, true) else {
            panic!("a domain of another account is taken");
        };
        assert_eq!(host, "shop.example");
        assert_eq!(said, "no (ERR_NGROK_320)");
        assert_eq!(of(351, true).retry(), Retry::After(RATE));
    }

    #[test]
    fn what_may_be_ours_of_before_is_waited_for_and_then_not() {
        for code in [108, 334] {
            assert!(lingers(code));
            assert_eq!(of(code, true).retry(), Retry::After(LINGER));
            assert_eq!(of(code, false).retry(), Retry::Never);
        }
        assert!(matches!(of(108, false), TunnelError::Limit { .. }));
        assert!(matches!(of(334, false), TunnelError::HostTaken { .. }));
        assert!(!lingers(107));
    }

    #[test]
    fn an_unknown_code_leads_to_its_page() {
        let hint = of(299, true).problem().hint.unwrap();
        assert_eq!(hint, "see https://ngrok.com/docs/errors/err_ngrok_299");
        assert_eq!(error(None, "no", None, true).retry(), Retry::Never);
    }

    #[test]
    fn no_code_stands_twice() {
        let mut codes: Vec<u32> = TABLE
            .iter()
            .flat_map(|(codes, ..)| codes.iter().copied())
            .collect();
        codes.sort_unstable();
        let all = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
