//! Signatures as both versions carry them.

use alloc::vec::Vec;

use sealgram_iana::SignatureScheme;

use crate::{Malformed, Prefix, Reader, Writer};

/// A signature and how it was made. It is the whole CertificateVerify message of both versions, and
/// part of the ServerKeyExchange of 1.2 (RFC 5246 §4.7, RFC 8446 §4.4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DigitallySigned<'a> {
    /// How the signature was made.
    pub scheme: SignatureScheme,
    /// The signature, 0 to 65,535 bytes.
    pub signature: &'a [u8],
}

impl<'a> DigitallySigned<'a> {
    /// Reads the body of a CertificateVerify.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let this = Self::read_from(&mut r)?;
        r.finish("CertificateVerify")?;
        Ok(this)
    }

    /// The body of a CertificateVerify.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.encode_into(&mut w);
        w.into_vec()
    }

    pub(crate) fn read_from(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let scheme = SignatureScheme(r.u16("SignatureScheme")?);
        let signature = r.vec16("signature")?;
        Ok(Self { scheme, signature })
    }

    pub(crate) fn encode_into(&self, w: &mut Writer) {
        w.u16(self.scheme.0);
        w.vec(Prefix::U16, |w| w.bytes(self.signature));
    }
}
