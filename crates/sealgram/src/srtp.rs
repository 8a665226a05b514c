//! Keys for SRTP (RFC 5764 §4.2).

use sealgram_crypto::Secret;
use sealgram_iana::SrtpProfile;

use crate::{Connection, Misuse};

/// The label that SRTP's keys are exported with (RFC 5764 §4.2).
const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";

/// SRTP's master keys and salts. Wiped on drop, and never shown by `Debug`.
#[derive(Debug)]
#[non_exhaustive]
pub struct SrtpKeys {
    /// The profile that was negotiated, which says how the keys are used.
    pub profile: SrtpProfile,
    /// What the client protects its media with.
    pub client: SrtpMaster,
    /// What the server protects its media with.
    pub server: SrtpMaster,
}

/// The master key and salt of one sender.
#[derive(Debug)]
#[non_exhaustive]
pub struct SrtpMaster {
    /// The master key: 16 or 32 bytes, by profile.
    pub key: Secret,
    /// The master salt: 14 bytes with the counter-mode profiles, 12 with the AEAD ones.
    pub salt: Secret,
}

impl Connection {
    /// The keys for SRTP, or `None` if no profile was negotiated.
    ///
    /// # Errors
    ///
    /// [`Misuse::NotConnected`] before the handshake is complete, [`Misuse::Closed`] after the end,
    /// and [`Misuse::OutOfRange`] for a profile whose lengths this crate does not know.
    pub fn srtp_keys(&self) -> Result<Option<SrtpKeys>, Misuse> {
        if self.is_closed() {
            return Err(Misuse::Closed);
        }
        let negotiated = self.info().negotiated.as_ref().ok_or(Misuse::NotConnected)?;
        let Some(profile) = negotiated.srtp_profile else { return Ok(None) };
        let lengths = profile.master_key_len().zip(profile.master_salt_len());
        let (key, salt) = lengths.ok_or(Misuse::OutOfRange("the SRTP profile"))?;
        let len = key.saturating_add(salt).saturating_mul(2);
        let fill = |out: &mut [u8]| self.export_keying_material(out, LABEL, None);
        let material = Secret::try_filled(len, fill)?;
        // client key, server key, client salt, server salt
        let mut rest = material.expose();
        let mut take = |len: usize| {
            let (part, after) = rest.split_at_checked(len).unwrap_or_default();
            rest = after;
            Secret::copy_from(part)
        };
        let (client_key, server_key) = (take(key), take(key));
        let (client_salt, server_salt) = (take(salt), take(salt));
        Ok(Some(SrtpKeys {
            profile,
            client: SrtpMaster { key: client_key, salt: client_salt },
            server: SrtpMaster { key: server_key, salt: server_salt },
        }))
    }
}
