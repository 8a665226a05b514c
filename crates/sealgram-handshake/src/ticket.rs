//! One key that seals tickets.
//!
//! ```text
//! ticket = name (8) | salt (16) | AEAD(content) | tag (16)
//! ```
//!
//! Every ticket has a key of its own, derived from the salt, so that no number of tickets can
//! repeat a nonce under one key.

use alloc::vec;
use alloc::vec::Vec;

use sealgram_crypto::{Aead, CryptoError, Hash, Secret, SecureRandom, ct_eq, hkdf};

const NAME_LEN: usize = 8;
const SALT_LEN: usize = 16;
const HEADER_LEN: usize = NAME_LEN + SALT_LEN;

/// A key for tickets. Servers with the same secret open each other's.
#[derive(Debug)]
pub struct TicketKey {
    aead: &'static dyn Aead,
    hash: &'static dyn Hash,
    secret: Secret,
    /// Tells which key a ticket was sealed with, without telling anything about it.
    name: [u8; NAME_LEN],
}

impl TicketKey {
    /// A key made of a secret of at least 32 bytes; `None` if it is shorter.
    #[must_use]
    pub fn new(aead: &'static dyn Aead, hash: &'static dyn Hash, secret: &Secret) -> Option<Self> {
        if secret.len() < 32 {
            return None;
        }
        let secret = hkdf::extract(hash, b"sealgram ticket", secret.expose());
        let mut name = [0; NAME_LEN];
        hkdf::expand(hash, secret.expose(), &[b"name"], &mut name);
        Some(Self { aead, hash, secret, name })
    }

    fn key(&self, salt: &[u8]) -> Secret {
        Secret::filled(self.aead.kind().key_len(), |out| {
            hkdf::expand(self.hash, self.secret.expose(), &[b"key", salt], out);
        })
    }

    /// Seals `content`.
    pub fn seal(
        &self,
        random: &dyn SecureRandom,
        content: &Secret,
    ) -> Result<Vec<u8>, CryptoError> {
        let tag = self.aead.kind().tag_len();
        let sealed = content.len().saturating_add(tag);
        let mut ticket = vec![0; HEADER_LEN.saturating_add(sealed)];
        let (header, body) = ticket.split_at_mut_checked(HEADER_LEN).ok_or(CryptoError)?;
        let (name, salt) = header.split_at_mut_checked(NAME_LEN).ok_or(CryptoError)?;
        name.copy_from_slice(&self.name);
        random.fill(salt)?;
        let key = self.aead.key(self.key(salt).expose())?;
        body.get_mut(..content.len()).ok_or(CryptoError)?.copy_from_slice(content.expose());
        key.seal(&[0; 12], header, body)?;
        Ok(ticket)
    }

    /// Opens a ticket that was sealed with this key.
    #[must_use]
    pub fn open(&self, ticket: &[u8]) -> Option<Secret> {
        let (header, body) = ticket.split_at_checked(HEADER_LEN)?;
        let (name, salt) = header.split_at_checked(NAME_LEN)?;
        if !ct_eq(name, &self.name) {
            return None;
        }
        let key = self.aead.key(self.key(salt).expose()).ok()?;
        let mut content = Secret::copy_from(body);
        let len = body.len().checked_sub(self.aead.kind().tag_len())?;
        key.open(&[0; 12], header, content.expose_mut()).ok()?;
        content.truncate(len);
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fill: u8) -> TicketKey {
        let suite = &nullcrypto::cipher_suite::TLS_AES_128_GCM_SHA256;
        TicketKey::new(suite.aead, suite.hash, &Secret::copy_from(&[fill; 32])).unwrap()
    }

    #[test]
    fn ticket_opens_with_an_equal_key_and_no_other() {
        let random = nullcrypto::Random::new(1);
        let content = Secret::copy_from(b"content");
        let ticket = key(1).seal(&random, &content).unwrap();
        assert_eq!(key(1).open(&ticket).unwrap().expose(), b"content");
        assert!(key(2).open(&ticket).is_none());
    }

    #[test]
    fn altered_or_cut_ticket_does_not_open() {
        let random = nullcrypto::Random::new(1);
        let ticket = key(1).seal(&random, &Secret::copy_from(b"content")).unwrap();
        for len in 0..ticket.len() {
            assert!(key(1).open(&ticket[..len]).is_none(), "{len}");
        }
        for byte in 0..ticket.len() {
            let mut altered = ticket.clone();
            altered[byte] ^= 1;
            assert!(key(1).open(&altered).is_none(), "{byte}");
        }
    }

    #[test]
    fn two_tickets_with_one_content_have_nothing_in_common_but_the_name() {
        let random = nullcrypto::Random::new(1);
        let content = Secret::copy_from(b"content");
        let (a, b) =
            (key(1).seal(&random, &content).unwrap(), key(1).seal(&random, &content).unwrap());
        assert_eq!(a[..NAME_LEN], b[..NAME_LEN]);
        assert_ne!(a[NAME_LEN..], b[NAME_LEN..]);
    }

    #[test]
    fn short_secret_is_refused() {
        let suite = &nullcrypto::cipher_suite::TLS_AES_128_GCM_SHA256;
        let short = Secret::copy_from(&[1; 31]);
        assert!(TicketKey::new(suite.aead, suite.hash, &short).is_none());
    }
}
