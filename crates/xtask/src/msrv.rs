//! Syntax that is newer than the `rust-version` of the crate that uses it.
//!
//! Clippy knows when functions of the standard library came, and the compiler at hand accepts all
//! syntax that it knows. What is left is chains of `let` in conditions, which need Rust 1.88: they
//! are what one writes without noticing.

use crate::graph::Package;
use crate::source::code_only;

/// The release that brought chains of `let`.
const LET_CHAINS: (u32, u32) = (1, 88);

/// One line for each source that its crate's `rust-version` does not allow.
pub(crate) fn check(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Some(version) = package.rust_version.as_deref().and_then(parse) else {
            found.push(format!("{}: there is no rust-version that can be read", package.name));
            continue;
        };
        if version >= LET_CHAINS {
            continue;
        }
        for source in package.sources.iter().filter(|source| chains_lets(&source.text)) {
            let (major, minor) = version;
            found.push(format!(
                "{}: a condition with `let` and `&&` needs Rust 1.88, and {} promises {major}.{minor}",
                source.path, package.name
            ));
        }
    }
    found
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether a condition joins a `let` to anything else.
fn chains_lets(source: &str) -> bool {
    let code = code_only(source);
    let words: Vec<&str> = code.split_whitespace().collect();
    let joined = words.windows(2).any(|pair| pair[0].ends_with("&&") && pair[1] == "let");
    let starts = ["if let ", "while let "];
    joined
        || starts.iter().any(|start| code.match_indices(start).any(|(at, _)| goes_on(&code[at..])))
}

/// Whether the condition that starts here, with a `let`, has an `&&` outside of all brackets.
fn goes_on(condition: &str) -> bool {
    let mut depth = 0_i32;
    // Braces belong to the pattern until its `=`, and open the block after it.
    let mut in_pattern = true;
    let characters: Vec<char> = condition.chars().collect();
    for (at, &character) in characters.iter().enumerate() {
        let (before, after) =
            (at.checked_sub(1).map(|at| characters[at]), characters.get(at + 1).copied());
        match character {
            '{' if !in_pattern && depth == 0 => return false,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '=' if depth == 0 && !matches!(after, Some('=' | '>')) => {
                in_pattern &= matches!(before, Some('.' | '=' | '!' | '<' | '>'));
            }
            '&' if depth == 0 && !in_pattern && after == Some('&') => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_found_wherever_the_let_is() {
        for chain in [
            "if a && let Some(b) = c { }",
            "if let Some(a) = b && c { }",
            "while x()\n    && let Some(b) = c\n{ }",
            "if let Foo { a, .. } = b(|x| { x }) && c { }",
            "if let 1..=5 = a && b { }",
        ] {
            assert!(chains_lets(chain), "{chain}");
        }
    }

    #[test]
    fn other_conditions_are_no_chains() {
        for plain in [
            "if let Some(a) = b { c && d }",
            "if let Some(a) = (b && c) { }",
            "if let Foo { a, .. } = f(b && c) { if d && e { } }",
            "let a = b && c;",
            "if a && b { let c = d; }",
            "// if let a = b && c {\nif let Some(a) = \"x && let\" { }",
            "let Some(a) = b else { return c && d };",
            "if let Some(a) = &b { } if x && y { }",
        ] {
            assert!(!chains_lets(plain), "{plain}");
        }
    }
}
