//! Extensions: the block that several messages carry, and what the messages' own blocks share.
//!
//! Each message kind has its own struct of typed fields, because each allows different content:
//! [`ClientExtensions`] for the ClientHello, [`ServerExtensions`] for what answers it. An extension
//! that this crate does not know (GREASE, RFC 8701, included) is skipped.

use sealgram_iana::{ExtensionType, NamedGroup, ProtocolVersion};

use crate::{Item, List, Malformed, Prefix, Reader, Writer, codec};

mod client;
mod server;
#[cfg(test)]
pub(crate) mod tests;

pub use client::{ClientExtensions, OfferedPsks, PskIdentity, UseSrtp};
pub use server::{SelectedSrtp, ServerExtensions, ServerMessage};

/// One extension as it is on the wire (RFC 8446 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extension<'a> {
    /// The type.
    pub extension_type: ExtensionType,
    /// The content, whose form depends on the type and on the message.
    pub extension_data: &'a [u8],
}

impl<'a> Item<'a> for Extension<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let extension_type = ExtensionType(r.u16("extension_type")?);
        let extension_data = r.vec16("extension_data")?;
        Ok(Self { extension_type, extension_data })
    }

    fn encode(&self, w: &mut Writer) {
        w.u16(self.extension_type.0);
        w.vec(Prefix::U16, |w| w.bytes(self.extension_data));
    }
}

/// A key share of one group (RFC 8446 §4.2.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyShareEntry<'a> {
    /// The group.
    pub group: NamedGroup,
    /// The public key or ciphertext in the group's own form, at least one byte.
    pub key_exchange: &'a [u8],
}

impl<'a> Item<'a> for KeyShareEntry<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let group = NamedGroup(r.u16("KeyShareEntry.group")?);
        let key_exchange = codec::non_empty(r.vec16("key_exchange")?, "key_exchange")?;
        Ok(Self { group, key_exchange })
    }

    fn encode(&self, w: &mut Writer) {
        w.u16(self.group.0);
        w.vec(Prefix::U16, |w| w.bytes(self.key_exchange));
    }
}

/// Reads the content of an `extensions` vector and refuses it if any type, known or not, is there
/// twice (RFC 8446 §4.2).
pub(crate) fn read_block(bytes: &[u8]) -> Result<List<'_, Extension<'_>>, Malformed> {
    let block = List::from_wire(bytes)?;
    check_unique(block)?;
    Ok(block)
}

/// Finds a repeated type in time linear in the block and in constant memory.
///
/// The 2^16 types are looked at in 16 ranges of 4,096 by their four high bits, each with a 512-byte
/// set. Ranges in which nothing is present are skipped, so an honest hello takes two to four
/// passes, and the worst (65,535 bytes with 16,383 extensions) takes 17.
fn check_unique(block: List<'_, Extension<'_>>) -> Result<(), Malformed> {
    let mut present = [false; 16];
    for extension in block {
        if let Some(range) = present.get_mut(usize::from(extension.extension_type.0 >> 12)) {
            *range = true;
        }
    }
    for (range, _) in present.iter().enumerate().filter(|(_, present)| **present) {
        let mut seen = [0_u64; 64];
        for Extension { extension_type, .. } in block {
            if usize::from(extension_type.0 >> 12) != range {
                continue;
            }
            let bit = 1_u64.wrapping_shl(u32::from(extension_type.0 & 0x3f));
            if let Some(word) = seen.get_mut(usize::from((extension_type.0 >> 6) & 0x3f)) {
                if *word & bit != 0 {
                    return Err(Malformed::DuplicateExtension(extension_type));
                }
                *word |= bit;
            }
        }
    }
    Ok(())
}

/// Reads all of `data` with `read`: an error if bytes are left.
pub(crate) fn whole<'a, T>(
    data: &'a [u8],
    field: &'static str,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let mut reader = Reader::new(data);
    let value = read(&mut reader)?;
    reader.finish(field)?;
    Ok(value)
}

/// Reads the data of an extension whose presence says everything.
fn empty(data: &[u8], field: &'static str) -> Result<bool, Malformed> {
    whole(data, field, |_| Ok(true))
}

/// `max_fragment_length`: 2^9 to 2^12 bytes, as the codes 1 to 4 (RFC 6066 §4).
fn max_fragment_length(data: &[u8]) -> Result<u8, Malformed> {
    const FIELD: &str = "max_fragment_length";
    let code = whole(data, FIELD, |r| r.u8(FIELD))?;
    if (1..=4).contains(&code) { Ok(code) } else { Err(Malformed::IllegalValue(FIELD)) }
}

/// `record_size_limit`: at least 64 bytes (RFC 8449 §4).
fn record_size_limit(data: &[u8]) -> Result<u16, Malformed> {
    const FIELD: &str = "record_size_limit";
    let limit = whole(data, FIELD, |r| r.u16(FIELD))?;
    if limit >= 64 { Ok(limit) } else { Err(Malformed::IllegalValue(FIELD)) }
}

/// `supported_groups` (RFC 8446 §4.2.7).
fn supported_groups(data: &[u8]) -> Result<List<'_, NamedGroup>, Malformed> {
    const FIELD: &str = "supported_groups";
    List::non_empty(whole(data, FIELD, |r| r.vec16(FIELD))?, FIELD)
}

/// `ec_point_formats` (RFC 8422 §5.1.2).
fn ec_point_formats(data: &[u8]) -> Result<&[u8], Malformed> {
    const FIELD: &str = "ec_point_formats";
    codec::non_empty(whole(data, FIELD, |r| r.vec8(FIELD))?, FIELD)
}

/// `cookie` (RFC 8446 §4.2.2).
fn cookie(data: &[u8]) -> Result<&[u8], Malformed> {
    codec::non_empty(whole(data, "cookie", |r| r.vec16("cookie"))?, "cookie")
}

/// `signature_algorithms` and `signature_algorithms_cert` (RFC 8446 §4.2.3).
pub(crate) fn signature_schemes<'a>(
    data: &'a [u8],
    field: &'static str,
) -> Result<List<'a, sealgram_iana::SignatureScheme>, Malformed> {
    List::non_empty(whole(data, field, |r| r.vec16(field))?, field)
}

/// `certificate_authorities` (RFC 8446 §4.2.4).
pub(crate) fn certificate_authorities(
    data: &[u8],
) -> Result<List<'_, crate::DistinguishedName<'_>>, Malformed> {
    const FIELD: &str = "certificate_authorities";
    List::non_empty(whole(data, FIELD, |r| r.vec16(FIELD))?, FIELD)
}

/// `supported_versions` of the messages in which it selects one (RFC 8446 §4.2.1).
fn selected_version(data: &[u8]) -> Result<ProtocolVersion, Malformed> {
    whole(data, "selected_version", |r| Ok(ProtocolVersion(r.u16("selected_version")?)))
}

/// Writes one extension.
pub(crate) fn put(w: &mut Writer, typ: ExtensionType, data: impl FnOnce(&mut Writer)) {
    w.u16(typ.0);
    w.vec(Prefix::U16, data);
}

/// Writes one extension whose data is a vector of bytes.
fn put_opaque(w: &mut Writer, typ: ExtensionType, prefix: Prefix, bytes: &[u8]) {
    put(w, typ, |w| w.vec(prefix, |w| w.bytes(bytes)));
}

/// Writes one extension whose data is a vector of items.
pub(crate) fn put_list<'a, T: Item<'a>>(
    w: &mut Writer,
    typ: ExtensionType,
    prefix: Prefix,
    list: &List<'a, T>,
) {
    put(w, typ, |w| list.encode_vec(w, prefix));
}

/// Writes one extension without data, if it is there.
fn put_flag(w: &mut Writer, typ: ExtensionType, present: bool) {
    if present {
        put(w, typ, |_| {});
    }
}
