//! The little DER that webpki does not show: a certificate's key, key usages, names, and headers.
//!
//! Total on any input. It never decides alone: whatever it reads of a path was parsed by webpki
//! as well, which is the stricter of the two.

use alloc::vec::Vec;

const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;

/// id-ce-keyUsage, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// id-ce-extKeyUsage, 2.5.29.37.
const EXT_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

/// The bytes are not the DER that was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotDer;

/// One element: its tag, its content, and both with the header between them.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// Reads elements one after the other.
#[derive(Clone, Copy)]
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Result<Element<'a>, NotDer> {
        let input = self.0;
        let (&[tag, first], rest) = input.split_first_chunk().ok_or(NotDer)?;
        // Tag numbers above 30 take several bytes; no certificate has one.
        if tag & 0x1f == 0x1f {
            return Err(NotDer);
        }
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(NotDer)?;
                let len = len.iter().fold(0, |len: usize, byte| len << 8 | usize::from(*byte));
                (len, rest)
            }
            // An indefinite length is not DER, and no certificate has 2^24 bytes.
            _ => return Err(NotDer),
        };
        let (content, rest) = rest.split_at_checked(len).ok_or(NotDer)?;
        let used = input.len().checked_sub(rest.len()).ok_or(NotDer)?;
        let whole = input.get(..used).ok_or(NotDer)?;
        self.0 = rest;
        Ok(Element { tag, content, whole })
    }

    fn expect(&mut self, tag: u8) -> Result<Element<'a>, NotDer> {
        let element = self.next()?;
        if element.tag == tag { Ok(element) } else { Err(NotDer) }
    }

    fn skip_if(&mut self, tag: u8) -> Result<(), NotDer> {
        if self.0.first() == Some(&tag) {
            self.next()?;
        }
        Ok(())
    }

    const fn at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is read of a certificate (RFC 5280 §4.1).
#[derive(Debug)]
pub(crate) struct Certificate<'a> {
    /// The SubjectPublicKeyInfo, header included.
    pub(crate) public_key: &'a [u8],
    /// The name of who issued it, header included.
    pub(crate) issuer: &'a [u8],
    /// The name of its owner, header included.
    pub(crate) subject: &'a [u8],
    /// The AlgorithmIdentifier of its signature, without the header.
    signature: &'a [u8],
    /// The value of the subject alternative name extension.
    subject_alt_name: Option<&'a [u8]>,
    /// The value of the key usage extension.
    key_usage: Option<&'a [u8]>,
    /// The value of the extended key usage extension.
    ext_key_usage: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, NotDer> {
        let mut certificate = Elements(Elements(der).expect(SEQUENCE)?.content);
        let mut tbs = Elements(certificate.expect(SEQUENCE)?.content);
        tbs.skip_if(VERSION)?;
        tbs.expect(INTEGER)?; // serialNumber
        let signature = tbs.expect(SEQUENCE)?.content;
        let issuer = tbs.expect(SEQUENCE)?.whole;
        tbs.expect(SEQUENCE)?; // validity
        let subject = tbs.expect(SEQUENCE)?.whole;
        let public_key = tbs.expect(SEQUENCE)?.whole;

        let mut read = Self {
            public_key,
            issuer,
            subject,
            signature,
            subject_alt_name: None,
            key_usage: None,
            ext_key_usage: None,
        };
        while !tbs.at_end() {
            let element = tbs.next()?;
            if element.tag == EXTENSIONS {
                read.read_extensions(element.content)?;
            }
        }
        Ok(read)
    }

    fn read_extensions(&mut self, der: &'a [u8]) -> Result<(), NotDer> {
        let mut extensions = Elements(Elements(der).expect(SEQUENCE)?.content);
        while !extensions.at_end() {
            let mut extension = Elements(extensions.expect(SEQUENCE)?.content);
            let id = extension.expect(OID)?.content;
            extension.skip_if(BOOLEAN)?; // critical
            let value = extension.expect(OCTET_STRING)?.content;
            let place = match id {
                KEY_USAGE => &mut self.key_usage,
                EXT_KEY_USAGE => &mut self.ext_key_usage,
                SUBJECT_ALT_NAME => &mut self.subject_alt_name,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(NotDer);
            }
        }
        Ok(())
    }

    /// The DNS names that it is for, as they stand there.
    pub(crate) fn dns_names(&self) -> Result<Vec<Vec<u8>>, NotDer> {
        let Some(value) = self.subject_alt_name else { return Ok(Vec::new()) };
        let mut names = Elements(Elements(value).expect(SEQUENCE)?.content);
        let mut found = Vec::new();
        while !names.at_end() {
            let name = names.next()?;
            if name.tag == DNS_NAME {
                found.push(name.content.to_vec());
            }
        }
        Ok(found)
    }

    /// What signed it: the OID of the algorithm, and its parameters, which may be empty.
    pub(crate) fn signature_algorithm(&self) -> Result<(&'a [u8], &'a [u8]), NotDer> {
        let mut algorithm = Elements(self.signature);
        let oid = algorithm.expect(OID)?.content;
        Ok((oid, algorithm.0))
    }

    /// Whether the key may make signatures: no key usage extension, or one with digitalSignature
    /// (RFC 5280 §4.2.1.3). All suites of 1.3, and all ECDHE suites of 1.2, sign.
    pub(crate) fn may_sign(&self) -> Result<bool, NotDer> {
        self.may_be_used(0x80)
    }

    /// Whether the key may sign certificates: no key usage extension, or one with keyCertSign
    /// (RFC 5280 §4.2.1.3).
    pub(crate) fn may_issue(&self) -> Result<bool, NotDer> {
        self.may_be_used(0x04)
    }

    /// Whether the key usage, if there is one, has this bit of its first byte.
    fn may_be_used(&self, bit: u8) -> Result<bool, NotDer> {
        let Some(value) = self.key_usage else { return Ok(true) };
        match Elements(value).expect(BIT_STRING)?.content {
            // The first byte counts the unused bits at the end; bit 0 is the highest.
            [_unused, bits, ..] => Ok(bits & bit != 0),
            [0] => Ok(false),
            _ => Err(NotDer),
        }
    }

    /// Whether there is no extended key usage extension, or one with this purpose
    /// (RFC 5280 §4.2.1.12).
    pub(crate) fn has_purpose(&self, purpose: &[u8]) -> Result<bool, NotDer> {
        let Some(value) = self.ext_key_usage else { return Ok(true) };
        let mut purposes = Elements(Elements(value).expect(SEQUENCE)?.content);
        let mut found = false;
        while !purposes.at_end() {
            found |= purposes.expect(OID)?.content == purpose;
        }
        Ok(found)
    }
}

/// `content` with the header of a SEQUENCE; `None` from 2^24 bytes on.
pub(crate) fn sequence(content: &[u8]) -> Option<Vec<u8>> {
    let [top @ .., l2, l1, l0] = u64::try_from(content.len()).ok()?.to_be_bytes();
    if top != [0; 5] {
        return None;
    }
    let header: &[u8] = match (l2, l1) {
        (0, 0) if l0 < 0x80 => &[SEQUENCE, l0],
        (0, 0) => &[SEQUENCE, 0x81, l0],
        (0, _) => &[SEQUENCE, 0x82, l1, l0],
        _ => &[SEQUENCE, 0x83, l2, l1, l0],
    };
    Some([header, content].concat())
}
