//! The handshake messages of 1.3 behind the hellos.
//!
//! CertificateVerify is a [`crate::DigitallySigned`]. Finished has no type: its body is the
//! `verify_data`. There is no EndOfEarlyData in DTLS (RFC 9147 §5.6).

use alloc::vec::Vec;

use sealgram_iana::{ConnectionIdUsage, ExtensionType, KeyUpdateRequest, SignatureScheme};

use crate::extensions::{
    certificate_authorities, put, put_list, read_block, signature_schemes, whole,
};
use crate::{
    ConnectionId, DistinguishedName, Extension, Item, List, Malformed, Prefix, Reader,
    ServerExtensions, ServerMessage, Writer, codec,
};

/// The part of the server's answer that is encrypted (RFC 8446 §4.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncryptedExtensions<'a> {
    /// The extensions.
    pub extensions: ServerExtensions<'a>,
}

impl<'a> EncryptedExtensions<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let block = whole(body, "EncryptedExtensions", |r| r.vec16("extensions"))?;
        let extensions = ServerExtensions::read(block, ServerMessage::EncryptedExtensions)?;
        Ok(Self { extensions })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.vec(Prefix::U16, |w| self.extensions.encode(w));
        w.into_vec()
    }
}

/// A chain of certificates, the sender's first, or one raw public key (RFC 8446 §4.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certificate<'a> {
    /// The context of the request that this answers, 0 to 255 bytes; empty in a handshake.
    pub certificate_request_context: &'a [u8],
    /// The chain; empty when a client has none to show.
    pub certificate_list: List<'a, CertificateEntry<'a>>,
}

impl<'a> Certificate<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let certificate_request_context = r.vec8("certificate_request_context")?;
        let certificate_list = List::from_wire(r.vec24("certificate_list")?)?;
        r.finish("Certificate")?;
        Ok(Self { certificate_request_context, certificate_list })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.vec(Prefix::U8, |w| w.bytes(self.certificate_request_context));
        self.certificate_list.encode_vec(&mut w, Prefix::U24);
        w.into_vec()
    }
}

/// A certificate of a 1.3 chain (RFC 8446 §4.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CertificateEntry<'a> {
    /// The certificate in DER, or the SubjectPublicKeyInfo; at least one byte.
    pub cert_data: &'a [u8],
    /// What belongs to this certificate; no type twice.
    pub extensions: List<'a, Extension<'a>>,
}

impl<'a> Item<'a> for CertificateEntry<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let cert_data = codec::non_empty(r.vec24("cert_data")?, "cert_data")?;
        let extensions = read_block(r.vec16("CertificateEntry.extensions")?)?;
        Ok(Self { cert_data, extensions })
    }

    fn encode(&self, w: &mut Writer) {
        w.vec(Prefix::U24, |w| w.bytes(self.cert_data));
        self.extensions.encode_vec(w, Prefix::U16);
    }
}

/// The server wants a client certificate (RFC 8446 §4.3.2).
///
/// Extensions that this crate does not know are skipped, as the RFC asks of clients.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CertificateRequest<'a> {
    /// What the answer repeats, 0 to 255 bytes; empty in a handshake.
    pub certificate_request_context: &'a [u8],
    /// What may sign handshakes, at least one. Never absent in a legal message.
    pub signature_algorithms: Option<List<'a, SignatureScheme>>,
    /// What may sign certificates, at least one.
    pub signature_algorithms_cert: Option<List<'a, SignatureScheme>>,
    /// Names of trusted authorities, at least one.
    pub certificate_authorities: Option<List<'a, DistinguishedName<'a>>>,
}

impl<'a> CertificateRequest<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let certificate_request_context = r.vec8("certificate_request_context")?;
        let mut this = Self { certificate_request_context, ..Self::default() };
        let block = r.vec16("extensions")?;
        r.finish("CertificateRequest")?;
        for Extension { extension_type, extension_data: data } in read_block(block)? {
            match extension_type {
                ExtensionType::SIGNATURE_ALGORITHMS => {
                    let list = signature_schemes(data, "signature_algorithms")?;
                    this.signature_algorithms = Some(list);
                }
                ExtensionType::SIGNATURE_ALGORITHMS_CERT => {
                    let list = signature_schemes(data, "signature_algorithms_cert")?;
                    this.signature_algorithms_cert = Some(list);
                }
                ExtensionType::CERTIFICATE_AUTHORITIES => {
                    this.certificate_authorities = Some(certificate_authorities(data)?);
                }
                _ => {}
            }
        }
        Ok(this)
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.vec(Prefix::U8, |w| w.bytes(self.certificate_request_context));
        w.vec(Prefix::U16, |w| {
            if let Some(list) = &self.signature_algorithms {
                put_list(w, ExtensionType::SIGNATURE_ALGORITHMS, Prefix::U16, list);
            }
            if let Some(list) = &self.signature_algorithms_cert {
                put_list(w, ExtensionType::SIGNATURE_ALGORITHMS_CERT, Prefix::U16, list);
            }
            if let Some(list) = &self.certificate_authorities {
                put_list(w, ExtensionType::CERTIFICATE_AUTHORITIES, Prefix::U16, list);
            }
        });
        w.into_vec()
    }
}

/// A ticket for resumption (RFC 8446 §4.6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewSessionTicket<'a> {
    /// Seconds from now.
    pub ticket_lifetime: u32,
    /// What hides the ticket's age from onlookers.
    pub ticket_age_add: u32,
    /// What makes this ticket's key different from its siblings', 0 to 255 bytes.
    pub ticket_nonce: &'a [u8],
    /// The ticket, at least one byte.
    pub ticket: &'a [u8],
    /// `max_early_data_size` in bytes, if early data is allowed.
    pub max_early_data_size: Option<u32>,
}

impl<'a> NewSessionTicket<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        const EARLY_DATA: &str = "max_early_data_size";
        let mut r = Reader::new(body);
        let ticket_lifetime = r.u32("ticket_lifetime")?;
        let ticket_age_add = r.u32("ticket_age_add")?;
        let ticket_nonce = r.vec8("ticket_nonce")?;
        let ticket = codec::non_empty(r.vec16("ticket")?, "ticket")?;
        let block = r.vec16("extensions")?;
        r.finish("NewSessionTicket")?;
        let mut max_early_data_size = None;
        for Extension { extension_type, extension_data } in read_block(block)? {
            if extension_type == ExtensionType::EARLY_DATA {
                max_early_data_size =
                    Some(whole(extension_data, EARLY_DATA, |r| r.u32(EARLY_DATA))?);
            }
        }
        Ok(Self { ticket_lifetime, ticket_age_add, ticket_nonce, ticket, max_early_data_size })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u32(self.ticket_lifetime);
        w.u32(self.ticket_age_add);
        w.vec(Prefix::U8, |w| w.bytes(self.ticket_nonce));
        w.vec(Prefix::U16, |w| w.bytes(self.ticket));
        w.vec(Prefix::U16, |w| {
            if let Some(size) = self.max_early_data_size {
                put(w, ExtensionType::EARLY_DATA, |w| w.u32(size));
            }
        });
        w.into_vec()
    }
}

/// The sender's next records have new keys (RFC 8446 §4.6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyUpdate {
    /// Whether the receiver must update its own keys too.
    pub update_requested: bool,
}

impl KeyUpdate {
    /// Reads the body of a message.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        const FIELD: &str = "request_update";
        match KeyUpdateRequest(whole(body, "KeyUpdate", |r| r.u8(FIELD))?) {
            KeyUpdateRequest::UPDATE_NOT_REQUESTED => Ok(Self { update_requested: false }),
            KeyUpdateRequest::UPDATE_REQUESTED => Ok(Self { update_requested: true }),
            _ => Err(Malformed::IllegalValue(FIELD)),
        }
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let request = if self.update_requested {
            KeyUpdateRequest::UPDATE_REQUESTED
        } else {
            KeyUpdateRequest::UPDATE_NOT_REQUESTED
        };
        Vec::from([request.0])
    }
}

/// More connection IDs for the peer to use (RFC 9147 §9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewConnectionId<'a> {
    /// The connection IDs, in the order in which to use them; may be empty.
    pub cids: List<'a, ConnectionId<'a>>,
    /// `CID_IMMEDIATE` or `CID_SPARE`.
    pub usage: ConnectionIdUsage,
}

impl<'a> NewConnectionId<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let cids = List::from_wire(r.vec16("cids")?)?;
        let usage = ConnectionIdUsage(r.u8("usage")?);
        r.finish("NewConnectionId")?;
        match usage {
            ConnectionIdUsage::CID_IMMEDIATE | ConnectionIdUsage::CID_SPARE => {
                Ok(Self { cids, usage })
            }
            _ => Err(Malformed::IllegalValue("usage")),
        }
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.cids.encode_vec(&mut w, Prefix::U16);
        w.u8(self.usage.0);
        w.into_vec()
    }
}

/// Asks the peer for connection IDs (RFC 9147 §9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestConnectionId {
    /// How many are wanted.
    pub num_cids: u8,
}

impl RequestConnectionId {
    /// Reads the body of a message.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let num_cids = whole(body, "RequestConnectionId", |r| r.u8("num_cids"))?;
        Ok(Self { num_cids })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Vec::from([self.num_cids])
    }
}

#[cfg(test)]
mod tests;
