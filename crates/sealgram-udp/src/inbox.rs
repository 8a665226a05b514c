//! Plaintexts on their way to the application.

use std::collections::VecDeque;

use crate::Error;

/// Datagrams that were opened and not yet fetched. Nothing is allocated for a datagram once the
/// buffers have grown to what one datagram of the network can hold.
///
/// Bound: filled from one UDP datagram at a time, and emptied before the next one is received.
/// Only the application can add more, by handing datagrams in itself.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Where each datagram ends in `bytes`.
    ends: VecDeque<usize>,
    /// Where the first one begins.
    start: usize,
}

impl Inbox {
    pub(crate) fn push(&mut self, plaintext: &[u8]) {
        if self.ends.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
        self.bytes.extend_from_slice(plaintext);
        self.ends.push_back(self.bytes.len());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Copies the first one into `buf` and says how long it is; keeps it if it does not fit.
    pub(crate) fn pop_into(&mut self, buf: &mut [u8]) -> Result<Option<usize>, Error> {
        let Some(&end) = self.ends.front() else { return Ok(None) };
        let datagram = self.bytes.get(self.start..end).unwrap_or_default();
        let needed = datagram.len();
        let room = buf.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
        room.copy_from_slice(datagram);
        self.ends.pop_front();
        self.start = end;
        Ok(Some(needed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_out_as_they_went_in_the_empty_one_too() {
        let mut inbox = Inbox::default();
        let mut buf = [0; 4];
        for round in [b"abcd".as_slice(), b"xy"] {
            inbox.push(round);
            inbox.push(b"");
            inbox.push(b"z");
            assert_eq!(inbox.len(), 3);
            assert_eq!(inbox.pop_into(&mut buf).unwrap(), Some(round.len()));
            assert_eq!(&buf[..round.len()], round);
            assert_eq!(inbox.pop_into(&mut buf).unwrap(), Some(0));
            assert_eq!(inbox.pop_into(&mut buf).unwrap(), Some(1));
            assert_eq!(buf[0], b'z');
            assert_eq!(inbox.pop_into(&mut buf).unwrap(), None);
        }
    }

    #[test]
    fn datagram_that_does_not_fit_is_kept() {
        let mut inbox = Inbox::default();
        inbox.push(b"abc");
        let error = inbox.pop_into(&mut [0; 2]).unwrap_err();
        assert!(matches!(error, Error::BufferTooSmall { needed: 3 }));
        assert_eq!(inbox.pop_into(&mut [0; 3]).unwrap(), Some(3));
    }
}
