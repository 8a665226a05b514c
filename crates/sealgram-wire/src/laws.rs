//! The laws that every encoding obeys, and strategies for what messages are made of.
//!
//! Strategies leak what they make, so that views of it live as long as a test.

use core::fmt::Debug;
use core::ops::Range;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use sealgram_iana::{ExtensionType, SignatureScheme};

use crate::{Ack, Alert, Malformed, Reader, RecordHeader, ShortSequence, messages12, messages13};
use crate::{ClientHello, DigitallySigned, Extension, HelloVerifyRequest, Item, List, ServerHello};

/// `decode(encode(x)) == x`; no other prefix than those in `legal` can be read, nor can the bytes
/// with one more; and damaged bytes are read or refused, never a panic.
macro_rules! assert_codec {
    ($value:expr, $read:expr) => {
        assert_codec!($value, $read, legal: [])
    };
    ($value:expr, $read:expr, legal: [$($legal:expr),*]) => {{
        let value = $value;
        let encoded = value.encode();
        assert_eq!($read(&encoded), Ok(value));
        let legal: &[usize] = &[$($legal),*];
        $crate::laws::assert_nothing_else_reads(&encoded, legal, |bytes| $read(bytes).is_ok());
    }};
}
pub(crate) use assert_codec;

pub(crate) fn assert_nothing_else_reads(
    encoded: &[u8],
    legal: &[usize],
    reads: impl Fn(&[u8]) -> bool,
) {
    for len in 0..encoded.len() {
        assert_eq!(reads(&encoded[..len]), legal.contains(&len), "the first {len} bytes");
    }
    let mut longer = encoded.to_vec();
    longer.push(0);
    assert!(!reads(&longer), "one byte more");
    for at in (0..encoded.len()).step_by(encoded.len() / 32 + 1) {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = encoded.to_vec();
            damaged[at] ^= flip;
            let _ = reads(&damaged);
        }
    }
}

/// Bytes in hexadecimal, spaces and line breaks ignored.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(crate) fn bytes(len: Range<usize>) -> impl Strategy<Value = &'static [u8]> {
    vec(any::<u8>(), len).prop_map(|bytes| &*bytes.leak())
}

pub(crate) fn list<T: Item<'static> + 'static>(
    item: impl Strategy<Value = T>,
    len: Range<usize>,
) -> impl Strategy<Value = List<'static, T>> {
    vec(item, len).prop_map(|items| List::from_slice(items.leak()))
}

/// A list of registry values.
pub(crate) fn values<T>(len: Range<usize>) -> impl Strategy<Value = List<'static, T>>
where
    T: for<'a> Item<'a> + 'static,
{
    // One byte of the two is too many for some types, and left alone.
    list(any::<[u8; 2]>().prop_map(|bytes| T::read(&mut Reader::new(&bytes)).unwrap()), len)
}

pub(crate) fn signed() -> impl Strategy<Value = DigitallySigned<'static>> {
    (any::<u16>(), bytes(0..80)).prop_map(|(scheme, signature)| DigitallySigned {
        scheme: SignatureScheme(scheme),
        signature,
    })
}

/// Extensions without a repeated type.
pub(crate) fn raw_extensions() -> impl Strategy<Value = List<'static, Extension<'static>>> {
    proptest::collection::btree_map(any::<u16>(), bytes(0..10), 0..4).prop_map(|extensions| {
        let extensions: Vec<_> = extensions
            .into_iter()
            .map(|(typ, extension_data)| Extension {
                extension_type: ExtensionType(typ),
                extension_data,
            })
            .collect();
        List::from_slice(extensions.leak())
    })
}

/// What could be read is written so that it is read as the same again.
fn assert_stable<T: Debug + PartialEq>(
    read: Result<T, Malformed>,
    again: impl Fn(&T) -> Result<bool, Malformed>,
) {
    if let Ok(value) = read {
        assert_eq!(again(&value), Ok(true), "{value:?}");
    }
}

macro_rules! assert_reads_stably {
    ($bytes:expr; $($read:expr),* $(,)?) => {
        $( assert_stable($read($bytes), |value| Ok($read(&value.encode())? == *value)); )*
    };
}

/// Reads `bytes` as everything.
fn read_as_everything(bytes: &[u8]) {
    use messages12::KeyExchangeKind::{Ecdhe, EcdhePsk, Psk};
    for kind in [Ecdhe, Psk, EcdhePsk] {
        assert_reads_stably!(bytes;
            |b| messages12::ServerKeyExchange::read(b, kind),
            |b| messages12::ClientKeyExchange::read(b, kind),
        );
    }
    assert_reads_stably!(bytes;
        ClientHello::read,
        HelloVerifyRequest::read,
        DigitallySigned::read,
        Alert::read,
        Ack::read,
        messages12::Certificate::read,
        messages12::RawPublicKeyCertificate::read,
        messages12::CertificateRequest::read,
        messages12::ServerHelloDone::read,
        messages12::NewSessionTicket::read,
        messages13::Certificate::read,
        messages13::CertificateRequest::read,
        messages13::NewSessionTicket::read,
        messages13::KeyUpdate::read,
        messages13::NewConnectionId::read,
        messages13::RequestConnectionId::read,
    );
    // Unknown extensions are noted, not written.
    if let Ok(mut hello) = ServerHello::read(bytes) {
        hello.extensions.unknown = None;
        assert_eq!(ServerHello::read(&hello.encode()), Ok(hello));
    }
    if let Ok(mut message) = messages13::EncryptedExtensions::read(bytes) {
        message.extensions.unknown = None;
        assert_eq!(messages13::EncryptedExtensions::read(&message.encode()), Ok(message));
    }
    for cid_len in [0, 1, 8] {
        if let Ok((header, len)) = RecordHeader::read(bytes, cid_len) {
            assert!(len <= bytes.len());
            if let RecordHeader::Unified(header) = header {
                let range = header.sequence_range();
                let sequence = &bytes[range];
                match header.sequence {
                    ShortSequence::U8(n) => assert_eq!(sequence, [n]),
                    ShortSequence::U16(n) => assert_eq!(sequence, n.to_be_bytes()),
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_read_as_anything_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        read_as_everything(&bytes);
    }

    /// Small values make lengths that fit, so that reading gets far.
    #[test]
    fn arbitrary_small_bytes_read_as_anything_never_panic(bytes in vec(0_u8..4, 0..60)) {
        read_as_everything(&bytes);
    }
}
