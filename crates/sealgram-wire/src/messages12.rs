//! The handshake messages of 1.2 behind the hellos.
//!
//! Finished has no type: its body is the `verify_data`.

use alloc::vec::Vec;

use sealgram_iana::{ClientCertificateType, EcCurveType, NamedGroup, SignatureScheme};

use crate::{
    Asn1Cert, DigitallySigned, DistinguishedName, List, Malformed, Prefix, Reader, Writer, codec,
};

/// How the premaster secret is made, which decides the form of both key-exchange messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyExchangeKind {
    /// Ephemeral ECDH, signed by the server (RFC 8422 §2).
    Ecdhe,
    /// A pre-shared key alone (RFC 4279 §2).
    Psk,
    /// A pre-shared key and ephemeral ECDH, not signed (RFC 5489 §2).
    EcdhePsk,
}

/// A chain of X.509 certificates, the sender's first (RFC 5246 §7.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certificate<'a> {
    /// The chain; empty when a client has none to show.
    pub certificate_list: List<'a, Asn1Cert<'a>>,
}

impl<'a> Certificate<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let certificate_list = List::from_wire(r.vec24("certificate_list")?)?;
        r.finish("Certificate")?;
        Ok(Self { certificate_list })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.certificate_list.encode_vec(&mut w, Prefix::U24);
        w.into_vec()
    }
}

/// The Certificate message when raw public keys were negotiated (RFC 7250 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawPublicKeyCertificate<'a> {
    /// The key as a SubjectPublicKeyInfo in DER; empty when a client has none to show.
    pub subject_public_key_info: &'a [u8],
}

impl<'a> RawPublicKeyCertificate<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let subject_public_key_info = r.vec24("ASN.1_subjectPublicKeyInfo")?;
        r.finish("Certificate")?;
        Ok(Self { subject_public_key_info })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.vec(Prefix::U24, |w| w.bytes(self.subject_public_key_info));
        w.into_vec()
    }
}

/// The server's ephemeral key (RFC 8422 §5.4).
///
/// Its encoding is unique, so [`EcdheParams::encode`] gives the very bytes that were received and
/// signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EcdheParams<'a> {
    /// The group.
    pub group: NamedGroup,
    /// The public key in the group's own form, 1 to 255 bytes.
    pub public: &'a [u8],
}

impl<'a> EcdheParams<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        // Explicit curves have another form: nothing behind this byte could be read.
        if EcCurveType(r.u8("curve_type")?) != EcCurveType::NAMED_CURVE {
            return Err(Malformed::IllegalValue("curve_type"));
        }
        let group = NamedGroup(r.u16("namedcurve")?);
        let public = read_point(r)?;
        Ok(Self { group, public })
    }

    /// The bytes that the server signs behind both randoms.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.encode_into(&mut w);
        w.into_vec()
    }

    fn encode_into(&self, w: &mut Writer) {
        w.u8(EcCurveType::NAMED_CURVE.0);
        w.u16(self.group.0);
        w.vec(Prefix::U8, |w| w.bytes(self.public));
    }
}

/// What the server contributes to the premaster secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerKeyExchange<'a> {
    /// RFC 8422 §5.4.
    Ecdhe {
        /// The server's key.
        params: EcdheParams<'a>,
        /// Over both randoms and `params`.
        signature: DigitallySigned<'a>,
    },
    /// RFC 4279 §2.
    Psk {
        /// Helps the client choose an identity, 0 to 65,535 bytes.
        psk_identity_hint: &'a [u8],
    },
    /// RFC 5489 §2.
    EcdhePsk {
        /// Helps the client choose an identity, 0 to 65,535 bytes.
        psk_identity_hint: &'a [u8],
        /// The server's key.
        params: EcdheParams<'a>,
    },
}

impl<'a> ServerKeyExchange<'a> {
    /// Reads the body of a message, in the form that the suite's `kind` gives it.
    pub fn read(body: &'a [u8], kind: KeyExchangeKind) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let this = match kind {
            KeyExchangeKind::Ecdhe => {
                let params = EcdheParams::read(&mut r)?;
                Self::Ecdhe { params, signature: DigitallySigned::read_from(&mut r)? }
            }
            KeyExchangeKind::Psk => Self::Psk { psk_identity_hint: r.vec16("psk_identity_hint")? },
            KeyExchangeKind::EcdhePsk => {
                let psk_identity_hint = r.vec16("psk_identity_hint")?;
                Self::EcdhePsk { psk_identity_hint, params: EcdheParams::read(&mut r)? }
            }
        };
        r.finish("ServerKeyExchange")?;
        Ok(this)
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        match self {
            Self::Ecdhe { params, signature } => {
                params.encode_into(&mut w);
                signature.encode_into(&mut w);
            }
            Self::Psk { psk_identity_hint } => {
                w.vec(Prefix::U16, |w| w.bytes(psk_identity_hint));
            }
            Self::EcdhePsk { psk_identity_hint, params } => {
                w.vec(Prefix::U16, |w| w.bytes(psk_identity_hint));
                params.encode_into(&mut w);
            }
        }
        w.into_vec()
    }
}

/// The server wants a client certificate (RFC 5246 §7.4.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CertificateRequest<'a> {
    /// Kinds of keys, at least one.
    pub certificate_types: List<'a, ClientCertificateType>,
    /// What may sign, at least one.
    pub supported_signature_algorithms: List<'a, SignatureScheme>,
    /// Names of trusted authorities; empty for any.
    pub certificate_authorities: List<'a, DistinguishedName<'a>>,
}

impl<'a> CertificateRequest<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        const SCHEMES: &str = "supported_signature_algorithms";
        let mut r = Reader::new(body);
        let certificate_types = List::non_empty(r.vec8("certificate_types")?, "certificate_types")?;
        let supported_signature_algorithms = List::non_empty(r.vec16(SCHEMES)?, SCHEMES)?;
        let certificate_authorities = List::from_wire(r.vec16("certificate_authorities")?)?;
        r.finish("CertificateRequest")?;
        Ok(Self { certificate_types, supported_signature_algorithms, certificate_authorities })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.certificate_types.encode_vec(&mut w, Prefix::U8);
        self.supported_signature_algorithms.encode_vec(&mut w, Prefix::U16);
        self.certificate_authorities.encode_vec(&mut w, Prefix::U16);
        w.into_vec()
    }
}

/// The end of the server's flight: an empty message (RFC 5246 §7.4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerHelloDone;

impl ServerHelloDone {
    /// Reads the body of a message.
    pub const fn read(body: &[u8]) -> Result<Self, Malformed> {
        match Reader::new(body).finish("ServerHelloDone") {
            Ok(()) => Ok(Self),
            Err(malformed) => Err(malformed),
        }
    }

    /// The body of the message.
    #[must_use]
    pub const fn encode(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// What the client contributes to the premaster secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientKeyExchange<'a> {
    /// RFC 8422 §5.7.
    Ecdhe {
        /// The client's public key, 1 to 255 bytes.
        public: &'a [u8],
    },
    /// RFC 4279 §2.
    Psk {
        /// The name of the key, 0 to 65,535 bytes.
        psk_identity: &'a [u8],
    },
    /// RFC 5489 §2.
    EcdhePsk {
        /// The name of the key, 0 to 65,535 bytes.
        psk_identity: &'a [u8],
        /// The client's public key, 1 to 255 bytes.
        public: &'a [u8],
    },
}

impl<'a> ClientKeyExchange<'a> {
    /// Reads the body of a message, in the form that the suite's `kind` gives it.
    pub fn read(body: &'a [u8], kind: KeyExchangeKind) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let this = match kind {
            KeyExchangeKind::Ecdhe => Self::Ecdhe { public: read_point(&mut r)? },
            KeyExchangeKind::Psk => Self::Psk { psk_identity: r.vec16("psk_identity")? },
            KeyExchangeKind::EcdhePsk => {
                let psk_identity = r.vec16("psk_identity")?;
                Self::EcdhePsk { psk_identity, public: read_point(&mut r)? }
            }
        };
        r.finish("ClientKeyExchange")?;
        Ok(this)
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        match self {
            Self::Ecdhe { public } => w.vec(Prefix::U8, |w| w.bytes(public)),
            Self::Psk { psk_identity } => w.vec(Prefix::U16, |w| w.bytes(psk_identity)),
            Self::EcdhePsk { psk_identity, public } => {
                w.vec(Prefix::U16, |w| w.bytes(psk_identity));
                w.vec(Prefix::U8, |w| w.bytes(public));
            }
        }
        w.into_vec()
    }
}

/// A ticket for resumption (RFC 5077 §3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewSessionTicket<'a> {
    /// Seconds, or 0 for the client's own choice.
    pub ticket_lifetime_hint: u32,
    /// The ticket; empty if the server changed its mind.
    pub ticket: &'a [u8],
}

impl<'a> NewSessionTicket<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let ticket_lifetime_hint = r.u32("ticket_lifetime_hint")?;
        let ticket = r.vec16("ticket")?;
        r.finish("NewSessionTicket")?;
        Ok(Self { ticket_lifetime_hint, ticket })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u32(self.ticket_lifetime_hint);
        w.vec(Prefix::U16, |w| w.bytes(self.ticket));
        w.into_vec()
    }
}

/// An `ECPoint` (RFC 8422 §5.4).
fn read_point<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    codec::non_empty(r.vec8("ECPoint")?, "ECPoint")
}

#[cfg(test)]
mod tests;
