//! Flights over a network that the fuzzer is: a sender whose messages arrive in any order and cut,
//! and a receiver that also hears from others.
//!
//! Input: version and phase, then what happens.

use sealgram_flight::{
    Filled, Fired, Flight, FlightConfig, FlightRules, Received, Violation, reassembly_bound,
};
use sealgram_iana::{ContentType, HandshakeType};
use sealgram_wire::{Ack, Fragment, Group, Instant, MessageSeq, Phase, Reader, RecordNumber};

use crate::heap;
use crate::input::Input;

const MAX_MESSAGE: u32 = 20_000;

/// What else both directions may hold: lists of 32 records, and of what was sent.
const BOOKKEEPING: usize = 16 * 1024;

/// How many records may be in the air; what comes then is lost.
const AIR: usize = 64;

struct Record {
    number: RecordNumber,
    phase: Phase,
    content_type: ContentType,
    content: Vec<u8>,
}

struct World {
    sender: Flight,
    receiver: Flight,
    now: Instant,
    next_number: u64,
    air: Vec<Record>,
    acks: Vec<Vec<u8>>,
    /// What was queued: type, body.
    sent: Vec<(HandshakeType, Vec<u8>)>,
    delivered: usize,
    /// Nobody but the sender has sent anything, so everything must arrive.
    honest: bool,
    paused: bool,
    over: bool,
    /// Heap in use before anything was received.
    base: usize,
}

/// Two flights, and who is between them.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let flags = input.u8();
    let rules = if flags & 1 == 0 { FlightRules::V12 } else { FlightRules::V13 };
    let phase = if flags & 2 == 0 { Phase::Plaintext } else { Phase::Handshake };
    let config = FlightConfig { max_message_len: MAX_MESSAGE, ..FlightConfig::default() };
    let first = if flags & 4 == 0 { MessageSeq(0) } else { MessageSeq(65_530) };
    let mut world = World {
        sender: Flight::new(config, first, MessageSeq(0)),
        receiver: Flight::new(config, MessageSeq(0), first),
        now: Instant::ZERO,
        next_number: 0,
        air: Vec::new(),
        acks: Vec::new(),
        sent: Vec::new(),
        delivered: 0,
        honest: true,
        paused: false,
        over: false,
        base: heap::live(),
    };
    for flight in [&mut world.sender, &mut world.receiver] {
        flight.set_rules(rules);
        flight.set_write_phase(phase);
        flight.set_read_phase(phase).expect("nothing is buffered");
    }
    while !input.is_empty() && !world.over {
        world.step(&mut input, phase);
        world.check();
    }
    if world.honest && !world.over {
        world.flush();
    }
}

impl World {
    fn step(&mut self, input: &mut Input<'_>, phase: Phase) {
        match input.u8() % 12 {
            0 => {
                let len = usize::from(input.u16()) % 6000;
                let body: Vec<u8> = (0..len).map(|at| body_byte(self.sent.len(), at)).collect();
                let typ = HandshakeType(1 + input.u8() % 20);
                if self.sender.send(typ, body.clone(), phase, Group::Flight).is_ok() {
                    self.sent.push((typ, body));
                }
            }
            1..=3 => self.transmit(16 + usize::from(input.u8()) * 6),
            4 | 5 => {
                let index = input.u8();
                if let Some(index) = usize::from(index).checked_rem(self.air.len()) {
                    let record = self.air.remove(index);
                    self.receive(&record);
                }
            }
            6 => {
                // Once more: 1.3 would drop it, but plaintext repeats.
                let index = input.u8();
                if let Some(index) = usize::from(index).checked_rem(self.air.len()) {
                    let record = self.air.remove(index);
                    self.receive(&record);
                    self.air.push(record);
                }
            }
            7 => {
                let index = input.u8();
                if let Some(index) = usize::from(index).checked_rem(self.air.len()) {
                    self.air.remove(index);
                }
            }
            8 => {
                // Somebody else.
                self.honest = false;
                let mut content = Vec::new();
                for _ in 0..=input.u8() % 3 {
                    let seq = MessageSeq(
                        self.receiver
                            .next_receive()
                            .map_or(0, |seq| seq.0)
                            .wrapping_add(u16::from(input.u8() % 10).wrapping_sub(1)),
                    );
                    let typ = HandshakeType(1 + input.u8() % 4);
                    let (message_len, offset) = (input.u24(), input.u24());
                    let body = input.short();
                    let len = u32::try_from(body.len()).expect("short");
                    content.extend(Fragment::header(typ, seq, message_len, offset, len));
                    content.extend(body);
                }
                let phase = match input.u8() % 4 {
                    0 => Phase::Plaintext,
                    1 => Phase::Handshake,
                    _ => phase,
                };
                let number = RecordNumber::new(0, input.u8().into()).expect("small");
                let content_type = ContentType::HANDSHAKE;
                self.receive(&Record { number, phase, content_type, content });
            }
            9 => self.answer(input),
            10 => self.wait(),
            _ => {
                self.paused = input.flag();
                self.receiver.pause(self.now, self.paused);
                self.drain();
            }
        }
    }

    /// The sender writes one record.
    fn transmit(&mut self, room: usize) {
        let Some(wanted) = self.sender.wants() else { return };
        let mut content = vec![0; room];
        let Some(filled) = self.sender.fill(&mut content) else {
            assert!(room <= Fragment::HEADER_LEN, "{room} bytes are enough for a fragment");
            return;
        };
        let Filled { len, .. } = filled;
        assert!(len <= room);
        content.truncate(len);
        content.shrink_to_fit();
        let number = RecordNumber::new(wanted.phase.is_plaintext().into(), self.next_number);
        let number = number.expect("small");
        self.next_number += 1;
        self.sender.sent(self.now, filled, number);
        if self.air.len() < AIR {
            let (phase, content_type) = (wanted.phase, wanted.content_type);
            self.air.push(Record { number, phase, content_type, content });
        }
    }

    fn receive(&mut self, record: &Record) {
        if record.content_type != ContentType::HANDSHAKE || self.over {
            return;
        }
        let mut incoming = self.receiver.begin_record(record.number, record.phase);
        let mut reader = Reader::new(&record.content);
        while !reader.is_empty() {
            let Ok(fragment) = Fragment::read(&mut reader) else {
                assert!(!self.honest, "our own fragments can be read");
                break;
            };
            if self.honest {
                assert!(!fragment.body.is_empty() || fragment.message_len == 0);
            }
            match self.receiver.on_fragment(self.now, &mut incoming, fragment) {
                Ok(Received::Message(message)) => {
                    let (typ, body) = (message.typ, message.body.to_vec());
                    self.deliver(typ, &body);
                    self.drain();
                }
                Ok(Received::Buffered) => self.drain(),
                Ok(Received::Repeat | Received::Dropped) => {}
                Err(violation) => {
                    assert!(!self.honest, "{violation}");
                    let plaintext = record.phase.is_plaintext();
                    assert!(!plaintext || violation == Violation::MessageTooLong, "{violation}");
                    self.over = true;
                    return;
                }
            }
        }
        self.receiver.end_record(self.now, incoming);
    }

    fn drain(&mut self) {
        while let Some(message) = self.receiver.pop_message() {
            self.deliver(message.typ, &message.body);
        }
    }

    fn deliver(&mut self, typ: HandshakeType, body: &[u8]) {
        assert!(!self.paused, "delivered while paused");
        if self.honest {
            let (sent_typ, sent_body) = &self.sent[self.delivered];
            assert_eq!(typ, *sent_typ);
            assert!(body == sent_body, "message {} was altered", self.delivered);
        }
        self.delivered += 1;
    }

    /// The receiver's ACKs, genuine or not, reach the sender.
    fn answer(&mut self, input: &mut Input<'_>) {
        let kind = input.u8();
        if kind & 4 != 0 {
            self.receiver.ack_now();
        }
        let wanted = self.receiver.wants();
        if wanted.is_some_and(|wanted| wanted.content_type == ContentType::ACK) {
            let mut content = vec![0; 18 + 16 * usize::from(kind >> 3)];
            let filled = self.receiver.fill(&mut content).expect("room for one number");
            content.truncate(filled.len);
            let number = RecordNumber::new(0, self.next_number).expect("small");
            self.next_number += 1;
            self.receiver.sent(self.now, filled, number);
            if kind & 1 == 0 {
                self.acks.push(content);
            }
        }
        if kind & 2 != 0 {
            self.honest = false;
            let numbers = [(input.u64(), input.u64()), (input.u8().into(), input.u8().into())];
            self.sender.on_ack(self.now, numbers);
        }
        for content in core::mem::take(&mut self.acks) {
            let ack = Ack::read(&content).expect("our own ACK can be read");
            assert!(!ack.record_numbers.is_empty());
            self.sender.on_ack(self.now, ack.record_numbers.iter());
        }
        while self.sender.poll_acked().is_some() {}
    }

    /// Time passes until the next timer.
    fn wait(&mut self) {
        let timers = [&self.sender, &self.receiver].map(|flight| flight.poll_timeout());
        let Some((at, _)) = timers.into_iter().flatten().min_by_key(|(at, _)| *at) else { return };
        assert!(at >= self.now, "a timer was forgotten");
        self.now = at;
        for flight in [&mut self.sender, &mut self.receiver] {
            let mut fired = 0;
            loop {
                match flight.handle_timeout(self.now) {
                    Ok(Some(Fired::Ack)) => assert!(flight.wants().is_some() || !self.honest),
                    Ok(Some(Fired::Retransmit { count })) => {
                        assert!(count > 0);
                        assert!(flight.wants().is_some(), "nothing to send again");
                    }
                    Ok(None) => break,
                    Err(error) => {
                        assert!(!error.to_string().is_empty());
                        self.over = true;
                        return;
                    }
                }
                fired += 1;
                assert!(fired < 4, "timers fire for ever");
            }
        }
    }

    fn check(&self) {
        let bound = reassembly_bound(MAX_MESSAGE) + BOOKKEEPING;
        let receiver = self.receiver.heap_bytes();
        assert!(receiver <= bound, "{receiver} bytes, and the bound is {bound}");
        // What it says is what it holds.
        let ours = self.sent.iter().map(|(_, body)| body.capacity()).sum::<usize>()
            + self.sent.capacity() * size_of::<(HandshakeType, Vec<u8>)>()
            + self.air.iter().map(|record| record.content.capacity()).sum::<usize>()
            + self.air.capacity() * size_of::<Record>();
        let said = receiver + self.sender.heap_bytes() + ours;
        let live = heap::live().saturating_sub(self.base);
        assert!(live <= said + 4096, "{live} bytes are held, {said} are said");
    }

    /// From now on the network loses nothing.
    fn flush(&mut self) {
        self.paused = false;
        self.receiver.pause(self.now, false);
        self.drain();
        for record in core::mem::take(&mut self.air) {
            self.receive(&record);
        }
        for _ in 0..2 {
            while self.sender.wants().is_some() {
                self.transmit(1200);
                for record in core::mem::take(&mut self.air) {
                    self.receive(&record);
                }
            }
            self.sender.resend_now();
        }
        assert_eq!(self.delivered, self.sent.len(), "messages were lost");
        assert!(!self.over);
    }
}

/// Different for each message, so that mixing them up is noticed.
fn body_byte(message: usize, at: usize) -> u8 {
    let mixed = (message * 251 + at).wrapping_mul(0x9e37_79b1) >> 11;
    mixed.to_le_bytes()[0]
}
