//! Record protection: what was sealed opens once, and nothing else opens at all.
//!
//! Input: version and AEAD, then what happens to records.

use core::ops::Range;

use sealgram_crypto::{Secret, Suite, TrafficSecret};
use sealgram_iana::{ContentType, Version};
use sealgram_record::{Discard, Fault, Overhead, RecordLayer, WindowSize};
use sealgram_wire::{Phase, RecordNumber};

use crate::input::Input;

const KINDS: usize = 4;

fn suite(version: Version, kind: usize) -> &'static Suite {
    let mut suites = nullcrypto::ALL_SUITES.iter().filter(|suite| suite.facts.version == version);
    // CCM_8, whose keys stand no more than 128 forgeries, stays out: a flood ends it.
    suites.nth(kind).expect("four of each version")
}

fn secret(version: Version, kind: usize, fill: u8) -> TrafficSecret {
    let suite = suite(version, kind);
    let filled = |len| Secret::filled(len, |bytes| bytes.fill(fill));
    match version {
        Version::V12 => TrafficSecret::V12 {
            aead: suite.aead,
            key: filled(suite.facts.aead.key_len()),
            fixed_iv: filled(suite.facts.aead.fixed_iv_len_v12()),
        },
        Version::V13 => TrafficSecret::V13 { suite, secret: filled(suite.facts.hash.output_len()) },
    }
}

/// A sealed record and what is in it.
struct Sealed {
    bytes: Vec<u8>,
    phase: Phase,
    typ: ContentType,
    plaintext: Vec<u8>,
    number: RecordNumber,
    opened: bool,
}

/// What was opened of a datagram.
struct Seen {
    typ: ContentType,
    phase: Phase,
    number: RecordNumber,
    payload: Vec<u8>,
}

fn open(reader: &mut RecordLayer, datagram: &[u8]) -> (Vec<Seen>, Vec<Discard>) {
    let mut datagram = datagram.to_vec();
    let mut rest = &mut datagram[..];
    let (mut seen, mut discards) = (Vec::new(), Vec::new());
    while let Some(outcome) = reader.open(&mut rest) {
        match outcome {
            Ok(opened) => seen.push(Seen {
                typ: opened.content_type,
                phase: opened.phase,
                number: opened.number,
                payload: opened.payload.to_vec(),
            }),
            Err(Fault::Discarded(discarded)) => {
                assert!(!discarded.reason.to_string().is_empty());
                discards.push(discarded.reason);
            }
            Err(Fault::Violation(violation)) => {
                // The writer made no such record, and nobody else has the keys.
                panic!("{violation}");
            }
        }
    }
    assert!(rest.is_empty());
    (seen, discards)
}

fn seal(writer: &mut RecordLayer, phase: Phase, typ: ContentType, plaintext: &[u8]) -> Sealed {
    let Overhead { before, after, .. } = writer.overhead(phase).expect("keys");
    let mut bytes = vec![0; before + plaintext.len() + after];
    bytes[before..][..plaintext.len()].copy_from_slice(plaintext);
    let number = writer.seal(phase, typ, &mut bytes).expect("sealed");
    Sealed { bytes, phase, typ, plaintext: plaintext.to_vec(), number, opened: false }
}

/// Seals, and lets the records meet their reader in many ways.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let flags = input.u8();
    let version = if flags & 1 == 0 { Version::V12 } else { Version::V13 };
    let kind = usize::from(flags >> 1) % KINDS;
    let window = WindowSize::new(64 * (1 + u16::from(flags >> 4))).unwrap_or_default();

    let mut writer = RecordLayer::new(RecordNumber::default(), window);
    let mut reader = RecordLayer::new(RecordNumber::default(), window);
    let mut phase = Phase::Application(0);
    if flags & 8 == 0 || version == Version::V13 {
        writer.set_version(version);
        reader.set_version(version);
    }
    writer.install_write(phase, secret(version, kind, 1)).expect("installed");
    reader.install_read(phase, secret(version, kind, 1)).expect("installed");

    let mut sealed: Vec<Sealed> = Vec::new();
    let mut newest: u64 = 0;
    while !input.is_empty() {
        match input.u8() % 10 {
            0 | 1 => {
                let typ = match input.u8() % 4 {
                    0 => ContentType::HANDSHAKE,
                    1 => ContentType::ALERT,
                    _ => ContentType::APPLICATION_DATA,
                };
                // Only data may be empty.
                let mut plaintext = input.short().to_vec();
                if plaintext.is_empty() && typ != ContentType::APPLICATION_DATA {
                    plaintext.push(0);
                }
                sealed.push(seal(&mut writer, phase, typ, &plaintext));
            }
            2..=4 => {
                let index = input.u8();
                if let Some(index) = choose(&sealed, index) {
                    let record = &mut sealed[index];
                    let (seen, discards) = open(&mut reader, &record.bytes);
                    if record.opened || seen.is_empty() {
                        // Repeated, left of the window, or of keys that are gone.
                        assert!(seen.is_empty(), "a replay was opened");
                        assert_eq!(discards.len(), 1);
                        let late = record.number.sequence() + u64::from(window.records()) <= newest;
                        assert!(record.opened || late || record.phase != phase, "{discards:?}");
                    } else {
                        assert_opened(&seen, record);
                        record.opened = true;
                    }
                    if record.phase == phase {
                        newest = newest.max(record.number.sequence());
                    }
                }
            }
            5 | 6 => {
                // An altered record never opens, whichever byte it is.
                let (index, at, flip) = (input.u8(), usize::from(input.u16()), input.u8().max(1));
                if let Some(index) = choose(&sealed, index) {
                    let mut bytes = sealed[index].bytes.clone();
                    let at = at % bytes.len();
                    bytes[at] ^= flip;
                    never_protected(&mut reader, &bytes);
                }
            }
            7 => {
                let (index, len) = (input.u8(), usize::from(input.u16()));
                if let Some(index) = choose(&sealed, index) {
                    let bytes = &sealed[index].bytes;
                    never_protected(&mut reader, &bytes[..len % bytes.len()]);
                }
            }
            8 => never_protected(&mut reader, input.long()),
            _ => {
                // The next keys, in 1.3.
                if let (Version::V13, Phase::Application(n)) = (version, phase)
                    && n < 8
                {
                    phase = Phase::Application(n + 1);
                    let fill = u8::try_from(n).expect("small") + 2;
                    writer.install_write(phase, secret(version, kind, fill)).expect("installed");
                    reader.install_read(phase, secret(version, kind, fill)).expect("installed");
                    newest = 0;
                }
            }
        }
        let usage = reader.usage();
        assert!(usage.forged < usage.forged_limit, "no flood is that long");
    }

    // The association has survived all of it.
    let last = seal(&mut writer, phase, ContentType::APPLICATION_DATA, b"still here");
    let (seen, _) = open(&mut reader, &last.bytes);
    assert_opened(&seen, &last);
}

fn choose(sealed: &[Sealed], index: u8) -> Option<usize> {
    usize::from(index).checked_rem(sealed.len())
}

fn assert_opened(seen: &[Seen], record: &Sealed) {
    let [one] = seen else { panic!("{} records", seen.len()) };
    assert_eq!((one.typ, one.phase, one.number), (record.typ, record.phase, record.number));
    assert!(one.payload == record.plaintext);
}

/// Plaintext records may be read from it, and nothing else.
fn never_protected(reader: &mut RecordLayer, datagram: &[u8]) {
    let all: Range<usize> = 0..datagram.len();
    let (seen, discards) = open(reader, datagram);
    assert!(seen.iter().all(|seen| seen.phase == Phase::Plaintext), "a forgery was opened");
    assert!(!datagram.is_empty() || (seen.is_empty() && discards.is_empty()));
    assert!(seen.len() + discards.len() <= all.len());
}
