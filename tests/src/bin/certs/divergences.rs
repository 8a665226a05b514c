//! The differences that are known, and why each is there.
//!
//! `divergences.txt` has lines of two kinds: `= reason: text`, and below it `suite case`, one for
//! each case with this reason.

use std::collections::BTreeMap;

const KNOWN: &str = include_str!("divergences.txt");

/// The table.
#[derive(Debug)]
pub(crate) struct Divergences {
    texts: BTreeMap<&'static str, &'static str>,
    reasons: BTreeMap<(&'static str, &'static str), &'static str>,
}

impl Divergences {
    /// The table in the repository.
    pub(crate) fn known() -> Result<Self, String> {
        let mut this = Self { texts: BTreeMap::new(), reasons: BTreeMap::new() };
        let mut current = None;
        for line in KNOWN.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(reason) = line.strip_prefix("= ") {
                let (name, text) = reason.split_once(": ").ok_or("a reason without a text")?;
                current = Some(name);
                if this.texts.insert(name, text).is_some() {
                    return Err(format!("the reason {name} is there twice"));
                }
                continue;
            }
            let reason = current.ok_or_else(|| format!("a case without a reason: {line}"))?;
            let case = line.split_once(' ').ok_or_else(|| format!("not a case: {line}"))?;
            if this.reasons.insert(case, reason).is_some() {
                return Err(format!("a case has two reasons: {line}"));
            }
        }
        Ok(this)
    }

    /// Why the verdict on this case differs, if that is known.
    pub(crate) fn reason(&self, suite: &str, case: &str) -> Option<&'static str> {
        self.reasons.get(&(suite, case)).copied()
    }

    /// A reason in words.
    pub(crate) fn text(&self, reason: &str) -> &'static str {
        self.texts.get(reason).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_of_divergences_can_be_read() {
        let divergences = Divergences::known().unwrap();
        assert!(!divergences.reasons.is_empty());
        assert!(divergences.reasons.values().all(|reason| !divergences.text(reason).is_empty()));
    }
}
