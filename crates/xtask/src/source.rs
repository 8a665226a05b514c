//! Just enough of Rust's syntax to read attributes without being fooled by comments or strings.

/// The source without its comments and without what its string and character literals hold.
pub(crate) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '"' {
            code.push_str("\"\"");
            string(rest)
        } else if let Some(length) = raw_string(rest, code.chars().next_back()) {
            code.push_str("\"\"");
            length
        } else if let Some(length) = character(rest) {
            code.push_str("' '");
            length
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

/// Length of the comment, which may hold others, that `text` starts with.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of the string literal, quotes included, that `text` starts with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of the raw string that `text` starts with, if it starts with one. `before` tells `r"`
/// from a name that ends in r.
fn raw_string(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| (c.is_alphanumeric() || c == '_') && c != 'b' && c != 'c') {
        return None;
    }
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(match body.find(&end) {
        Some(at) => 1 + hashes + 1 + at + end.len(),
        None => text.len(),
    })
}

/// Length of the character literal that `text` starts with; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    if let Some(escape) = body.strip_prefix('\\') {
        // The escaped character itself may be a quote.
        let first = escape.chars().next()?.len_utf8();
        return Some(2 + first + escape[first..].find('\'')? + 1);
    }
    let first = body.chars().next()?.len_utf8();
    body[first..].starts_with('\'').then_some(1 + first + 1)
}

/// One attribute, and the code behind it.
#[derive(Debug)]
pub(crate) struct Attribute<'a> {
    /// What stands between the brackets, without white space.
    pub(crate) text: String,
    /// `#![..]` rather than `#[..]`.
    pub(crate) inner: bool,
    /// The code that follows.
    pub(crate) rest: &'a str,
}

impl Attribute<'_> {
    /// Whether it sets `lint` to `level`, as in `forbid(unsafe_code)`, unconditionally.
    pub(crate) fn sets(&self, level: &str, lint: &str) -> bool {
        self.text
            .strip_prefix(level)
            .and_then(|rest| rest.strip_prefix('('))
            .and_then(|rest| rest.strip_suffix(')'))
            .is_some_and(|lints| lints.split(',').any(|one| one == lint))
    }
}

/// All attributes of a source that went through [`code_only`].
pub(crate) fn attributes(code: &str) -> Vec<Attribute<'_>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices('#') {
        if let Some(attribute) = attribute(&code[at..]) {
            found.push(attribute);
        }
    }
    found
}

/// The attributes of the whole file: those that come before its first item.
pub(crate) fn crate_attributes(code: &str) -> Vec<Attribute<'_>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(attribute) = attribute(rest.trim_start()).filter(|attribute| attribute.inner) {
        rest = attribute.rest;
        found.push(attribute);
    }
    found
}

/// The code that is there whatever the features: without tests and without the items of features.
pub(crate) fn unconditional(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find('#') {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        match attribute(rest).filter(|attribute| !attribute.inner && is_condition(&attribute.text))
        {
            Some(attribute) => rest = after_item(attribute.rest),
            None => {
                kept.push('#');
                rest = &rest[1..];
            }
        }
    }
    kept.push_str(rest);
    kept
}

/// Of a test or a feature; a negated condition is none.
fn is_condition(attribute: &str) -> bool {
    attribute == "cfg(test)"
        || ["cfg(all(test,", "cfg(feature="].iter().any(|start| attribute.starts_with(start))
}

/// What follows the item at the start of `code`: it ends with a semicolon or a block.
fn after_item(code: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return &code[at + 1..];
                }
            }
            ';' if depth == 0 => return &code[at + 1..],
            _ => {}
        }
    }
    ""
}

fn attribute(code: &str) -> Option<Attribute<'_>> {
    let after = code.strip_prefix('#')?;
    let (inner, after) = match after.strip_prefix('!') {
        Some(after) => (true, after),
        None => (false, after),
    };
    let body = after.strip_prefix('[')?;
    let mut depth = 1_usize;
    for (at, c) in body.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let text = body[..at].chars().filter(|c| !c.is_whitespace()).collect();
            return Some(Attribute { text, inner, rest: &body[at + 1..] });
        }
    }
    None
}

/// Whether the code, after further attributes and a visibility, declares a module.
pub(crate) fn declares_module(code: &str) -> bool {
    let mut rest = code.trim_start();
    while let Some(attribute) = attribute(rest) {
        rest = attribute.rest.trim_start();
    }
    if let Some(after) = rest.strip_prefix("pub") {
        rest = after.trim_start();
        if let Some((_, after)) = rest.strip_prefix('(').and_then(|within| within.split_once(')')) {
            rest = after.trim_start();
        }
    }
    rest.starts_with("mod ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_inside_comments_and_literals_disappears() {
        let code = code_only(
            "a // #![no_std]\n/* #![no_std] /* nested */ still */ b \"#![no_std] \\\" \" \
             r#\"#![no_std] \" \"# br\"#![no_std]\" '\"' '\\'' 'c d<'life>",
        );
        assert!(!code.contains("no_std"), "{code}");
        assert!(!code.contains("still"), "{code}");
        for kept in ["a ", " b ", "'c d<'life>"] {
            assert!(code.contains(kept), "{kept} in {code}");
        }
    }

    #[test]
    fn name_ending_in_r_before_a_string_is_no_raw_string() {
        assert_eq!(code_only("bar\"x\\\"y\"z"), "bar\"\"z");
    }

    #[test]
    fn literal_without_an_end_takes_the_rest() {
        assert_eq!(code_only("a \"b"), "a \"\"");
        assert_eq!(code_only("a r#\"b\""), "a \"\"");
        assert_eq!(code_only("a /* b"), "a ");
    }

    #[test]
    fn crate_attributes_end_at_the_first_item() {
        let code = code_only(
            "//! Doc.\n#![forbid(missing_docs, unsafe_code)]\n#![ no_std ]\nmod a;\n#![late]",
        );
        let found: Vec<String> = crate_attributes(&code).into_iter().map(|a| a.text).collect();
        assert_eq!(found, ["forbid(missing_docs,unsafe_code)", "no_std"]);
    }

    #[test]
    fn lint_level_is_read_from_a_list_but_not_from_a_condition() {
        let sets = |text: &str, level: &str| {
            attribute(text).is_some_and(|attribute| attribute.sets(level, "unsafe_code"))
        };
        assert!(sets("#![forbid(unsafe_code)]", "forbid"));
        assert!(sets("#![forbid(missing_docs, unsafe_code)]", "forbid"));
        assert!(!sets("#![forbid(unsafe_code)]", "deny"));
        assert!(!sets("#![forbid(unsafe_code_x)]", "forbid"));
        assert!(!sets("#![cfg_attr(test, forbid(unsafe_code))]", "forbid"));
    }

    #[test]
    fn items_of_tests_and_features_are_conditional() {
        let code = "a();#[cfg(test)]\n#[x]\nmod t { fn b([u8; 2]) {} }\nc!{}#[cfg(feature=\"\")]\n\
                    extern crate d;\n#[cfg(not(test))]\nextern crate e;\n#[inline]\nfn f() {}";
        assert_eq!(
            unconditional(code),
            "a();\nc!{}\n#[cfg(not(test))]\nextern crate e;\n#[inline]\nfn f() {}"
        );
    }

    #[test]
    fn module_is_recognised_behind_attributes_and_visibility() {
        for module in ["mod a;", " pub(crate) mod a {", "#[cfg(x[1])]\npub mod a;"] {
            assert!(declares_module(module), "{module}");
        }
        for other in ["fn mod_a() {}", "impl A {", "pub struct Mod;", "modest!();", ""] {
            assert!(!declares_module(other), "{other}");
        }
    }
}
