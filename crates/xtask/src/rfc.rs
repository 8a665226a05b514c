//! Which sections of which RFC the sources cite, and whether a test does.
//!
//! A citation has the form `RFC 9147 §4.2.3`; further sections of the same document may follow
//! as `RFC 9147 §8, §5.8.1`. What is not written so is not counted: the form exists so that one
//! search finds every place.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::path::Path;

use crate::graph;

/// The folders that hold code or tests.
const FOLDERS: &[&str] = &["crates", "tests", "benches", "fuzz"];

/// Not counted: the tests below hold made-up citations.
const THIS_CRATE: &str = "crates/xtask/";

/// How often a section is cited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) code: usize,
    pub(crate) tests: usize,
}

/// A section of an RFC. Ordered as the document is: numbers by value, appendices behind them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Section {
    rfc: u32,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u32),
    Letter(char),
}

pub(crate) type Citations = BTreeMap<Section, Count>;

/// Reads every Rust file of the workspace.
pub(crate) fn citations_below(root: &Path) -> Result<Citations, String> {
    let mut citations = Citations::new();
    for folder in FOLDERS {
        for file in graph::rust_files_below(&root.join(folder))? {
            let path = graph::relative(&file, root);
            if path.starts_with(THIS_CRATE) {
                continue;
            }
            count_file(&mut citations, &path, &graph::read(&file)?);
        }
    }
    Ok(citations)
}

/// One line a section, grouped by RFC.
pub(crate) fn report(citations: &Citations) -> String {
    let mut text = String::new();
    let mut last = None;
    for (section, count) in citations {
        if last != Some(section.rfc) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "RFC {}", section.rfc);
            last = Some(section.rfc);
        }
        let name = section.name();
        let _ = writeln!(text, "  {name:<12} code {:>3}   tests {:>3}", count.code, count.tests);
    }
    let untested = citations.values().filter(|count| count.tests == 0).count();
    let _ = writeln!(text, "{} sections cited, {untested} of them by no test", citations.len());
    text
}

impl Section {
    fn name(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Number(number) => number.to_string(),
                Part::Letter(letter) => letter.to_string(),
            })
            .collect();
        format!("§{}", parts.join("."))
    }
}

fn count_file(citations: &mut Citations, path: &str, text: &str) {
    let is_test_file = path.split('/').any(|part| matches!(part, "tests" | "tests.rs"));
    let mut in_tests = is_test_file;
    let mut after_cfg_test = false;
    for line in text.lines() {
        let trimmed = line.trim();
        // Unit tests stand below the code, so the rest of the file is tests.
        in_tests |= after_cfg_test && trimmed.starts_with("mod ") && trimmed.ends_with('{');
        after_cfg_test = trimmed == "#[cfg(test)]";
        for section in sections(line) {
            let count = citations.entry(section).or_default();
            if in_tests {
                count.tests += 1;
            } else {
                count.code += 1;
            }
        }
    }
}

/// The sections that one line cites.
fn sections(line: &str) -> Vec<Section> {
    let mut found = Vec::new();
    for (at, marker) in line.match_indices("RFC ") {
        let rest = &line[at + marker.len()..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, mut rest) = rest.split_at(digits);
        let Ok(rfc) = number.parse() else { continue };
        let mut separators: &[&str] = &[" "];
        while let Some((parts, after)) = separators
            .iter()
            .find_map(|separator| rest.strip_prefix(separator)?.strip_prefix('§'))
            .and_then(section_number)
        {
            found.push(Section { rfc, parts });
            rest = after;
            separators = &[", ", " and ", ", and "];
        }
    }
    found
}

/// Reads `4.2.3` or `B.3`; a full stop that ends the sentence is left.
fn section_number(text: &str) -> Option<(Vec<Part>, &str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let body = if parts.is_empty() { Some(rest) } else { rest.strip_prefix('.') };
        let Some(body) = body else { break };
        let digits = body.len() - body.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = body.split_at(digits);
        if let Ok(number) = number.parse() {
            parts.push(Part::Number(number));
            rest = after;
        } else if let Some(letter) =
            body.chars().next().filter(|c| parts.is_empty() && c.is_ascii_uppercase())
        {
            parts.push(Part::Letter(letter));
            rest = &body[1..];
        } else {
            break;
        }
    }
    (!parts.is_empty()).then_some((parts, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        sections(line).iter().map(|s| format!("{} {}", s.rfc, s.name())).collect()
    }

    #[test]
    fn citation_in_the_agreed_form_is_found() {
        assert_eq!(names("/// Bounds (RFC 9147 §4.2.3)."), ["9147 §4.2.3"]);
        assert_eq!(names("// RFC 8446 §7.5. RFC 6347 §4"), ["8446 §7.5", "6347 §4"]);
        assert_eq!(names("// RFC 8446 §B.3.1 says"), ["8446 §B.3.1"]);
    }

    #[test]
    fn further_sections_of_the_same_document_are_found() {
        assert_eq!(
            names("// RFC 9147 §8, §5.8.1 and RFC 6347 §4.2.4 ask"),
            ["9147 §8", "9147 §5.8.1", "6347 §4.2.4"]
        );
    }

    #[test]
    fn other_forms_are_not_citations() {
        for line in ["RFC9147 §4", "RFC 9147, section 4", "§4.2", "RFC 9147 §", "RFC x §4"] {
            assert_eq!(names(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn citation_below_the_test_module_counts_as_a_test() {
        let mut citations = Citations::new();
        let text = "// RFC 9147 §4\n#[cfg(test)]\nuse a;\n// RFC 9147 §4\n#[cfg(test)]\n\
                    mod tests {\n// RFC 9147 §4\n}";
        count_file(&mut citations, "crates/a/src/lib.rs", text);
        assert_eq!(citations.values().copied().collect::<Vec<_>>(), [Count { code: 2, tests: 1 }]);
    }

    #[test]
    fn citation_in_a_test_file_counts_as_a_test() {
        for path in ["crates/a/src/b/tests.rs", "tests/tests/hello.rs"] {
            let mut citations = Citations::new();
            count_file(&mut citations, path, "// RFC 9147 §4");
            let counts: Vec<Count> = citations.values().copied().collect();
            assert_eq!(counts, [Count { code: 0, tests: 1 }], "{path}");
        }
    }

    #[test]
    fn report_orders_sections_as_the_document_does() {
        let mut citations = Citations::new();
        let text = "// RFC 9147 §10, §B.1, §9, §4.10 and §4.9\n// RFC 6347 §4\n";
        count_file(&mut citations, "crates/a/src/lib.rs", text);
        let report = report(&citations);
        let order: Vec<&str> =
            report.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(order, ["RFC", "§4", "RFC", "§4.9", "§4.10", "§9", "§10", "§B.1", "6"]);
        assert!(report.ends_with("6 sections cited, 6 of them by no test\n"), "{report}");
    }
}
