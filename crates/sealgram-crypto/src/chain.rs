//! What a certificate chain says about itself, as far as choosing among chains needs it.

use alloc::vec::Vec;

use sealgram_iana::SignatureScheme;

/// What must be known of a chain of our own to choose it for a peer: whoever reads certificates
/// fills this, and the handshake compares it with what the peer has said.
///
/// The default knows nothing: such a chain has no name, and may be shown to anybody.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ChainFacts {
    /// The DNS names of the leaf's subjectAltName as they stand there, wildcards included.
    pub dns_names: Vec<Vec<u8>>,
    /// What the certificates are signed with, self-signed ones left out: nobody verifies those
    /// (RFC 8446 §4.4.2.2). `None` for an algorithm that has no scheme.
    pub signed_with: Vec<Option<SignatureScheme>>,
    /// The name of each certificate's issuer, a distinguished name in DER.
    pub issuers: Vec<Vec<u8>>,
}

impl ChainFacts {
    /// Whether the leaf is for this DNS name, which may have a final dot. A wildcard stands for
    /// one whole label at the left (RFC 9525 §6.3).
    #[must_use]
    pub fn is_for(&self, name: &[u8]) -> bool {
        let name = name.strip_suffix(b".").unwrap_or(name);
        self.dns_names.iter().any(|pattern| {
            let pattern = pattern.strip_suffix(b".").unwrap_or(pattern);
            match pattern.strip_prefix(b"*.") {
                Some(parent) => {
                    let dot = name.iter().position(|byte| *byte == b'.');
                    let rest = dot.filter(|at| *at > 0).and_then(|at| name.get(at..));
                    let rest = rest.and_then(|rest| rest.strip_prefix(b"."));
                    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(parent))
                }
                None => name.eq_ignore_ascii_case(pattern),
            }
        })
    }

    /// Whether a peer that verifies these schemes in chains can verify the whole chain.
    #[must_use]
    pub fn is_verifiable_with(&self, schemes: &[SignatureScheme]) -> bool {
        self.signed_with.iter().all(|used| used.is_some_and(|used| schemes.contains(&used)))
    }

    /// Whether one of these authorities (distinguished names in DER) has issued a certificate of
    /// the chain. True for an empty list, which names nobody because anybody will do.
    #[must_use]
    pub fn is_issued_by(&self, authorities: &[Vec<u8>]) -> bool {
        authorities.is_empty() || self.issuers.iter().any(|issuer| authorities.contains(issuer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> ChainFacts {
        let dns_names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        ChainFacts { dns_names, ..ChainFacts::default() }
    }

    #[test]
    fn name_is_matched_without_regard_to_case_and_final_dot() {
        let facts = named(&["a.example", "B.example"]);
        for name in ["a.example", "A.EXAMPLE.", "b.example"] {
            assert!(facts.is_for(name.as_bytes()), "{name}");
        }
        for name in ["", ".", "example", "aa.example", "x.a.example"] {
            assert!(!facts.is_for(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn wildcard_stands_for_exactly_one_label() {
        let facts = named(&["*.example.com"]);
        assert!(facts.is_for(b"www.Example.com"));
        for name in ["example.com", ".example.com", "a.b.example.com", "wwwexample.com"] {
            assert!(!facts.is_for(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn chain_with_an_unknown_algorithm_is_not_verifiable() {
        let schemes = [SignatureScheme::ED25519];
        let mut facts = ChainFacts::default();
        assert!(facts.is_verifiable_with(&schemes));
        facts.signed_with.push(Some(SignatureScheme::ED25519));
        assert!(facts.is_verifiable_with(&schemes));
        assert!(!facts.is_verifiable_with(&[SignatureScheme::RSA_PKCS1_SHA256]));
        facts.signed_with.push(None);
        assert!(!facts.is_verifiable_with(&schemes));
    }

    #[test]
    fn authorities_that_name_nobody_accept_anybody() {
        let facts = ChainFacts { issuers: Vec::from([b"x".to_vec()]), ..ChainFacts::default() };
        assert!(facts.is_issued_by(&[]));
        assert!(facts.is_issued_by(&[b"y".to_vec(), b"x".to_vec()]));
        assert!(!facts.is_issued_by(&[b"y".to_vec()]));
    }
}
