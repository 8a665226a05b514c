//! The provider against published vectors, OpenSSL's output, and itself.

mod derivation;
mod keys;
mod kx;
mod protection;
mod suites;

/// Bytes from hexadecimal text. Blanks are ignored, so that long values can be wrapped.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    assert_eq!(digits.len() % 2, 0, "an odd number of digits");
    digits.chunks(2).map(|pair| (pair[0] << 4) | pair[1]).collect()
}

/// `0, 1, 2, ..`: the secret of values that were computed for these tests.
fn counting(len: u8) -> Vec<u8> {
    (0..len).collect()
}
