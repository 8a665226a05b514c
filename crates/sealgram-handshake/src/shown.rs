//! What the two sides show each other: certificates or raw public keys, on the wire of both
//! versions.

use alloc::vec::Vec;

use pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use sealgram_iana::CertificateType;
use sealgram_wire::{Asn1Cert, List, Malformed, Message, Prefix, Reader, Writer};
use sealgram_wire::{messages12, messages13};

use crate::error::malformed;
use crate::{CertifiedKey, Connected, Error, Negotiated, PeerMisbehaved};

/// What a peer has shown of itself.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) enum PeerIdentity {
    /// Nothing: a client may have nothing to show, and with a pre-shared key nobody shows anything.
    #[default]
    Nothing,
    /// A chain, leaf first; never empty.
    Chain(Vec<CertificateDer<'static>>),
    /// A key without a certificate (RFC 7250).
    RawPublicKey(SubjectPublicKeyInfoDer<'static>),
}

impl PeerIdentity {
    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    fn of_chain(chain: Vec<CertificateDer<'static>>) -> Self {
        if chain.is_empty() { Self::Nothing } else { Self::Chain(chain) }
    }

    fn of_key(key: &[u8]) -> Self {
        if key.is_empty() {
            Self::Nothing
        } else {
            Self::RawPublicKey(SubjectPublicKeyInfoDer::from(key.to_vec()))
        }
    }

    /// The chain, leaf first; empty if there is none.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        match self {
            Self::Chain(chain) => chain,
            Self::Nothing | Self::RawPublicKey(_) => &[],
        }
    }

    /// The raw public key, if there is one.
    pub(crate) const fn raw_public_key(&self) -> Option<&SubjectPublicKeyInfoDer<'static>> {
        match self {
            Self::RawPublicKey(key) => Some(key),
            Self::Nothing | Self::Chain(_) => None,
        }
    }

    /// What the application is told.
    pub(crate) fn into_connected(self, negotiated: Negotiated) -> Connected {
        let (peer_chain, peer_raw_public_key) = match self {
            Self::Nothing => (Vec::new(), None),
            Self::Chain(chain) => (chain, None),
            Self::RawPublicKey(key) => (Vec::new(), Some(key)),
        };
        Connected { negotiated, peer_chain, peer_raw_public_key }
    }

    /// Reads a 1.2 Certificate message of this type. No other type has a form.
    pub(crate) fn read_v12(message: &Message<'_>, typ: CertificateType) -> Result<Self, Error> {
        if typ == CertificateType::RAW_PUBLIC_KEY {
            let read = messages12::RawPublicKeyCertificate::read(message.body);
            return Ok(Self::of_key(read.map_err(malformed(message))?.subject_public_key_info));
        }
        let read = messages12::Certificate::read(message.body).map_err(malformed(message))?;
        let chain = read.certificate_list.iter();
        Ok(Self::of_chain(chain.map(|der| CertificateDer::from(der.0.to_vec())).collect()))
    }

    /// Reads a 1.3 Certificate message of the handshake.
    pub(crate) fn read_v13(message: &Message<'_>, typ: CertificateType) -> Result<Self, Error> {
        let certificate =
            messages13::Certificate::read(message.body).map_err(malformed(message))?;
        // A server's is empty, and a client's repeats that of the request, which was (RFC 8446
        // §4.4.2).
        if !certificate.certificate_request_context.is_empty() {
            return Err(PeerMisbehaved::BadCertificateContext.into());
        }
        let mut entries = Vec::new();
        for entry in certificate.certificate_list.iter() {
            // None of the extensions that may be answered here is ever offered.
            if let Some(extension) = entry.extensions.iter().next() {
                return Err(PeerMisbehaved::UnsolicitedExtension(extension.extension_type).into());
            }
            entries.push(entry.cert_data);
        }
        if typ != CertificateType::RAW_PUBLIC_KEY {
            let chain = entries.into_iter().map(|der| CertificateDer::from(der.to_vec()));
            return Ok(Self::of_chain(chain.collect()));
        }
        match entries.as_slice() {
            [] => Ok(Self::Nothing),
            [key] => Ok(Self::of_key(key)),
            _ => Err(PeerMisbehaved::SeveralRawPublicKeys.into()),
        }
    }

    /// How many bytes [`encode`](Self::encode) writes.
    pub(crate) fn encoded_len(&self) -> usize {
        let chain = self.chain().iter().map(|der| der.len().saturating_add(3));
        let key = self.raw_public_key().map_or(0, |key| key.len());
        chain.fold(key.saturating_add(6), usize::saturating_add)
    }

    /// Writes it for a session.
    pub(crate) fn encode(&self, w: &mut Writer) {
        w.vec(Prefix::U24, |w| {
            for der in self.chain() {
                w.vec(Prefix::U24, |w| w.bytes(der));
            }
        });
        let key = self.raw_public_key().map(|key| &**key);
        w.vec(Prefix::U24, |w| w.bytes(key.unwrap_or_default()));
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut certificates = Reader::new(r.vec24("peer_chain")?);
        let mut chain = Vec::new();
        while !certificates.is_empty() {
            chain.push(CertificateDer::from(certificates.vec24("certificate")?.to_vec()));
        }
        let key = r.vec24("peer_raw_public_key")?;
        Ok(if chain.is_empty() { Self::of_key(key) } else { Self::Chain(chain) })
    }
}

/// A 1.2 Certificate message of ours; `None` shows nothing, which looks the same in every type.
pub(crate) fn certificate_v12(key: Option<&CertifiedKey>) -> Vec<u8> {
    if let Some(subject_public_key_info) = key.and_then(CertifiedKey::raw_public_key) {
        return messages12::RawPublicKeyCertificate { subject_public_key_info }.encode();
    }
    let chain = key.map(CertifiedKey::chain).unwrap_or_default();
    let list: Vec<_> = chain.iter().map(|der| Asn1Cert(der)).collect();
    messages12::Certificate { certificate_list: List::from_slice(&list) }.encode()
}

/// A 1.3 Certificate message of ours; `None` shows nothing.
pub(crate) fn certificate_v13(key: Option<&CertifiedKey>) -> Vec<u8> {
    let chain = key.map(CertifiedKey::chain).unwrap_or_default();
    let raw = key.and_then(CertifiedKey::raw_public_key);
    let entries: Vec<_> = chain
        .iter()
        .map(|der| &**der)
        .chain(raw.map(|key| &**key))
        .map(|cert_data| messages13::CertificateEntry { cert_data, extensions: List::default() })
        .collect();
    messages13::Certificate {
        certificate_request_context: &[],
        certificate_list: List::from_slice(&entries),
    }
    .encode()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use sealgram_iana::HandshakeType;
    use sealgram_wire::{MessageSeq, Phase};

    use super::*;

    const RAW: CertificateType = CertificateType::RAW_PUBLIC_KEY;

    fn message(body: &[u8]) -> Message<'_> {
        let (typ, seq) = (HandshakeType::CERTIFICATE, MessageSeq(0));
        Message { typ, seq, phase: Phase::Handshake, body }
    }

    fn v13(entries: &[&[u8]]) -> Vec<u8> {
        let extensions = List::default();
        let entries: Vec<_> = entries
            .iter()
            .map(|cert_data| messages13::CertificateEntry { cert_data, extensions })
            .collect();
        let certificate_list = List::from_slice(&entries);
        messages13::Certificate { certificate_request_context: &[], certificate_list }.encode()
    }

    /// RFC 8446 §4.4.2
    #[test]
    fn second_raw_public_key_is_refused_and_a_second_certificate_is_not() {
        let body = v13(&[&[1], &[2]]);
        let read = PeerIdentity::read_v13(&message(&body), RAW);
        assert_eq!(read, Err(PeerMisbehaved::SeveralRawPublicKeys.into()));
        let read = PeerIdentity::read_v13(&message(&body), CertificateType::X509);
        assert_eq!(read.unwrap().chain().len(), 2);
    }

    #[test]
    fn same_bytes_are_what_the_negotiated_type_says() {
        let body = v13(&[&[1, 2]]);
        let raw = PeerIdentity::read_v13(&message(&body), RAW).unwrap();
        assert_eq!((raw.chain().len(), raw.raw_public_key().is_some()), (0, true));
        let chain = PeerIdentity::read_v13(&message(&body), CertificateType::X509).unwrap();
        assert_eq!((chain.chain().len(), chain.raw_public_key().is_some()), (1, false));
        // In 1.2 the two do not even have the same form.
        let body = [0, 0, 2, 7, 7];
        let raw = PeerIdentity::read_v12(&message(&body), RAW).unwrap();
        assert!(raw.raw_public_key().is_some());
        assert!(PeerIdentity::read_v12(&message(&body), CertificateType::X509).is_err());
    }

    #[test]
    fn nothing_is_shown_in_the_same_way_in_every_type() {
        let (v12, v13) = (certificate_v12(None), certificate_v13(None));
        for typ in [RAW, CertificateType::X509] {
            assert!(PeerIdentity::read_v12(&message(&v12), typ).unwrap().is_nothing());
            assert!(PeerIdentity::read_v13(&message(&v13), typ).unwrap().is_nothing());
        }
    }

    #[test]
    fn identity_survives_a_session() {
        for shown in [
            PeerIdentity::Nothing,
            PeerIdentity::Chain(vec![vec![1, 2].into(), vec![3].into()]),
            PeerIdentity::RawPublicKey(vec![4, 5, 6].into()),
        ] {
            let mut w = Writer::new();
            shown.encode(&mut w);
            let bytes = w.into_vec();
            assert_eq!(bytes.len(), shown.encoded_len());
            assert_eq!(PeerIdentity::decode(&mut Reader::new(&bytes)), Ok(shown));
        }
    }
}
