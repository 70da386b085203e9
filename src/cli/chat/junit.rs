//! JUnit XML output of a report, for CI systems.

use std::fmt::Write;

use super::report::{AttemptResult, CaseReport, Report, Verdict};

pub(super) fn xml(report: &Report) -> String {
    let suite = report.suite.as_deref().unwrap_or("mcpchat");
    let summary = &report.summary;
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"{}\"",
        summary.cases,
        summary.failed,
        summary.errors,
        seconds(report.cases.iter().flat_map(|case| &case.answers))
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"mcpchat\" {counts}>");
    let _ = writeln!(xml, "  <testsuite name=\"{}\" {counts}>", escaped(suite));
    for case in &report.cases {
        test_case(&mut xml, suite, case);
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

fn test_case(xml: &mut String, suite: &str, case: &CaseReport) {
    let _ = writeln!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\">",
        escaped(suite),
        escaped(&case.title()),
        seconds(&case.answers)
    );
    let complaints: Vec<String> = case.count().into_iter().chain(case.complaints()).collect();
    let tag = match case.verdict {
        Verdict::Passed => None,
        Verdict::Failed => Some("failure"),
        Verdict::Error => Some("error"),
    };
    if let Some(tag) = tag {
        let first = complaints.first().map_or("", String::as_str);
        let _ =
            writeln!(xml, "      <{tag} message=\"{}\">{}</{tag}>", escaped(first), escaped(&complaints.join("\n")));
    }
    for tried in &case.answers {
        if let AttemptResult::Replied(record) = tried {
            let _ = writeln!(xml, "      <system-out>{}</system-out>", escaped(&record.text));
        }
    }
    xml.push_str("    </testcase>\n");
}

fn seconds<'a>(answers: impl IntoIterator<Item = &'a AttemptResult>) -> String {
    let times = answers.into_iter().map(|tried| match tried {
        AttemptResult::Replied(record) => record.latency.as_secs_f64(),
        AttemptResult::Failed(_) => 0.0,
    });
    format!("{:.3}", times.sum::<f64>())
}

/// Escapes text for XML: characters that no XML document can hold become `�`, and line breaks in attributes are kept.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_stand_in_xml() {
        assert_eq!(escaped("a<b>&\"c\"\n\u{1b}[0m"), "a&lt;b&gt;&amp;&quot;c&quot;&#10;\u{fffd}[0m");
    }
}
