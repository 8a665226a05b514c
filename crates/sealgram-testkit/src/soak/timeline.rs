//! What happened in a run, for people to read.

use core::fmt::Write as _;

use sealgram::iana::{ContentType, HandshakeType};
use sealgram::{Instant, Side};
use sealgram_wire::{Ack, Alert, Fragment, FullHeader, Reader, RecordHeader};

use crate::{Fate, Sent};

/// What a run leaves behind, even if it panics.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// What became of the datagrams, in the order in which they were sent.
    pub(super) fates: Vec<Fate>,
    /// Lines of the timeline, if it is wanted.
    lines: Option<Vec<String>>,
}

impl Journal {
    /// One that keeps a timeline.
    pub(super) fn kept() -> Self {
        Self { fates: Vec::new(), lines: Some(Vec::new()) }
    }

    pub(super) const fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    pub(super) fn note(&mut self, at: Instant, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{}  {}", seconds(at), text()));
        }
    }

    /// Takes note of the datagrams that are new in `trace`.
    pub(super) fn datagrams(&mut self, trace: &[Sent]) {
        for sent in trace.get(self.fates.len()..).unwrap_or_default() {
            self.fates.push(sent.fate);
            self.note(sent.at, || line(sent));
        }
    }

    pub(super) fn into_text(self) -> String {
        let mut text = String::new();
        for line in self.lines.unwrap_or_default() {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

fn seconds(at: Instant) -> String {
    format!("{:>12.6}", core::time::Duration::from_micros(at.as_micros()).as_secs_f64())
}

fn line(sent: &Sent) -> String {
    let arrow = match sent.from {
        Side::Client => "C --> S",
        Side::Server => "C <-- S",
    };
    let fate = match sent.fate {
        Fate::Deliver => String::new(),
        fate => format!("  {fate:?}"),
    };
    format!("{arrow} #{} {} bytes:{}{fate}", sent.index, sent.bytes.len(), describe(&sent.bytes))
}

/// The records of a datagram, as far as an observer of nullcrypto can read them.
#[must_use]
fn describe(datagram: &[u8]) -> String {
    let mut rest = datagram;
    let mut text = String::new();
    while !rest.is_empty() {
        let Ok((header, header_len)) = RecordHeader::read(rest, 0) else {
            let _ = write!(text, " {} bytes that are no record", rest.len());
            break;
        };
        let body = rest.get(header_len..).unwrap_or_default();
        let len = header.payload_len().map_or(body.len(), usize::from).min(body.len());
        let (payload, tail) = body.split_at(len);
        match header {
            RecordHeader::Full(FullHeader { typ, number, .. }) => {
                let _ = write!(text, " [{}.{}", number.epoch(), number.sequence());
                let content = if number.epoch() == 0 { read(typ, payload) } else { None };
                let _ = write!(text, " {}]", content.unwrap_or_else(|| plain(typ, len)));
            }
            RecordHeader::Unified(header) => {
                let content = guess(payload);
                let content = content.unwrap_or_else(|| format!("{len} bytes of data or the like"));
                let _ = write!(text, " [epoch ..{} {content}]", header.epoch_bits);
            }
            RecordHeader::Cid(_) => text.push_str(" [a record with a connection ID]"),
        }
        rest = tail;
    }
    text
}

fn plain(typ: ContentType, len: usize) -> String {
    format!("{typ}, {len} bytes")
}

/// The content of a record, if it can be parsed.
fn read(typ: ContentType, content: &[u8]) -> Option<String> {
    match typ {
        ContentType::ALERT => Some(format!("alert {}", Alert::read(content).ok()?.description)),
        ContentType::ACK => {
            let numbers: Vec<_> = Ack::read(content).ok()?.record_numbers.iter().collect();
            let numbers = numbers.iter().map(|(epoch, sequence)| format!(" {epoch}.{sequence}"));
            Some(format!("ACK of{}", numbers.collect::<String>()))
        }
        ContentType::HANDSHAKE => {
            let mut reader = Reader::new(content);
            let mut texts = Vec::new();
            while !reader.is_empty() {
                let Fragment { typ, seq, message_len, offset, body } =
                    Fragment::read(&mut reader).ok()?;
                let known = typ.0 != 0 && typ.0 <= HandshakeType::MESSAGE_HASH.0;
                if !known {
                    return None;
                }
                let part = if body.len() == usize::try_from(message_len).ok()? {
                    String::new()
                } else {
                    format!(" ({offset}+{} of {message_len})", body.len())
                };
                texts.push(format!("{typ} {}{part}", seq.0));
            }
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        _ => None,
    }
}

/// The content of a protected 1.3 record. nullcrypto's keystream is one odd byte again and again,
/// so the content type, which comes last, gives it away if the rest then makes sense.
fn guess(payload: &[u8]) -> Option<String> {
    [16, 8].into_iter().find_map(|tag| {
        let (last, sealed) = payload.get(..payload.len().checked_sub(tag)?)?.split_last()?;
        [ContentType::HANDSHAKE, ContentType::ALERT, ContentType::ACK].into_iter().find_map(|typ| {
            let key = last ^ typ.0;
            let content: Vec<u8> = sealed.iter().map(|byte| byte ^ key).collect();
            if key & 1 == 1 { read(typ, &content) } else { None }
        })
    })
}
