//! The two headers of draft-ietf-httpapi-ratelimit-headers: lists of structured fields (RFC 9651), one item per rule.

use super::request::LimitUsage;

/// Structured fields have integers of 15 digits at the most.
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// The value of `RateLimit-Policy`: `"per-minute";q=60;w=60, "turns";q=5;qu="concurrent-requests"`.
pub fn rate_limit_policy(usages: &[LimitUsage]) -> String {
    list(usages, |usage| {
        let quota = usage.limit.min(MAX_INTEGER);
        match usage.window_secs {
            Some(window) => format!("q={quota};w={window}"),
            // Without a window only turns are left, and months, which have no fixed length.
            None if usage.reset_secs.is_none() => format!("q={quota};qu=\"concurrent-requests\""),
            None => format!("q={quota}"),
        }
    })
}

/// The value of `RateLimit`: `"per-minute";r=12;t=48, "turns";r=3`.
pub fn rate_limit(usages: &[LimitUsage]) -> String {
    list(usages, |usage| {
        let remaining = usage.remaining.min(MAX_INTEGER);
        match usage.reset_secs {
            Some(reset) => format!("r={remaining};t={reset}"),
            None => format!("r={remaining}"),
        }
    })
}

fn list(usages: &[LimitUsage], parameters: impl Fn(&LimitUsage) -> String) -> String {
    let items: Vec<_> = usages.iter().map(|one| format!("\"{}\";{}", one.rule, parameters(one))).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_read_as_the_draft_writes_them() {
        let minute = LimitUsage {
            rule: "per-minute".to_owned(),
            limit: 60,
            used: 48,
            reserved: 0,
            remaining: 12,
            window_secs: Some(60),
            reset_secs: Some(48),
        };
        let turns =
            LimitUsage { rule: "turns".to_owned(), limit: 5, window_secs: None, reset_secs: None, ..minute.clone() };
        let cost = LimitUsage { rule: "cost".to_owned(), limit: u64::MAX, window_secs: None, ..minute.clone() };
        let all = [minute, turns, cost];
        assert_eq!(
            rate_limit_policy(&all),
            r#""per-minute";q=60;w=60, "turns";q=5;qu="concurrent-requests", "cost";q=999999999999999"#
        );
        assert_eq!(rate_limit(&all), r#""per-minute";r=12;t=48, "turns";r=12, "cost";r=12;t=48"#);
        assert_eq!(rate_limit(&[]), "");
    }
}
