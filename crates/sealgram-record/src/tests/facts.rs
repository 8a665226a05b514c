//! What a layer says of itself: framing, keys, and bytes on the heap.

use super::*;

#[test]
fn newest_keys_frame_and_seal_like_their_phase() {
    let mut writer = layer(None);
    assert_eq!(writer.version(), None);
    assert_eq!(writer.newest_framing(), None);
    assert_eq!(writer.max_plaintext(APP), None);
    assert_eq!(writer.max_plaintext(Phase::Plaintext), Some(MAX_PLAINTEXT));
    assert_eq!(writer.seal_newest(DATA, &mut [0; 64]), Err(SealError::NoKeys));
    // Padding up to where a record number's mask is taken from costs plaintext.
    for (kind, max) in [(AeadKind::Aes128Gcm, 16_384), (AeadKind::Aes128Ccm8, 16_384 - 7)] {
        let (mut writer, mut reader) = pair_with(|| secret(kind, Version::V13, 1), Version::V13);
        assert_eq!(writer.version(), Some(Version::V13));
        let Framing { overhead, max_plaintext } = writer.newest_framing().unwrap();
        assert_eq!(Some(overhead), writer.overhead(APP));
        assert_eq!((Some(max), max), (writer.max_plaintext(APP), max_plaintext));
        let mut record = vec![0; overhead.before + 2 + overhead.after];
        record[overhead.before..][..2].copy_from_slice(b"hi");
        assert_eq!(writer.seal_newest(DATA, &mut record), Ok(RecordNumber::new(3, 0).unwrap()));
        assert_opens(&mut reader, &record, b"hi");
    }
}

#[test]
fn discarded_write_keys_are_gone_and_others_stay() {
    let mut writer = layer(Some(Version::V13));
    writer.install_write(Phase::Handshake, gcm(Version::V13, 1)).unwrap();
    writer.install_write(APP, gcm(Version::V13, 2)).unwrap();
    writer.discard_write(Phase::Handshake);
    let has = |writer: &RecordLayer| {
        [Phase::Plaintext, Phase::Handshake, APP].map(|phase| writer.has_write(phase))
    };
    assert_eq!(has(&writer), [true, false, true]);
    writer.discard_write(Phase::Plaintext);
    assert_eq!(has(&writer), [false, false, true]);
}

#[test]
fn plaintext_record_of_the_longest_length_opens() {
    let typ = ContentType::HANDSHAKE;
    let record = full_header(typ, 0, 0, &vec![0; MAX_PLAINTEXT]);
    let outcome = open_one(&mut layer(None), &record);
    assert!(matches!(outcome, Outcome::Opened(..)), "{outcome:?}");
}

/// How many bytes a second phase adds; the first has made the lists.
fn growth(
    secret: TrafficSecret,
    install: impl Fn(&mut RecordLayer, Phase, TrafficSecret),
) -> usize {
    let mut layer = layer(Some(Version::V13));
    install(&mut layer, Phase::Handshake, gcm(Version::V13, 1));
    let before = layer.heap_bytes();
    install(&mut layer, APP, secret);
    layer.heap_bytes() - before
}

/// Keys whose provider, hash and size differ.
fn aes256(seed: u8) -> TrafficSecret {
    let suite = suite_of(sealgram_ring::ALL_SUITES, AeadKind::Aes256Gcm).unwrap();
    secret_from(suite, Version::V13, seed)
}

#[test]
fn heap_bytes_count_keys_secrets_and_windows() {
    let keys = growth(aes256(1), |l, phase, s| l.install_write(phase, s).unwrap());
    assert!(keys > 32, "less than the key itself");
    let read = growth(aes256(1), |l, phase, s| l.install_read(phase, s).unwrap());
    // A secret of SHA-384's length and 128 bits of window.
    assert_eq!(read, keys + 48 + 16);
}

#[test]
fn keys_before_the_newest_confirmed_ones_go_to_rest_and_no_others_do() {
    let next = Phase::Application(1);
    let keys = growth(aes256(1), |l, phase, s| l.install_write(phase, s).unwrap());
    assert_ne!(
        keys,
        growth(gcm(Version::V13, 1), |l, phase, s| l.install_write(phase, s).unwrap())
    );
    let (mut writer, mut reader) = pair_with(|| aes256(1), Version::V13);
    writer.install_write(next, gcm(Version::V13, 2)).unwrap();
    reader.install_read(next, gcm(Version::V13, 2)).unwrap();
    let both = reader.heap_bytes();
    let record = seal(&mut writer, next, DATA, b"x");
    assert!(matches!(open_one(&mut reader, &record), Outcome::Opened(..)));
    assert_eq!(both - reader.heap_bytes(), keys);
}
