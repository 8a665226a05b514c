//! The key schedule of 1.2 (RFC 5246 §6.3, §8.1).
//!
//! ```text
//! premaster ──PRF("extended master secret", session_hash)──> master_secret
//! master_secret ──PRF("key expansion", server_random + client_random)──> keys and IVs
//! master_secret ──PRF("client finished" | "server finished", hash)──> verify_data
//! ```

use alloc::vec::Vec;

use sealgram_crypto::{Digest, Secret, Suite, TrafficSecret, ct_eq, prf};

use crate::{Randoms, Side};

/// The premaster secret of a pre-shared key, with the shared secret of a key exchange in front of it
/// (RFC 5489 §2) or, without one, as many zeros as the key is long (RFC 4279 §2).
pub(crate) fn psk_premaster(shared: Option<&[u8]>, psk: &Secret) -> Secret {
    let len = shared.map_or(psk.len(), <[u8]>::len);
    let prefix = |len: usize| u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    // Room for all of it: the buffer never moves and leaves no copy.
    let mut bytes = Vec::with_capacity(len.saturating_add(psk.len()).saturating_add(4));
    bytes.extend_from_slice(&prefix(len));
    match shared {
        Some(shared) => bytes.extend_from_slice(shared),
        None => bytes.resize(len.saturating_add(2), 0),
    }
    bytes.extend_from_slice(&prefix(psk.len()));
    bytes.extend_from_slice(psk.expose());
    Secret::from_vec(bytes)
}

/// Length of the master secret in bytes (RFC 5246 §8.1).
const MASTER_SECRET_LEN: usize = 48;

/// The master secret with what is needed to derive from it.
#[derive(Debug)]
pub(crate) struct MasterSecret {
    suite: &'static Suite,
    randoms: Randoms,
    secret: Secret,
}

impl MasterSecret {
    /// The extended one over the session hash (RFC 7627 §4), or the classic one without
    /// (RFC 5246 §8.1).
    pub(crate) fn new(
        suite: &'static Suite,
        randoms: Randoms,
        premaster: &[u8],
        session_hash: Option<&Digest>,
    ) -> Self {
        let secret = Secret::filled(MASTER_SECRET_LEN, |out| match session_hash {
            Some(hash) => {
                prf(suite.hash, premaster, b"extended master secret", &[hash.as_ref()], out);
            }
            None => {
                let seed = [&randoms.client[..], &randoms.server];
                prf(suite.hash, premaster, b"master secret", &seed, out);
            }
        });
        Self { suite, randoms, secret }
    }

    /// The secret of an earlier session: only the keys are new.
    pub(crate) const fn resumed(suite: &'static Suite, randoms: Randoms, secret: Secret) -> Self {
        Self { suite, randoms, secret }
    }

    /// A second copy of the secret, for a session.
    pub(crate) fn duplicate_secret(&self) -> Secret {
        self.secret.duplicate()
    }

    /// The secret itself, for the key log.
    pub(crate) fn expose(&self) -> &[u8] {
        self.secret.expose()
    }

    /// What the records of one side are protected with.
    pub(crate) fn traffic(&self, side: Side) -> TrafficSecret {
        let kind = self.suite.aead.kind();
        let (key_len, iv_len) = (kind.key_len(), kind.fixed_iv_len_v12());
        // AEAD suites have no MAC keys: client key, server key, client IV, server IV.
        let block_len = key_len.saturating_add(iv_len).saturating_mul(2);
        let seed = [&self.randoms.server[..], &self.randoms.client];
        let block = Secret::filled(block_len, |out| {
            prf(self.suite.hash, self.secret.expose(), b"key expansion", &seed, out);
        });
        let (keys, ivs) =
            block.expose().split_at_checked(key_len.saturating_mul(2)).unwrap_or_default();
        let (client_key, server_key) = keys.split_at_checked(key_len).unwrap_or_default();
        let (client_iv, server_iv) = ivs.split_at_checked(iv_len).unwrap_or_default();
        let (key, fixed_iv) = match side {
            Side::Client => (client_key, client_iv),
            Side::Server => (server_key, server_iv),
        };
        TrafficSecret::V12 {
            aead: self.suite.aead,
            key: Secret::copy_from(key),
            fixed_iv: Secret::copy_from(fixed_iv),
        }
    }

    /// The content of a side's Finished message (RFC 5246 §7.4.9).
    pub(crate) fn verify_data(&self, side: Side, transcript: &Digest) -> [u8; 12] {
        let label: &[u8] = match side {
            Side::Client => b"client finished",
            Side::Server => b"server finished",
        };
        let mut out = [0; 12];
        prf(self.suite.hash, self.secret.expose(), label, &[transcript.as_ref()], &mut out);
        out
    }

    /// Whether `received` is what the peer's Finished must hold.
    pub(crate) fn finished_is_right(
        &self,
        side: Side,
        transcript: &Digest,
        received: &[u8],
    ) -> bool {
        ct_eq(&self.verify_data(side, transcript), received)
    }

    /// Keying material for the application (RFC 5705 §4). No context differs from an empty one.
    pub(crate) fn export(&self, out: &mut [u8], label: &[u8], context: Option<&[u8]>) {
        let Randoms { client, server } = &self.randoms;
        let len = context.map_or(0, <[u8]>::len);
        let len = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        let with_context: [&[u8]; 4] = [client, server, &len, context.unwrap_or_default()];
        let seed = match context {
            Some(_) => &with_context[..],
            None => with_context.get(..2).unwrap_or(&with_context),
        };
        prf(self.suite.hash, self.secret.expose(), label, seed, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn premaster_of_a_psk_has_both_lengths_and_zeros_for_what_is_not_exchanged() {
        let psk = Secret::copy_from(&[7; 3]);
        assert_eq!(psk_premaster(None, &psk).expose(), [0, 3, 0, 0, 0, 0, 3, 7, 7, 7]);
        let shared = psk_premaster(Some(&[9, 8]), &psk);
        assert_eq!(shared.expose(), [0, 2, 9, 8, 0, 3, 7, 7, 7]);
    }
}
