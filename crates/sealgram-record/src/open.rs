//! Opening one record of a protected epoch in place.

use core::ops::Range;

use sealgram_iana::ContentType;
use sealgram_wire::{FullHeader, MAX_PLAINTEXT, Phase, RecordHeader, RecordNumber, ShortSequence};

use crate::epoch::{ReadEpoch, ReadKeys};
use crate::format::{SAMPLE_LEN, additional_data_v12, nonce_v12};
use crate::number::Low;
use crate::outcome::{Discard, Violation};

/// What opening needs of a received header, free of borrows of the datagram.
pub(crate) enum Parsed {
    /// Plaintext, or protected 1.2.
    Full(FullHeader),
    /// Protected 1.3.
    Unified {
        /// The epoch's two low bits.
        epoch_bits: u8,
        /// The sequence number's low bits, still masked.
        masked: Low,
        /// Where in the header they are.
        place: Range<usize>,
        /// Length of the header.
        len: usize,
    },
}

impl Parsed {
    /// Reads the header at the start of `datagram` and finds the length of the whole record.
    ///
    /// `None` for what is not a record or does not fit in the datagram (RFC 9147 §4.1, §4.5.2).
    /// Connection IDs are never negotiated, so a record that carries one is not ours.
    pub(crate) fn read(datagram: &[u8]) -> Option<(Self, usize)> {
        let (header, len) = RecordHeader::read(datagram, 0).ok()?;
        let rest = datagram.len().checked_sub(len)?;
        let body = header.payload_len().map_or(rest, usize::from);
        if body > rest {
            return None;
        }
        let parsed = match header {
            // Anything but a DTLS version means that this is not DTLS, and that its length is
            // not one either. The minor number means nothing here (RFC 9147 §4).
            RecordHeader::Full(full) if full.version.0 >> 8 == 0xfe => Self::Full(full),
            RecordHeader::Unified(unified) => Self::Unified {
                epoch_bits: unified.epoch_bits,
                masked: match unified.sequence {
                    ShortSequence::U8(low) => Low::U8(low),
                    ShortSequence::U16(low) => Low::U16(low),
                },
                place: unified.sequence_range(),
                len,
            },
            RecordHeader::Full(_) | RecordHeader::Cid(_) => return None,
        };
        Some((parsed, len.saturating_add(body)))
    }
}

/// Why there is no payload, without the record's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Discard(Discard, Option<Phase>),
    Violation(Violation),
}

/// Where in the record the payload is, and what it is.
pub(crate) struct Content {
    pub(crate) content_type: ContentType,
    pub(crate) phase: Phase,
    pub(crate) number: RecordNumber,
    pub(crate) payload: Range<usize>,
}

impl ReadEpoch {
    /// Opens `record`, which is the header's whole record and claims this epoch.
    ///
    /// The window is checked before the AEAD, against the advice of RFC 9147 §4.5.1 (a replay can
    /// be told from a forgery by its timing): what leaks is that a number was used, and what is
    /// gained is that replayed datagrams cost next to nothing.
    pub(crate) fn open(&mut self, header: &Parsed, record: &mut [u8]) -> Result<Content, Refusal> {
        let phase = self.phase;
        let discard = |reason| Refusal::Discard(reason, Some(phase));
        if self.is_spent() {
            return Err(discard(Discard::LimitReached));
        }
        let expanded;
        let keys = match &self.keys {
            ReadKeys::Live { keys, .. } => keys,
            ReadKeys::Resting(secret) => {
                expanded = secret.expand().map_err(|_| discard(Discard::UnknownEpoch))?;
                &expanded
            }
        };
        let number = |sequence| {
            RecordNumber::new(self.epoch, sequence).ok_or_else(|| discard(Discard::UnknownEpoch))
        };
        let too_short = || discard(Discard::TooShort);
        let tag_len = keys.kind.tag_len();

        let aad_v12;
        let (outer_type, number, nonce, aad, sealed, start) = match header {
            Parsed::Full(full) => {
                let head_len = FullHeader::LEN;
                let (_, body) = record.split_at_mut_checked(head_len).ok_or_else(too_short)?;
                if body.len() > self.format.max_ciphertext() {
                    return Err(discard(Discard::TooLong));
                }
                let explicit_len = keys.kind.explicit_nonce_len_v12();
                let (explicit, sealed) =
                    body.split_at_mut_checked(explicit_len).ok_or_else(too_short)?;
                let plain = sealed.len().checked_sub(tag_len).ok_or_else(too_short)?;
                let len = u16::try_from(plain).map_err(|_| discard(Discard::TooLong))?;
                let number = full.number;
                aad_v12 = additional_data_v12(&FullHeader { len, ..*full });
                let nonce = nonce_v12(keys, number, explicit.first_chunk().copied());
                let start = head_len.saturating_add(explicit_len);
                (Some(full.typ), number, nonce, &aad_v12[..], sealed, start)
            }
            Parsed::Unified { masked, place, len, .. } => {
                let (head, sealed) = record.split_at_mut_checked(*len).ok_or_else(too_short)?;
                if sealed.len() > self.format.max_ciphertext() {
                    return Err(discard(Discard::TooLong));
                }
                let sample = sealed.first_chunk::<SAMPLE_LEN>().ok_or_else(too_short)?;
                let mask = keys.mask.as_ref().ok_or_else(too_short)?.mask(sample);
                // The AEAD covers the header with the number in the clear (RFC 9147 §4).
                let low = masked.unmask(mask);
                if let Some(bytes) = head.get_mut(place.clone()) {
                    for (byte, mask) in bytes.iter_mut().zip(mask) {
                        *byte ^= mask;
                    }
                }
                let number = number(low.reconstruct(self.window.expected()))?;
                let nonce = keys.nonce_xor(number.sequence());
                (None, number, nonce, &*head, sealed, *len)
            }
        };

        let fresh = self.window.check(number.sequence()).ok_or_else(|| discard(Discard::Replay))?;
        if keys.aead.open(&nonce, aad, sealed).is_err() {
            self.forged = self.forged.saturating_add(1);
            return Err(discard(Discard::Unauthentic));
        }
        self.window.commit(fresh);

        let plain = sealed.len().saturating_sub(tag_len);
        let (content_type, len) = match outer_type {
            Some(typ) => (typ, plain),
            None => inner_content(sealed.get(..plain).unwrap_or_default())
                .map_err(Refusal::Violation)?,
        };
        if len > MAX_PLAINTEXT {
            return Err(Refusal::Violation(Violation::RecordOverflow));
        }
        if len == 0 && must_have_content(content_type) {
            return Err(Refusal::Violation(Violation::EmptyFragment(content_type)));
        }
        let payload = start..start.saturating_add(len);
        Ok(Content { content_type, phase, number, payload })
    }
}

/// Finds type and length of the content in a DTLSInnerPlaintext: the last byte that is not
/// padding is the type (RFC 8446 §5.4).
fn inner_content(inner: &[u8]) -> Result<(ContentType, usize), Violation> {
    // With type and padding, at most 2^14 + 1 bytes (RFC 8446 §5.4).
    if inner.len() > MAX_PLAINTEXT.saturating_add(1) {
        return Err(Violation::RecordOverflow);
    }
    let padded = inner.iter().enumerate().rfind(|(_, byte)| **byte != 0);
    let (len, typ) = padded.ok_or(Violation::NoContentType)?;
    Ok((ContentType(*typ), len))
}

/// Whether a record of this type must not be empty (RFC 5246 §6.2.1, RFC 8446 §5.1). Empty
/// application data is cover traffic; an empty ACK is left to its parser.
const fn must_have_content(typ: ContentType) -> bool {
    matches!(typ, ContentType::HANDSHAKE | ContentType::ALERT | ContentType::CHANGE_CIPHER_SPEC)
}
