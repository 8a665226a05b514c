//! The little DER that private keys need. *ring* parses the keys themselves, strictly; this only
//! finds out which kind a key is, and wraps one format in another.

use alloc::vec::Vec;

use zeroize::Zeroizing;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// Context-specific, constructed, number 0.
pub(crate) const EXPLICIT_0: u8 = 0xa0;
/// Context-specific, constructed, number 1.
pub(crate) const EXPLICIT_1: u8 = 0xa1;

/// Takes one value with this tag from the front of `input`; `None` and no change if something
/// else is there.
pub(crate) fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let rest = input.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&[len], rest) = rest.split_first_chunk()?;
            (usize::from(len), rest)
        }
        0x82 => {
            let (&len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(len)), rest)
        }
        // No key is that long.
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(len)?;
    *input = rest;
    Some(value)
}

/// A value with this tag whose content is the concatenation of `parts`.
///
/// Wiped on drop, and never reallocated while it grows.
pub(crate) fn wrap(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let len = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    // Tag, length of the length, length.
    const HEADER: usize = 2 + size_of::<usize>();
    let mut der = Zeroizing::new(Vec::with_capacity(len.saturating_add(HEADER)));
    der.push(tag);
    match u8::try_from(len) {
        Ok(short @ 0..=0x7f) => der.push(short),
        _ => {
            let bytes = len.to_be_bytes();
            let significant = bytes.iter().copied().skip_while(|byte| *byte == 0);
            let count = u8::try_from(significant.clone().count()).unwrap_or(u8::MAX);
            der.push(0x80 | count);
            der.extend(significant);
        }
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;

    use super::*;

    #[test]
    fn wrapped_value_is_taken_out_again() {
        for (len, header) in [(0, 2), (127, 2), (128, 3), (255, 3), (256, 4), (65_535, 4)] {
            let content = vec![0x5a; len];
            let (head, tail) = content.split_at(len / 3);
            let der = wrap(SEQUENCE, &[head, tail]);
            assert_eq!(der.len(), header + len);
            let mut rest = &der[..];
            assert_eq!(take(&mut rest, SEQUENCE), Some(&content[..]));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn wrapping_does_not_reallocate() {
        let content = vec![0; 70_000];
        let der = wrap(SEQUENCE, &[&content]);
        assert_eq!(der[..5], [SEQUENCE, 0x83, 0x01, 0x11, 0x70]);
        assert_eq!(der.capacity(), content.len() + 2 + size_of::<usize>());
    }

    #[test]
    fn value_that_is_not_there_changes_nothing() {
        let der = [INTEGER, 1, 5, OCTET_STRING];
        let mut rest = &der[..];
        assert_eq!(take(&mut rest, SEQUENCE), None);
        assert_eq!(rest, der);
        assert_eq!(take(&mut rest, INTEGER), Some(&[5][..]));
        assert_eq!(take(&mut rest, OCTET_STRING), None);
        assert_eq!(rest, [OCTET_STRING]);
    }

    #[test]
    fn length_beyond_the_end_or_of_unknown_form_is_refused() {
        for der in [
            &[SEQUENCE, 1][..],
            &[SEQUENCE, 0x80],
            &[SEQUENCE, 0x81],
            &[SEQUENCE, 0x81, 2, 0],
            &[SEQUENCE, 0x82, 0],
            &[SEQUENCE, 0x82, 0, 2, 0],
            &[SEQUENCE, 0x83, 0, 0, 0],
            &[SEQUENCE, 0xff],
        ] {
            let mut rest = der;
            assert_eq!(take(&mut rest, SEQUENCE), None, "{der:?}");
            assert_eq!(rest, der);
        }
    }
}
