//! Bytes as lower-case hex, and fingerprints as people write them.

/// Lower-case hex.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A SHA-256 fingerprint: 64 hex digits of either case, with or without colons between bytes.
pub(crate) fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.ok_or("a fingerprint has hex digits and colons only")?;
    if digits.len() != 64 {
        return Err(format!(
            "a SHA-256 fingerprint has 64 hex digits, and this has {}",
            digits.len()
        ));
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |value, digit| (value << 4) | digit);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_in_every_common_form_is_read() {
        let expected: [u8; 32] = core::array::from_fn(|i| 0xa0 + u8::try_from(i).unwrap());
        let plain = encode(&expected);
        assert!(plain.starts_with("a0a1a2"));
        let colons: Vec<String> = expected.iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [plain.clone(), plain.to_uppercase(), colons.join(":")] {
            assert_eq!(fingerprint(&text), Ok(expected));
        }
        assert!(fingerprint(&plain[1..]).unwrap_err().contains("63"));
        assert!(fingerprint("0x").is_err());
    }
}
