//! The laws of parsers and their encoders.

use core::fmt::Debug;

use sealgram_wire::Malformed;

/// What can be read is written as the same bytes again.
pub(crate) fn canonical<'a, T: Debug, B: AsRef<[u8]>>(
    bytes: &'a [u8],
    read: impl Fn(&'a [u8]) -> Result<T, Malformed>,
    encode: impl Fn(&T) -> B,
) {
    match read(bytes) {
        Ok(value) => assert_eq!(encode(&value).as_ref(), bytes, "{value:?}"),
        Err(malformed) => told(malformed),
    }
}

/// What can be read is written so that it is read as the same again, and then written as the same
/// bytes: where the order of parts is free, or parts are left out.
///
/// `normal` takes out what is not written.
pub(crate) fn stable<T: Debug>(
    bytes: &[u8],
    again: impl Fn(&[u8]) -> Result<Vec<u8>, Malformed>,
    value: Result<T, Malformed>,
    encode: impl Fn(T) -> Vec<u8>,
) {
    match value {
        Ok(value) => {
            let first = encode(value);
            assert!(first.len() <= bytes.len(), "longer than what was read: {first:02x?}");
            assert_eq!(again(&first), Ok(first));
        }
        Err(malformed) => told(malformed),
    }
}

/// Every error can be shown and has an alert.
fn told(malformed: Malformed) {
    assert!(!malformed.to_string().is_empty());
    let _ = malformed.alert();
}
