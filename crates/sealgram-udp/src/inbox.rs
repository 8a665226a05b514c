//! Plaintexts on their way to the application.

use core::fmt;
use std::collections::VecDeque;

use crate::Error;

/// Datagrams that were opened and not yet fetched. Nothing is allocated for a datagram once the
/// buffers have grown to what one datagram of the network can hold.
///
/// Bound: filled from one UDP datagram at a time, and emptied before the next one is received.
/// Only the application can add more, by handing datagrams in itself.
#[derive(Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Where each datagram ends in `bytes`, and whether it is early data.
    ends: VecDeque<(usize, bool)>,
    /// Where the first one begins.
    start: usize,
}

impl fmt::Debug for Inbox {
    /// Without the plaintexts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("datagrams", &self.ends.len()).finish_non_exhaustive()
    }
}

impl Inbox {
    pub(crate) fn push(&mut self, data: &sealgram::Data<'_>) {
        self.push_bytes(data.bytes, data.early);
    }

    fn push_bytes(&mut self, plaintext: &[u8], early: bool) {
        if self.ends.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
        self.bytes.extend_from_slice(plaintext);
        self.ends.push_back((self.bytes.len(), early));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Copies the first one into `buf` and says how long it is, and whether it is early data; keeps
    /// it if it does not fit.
    pub(crate) fn pop_into(&mut self, buf: &mut [u8]) -> Result<Option<(usize, bool)>, Error> {
        let Some(&(end, early)) = self.ends.front() else { return Ok(None) };
        let datagram = self.bytes.get(self.start..end).unwrap_or_default();
        let needed = datagram.len();
        let room = buf.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
        room.copy_from_slice(datagram);
        self.ends.pop_front();
        self.start = end;
        Ok(Some((needed, early)))
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
            inbox.push_bytes(round, true);
            inbox.push_bytes(b"", false);
            inbox.push_bytes(b"z", false);
            assert_eq!(inbox.len(), 3);
            assert_eq!(inbox.pop_into(&mut buf).unwrap(), Some((round.len(), true)));
            assert_eq!(&buf[..round.len()], round);
            assert_eq!(inbox.pop_into(&mut buf).unwrap(), Some((0, false)));
            assert_eq!(inbox.pop_into(&mut buf).unwrap(), Some((1, false)));
            assert_eq!(buf[0], b'z');
            assert_eq!(inbox.pop_into(&mut buf).unwrap(), None);
        }
    }

    #[test]
    fn datagram_that_does_not_fit_is_kept() {
        let mut inbox = Inbox::default();
        inbox.push_bytes(b"abc", false);
        let error = inbox.pop_into(&mut [0; 2]).unwrap_err();
        assert!(matches!(error, Error::BufferTooSmall { needed: 3 }));
        assert_eq!(inbox.pop_into(&mut [0; 3]).unwrap(), Some((3, false)));
    }
}
