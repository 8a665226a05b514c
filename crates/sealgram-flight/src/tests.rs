//! Virtual time only; records are plain bytes with a phase and a number.

mod acks;
mod bookkeeping;
mod channel;
mod properties;
mod receiving;
mod sending;
mod timers;

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use sealgram_iana::{ContentType, HandshakeType};
use sealgram_wire::RecordNumber;
use sealgram_wire::{Fragment, Group, Instant, MessageSeq, OwnedMessage, Phase, Reader};

use crate::{Flight, FlightConfig, FlightRules, Received, Violation, Wanted};

const APP: Phase = Phase::Application(0);

/// A record as it travels.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Record {
    phase: Phase,
    content_type: ContentType,
    number: RecordNumber,
    content: Vec<u8>,
}

impl Record {
    /// (message_seq, offset, length) of each fragment.
    fn fragments(&self) -> Vec<(u16, u32, usize)> {
        assert_eq!(self.content_type, ContentType::HANDSHAKE);
        let mut reader = Reader::new(&self.content);
        let mut fragments = Vec::new();
        while !reader.is_empty() {
            let fragment = Fragment::read(&mut reader).unwrap();
            fragments.push((fragment.seq.0, fragment.offset, fragment.body.len()));
        }
        fragments
    }

    fn number(&self) -> (u64, u64) {
        (u64::from(self.number.epoch()), self.number.sequence())
    }
}

/// A flight with the record numbers of its connection.
#[derive(Debug)]
struct End {
    flight: Flight,
    sequence: u64,
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn epoch(phase: Phase) -> u16 {
    match phase {
        Phase::Plaintext => 0,
        Phase::EarlyData => 1,
        Phase::Handshake => 2,
        Phase::Application(n) => 3 + n,
    }
}

fn number(phase: Phase, sequence: u64) -> RecordNumber {
    RecordNumber::new(epoch(phase), sequence).unwrap()
}

fn body(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8) ^ seed).collect()
}

impl End {
    fn new(rules: FlightRules) -> Self {
        Self::with(FlightConfig::default(), rules)
    }

    fn with(config: FlightConfig, rules: FlightRules) -> Self {
        let mut flight = Flight::new(config, MessageSeq(0), MessageSeq(0));
        flight.set_rules(rules);
        Self { flight, sequence: 0 }
    }

    fn send(&mut self, typ: HandshakeType, len: usize, phase: Phase, group: Group) -> u16 {
        self.flight.send(typ, body(len, typ.0), phase, group).unwrap().0
    }

    /// The next record with up to `room` bytes of content.
    fn record(&mut self, now: Instant, room: usize) -> Option<Record> {
        let wanted = self.flight.wants()?;
        let mut out = vec![0xee; room];
        let filled = self.flight.fill(&mut out)?;
        out.truncate(filled.len);
        let number = number(wanted.phase, self.sequence);
        self.sequence += 1;
        self.flight.sent(now, filled, number);
        let Wanted { phase, content_type } = wanted;
        Some(Record { phase, content_type, number, content: out })
    }

    fn drain(&mut self, now: Instant, room: usize) -> Vec<Record> {
        let mut records = Vec::new();
        while let Some(record) = self.record(now, room) {
            records.push(record);
        }
        assert_eq!(self.flight.wants(), None, "no room for what is wanted");
        records
    }

    /// Reads one handshake record and returns the messages that it completed.
    fn read(&mut self, now: Instant, record: &Record) -> Result<Vec<OwnedMessage>, Violation> {
        let mut messages = Vec::new();
        let mut open = self.flight.begin_record(record.number, record.phase);
        let mut reader = Reader::new(&record.content);
        while !reader.is_empty() {
            let fragment = Fragment::read(&mut reader).unwrap();
            if let Received::Message(m) = self.flight.on_fragment(now, &mut open, fragment)? {
                let body = m.body.to_vec();
                messages.push(OwnedMessage { typ: m.typ, seq: m.seq, phase: m.phase, body });
            }
            while let Some(message) = self.flight.pop_message() {
                messages.push(message);
            }
        }
        self.flight.end_record(now, open);
        Ok(messages)
    }

    /// Reads one fragment in a record of its own.
    fn read_fragment(
        &mut self,
        now: Instant,
        phase: Phase,
        sequence: u64,
        fragment: Fragment<'_>,
    ) -> Result<&'static str, Violation> {
        let mut open = self.flight.begin_record(number(phase, sequence), phase);
        let received = match self.flight.on_fragment(now, &mut open, fragment)? {
            Received::Message(_) => "message",
            Received::Buffered => "buffered",
            Received::Repeat => "repeat",
            Received::Dropped => "dropped",
        };
        self.flight.end_record(now, open);
        Ok(received)
    }

    fn fire(&mut self, now: Instant) -> Vec<crate::Fired> {
        let mut fired = Vec::new();
        while let Some(one) = self.flight.handle_timeout(now).unwrap() {
            fired.push(one);
        }
        fired
    }
}

fn fragment(seq: u16, message_len: u32, offset: u32, body: &[u8]) -> Fragment<'_> {
    let typ = HandshakeType::CERTIFICATE;
    Fragment { typ, seq: MessageSeq(seq), message_len, offset, body }
}

/// The record numbers of an ACK.
fn acked(record: &Record) -> Vec<(u64, u64)> {
    assert_eq!(record.content_type, ContentType::ACK);
    let mut reader = Reader::new(&record.content);
    let mut list = Reader::new(reader.vec16("record_numbers").unwrap());
    reader.finish("ACK").unwrap();
    let mut numbers = Vec::new();
    while !list.is_empty() {
        numbers.push((list.u64("epoch").unwrap(), list.u64("sequence_number").unwrap()));
    }
    numbers
}

const SECOND: Duration = Duration::from_secs(1);
