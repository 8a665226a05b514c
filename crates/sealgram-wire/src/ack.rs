//! Acknowledgements of 1.3.

use alloc::vec::Vec;

use crate::{Item, List, Malformed, Prefix, Reader, RecordNumber, Writer};

/// Which records were received (RFC 9147 §7).
///
/// An ACK may hold numbers that no sender ever uses: [`Ack::iter`] leaves them out, because they
/// acknowledge nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack<'a> {
    /// Epoch and sequence number of each record, in any order; may be empty.
    pub record_numbers: List<'a, (u64, u64)>,
}

impl<'a> Ack<'a> {
    /// How many bytes an ACK of `count` records takes as the content of a record.
    #[must_use]
    pub const fn encoded_len(count: usize) -> usize {
        count.saturating_mul(16).saturating_add(2)
    }

    /// Reads the content of a record.
    pub fn read(content: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(content);
        let record_numbers = List::from_wire(r.vec16("record_numbers")?)?;
        r.finish("ACK")?;
        Ok(Self { record_numbers })
    }

    /// The numbers that a record can have.
    pub fn iter(&self) -> impl Iterator<Item = RecordNumber> + use<'a> {
        self.record_numbers.iter().filter_map(|(epoch, sequence)| {
            u16::try_from(epoch).ok().and_then(|epoch| RecordNumber::new(epoch, sequence))
        })
    }

    /// The content of a record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.record_numbers.encode_vec(&mut w, Prefix::U16);
        w.into_vec()
    }
}

/// A `RecordNumber` as ACKs carry it: epoch and sequence number with 64 bits each (RFC 9147 §4).
impl Item<'_> for (u64, u64) {
    fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let epoch = r.u64("RecordNumber.epoch")?;
        let sequence = r.u64("RecordNumber.sequence_number")?;
        Ok((epoch, sequence))
    }

    fn encode(&self, w: &mut Writer) {
        w.u64(self.0);
        w.u64(self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::{assert_codec, list};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ack_obeys_the_laws(record_numbers in list(any::<(u64, u64)>(), 0..6)) {
            let ack = Ack { record_numbers };
            prop_assert_eq!(ack.encode().len(), Ack::encoded_len(record_numbers.len()));
            assert_codec!(ack, Ack::read);
        }
    }

    #[test]
    fn numbers_that_no_record_has_are_left_out() {
        let numbers = [(2, 5), (1 << 16, 0), (3, 1 << 48), (3, 0)];
        let ack = Ack { record_numbers: List::from_slice(&numbers) };
        assert!(ack.iter().map(|n| (n.epoch(), n.sequence())).eq([(2, 5), (3, 0)]));
    }
}
