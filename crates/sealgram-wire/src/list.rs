//! Sequences of one kind of item: borrowed wire bytes that were checked, or a slice to be encoded.

use alloc::borrow::Cow;
use core::fmt;
use core::slice;

use sealgram_iana::{
    CertificateType, CipherSuite, ClientCertificateType, NamedGroup, ProtocolVersion,
    PskKeyExchangeMode, SignatureScheme, SrtpProfile,
};

use crate::{Malformed, Prefix, Reader, Writer, codec};

/// What a [`List`] can hold: something that knows where it ends on the wire.
///
/// `read` takes at least one byte, reads what `encode` wrote as the same item, and gives the same
/// result for the same bytes.
pub trait Item<'a>: Copy + PartialEq + fmt::Debug {
    /// Reads one item.
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed>;

    /// Writes the item.
    fn encode(&self, w: &mut Writer);
}

/// A sequence of items, without its length prefix.
///
/// Invariant: a list that was read from the wire holds only whole, well-formed items, so iterating
/// cannot fail. A list made from a slice says what its maker says; the bounds that a field sets on
/// its number of items are checked where the field is read.
pub struct List<'a, T> {
    repr: Repr<'a, T>,
}

enum Repr<'a, T> {
    /// Invariant: a concatenation of well-formed items.
    Wire(&'a [u8]),
    Slice(&'a [T]),
}

impl<'a, T> List<'a, T> {
    /// The list of the items in `items`.
    #[must_use]
    pub const fn from_slice(items: &'a [T]) -> Self {
        Self { repr: Repr::Slice(items) }
    }

    /// Whether there are no items.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        match self.repr {
            Repr::Wire(bytes) => bytes.is_empty(),
            Repr::Slice(items) => items.is_empty(),
        }
    }
}

impl<'a, T: Item<'a>> List<'a, T> {
    /// Checks that `bytes` are whole items and nothing else. The list may be empty.
    pub fn from_wire(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            T::read(&mut reader)?;
        }
        Ok(Self { repr: Repr::Wire(bytes) })
    }

    /// As [`List::from_wire`], for a `field` that has at least one item.
    pub(crate) fn non_empty(bytes: &'a [u8], field: &'static str) -> Result<Self, Malformed> {
        Self::from_wire(codec::non_empty(bytes, field)?)
    }

    /// The items, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'a, T> {
        match self.repr {
            Repr::Wire(bytes) => Iter { repr: IterRepr::Wire(Reader::new(bytes)) },
            Repr::Slice(items) => Iter { repr: IterRepr::Slice(items.iter()) },
        }
    }

    /// The number of items. Counts them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether `item` is one of the items.
    #[must_use]
    pub fn contains(&self, item: T) -> bool {
        self.iter().any(|other| other == item)
    }

    /// The items as they are on the wire, without a length prefix: the received bytes of a list
    /// that was read, a copy for one that was made from a slice.
    #[must_use]
    pub fn wire_bytes(&self) -> Cow<'a, [u8]> {
        match self.repr {
            Repr::Wire(bytes) => Cow::Borrowed(bytes),
            Repr::Slice(_) => {
                let mut writer = Writer::new();
                self.encode(&mut writer);
                Cow::Owned(writer.into_vec())
            }
        }
    }

    /// Writes the items, without a length prefix.
    pub fn encode(&self, w: &mut Writer) {
        match self.repr {
            Repr::Wire(bytes) => w.bytes(bytes),
            Repr::Slice(items) => items.iter().for_each(|item| item.encode(w)),
        }
    }

    /// Writes the length, then the items.
    pub(crate) fn encode_vec(&self, w: &mut Writer, prefix: Prefix) {
        w.vec(prefix, |w| self.encode(w));
    }
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<T> Clone for Repr<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Repr<'_, T> {}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self::from_slice(&[])
    }
}

/// Lists with the same items are equal, however they are stored.
impl<'a, T: Item<'a>> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Item<'a> + Eq> Eq for List<'a, T> {}

impl<'a, T: Item<'a>> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Item<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Item<'a>> IntoIterator for &List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// The items of a [`List`], by value.
#[derive(Clone, Debug)]
pub struct Iter<'a, T> {
    repr: IterRepr<'a, T>,
}

#[derive(Clone, Debug)]
enum IterRepr<'a, T> {
    Wire(Reader<'a>),
    Slice(slice::Iter<'a, T>),
}

impl<'a, T: Item<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.repr {
            IterRepr::Wire(reader) if reader.is_empty() => None,
            // The list was checked when it was made: reading a whole item does not fail.
            IterRepr::Wire(reader) => T::read(reader).ok(),
            IterRepr::Slice(items) => items.next().copied(),
        }
    }
}

/// Registry values are items of their own width.
macro_rules! integer_items {
    ($int:ident: $($name:ident),*) => {
        $(
            impl Item<'_> for $name {
                fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
                    Ok(Self(r.$int(stringify!($name))?))
                }

                fn encode(&self, w: &mut Writer) {
                    w.$int(self.0);
                }
            }
        )*
    };
}

integer_items!(u16: CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme, SrtpProfile);
integer_items!(u8: CertificateType, ClientCertificateType, PskKeyExchangeMode);

/// Byte strings with a length prefix and bounds on their length, as items.
macro_rules! opaque_items {
    ($(
        $(#[$meta:meta])*
        $name:ident($vec:ident, $prefix:ident, $lengths:expr, $field:literal);
    )*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, PartialEq, Eq, Debug)]
            pub struct $name<'a>(pub &'a [u8]);

            impl<'a> Item<'a> for $name<'a> {
                fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
                    Ok(Self(codec::bounded(r.$vec($field)?, $lengths, $field)?))
                }

                fn encode(&self, w: &mut Writer) {
                    w.vec(Prefix::$prefix, |w| w.bytes(self.0));
                }
            }
        )*
    };
}

opaque_items! {
    /// An application protocol's name, 1 to 255 bytes (RFC 7301 §3.1).
    ProtocolName(vec8, U8, 1..=0xff, "ProtocolName");
    /// A distinguished name in DER, 1 to 65,535 bytes (RFC 8446 §4.2.4).
    DistinguishedName(vec16, U16, 1..=0xffff, "DistinguishedName");
    /// A certificate of a 1.2 chain in DER, 1 to 2^24 - 1 bytes (RFC 5246 §7.4.2).
    Asn1Cert(vec24, U24, 1..=0xff_ffff, "ASN.1Cert");
    /// A connection ID, 0 to 255 bytes (RFC 9147 §9).
    ConnectionId(vec8, U8, 0..=0xff, "ConnectionId");
    /// A proof that the sender holds a PSK, 32 to 255 bytes (RFC 8446 §4.2.11).
    PskBinderEntry(vec8, U8, 32..=0xff, "PskBinderEntry");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn list_of_wire_bytes_equals_its_slice() {
        let wire = List::from_wire(&[0, 0x1d, 0, 0x17]).unwrap();
        let groups = [NamedGroup::X25519, NamedGroup::SECP256R1];
        let slice = List::from_slice(&groups);
        assert_eq!(wire, slice);
        assert_eq!(wire.wire_bytes(), slice.wire_bytes());
        assert_eq!(format!("{wire:?}"), "[x25519, secp256r1]");
        assert_ne!(wire, List::from_slice(&groups[..1]));
        assert!(wire.contains(NamedGroup::SECP256R1) && !wire.contains(NamedGroup::SECP384R1));
        assert_eq!((wire.len(), slice.len()), (2, 2));
    }

    #[test]
    fn wire_bytes_of_a_received_list_are_not_copied() {
        let list = List::<CipherSuite>::from_wire(&[0x13, 0x01]).unwrap();
        assert!(matches!(list.wire_bytes(), Cow::Borrowed([0x13, 0x01])));
    }

    #[test]
    fn list_that_ends_inside_an_item_is_refused() {
        let bytes = [2, b'h', b'2', 3, b'f'];
        let cut = List::<ProtocolName<'_>>::from_wire(&bytes);
        assert_eq!(cut, Err(Malformed::Truncated("ProtocolName")));
        assert!(List::<ProtocolName<'_>>::from_wire(&bytes[..3]).is_ok());
    }
}
