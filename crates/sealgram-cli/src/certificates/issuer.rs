//! A certificate authority from its files, so far as to sign with it.

use std::path::Path;

use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, Issuer, KeyIdMethod, KeyPair};
use sealgram::crypto::KeyError;
use sealgram::pki_types::CertificateDer;
use sealgram::ring::sign::KEY_LOADER;

use crate::failure::Failure;
use crate::files;

/// An authority that can sign.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Whether its certificate names its key, so that what it signs can name it too.
    named_key: bool,
}

impl Authority {
    /// Reads the authority's certificate and its key.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Self, Failure> {
        let chain = files::certificates(certificate)?;
        let der = chain.first().ok_or_else(|| Failure::file(certificate, "no certificate"))?;
        let subject = Subject::read(der).ok_or_else(|| {
            Failure::file(certificate, "the authority's name is of a kind that is not supported")
        })?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.name;
        let named_key = subject.key_identifier.is_some();
        if let Some(identifier) = subject.key_identifier {
            params.key_identifier_method = KeyIdMethod::PreSpecified(identifier.to_vec());
        }
        let loaded = files::private_key(key)?;
        let signing = KEY_LOADER.load(&loaded).map_err(|error| Failure::file(key, error))?;
        if signing.public_key().is_none_or(|public| public.as_ref() != subject.public_key) {
            return Err(Failure::file(key, KeyError::CertificateMismatch));
        }
        let pair = KeyPair::try_from(&loaded).map_err(|error| {
            Failure::file(key, error)
                .hint("the authority's key must be ECDSA or Ed25519, in PKCS#8")
        })?;
        Ok(Self { issuer: Issuer::new(params, pair), named_key })
    }

    pub(super) const fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    pub(super) const fn has_named_key(&self) -> bool {
        self.named_key
    }
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const IMPLICIT_1: u8 = 0x81;
const IMPLICIT_2: u8 = 0x82;
const EXPLICIT_0: u8 = 0xa0;
const EXPLICIT_3: u8 = 0xa3;

/// Whom a certificate is about.
struct Subject<'a> {
    /// String types included, so that it is encoded again as it was.
    name: DistinguishedName,
    /// As it is in the certificate: a SubjectPublicKeyInfo.
    public_key: &'a [u8],
    /// The subjectKeyIdentifier.
    key_identifier: Option<&'a [u8]>,
}

impl<'a> Subject<'a> {
    /// Reads the fields in front of it and its own (RFC 5280 §4.1). `None` for what is no
    /// certificate, and for names with several values in a part or with rare types.
    fn read(der: &'a CertificateDer<'_>) -> Option<Self> {
        let mut rest: &[u8] = der;
        let mut certificate = take(&mut rest, SEQUENCE)?;
        let mut fields = take(&mut certificate, SEQUENCE)?;
        // Optional: certificates of version 1 have none.
        let _ = take(&mut fields, EXPLICIT_0);
        take(&mut fields, INTEGER)?; // serialNumber
        take(&mut fields, SEQUENCE)?; // signature
        take(&mut fields, SEQUENCE)?; // issuer
        take(&mut fields, SEQUENCE)?; // validity
        let name = distinguished_name(take(&mut fields, SEQUENCE)?)?;
        let from_here = fields;
        take(&mut fields, SEQUENCE)?;
        let public_key = from_here.strip_suffix(fields)?;
        Some(Self { name, public_key, key_identifier: key_identifier(fields) })
    }
}

/// The subjectKeyIdentifier (RFC 5280 §4.2.1.2) in the last fields of a certificate, if it has one.
fn key_identifier(mut fields: &[u8]) -> Option<&[u8]> {
    const SUBJECT_KEY_IDENTIFIER: [u8; 3] = [0x55, 0x1d, 0x0e];
    let _ = take(&mut fields, IMPLICIT_1); // issuerUniqueID
    let _ = take(&mut fields, IMPLICIT_2); // subjectUniqueID
    let mut extensions = take(&mut take(&mut fields, EXPLICIT_3)?, SEQUENCE)?;
    while !extensions.is_empty() {
        let mut extension = take(&mut extensions, SEQUENCE)?;
        let id = take(&mut extension, OBJECT_IDENTIFIER)?;
        let _ = take(&mut extension, BOOLEAN); // critical
        let mut value = take(&mut extension, OCTET_STRING)?;
        if id == SUBJECT_KEY_IDENTIFIER {
            return take(&mut value, OCTET_STRING);
        }
    }
    None
}

fn distinguished_name(mut parts: &[u8]) -> Option<DistinguishedName> {
    let mut name = DistinguishedName::new();
    while !parts.is_empty() {
        let mut part = take(&mut parts, SET)?;
        let mut pair = take(&mut part, SEQUENCE)?;
        let typ = DnType::from_oid(&oid(take(&mut pair, OBJECT_IDENTIFIER)?)?);
        let value = value(&mut pair)?;
        // A second value of one type would take the place of the first.
        if !part.is_empty() || !pair.is_empty() || name.get(&typ).is_some() {
            return None;
        }
        name.push(typ, value);
    }
    Some(name)
}

/// A string with its type.
fn value(rest: &mut &[u8]) -> Option<DnValue> {
    let tag = *rest.first()?;
    let text = core::str::from_utf8(take(rest, tag)?).ok()?;
    Some(match tag {
        0x0c => DnValue::Utf8String(text.to_owned()),
        0x13 => DnValue::PrintableString(text.try_into().ok()?),
        0x16 => DnValue::Ia5String(text.try_into().ok()?),
        _ => return None,
    })
}

/// The numbers of an object identifier.
fn oid(content: &[u8]) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    for byte in content {
        number = number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 != 0 {
            continue;
        }
        if numbers.is_empty() {
            let first = (number / 40).min(2);
            numbers.push(first);
            number = number.checked_sub(first.checked_mul(40)?)?;
        }
        numbers.push(number);
        number = 0;
    }
    Some(numbers)
}

/// Takes the content of the next element if it has this tag.
fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&found, after) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, mut after) = after.split_first()?;
    let len = match first {
        0..=0x7f => usize::from(first),
        // Two bytes of length are room for any certificate.
        0x81 | 0x82 => {
            let (bytes, further) = after.split_at_checked(usize::from(first & 0x7f))?;
            after = further;
            bytes.iter().fold(0, |len, byte| (len << 8) | usize::from(*byte))
        }
        _ => return None,
    };
    let (content, after) = after.split_at_checked(len)?;
    *rest = after;
    Some(content)
}
