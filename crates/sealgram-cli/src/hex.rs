//! Bytes as lower-case hex, and fingerprints as people write them.

/// Lower-case hex.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hex digits of either case, two for each byte.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |value, d| (value << 4) | d)).collect())
}

/// A SHA-256 fingerprint: 64 hex digits of either case, with or without colons between bytes.
pub(crate) fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    if digits.chars().any(|c| !c.is_ascii_hexdigit()) {
        return Err("a fingerprint has hex digits and colons only".to_owned());
    }
    let bytes = decode(&digits).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        format!("a SHA-256 fingerprint has 64 hex digits, and this has {}", digits.len())
    })
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
