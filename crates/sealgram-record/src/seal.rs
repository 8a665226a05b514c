//! Sealing one record in place.

use sealgram_iana::{ContentType, ProtocolVersion};
use sealgram_wire::{FullHeader, MAX_PLAINTEXT, RecordNumber, ShortSequence, UnifiedHeader};

use crate::epoch::{NextNumber, WriteEpoch};
use crate::format::{Format, Framing, Overhead, SAMPLE_LEN, additional_data_v12, nonce_v12};
use crate::outcome::SealError;

/// Length of the plaintext in a buffer of `len` bytes; at most `max`.
fn plaintext_len(len: usize, overhead: Overhead, max: usize) -> Result<usize, SealError> {
    let plain = len
        .checked_sub(overhead.before)
        .and_then(|len| len.checked_sub(overhead.after))
        .ok_or(SealError::TooShort)?;
    if plain > max { Err(SealError::TooLong) } else { Ok(plain) }
}

/// Writes the header of a plaintext record whose content is already behind it.
pub(crate) fn seal_plaintext(
    next: &mut NextNumber,
    version: ProtocolVersion,
    typ: ContentType,
    buf: &mut [u8],
) -> Result<RecordNumber, SealError> {
    let plain = plaintext_len(buf.len(), Overhead::PLAINTEXT, MAX_PLAINTEXT)?;
    let len = u16::try_from(plain).map_err(|_| SealError::TooLong)?;
    let head = buf.first_chunk_mut().ok_or(SealError::TooShort)?;
    let number = next.take(0).ok_or(SealError::NumbersExhausted)?;
    *head = FullHeader { typ, version, number, len }.encode();
    Ok(number)
}

impl WriteEpoch {
    /// Seals the plaintext in `buf`, with [`Format::overhead`] around it.
    pub(crate) fn seal(
        &mut self,
        typ: ContentType,
        buf: &mut [u8],
    ) -> Result<RecordNumber, SealError> {
        let Framing { overhead, max_plaintext } = self.framing;
        let plain = plaintext_len(buf.len(), overhead, max_plaintext)?;
        if self.limits.hard && self.next.0 >= self.limits.counts.sealed {
            return Err(SealError::LimitReached);
        }
        let number = self.next.take(self.epoch).ok_or(SealError::NumbersExhausted)?;
        match self.format {
            Format::V12 => self.seal_v12(typ, number, plain, buf)?,
            Format::V13 => self.seal_v13(typ, number, plain, buf)?,
        }
        Ok(number)
    }

    fn seal_v12(
        &self,
        typ: ContentType,
        number: RecordNumber,
        plain: usize,
        buf: &mut [u8],
    ) -> Result<(), SealError> {
        let (head, body) = buf.split_first_chunk_mut().ok_or(SealError::TooShort)?;
        let len = u16::try_from(body.len()).map_err(|_| SealError::TooLong)?;
        let header = FullHeader { typ, version: ProtocolVersion::DTLS_1_2, number, len };
        *head = header.encode();
        let (explicit, sealed) = body
            .split_at_mut_checked(self.keys.kind.explicit_nonce_len_v12())
            .ok_or(SealError::TooShort)?;
        // A counter: the explicit part must not repeat under one key (RFC 5288 §3), and epoch
        // and sequence number never do (RFC 6347 §4.1.2.1).
        let explicit = explicit.first_chunk_mut().map(|explicit| {
            *explicit = number.to_bytes();
            *explicit
        });
        let len = u16::try_from(plain).map_err(|_| SealError::TooLong)?;
        let aad = additional_data_v12(&FullHeader { len, ..header });
        let nonce = nonce_v12(&self.keys, number, explicit);
        self.keys.aead.seal(&nonce, &aad, sealed).map_err(|_| SealError::Crypto)
    }

    fn seal_v13(
        &self,
        typ: ContentType,
        number: RecordNumber,
        plain: usize,
        buf: &mut [u8],
    ) -> Result<(), SealError> {
        let [.., s1, s0] = number.to_bytes();
        let [_, epoch_bits] = number.epoch().to_be_bytes();
        let before = self.framing.overhead.before;
        let (head, sealed) = buf.split_at_mut_checked(before).ok_or(SealError::TooShort)?;
        let len = u16::try_from(sealed.len()).map_err(|_| SealError::TooLong)?;
        let header = UnifiedHeader {
            epoch_bits,
            cid: &[],
            sequence: ShortSequence::U16(u16::from_be_bytes([s1, s0])),
            len: Some(len),
        };
        header.encode(head).ok_or(SealError::TooShort)?;

        // Behind the plaintext: content type, padding, room for the tag.
        let mut after = sealed.iter_mut().skip(plain);
        *after.next().ok_or(SealError::TooShort)? = typ.0;
        after.for_each(|byte| *byte = 0);
        let nonce = self.keys.nonce_xor(number.sequence());
        self.keys.aead.seal(&nonce, head, sealed).map_err(|_| SealError::Crypto)?;

        let sample = sealed.first_chunk::<SAMPLE_LEN>().ok_or(SealError::TooShort)?;
        let mask = self.keys.mask.as_ref().ok_or(SealError::Crypto)?.mask(sample);
        for (byte, mask) in
            head.get_mut(header.sequence_range()).unwrap_or_default().iter_mut().zip(mask)
        {
            *byte ^= mask;
        }
        Ok(())
    }
}
