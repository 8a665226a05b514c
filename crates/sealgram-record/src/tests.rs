extern crate std;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use sealgram_crypto::{AeadKind, Secret, Suite, TrafficSecret};
use sealgram_iana::{AlertDescription, CipherSuite, ContentType, ProtocolVersion, Version};
use sealgram_wire::{MAX_PLAINTEXT, Phase, RecordNumber};

use super::*;
use crate::epoch::{Configured, NextNumber, WriteEpoch};

mod facts;

const APP: Phase = Phase::Application(0);
const DATA: ContentType = ContentType::APPLICATION_DATA;
const KINDS: [AeadKind; 5] = [
    AeadKind::Aes128Gcm,
    AeadKind::Aes256Gcm,
    AeadKind::ChaCha20Poly1305,
    AeadKind::Aes128Ccm,
    AeadKind::Aes128Ccm8,
];

fn suite_of(suites: &[&'static Suite], kind: AeadKind) -> Option<&'static Suite> {
    suites.iter().copied().find(|s| s.facts.version == Version::V13 && s.facts.aead == kind)
}

fn secret_from(suite: &'static Suite, version: Version, seed: u8) -> TrafficSecret {
    let filled = |len| Secret::filled(len, |bytes| bytes.fill(seed));
    match version {
        Version::V12 => TrafficSecret::V12 {
            aead: suite.aead,
            key: filled(suite.facts.aead.key_len()),
            fixed_iv: filled(suite.facts.aead.fixed_iv_len_v12()),
        },
        Version::V13 => TrafficSecret::V13 { suite, secret: filled(suite.facts.hash.output_len()) },
    }
}

fn secret(kind: AeadKind, version: Version, seed: u8) -> TrafficSecret {
    secret_from(suite_of(nullcrypto::ALL_SUITES, kind).unwrap(), version, seed)
}

fn gcm(version: Version, seed: u8) -> TrafficSecret {
    secret(AeadKind::Aes128Gcm, version, seed)
}

fn layer(version: Option<Version>) -> RecordLayer {
    let mut layer = RecordLayer::new(RecordNumber::default(), WindowSize::DEFAULT);
    if let Some(version) = version {
        layer.set_version(version);
    }
    layer
}

/// A writer and a reader that share application keys.
fn pair_with(secret: impl Fn() -> TrafficSecret, version: Version) -> (RecordLayer, RecordLayer) {
    let (mut writer, mut reader) = (layer(Some(version)), layer(Some(version)));
    writer.install_write(APP, secret()).unwrap();
    reader.install_read(APP, secret()).unwrap();
    (writer, reader)
}

fn pair(version: Version) -> (RecordLayer, RecordLayer) {
    pair_with(|| gcm(version, 1), version)
}

fn seal(writer: &mut RecordLayer, phase: Phase, typ: ContentType, plaintext: &[u8]) -> Vec<u8> {
    let Overhead { before, after } = writer.overhead(phase).unwrap();
    let mut buf = vec![0xaa; before + plaintext.len() + after];
    buf[before..][..plaintext.len()].copy_from_slice(plaintext);
    writer.seal(phase, typ, &mut buf).unwrap();
    buf
}

fn data(writer: &mut RecordLayer, plaintext: &[u8]) -> Vec<u8> {
    seal(writer, APP, DATA, plaintext)
}

/// What became of a datagram's record, without borrows.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Outcome {
    Opened(ContentType, Phase, RecordNumber, Vec<u8>),
    Discarded(Discard, Option<Phase>),
    Violation(Violation),
}

fn open_all(reader: &mut RecordLayer, datagram: &[u8]) -> Vec<Outcome> {
    let mut datagram = datagram.to_vec();
    let mut rest = &mut datagram[..];
    let mut outcomes = Vec::new();
    while let Some(outcome) = reader.open(&mut rest) {
        outcomes.push(match outcome {
            Ok(Opened { content_type, phase, number, payload }) => {
                Outcome::Opened(content_type, phase, number, payload.to_vec())
            }
            Err(Fault::Discarded(d)) => Outcome::Discarded(d.reason, d.phase),
            Err(Fault::Violation(violation)) => Outcome::Violation(violation),
        });
    }
    assert!(rest.is_empty());
    outcomes
}

fn open_one(reader: &mut RecordLayer, datagram: &[u8]) -> Outcome {
    let mut outcomes = open_all(reader, datagram);
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

fn discarded(reason: Discard, phase: Phase) -> Outcome {
    Outcome::Discarded(reason, Some(phase))
}

fn assert_opens(reader: &mut RecordLayer, datagram: &[u8], plaintext: &[u8]) {
    match open_one(reader, datagram) {
        Outcome::Opened(typ, phase, _, payload) => {
            assert_eq!((typ, phase), (DATA, APP));
            assert!(payload == plaintext);
        }
        other => panic!("{other:?}"),
    }
}

/// A 1.3 record made by hand: any inner plaintext, any header.
fn craft13(
    secret: &TrafficSecret,
    head: &[u8],
    place: usize,
    sequence: u64,
    inner: &[u8],
) -> Vec<u8> {
    let keys = secret.expand().unwrap();
    let mut sealed = inner.to_vec();
    sealed.resize(inner.len() + keys.kind.tag_len(), 0);
    keys.aead.seal(&keys.nonce_xor(sequence), head, &mut sealed).unwrap();
    let mask = keys.mask.as_ref().unwrap().mask(sealed.first_chunk().unwrap());
    let mut record = head.to_vec();
    for (byte, mask) in record[1..=place].iter_mut().zip(mask) {
        *byte ^= mask;
    }
    record.extend(sealed);
    record
}

fn full_header(typ: ContentType, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let number = RecordNumber::new(epoch, sequence).unwrap();
    let len = body.len().try_into().unwrap();
    let header = sealgram_wire::FullHeader { typ, version: ProtocolVersion::DTLS_1_2, number, len };
    [&header.encode()[..], body].concat()
}

#[test]
fn record_of_every_aead_version_and_length_comes_back() {
    for suites in [nullcrypto::ALL_SUITES, sealgram_ring::ALL_SUITES] {
        for suite in KINDS.into_iter().filter_map(|kind| suite_of(suites, kind)) {
            for version in [Version::V12, Version::V13] {
                let (mut writer, mut reader) =
                    pair_with(|| secret_from(suite, version, 1), version);
                let max = writer.max_plaintext(APP).unwrap();
                for (sequence, len) in [0, 1, 7, 16, 1200, max].into_iter().enumerate() {
                    let plaintext = vec![7; len];
                    let record = data(&mut writer, &plaintext);
                    let number = reader_number(version, sequence as u64);
                    assert!(
                        open_one(&mut reader, &record)
                            == Outcome::Opened(DATA, APP, number, plaintext),
                        "{suite:?} {version} {len}"
                    );
                }
            }
        }
    }
}

fn reader_number(version: Version, sequence: u64) -> RecordNumber {
    let epoch = if version == Version::V12 { 1 } else { 3 };
    RecordNumber::new(epoch, sequence).unwrap()
}

#[test]
fn providers_of_the_real_aeads_are_all_tested() {
    let real = KINDS.into_iter().filter(|k| suite_of(sealgram_ring::ALL_SUITES, *k).is_some());
    assert_eq!(real.count(), 3);
    assert!(KINDS.iter().all(|k| suite_of(nullcrypto::ALL_SUITES, *k).is_some()));
}

#[test]
fn record_with_any_bit_flipped_is_discarded_and_the_next_one_opens() {
    for suites in [nullcrypto::ALL_SUITES, sealgram_ring::ALL_SUITES] {
        for suite in KINDS.into_iter().filter_map(|kind| suite_of(suites, kind)) {
            for version in [Version::V12, Version::V13] {
                let key = || secret_from(suite, version, 1);
                let (mut writer, mut reader) = (layer(Some(version)), layer(Some(version)));
                writer.install_write(APP, key()).unwrap();
                // CCM_8 stands fewer forgeries than there are bits to flip.
                reader.set_limits(Limits { sealed: u64::MAX, forged: u64::MAX });
                reader.install_read(APP, key()).unwrap();
                let record = data(&mut writer, b"altered");
                for bit in 0..record.len() * 8 {
                    let mut altered = record.clone();
                    altered[bit / 8] ^= 1 << (bit % 8);
                    for outcome in open_all(&mut reader, &altered) {
                        assert!(
                            matches!(outcome, Outcome::Discarded(..)),
                            "{suite:?} {version} bit {bit}: {outcome:?}"
                        );
                    }
                }
                assert!(!reader.any_protected_opened());
                assert_opens(&mut reader, &record, b"altered");
                assert_opens(&mut reader, &data(&mut writer, b"next"), b"next");
            }
        }
    }
}

#[test]
fn record_cut_anywhere_is_discarded_and_the_next_one_opens() {
    for version in [Version::V12, Version::V13] {
        for kind in KINDS {
            let (mut writer, mut reader) = pair_with(|| secret(kind, version, 1), version);
            let record = data(&mut writer, b"cut");
            assert!(open_all(&mut reader, &[]).is_empty());
            for end in 1..record.len() {
                // The length says more than is there.
                let outcome = open_one(&mut reader, &record[..end]);
                assert_eq!(outcome, Outcome::Discarded(Discard::Malformed, None));
                // The length says what is there.
                let mut short = record[..end].to_vec();
                let head = if version == Version::V12 { 13 } else { 5 };
                if let Some(body) = end.checked_sub(head) {
                    short[head - 2..head].copy_from_slice(&(body as u16).to_be_bytes());
                    let outcome = open_one(&mut reader, &short);
                    let min = match version {
                        Version::V12 => kind.explicit_nonce_len_v12() + kind.tag_len(),
                        Version::V13 => 16,
                    };
                    let reason = if body < min { Discard::TooShort } else { Discard::Unauthentic };
                    assert_eq!(outcome, discarded(reason, APP), "{kind:?} {version} {body}");
                }
            }
            assert_opens(&mut reader, &record, b"cut");
        }
    }
}

#[test]
fn replayed_record_is_discarded_and_reordered_ones_open() {
    for version in [Version::V12, Version::V13] {
        let (mut writer, mut reader) = pair(version);
        let records: Vec<_> = (0..200_u8).map(|n| data(&mut writer, &[n])).collect();
        for n in [1_u8, 0, 150, 149, 23] {
            assert_opens(&mut reader, &records[usize::from(n)], &[n]);
            for record in [&records[usize::from(n)], &records[1]] {
                assert_eq!(open_one(&mut reader, record), discarded(Discard::Replay, APP));
            }
        }
        // 150 is the highest: 22 is the first that a window of 128 has forgotten.
        assert_eq!(open_one(&mut reader, &records[22]), discarded(Discard::Replay, APP));
    }
}

#[test]
fn forged_record_with_the_last_number_moves_no_window() {
    // CVE-2016-2181, protected and in plaintext.
    let (mut writer, mut reader) = pair(Version::V12);
    let forged = full_header(DATA, 1, RecordNumber::MAX_SEQUENCE, &[0; 40]);
    assert_eq!(open_one(&mut reader, &forged), discarded(Discard::Unauthentic, APP));
    let forged = full_header(ContentType::ALERT, 0, RecordNumber::MAX_SEQUENCE, &[1, 0]);
    assert!(matches!(open_one(&mut reader, &forged), Outcome::Opened(..)));
    let plain = full_header(ContentType::HANDSHAKE, 0, 0, &[1]);
    assert!(matches!(open_one(&mut reader, &plain), Outcome::Opened(..)));
    assert_opens(&mut reader, &data(&mut writer, b"genuine"), b"genuine");

    let (mut writer, mut reader) = pair(Version::V13);
    let forged = [&[0x2f, 0xff, 0xff, 0, 40][..], &[0; 40]].concat();
    assert_eq!(open_one(&mut reader, &forged), discarded(Discard::Unauthentic, APP));
    assert_opens(&mut reader, &data(&mut writer, b"genuine"), b"genuine");
}

#[test]
fn datagram_of_several_records_is_opened_record_by_record() {
    let (mut writer, mut reader) = pair(Version::V13);
    let mut bad = data(&mut writer, b"bad");
    *bad.last_mut().unwrap() ^= 1;
    let plain = full_header(ContentType::ACK, 0, 5, &[0, 0]);
    let datagram =
        [data(&mut writer, b"one"), bad, plain, data(&mut writer, b"two"), vec![0x80; 3]].concat();
    let number = |sequence| reader_number(Version::V13, sequence);
    assert_eq!(
        open_all(&mut reader, &datagram),
        [
            Outcome::Opened(DATA, APP, number(1), b"one".to_vec()),
            discarded(Discard::Unauthentic, APP),
            Outcome::Opened(
                ContentType::ACK,
                Phase::Plaintext,
                RecordNumber::new(0, 5).unwrap(),
                vec![0, 0]
            ),
            Outcome::Opened(DATA, APP, number(2), b"two".to_vec()),
            Outcome::Discarded(Discard::Malformed, None),
        ]
    );
}

#[test]
fn short_number_and_missing_length_are_accepted() {
    let secret = gcm(Version::V13, 1);
    let (_, mut reader) = pair(Version::V13);
    // S and L in all combinations; epoch 3. The inner plaintext is padded.
    let inner = [b"hi".as_slice(), &[DATA.0, 0, 0, 0]].concat();
    let len = u8::try_from(inner.len()).unwrap() + 16;
    let heads: [(&[u8], usize); 4] = [
        (&[0b0010_0011, 0], 1),
        (&[0b0010_0111, 1, 0, len], 1),
        (&[0b0010_1011, 0, 2], 2),
        (&[0b0010_1111, 0, 3, 0, len], 2),
    ];
    for (sequence, (head, place)) in (0..).zip(heads) {
        let record = craft13(&secret, head, place, sequence, &inner);
        assert_opens(&mut reader, &record, b"hi");
    }
    // Without a length the record ends with the datagram, whatever is behind it.
    let mut record = craft13(&secret, &[0b0010_0011, 4], 1, 4, &inner);
    record.push(0);
    assert_eq!(open_one(&mut reader, &record), discarded(Discard::Unauthentic, APP));
}

#[test]
fn sequence_number_beyond_sixteen_bits_is_reconstructed() {
    let secret = gcm(Version::V13, 1);
    let (_, mut reader) = pair(Version::V13);
    let mut sequence = 0_u64;
    // Each step is within half of what 16 bits tell apart.
    for _ in 0..9 {
        let [.., s1, s0] = sequence.to_be_bytes();
        let head = [0b0010_1111, s1, s0, 0, 18];
        let record = craft13(&secret, &head, 2, sequence, &[1, DATA.0]);
        let number = reader_number(Version::V13, sequence);
        assert_eq!(open_one(&mut reader, &record), Outcome::Opened(DATA, APP, number, vec![1]));
        sequence += 0x7fff;
    }
}

#[test]
fn record_of_a_future_epoch_is_left_untouched() {
    let (mut writer, _) = pair(Version::V13);
    let record = data(&mut writer, b"early bird");
    for version in [None, Some(Version::V13)] {
        let mut reader = layer(version);
        let mut datagram = record.clone();
        let mut rest = &mut datagram[..];
        let Some(Err(Fault::Discarded(parked))) = reader.open(&mut rest) else { panic!() };
        assert_eq!((parked.reason, parked.phase), (Discard::FutureEpoch, Some(APP)));
        assert_eq!(parked.record, record);
        reader.set_version(Version::V13);
        reader.install_read(APP, gcm(Version::V13, 1)).unwrap();
        assert_opens(&mut reader, &datagram, b"early bird");
    }
}

#[test]
fn record_without_keys_is_told_future_from_unknown() {
    let unified = |bits: u8| [&[0b0010_1100 | bits, 0, 0, 0, 20][..], &[0; 20]].concat();
    let full = |epoch| full_header(DATA, epoch, 0, &[0; 40]);
    let future = |phase| discarded(Discard::FutureEpoch, phase);
    let unknown = Outcome::Discarded(Discard::UnknownEpoch, None);
    let wrong = Outcome::Discarded(Discard::WrongVersion, None);

    let mut undecided = layer(None);
    assert_eq!(open_one(&mut undecided, &unified(0)), unknown);
    assert_eq!(open_one(&mut undecided, &unified(1)), future(Phase::EarlyData));
    assert_eq!(open_one(&mut undecided, &unified(2)), future(Phase::Handshake));
    assert_eq!(open_one(&mut undecided, &unified(3)), future(APP));
    assert_eq!(open_one(&mut undecided, &full(1)), future(APP));
    assert_eq!(open_one(&mut undecided, &full(2)), unknown);

    let mut v12 = layer(Some(Version::V12));
    assert_eq!(open_one(&mut v12, &unified(2)), wrong);
    assert_eq!(open_one(&mut v12, &full(1)), future(APP));
    v12.install_read(APP, gcm(Version::V12, 1)).unwrap();
    assert_eq!(open_one(&mut v12, &full(2)), unknown);
    v12.discard_read(APP);
    assert_eq!(open_one(&mut v12, &full(1)), unknown);
    let mut old = full(1);
    old[2] = 0xff;
    assert_eq!(open_one(&mut v12, &old), wrong);

    let mut v13 = layer(Some(Version::V13));
    assert_eq!(open_one(&mut v13, &full(1)), wrong);
    v13.install_read(Phase::Handshake, gcm(Version::V13, 1)).unwrap();
    assert_eq!(open_one(&mut v13, &unified(1)), unknown);
    assert_eq!(open_one(&mut v13, &unified(2)), discarded(Discard::Unauthentic, Phase::Handshake));
    assert_eq!(open_one(&mut v13, &unified(3)), future(APP));
    v13.install_read(APP, gcm(Version::V13, 2)).unwrap();
    v13.discard_read(Phase::Handshake);
    for bits in 0..3 {
        assert_eq!(open_one(&mut v13, &unified(bits)), unknown);
    }
}

#[test]
fn late_record_of_the_keys_before_opens_and_the_ones_before_those_do_not() {
    let (mut writer, mut reader) = pair(Version::V13);
    let late: Vec<_> = (0..3).map(|n| data(&mut writer, &[n])).collect();
    assert_opens(&mut reader, &late[0], &[0]);
    let next = Phase::Application(1);
    writer.install_write(next, gcm(Version::V13, 2)).unwrap();
    reader.install_read(next, gcm(Version::V13, 2)).unwrap();
    // The peer still writes with the old keys until its KeyUpdate is acknowledged.
    assert_opens(&mut reader, &late[1], &[1]);
    let both = reader.heap_bytes();

    let record = seal(&mut writer, next, DATA, b"new");
    assert!(
        matches!(open_one(&mut reader, &record), Outcome::Opened(_, phase, ..) if phase == next)
    );
    assert!(reader.heap_bytes() < both, "the old keys went to rest");
    assert_opens(&mut reader, &late[2], &[2]);
    assert_eq!(open_one(&mut reader, &late[2]), discarded(Discard::Replay, APP));

    reader.install_read(Phase::Application(2), gcm(Version::V13, 3)).unwrap();
    assert!(!reader.has_read(APP) && reader.has_read(next));
    assert_eq!(reader.read_phase(), Phase::Application(2));
    let outcome = open_one(&mut reader, &late[0]);
    assert_eq!(outcome, Outcome::Discarded(Discard::UnknownEpoch, None));
}

#[test]
fn epoch_bits_mean_the_newest_keys_that_have_them() {
    let mut reader = layer(Some(Version::V13));
    let mut writer = layer(Some(Version::V13));
    // Epochs 2 and 6.
    for (phase, seed) in [(Phase::Handshake, 1), (Phase::Application(3), 2)] {
        reader.install_read(phase, gcm(Version::V13, seed)).unwrap();
        writer.install_write(phase, gcm(Version::V13, seed)).unwrap();
    }
    let record = seal(&mut writer, Phase::Application(3), DATA, b"x");
    let number = RecordNumber::new(6, 0).unwrap();
    let opened = Outcome::Opened(DATA, Phase::Application(3), number, b"x".to_vec());
    assert_eq!(open_one(&mut reader, &record), opened);
}

#[test]
fn phases_are_installed_in_order_and_end_with_epoch_65535() {
    let mut layer13 = layer(Some(Version::V13));
    let v13 = |seed| gcm(Version::V13, seed);
    assert!(layer13.install_write(APP, gcm(Version::V12, 1)).is_err());
    assert!(layer13.install_write(Phase::Plaintext, v13(1)).is_err());
    layer13.install_write(APP, v13(1)).unwrap();
    assert!(layer13.install_write(APP, v13(1)).is_err(), "the same keys twice repeat nonces");
    assert!(layer13.install_write(Phase::Handshake, v13(2)).is_err());
    layer13.discard_write(APP);
    assert!(layer13.install_write(APP, v13(1)).is_err(), "nor after they were dropped");
    layer13.install_write(Phase::Application(65_532), v13(3)).unwrap();
    assert!(layer13.install_write(Phase::Application(65_533), v13(4)).is_err());
    assert_eq!(layer13.write_phase(), Phase::Application(65_532));

    let mut layer12 = layer(Some(Version::V12));
    assert!(layer12.install_read(APP, v13(1)).is_err());
    assert!(layer12.install_read(Phase::Handshake, gcm(Version::V12, 1)).is_err());
    layer12.install_read(APP, gcm(Version::V12, 1)).unwrap();
    assert_eq!(layer12.read_phase(), APP);
}

#[test]
fn early_data_keys_go_when_the_server_speaks_v12() {
    let mut client = layer(None);
    client.install_write(Phase::EarlyData, gcm(Version::V13, 1)).unwrap();
    assert!(client.has_write(Phase::EarlyData));
    client.set_version(Version::V12);
    assert!(!client.has_write(Phase::EarlyData));
    assert_eq!(client.write_phase(), Phase::Plaintext);
    client.install_write(APP, gcm(Version::V12, 2)).unwrap();
    assert_eq!(client.write_phase(), APP);
}

#[test]
fn usage_limit_stops_sealing_and_announces_itself_before() {
    let (mut writer, _) = pair(Version::V13);
    writer.set_limits(Limits { sealed: 16, forged: 16 });
    let next = Phase::Application(1);
    writer.install_write(next, gcm(Version::V13, 2)).unwrap();
    for n in 0..16 {
        assert_eq!(writer.limit_near(), n >= 14, "7/8 of 16 after {n} records");
        seal(&mut writer, next, DATA, b"");
    }
    let mut buf = vec![0; 22];
    assert_eq!(writer.seal(next, DATA, &mut buf), Err(SealError::LimitReached));
    // Other keys are not concerned.
    data(&mut writer, b"");
}

#[test]
fn usage_of_the_aeads_own_limits_is_counted_in_both_versions() {
    for version in [Version::V12, Version::V13] {
        let (mut writer, mut reader) =
            pair_with(|| secret(AeadKind::Aes128Ccm8, version, 1), version);
        let mut forged = data(&mut writer, b"");
        *forged.last_mut().unwrap() ^= 1;
        for n in 0..128 {
            assert_eq!(reader.usage().forged_near(), n >= 112);
            assert_eq!(open_one(&mut reader, &forged), discarded(Discard::Unauthentic, APP));
        }
        assert!(reader.limit_near());
        assert_eq!(reader.read_keys_spent(), version == Version::V13);
        let genuine = data(&mut writer, b"x");
        match version {
            // It cannot change its keys: the limit is only reported.
            Version::V12 => assert_opens(&mut reader, &genuine, b"x"),
            Version::V13 => {
                let outcome = open_one(&mut reader, &genuine);
                assert_eq!(outcome, discarded(Discard::LimitReached, APP));
            }
        }
        assert_eq!(writer.usage().sealed, 2);
        assert_eq!(writer.usage().sealed_limit, 1 << 23);
    }
}

#[test]
fn forgery_limit_of_ccm_8_is_hard_in_both_versions_and_concerns_no_other_aead() {
    for version in [Version::V12, Version::V13] {
        for kind in [AeadKind::Aes128Ccm8, AeadKind::Aes128Ccm] {
            let (mut writer, mut reader) = (layer(Some(version)), layer(Some(version)));
            writer.install_write(APP, secret(kind, version, 1)).unwrap();
            reader.set_ccm_8_forgeries(20);
            reader.install_read(APP, secret(kind, version, 1)).unwrap();
            let mut forged = data(&mut writer, b"");
            *forged.last_mut().unwrap() ^= 1;
            for n in 0..20 {
                assert!(!reader.read_keys_spent(), "after {n}");
                assert_eq!(open_one(&mut reader, &forged), discarded(Discard::Unauthentic, APP));
            }
            let genuine = data(&mut writer, b"x");
            if kind == AeadKind::Aes128Ccm8 {
                assert!(reader.read_keys_spent());
                let outcome = open_one(&mut reader, &genuine);
                assert_eq!(outcome, discarded(Discard::LimitReached, APP));
            } else {
                assert!(!reader.read_keys_spent());
                assert_opens(&mut reader, &genuine, b"x");
            }
        }
    }
}

#[test]
fn number_is_never_used_twice_and_the_last_is_the_end() {
    let last = RecordNumber::new(0, RecordNumber::MAX_SEQUENCE).unwrap();
    let mut plain = RecordLayer::new(last, WindowSize::DEFAULT);
    let mut buf = [0; 14];
    let typ = ContentType::HANDSHAKE;
    assert_eq!(plain.seal(Phase::Plaintext, typ, &mut buf), Ok(last));
    for _ in 0..2 {
        let outcome = plain.seal(Phase::Plaintext, typ, &mut buf);
        assert_eq!(outcome, Err(SealError::NumbersExhausted));
    }

    let chacha = secret(AeadKind::ChaCha20Poly1305, Version::V12, 1);
    let mut epoch = WriteEpoch::new(APP, 1, &chacha, Configured::default()).unwrap();
    epoch.next = NextNumber(RecordNumber::MAX_SEQUENCE);
    let mut buf = [0; 29];
    assert_eq!(epoch.seal(DATA, &mut buf), Ok(RecordNumber::new(1, (1 << 48) - 1).unwrap()));
    assert_eq!(epoch.seal(DATA, &mut buf), Err(SealError::NumbersExhausted));
}

#[test]
fn sealing_without_room_or_keys_is_a_typed_error_and_uses_no_number() {
    for version in [Version::V12, Version::V13] {
        let (mut writer, _) = pair(version);
        let Overhead { before, after } = writer.overhead(APP).unwrap();
        let mut buf = vec![0; before + after + MAX_PLAINTEXT + 1];
        assert_eq!(writer.seal(APP, DATA, &mut buf), Err(SealError::TooLong));
        let mut short = vec![0; before + after - 1];
        assert_eq!(writer.seal(APP, DATA, &mut short), Err(SealError::TooShort));
        assert_eq!(writer.seal(Phase::Handshake, DATA, &mut buf), Err(SealError::NoKeys));
        assert_eq!(writer.overhead(Phase::Handshake), None);
        assert_eq!(writer.usage().sealed, 0);
        writer.discard_write(Phase::Plaintext);
        assert_eq!(writer.seal(Phase::Plaintext, DATA, &mut buf), Err(SealError::NoKeys));
    }
}

#[test]
fn authentic_record_that_breaks_the_protocol_is_a_violation() {
    let secret13 = gcm(Version::V13, 1);
    let craft = |sequence: u8, inner: &[u8]| {
        let [l1, l0] = u16::try_from(inner.len() + 16).unwrap().to_be_bytes();
        craft13(&secret13, &[0x2f, 0, sequence, l1, l0], 2, sequence.into(), inner)
    };
    let (_, mut reader) = pair(Version::V13);
    let mut long = vec![1; MAX_PLAINTEXT + 2];
    long[MAX_PLAINTEXT + 1] = 0;
    let empty = |typ: ContentType| vec![typ.0, 0, 0];
    let cases = [
        (vec![], Violation::NoContentType),
        (vec![0; 9], Violation::NoContentType),
        (vec![1; MAX_PLAINTEXT + 2], Violation::RecordOverflow),
        (long, Violation::RecordOverflow),
        (empty(ContentType::HANDSHAKE), Violation::EmptyFragment(ContentType::HANDSHAKE)),
        (empty(ContentType::ALERT), Violation::EmptyFragment(ContentType::ALERT)),
    ];
    for (sequence, (inner, violation)) in (0..).zip(cases) {
        let record = craft(sequence, &inner);
        assert_eq!(open_one(&mut reader, &record), Outcome::Violation(violation));
        // It was authentic: its number is used up.
        assert_eq!(open_one(&mut reader, &record), discarded(Discard::Replay, APP));
    }
    assert!(reader.any_protected_opened());
    // Empty application data is cover traffic (RFC 8446 §5.4).
    assert_opens(&mut reader, &craft(9, &empty(DATA)), b"");
    assert_eq!(Violation::NoContentType.alert(), AlertDescription::UNEXPECTED_MESSAGE);
    assert_eq!(Violation::RecordOverflow.alert(), AlertDescription::RECORD_OVERFLOW);

    let (mut writer, mut reader) = pair(Version::V12);
    let record = seal(&mut writer, APP, ContentType::ALERT, b"");
    let violation = Violation::EmptyFragment(ContentType::ALERT);
    assert_eq!(open_one(&mut reader, &record), Outcome::Violation(violation));
    let record = overlong_v12();
    assert_eq!(open_one(&mut reader, &record), Outcome::Violation(Violation::RecordOverflow));
}

/// A sealed 1.2 record of 2^14 + 1 bytes of plaintext, number 1.
fn overlong_v12() -> Vec<u8> {
    let keys = gcm(Version::V12, 1).expand().unwrap();
    let number = RecordNumber::new(1, 1).unwrap();
    let plain = MAX_PLAINTEXT + 1;
    let mut sealed = vec![0; plain + 16];
    let aad = [&number.to_bytes()[..], &[DATA.0, 0xfe, 0xfd], &(plain as u16).to_be_bytes()];
    let nonce = keys.nonce_explicit(number.to_bytes());
    keys.aead.seal(&nonce, &aad.concat(), &mut sealed).unwrap();
    full_header(DATA, 1, 1, &[&number.to_bytes()[..], &sealed].concat())
}

#[test]
fn record_longer_than_its_version_allows_is_discarded() {
    let (_, mut reader) = pair(Version::V12);
    let mut body = vec![0; MAX_PLAINTEXT + 2048];
    let outcome = open_one(&mut reader, &full_header(DATA, 1, 0, &body));
    assert_eq!(outcome, discarded(Discard::Unauthentic, APP));
    body.push(0);
    let outcome = open_one(&mut reader, &full_header(DATA, 1, 0, &body));
    assert_eq!(outcome, discarded(Discard::TooLong, APP));

    let (_, mut reader) = pair(Version::V13);
    for (len, reason) in
        [(MAX_PLAINTEXT + 256, Discard::Unauthentic), (MAX_PLAINTEXT + 257, Discard::TooLong)]
    {
        let record = [&[0b0010_1011, 0, 0][..], &vec![0; len]].concat();
        assert_eq!(open_one(&mut reader, &record), discarded(reason, APP));
    }
}

#[test]
fn plaintext_record_is_judged_by_what_can_be_seen() {
    let plain = |typ, body: &[u8]| full_header(typ, 0, 7, body);
    let unexpected = discarded(Discard::UnexpectedType, Phase::Plaintext);
    let allowed = |version, typ| {
        let outcome = open_one(&mut layer(version), &plain(typ, b"x"));
        if outcome == unexpected {
            return false;
        }
        let number = RecordNumber::new(0, 7).unwrap();
        assert_eq!(outcome, Outcome::Opened(typ, Phase::Plaintext, number, b"x".to_vec()));
        true
    };
    let (v12, v13) = (Some(Version::V12), Some(Version::V13));
    for version in [None, v12, v13] {
        assert!(allowed(version, ContentType::HANDSHAKE) && allowed(version, ContentType::ALERT));
        assert!(!allowed(version, DATA) && !allowed(version, ContentType::HEARTBEAT));
        assert_eq!(allowed(version, ContentType::CHANGE_CIPHER_SPEC), version != v13);
        assert_eq!(allowed(version, ContentType::ACK), version != v12);
    }

    let mut reader = layer(None);
    let plaintext = |reason| discarded(reason, Phase::Plaintext);
    let typ = ContentType::HANDSHAKE;
    assert_eq!(open_one(&mut reader, &plain(typ, b"")), plaintext(Discard::EmptyFragment));
    let long = plain(typ, &vec![0; MAX_PLAINTEXT + 1]);
    assert_eq!(open_one(&mut reader, &long), plaintext(Discard::TooLong));
    // RFC 9147 §4: legacy_record_version is ignored; what is no DTLS version is no record.
    for (version, opens) in [(0xfeff_u16, true), (0xfefc, true), (0x0303, false)] {
        let mut record = plain(typ, b"x");
        record[1..3].copy_from_slice(&version.to_be_bytes());
        let opened = matches!(open_one(&mut reader, &record), Outcome::Opened(..));
        assert_eq!(opened, opens, "{version:#x}");
    }
    reader.discard_read(Phase::Plaintext);
    assert_eq!(open_one(&mut reader, &plain(typ, b"x")), plaintext(Discard::UnknownEpoch));
}

#[test]
fn sealed_record_has_the_header_of_its_version() {
    let first = RecordNumber::new(0, 0x0102_0304_0506).unwrap();
    let mut plain = RecordLayer::new(first, WindowSize::DEFAULT);
    plain.set_plaintext_version(ProtocolVersion::DTLS_1_0);
    let record = seal(&mut plain, Phase::Plaintext, ContentType::HANDSHAKE, b"x");
    assert_eq!(record, [22, 0xfe, 0xff, 0, 0, 1, 2, 3, 4, 5, 6, 0, 1, b'x']);
    plain.set_plaintext_version(ProtocolVersion::DTLS_1_2);
    let record = seal(&mut plain, Phase::Plaintext, ContentType::HANDSHAKE, b"y");
    assert_eq!(record, [22, 0xfe, 0xfd, 0, 0, 1, 2, 3, 4, 5, 7, 0, 1, b'y']);

    let (mut writer, _) = pair(Version::V12);
    data(&mut writer, b"");
    let record = data(&mut writer, b"abc");
    // Header, and the explicit nonce: epoch and number again.
    assert_eq!(record[..13], [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 8 + 3 + 16]);
    assert_eq!(record[13..21], record[3..11]);

    let (mut writer, _) = pair(Version::V13);
    let record = data(&mut writer, b"abc");
    assert_eq!((record[0], &record[3..5]), (0b0010_1111, &[0, 3 + 1 + 16][..]));
}

/// Records of "The Illustrated DTLS Connection" (<https://dtls.xargs.org>, Michael Driscoll, MIT
/// licence; wolfSSL with TLS_AES_128_GCM_SHA256), from its `captures/capture.pcap` and
/// `captures/keylog.txt`: the server's EncryptedExtensions, its first ACK in epoch 3, and one
/// record of application data each way.
#[test]
fn records_of_a_foreign_capture_open_and_are_sealed_alike() {
    let suite = &sealgram_ring::cipher_suite::TLS_AES_128_GCM_SHA256;
    assert_eq!(suite.id(), CipherSuite::TLS_AES_128_GCM_SHA256);
    let server_handshake = "8ad7990b9d249bcbaa0805d8d3f3ad2259e75f3a42c5d84db3ea3c6ee57b3d38";
    let server_traffic = "4ab12ae4022fc013eca21abb071e13aa24a150e3876c660fe0ed10a8eebd8f17";
    let client_traffic = "a9185352f61134f1d24eaa4a930fff2edca40ce8c06420848deb27699e9baf2c";
    let cases = [
        (
            server_handshake,
            Phase::Handshake,
            "2e79fa002fee9dcff3f8679a4859fe68377fb34ada85df879c673e501d7a4e8f1950e0fcf67fe442e7d7\
             d2b8a3d5fa59574ffd00",
            ContentType::HANDSHAKE,
            "0800001200010000000000120010000a000c000a0017001d00180019010016",
        ),
        (
            client_traffic,
            APP,
            "2f683f00157d72278b6c649f1e7b56b3cad411faf7bd518bfb15",
            DATA,
            "70696e6717",
        ),
        (
            server_traffic,
            APP,
            "2f31500023ea80ab8e08c93895418d243571ea6de7d863ee84230bb6043cb384df94b6da285a3bc4",
            ContentType::ACK,
            "001000000000000000020000000000000000 1a",
        ),
        (
            server_traffic,
            APP,
            "2fa2580015f5bd33f27b72780e351fa00703fb9f658c689f95ae",
            DATA,
            "706f6e6717",
        ),
    ];
    let mut writers: Vec<(&str, RecordLayer, RecordLayer)> = Vec::new();
    for (secret, phase, record, typ, inner) in cases {
        let (record, inner) = (unhex(record), unhex(inner));
        let index = writers.iter().position(|(s, ..)| *s == secret).unwrap_or_else(|| {
            let key = || TrafficSecret::V13 { suite, secret: Secret::copy_from(&unhex(secret)) };
            let (mut writer, mut reader) = (layer(Some(Version::V13)), layer(Some(Version::V13)));
            writer.install_write(phase, key()).unwrap();
            reader.install_read(phase, key()).unwrap();
            writers.push((secret, writer, reader));
            writers.len() - 1
        });
        let (_, writer, reader) = &mut writers[index];
        let Outcome::Opened(opened_type, _, number, payload) = open_one(reader, &record) else {
            panic!("{typ} {:?}", open_one(reader, &record))
        };
        let (last, content) = inner.split_last().unwrap();
        assert_eq!((opened_type, opened_type.0, &payload[..]), (typ, *last, content));
        // This writer's headers have the same form, so the whole record is the same.
        assert_eq!(seal(writer, phase, typ, content), record, "{typ} {number:?}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

proptest! {
    #[test]
    fn garbage_never_harms_an_association(
        v13: bool,
        datagrams in prop::collection::vec(
            (prop::sample::select(&[20_u8, 21, 22, 23, 25, 26, 0x23, 0x2f, 0x3f, 0, 255][..]),
             prop::collection::vec(any::<u8>(), 0..80)),
            1..20,
        ),
    ) {
        let version = if v13 { Version::V13 } else { Version::V12 };
        let (mut writer, mut reader) = pair(version);
        for (first, mut datagram) in datagrams {
            datagram.insert(0, first);
            for outcome in open_all(&mut reader, &datagram) {
                let plaintext = matches!(outcome, Outcome::Opened(_, Phase::Plaintext, ..));
                prop_assert!(plaintext || matches!(outcome, Outcome::Discarded(..)));
            }
            assert_opens(&mut reader, &data(&mut writer, b"good"), b"good");
        }
    }
}
