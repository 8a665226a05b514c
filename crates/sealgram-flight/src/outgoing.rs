//! Outgoing messages: what is queued, what of it has to be sent now, what is acknowledged.
//!
//! ```text
//!   queue   [ message 3 | message 4 ........ | message 5 ]      in order of message_seq
//!             acked         ^ cursor                            bytes acknowledged: never resent
//!   send     appends; fill reads from the cursor; sent moves it; resend puts it back to the start
//! ```
//!
//! A resend goes through the same code as the first transmission. It may cut the messages at
//! other places, because the room in a record may have changed; their bytes never change.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use sealgram_iana::HandshakeType;
use sealgram_wire::{Fragment, Group, MessageSeq, Phase};

use crate::ranges::Ranges;

/// Messages that are queued or whose acknowledgement was not polled. A flight has up to 7
/// messages; a last flight that still waits for its ACK, a KeyUpdate, two messages about
/// connection IDs and a handful of tickets can come on top. Twice their sum.
const MAX_QUEUED: usize = 32;

/// The longest body that the 24 bits of `length` can say (RFC 9147 §5.2).
const MAX_BODY: usize = 0xff_ffff;

/// Why a message cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exhausted {
    /// All 65,536 message numbers are used; they never wrap (RFC 9147 §5.2).
    MessageNumbers,
    /// 32 messages wait for their acknowledgement.
    Queue,
    /// The body is longer than 2^24 - 1 bytes.
    Length,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MessageNumbers => "all message numbers are used",
            Self::Queue => "too many messages wait for their acknowledgement",
            Self::Length => "the message is too long for its length field",
        })
    }
}

impl core::error::Error for Exhausted {}

/// Whether the group is part of a handshake's flights, so that a new flight replaces it.
fn is_flight(group: Group) -> bool {
    matches!(group, Group::Flight | Group::LastFlight)
}

#[derive(Debug)]
struct OutgoingMessage {
    typ: HandshakeType,
    seq: MessageSeq,
    phase: Phase,
    /// The phase of the message before, sent or dropped: a ChangeCipherSpec goes where it changes.
    follows: Phase,
    group: Group,
    body: Vec<u8>,
    /// `body.len()`, which outlives the body of an acknowledged message.
    len: u32,
    acked: Ranges,
    /// Every byte was handed to a record at least once.
    transmitted: bool,
}

impl OutgoingMessage {
    fn number(&self) -> u32 {
        u32::from(self.seq.0)
    }

    /// How many positions are tracked. An empty message has one, which stands for its header.
    fn positions(&self) -> u32 {
        self.len.max(1)
    }

    fn is_acked(&self) -> bool {
        self.acked.first_gap(0, self.positions()).is_none()
    }
}

/// A place in the stream of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cursor {
    /// A message number, up to 65,536: one beyond the last.
    seq: u32,
    /// `None`: in front of the message and of its ChangeCipherSpec.
    offset: Option<u32>,
}

/// What goes out next.
enum Piece<'a> {
    ChangeCipherSpec {
        phase: Phase,
        seq: u32,
    },
    /// `start..end` are positions of the message.
    Body {
        message: &'a OutgoingMessage,
        start: u32,
        end: u32,
    },
}

/// The positions that a record carried, from the first to the last. Positions in between that it
/// did not carry were acknowledged when it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SentRange {
    first: (u32, u32),
    last: (u32, u32),
}

/// What a record holds, from [`Outgoing::fill`] to [`Outgoing::on_sent`].
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) len: usize,
    from: Cursor,
    to: Cursor,
    /// `None`: a ChangeCipherSpec.
    pub(crate) range: Option<SentRange>,
}

/// What was new in a record that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Novelty {
    /// Nothing: a retransmission.
    Repeat,
    /// A message after the handshake.
    PostHandshake,
    /// Part of a flight.
    Flight,
}

#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Sorted by number. Bound: see [`MAX_QUEUED`].
    queue: VecDeque<OutgoingMessage>,
    cursor: Cursor,
    next: u32,
    /// The phase of the newest message.
    phase: Phase,
    /// Acknowledged messages that were not polled yet. Bound: see [`MAX_QUEUED`].
    acked: VecDeque<(MessageSeq, Group)>,
}

impl Outgoing {
    pub(crate) fn new(next: MessageSeq) -> Self {
        let next = u32::from(next.0);
        Self {
            queue: VecDeque::new(),
            cursor: Cursor { seq: next, offset: None },
            next,
            phase: Phase::Plaintext,
            acked: VecDeque::new(),
        }
    }

    pub(crate) fn next_seq(&self) -> Option<MessageSeq> {
        u16::try_from(self.next).ok().map(MessageSeq)
    }

    pub(crate) fn push(
        &mut self,
        typ: HandshakeType,
        body: Vec<u8>,
        phase: Phase,
        group: Group,
    ) -> Result<MessageSeq, Exhausted> {
        let seq = self.next_seq().ok_or(Exhausted::MessageNumbers)?;
        if self.queue.len().saturating_add(self.acked.len()) >= MAX_QUEUED {
            return Err(Exhausted::Queue);
        }
        let len = u32::try_from(body.len()).map_err(|_| Exhausted::Length)?;
        if body.len() > MAX_BODY {
            return Err(Exhausted::Length);
        }
        let follows = core::mem::replace(&mut self.phase, phase);
        self.next = self.next.saturating_add(1);
        self.queue.push_back(OutgoingMessage {
            typ,
            seq,
            phase,
            follows,
            group,
            body,
            len,
            acked: Ranges::default(),
            transmitted: false,
        });
        Ok(seq)
    }

    fn next_piece(&self, from: Cursor, change_cipher_spec: bool) -> Option<Piece<'_>> {
        // The peer cannot use a KeyUpdate before it has all of the flight that completes its
        // handshake.
        let finishing = self.awaits_ack(Group::LastFlight);
        let may_go = |message: &OutgoingMessage| {
            message.number() >= from.seq && !(finishing && message.group == Group::KeyUpdate)
        };
        self.queue.iter().filter(|message| may_go(message)).find_map(|message| {
            let offset = if message.number() == from.seq { from.offset } else { None };
            let (start, end) = message.acked.first_gap(offset.unwrap_or(0), message.positions())?;
            if change_cipher_spec && offset.is_none() && message.follows != message.phase {
                return Some(Piece::ChangeCipherSpec {
                    phase: message.follows,
                    seq: message.number(),
                });
            }
            Some(Piece::Body { message, start, end })
        })
    }

    /// Phase of the next record, and whether it is a ChangeCipherSpec.
    pub(crate) fn wants(&self, change_cipher_spec: bool) -> Option<(Phase, bool)> {
        Some(match self.next_piece(self.cursor, change_cipher_spec)? {
            Piece::ChangeCipherSpec { phase, .. } => (phase, true),
            Piece::Body { message, .. } => (message.phase, false),
        })
    }

    /// Writes the content of the next record.
    pub(crate) fn fill(
        &self,
        out: &mut [u8],
        change_cipher_spec: bool,
        pack_messages: bool,
    ) -> Option<Content> {
        let from = self.cursor;
        let (mut at, mut len) = (from, 0usize);
        let mut carried: Option<(SentRange, Phase, Group)> = None;
        loop {
            let (message, start, end) = match self.next_piece(at, change_cipher_spec) {
                Some(Piece::Body { message, start, end }) => (message, start, end),
                Some(Piece::ChangeCipherSpec { seq, .. }) if carried.is_none() => {
                    *out.first_mut()? = 1; // the only value there is (RFC 5246 §7.1)
                    let to = Cursor { seq, offset: Some(0) };
                    return Some(Content { len: 1, from, to, range: None });
                }
                Some(Piece::ChangeCipherSpec { .. }) | None => break,
            };
            // Messages share a record only within a flight and its keys (RFC 9147 §5.5).
            if let Some((_, phase, group)) = carried {
                if !pack_messages || phase != message.phase || group != message.group {
                    break;
                }
            }
            let Some((header, room)) =
                out.get_mut(len..).and_then(|rest| rest.split_at_mut_checked(Fragment::HEADER_LEN))
            else {
                break;
            };
            let room_len = u32::try_from(room.len()).unwrap_or(u32::MAX);
            let body_len = end.min(message.len).saturating_sub(start).min(room_len);
            // The one position of an empty message takes no room beyond its header.
            let taken = if message.len == 0 { 1 } else { body_len };
            if taken == 0 {
                break;
            }
            let stop = start.saturating_add(taken);
            let Some((body, room)) = slice(&message.body, start, body_len)
                .and_then(|body| Some((body, room.get_mut(..body.len())?)))
            else {
                break;
            };
            header.copy_from_slice(&Fragment::header(
                message.typ,
                message.seq,
                message.len,
                start,
                body_len,
            ));
            room.copy_from_slice(body);
            len = len.saturating_add(Fragment::HEADER_LEN).saturating_add(body.len());
            at = Cursor { seq: message.number(), offset: Some(stop) };
            let last = (message.number(), stop);
            let first =
                carried.map_or_else(|| (message.number(), start), |(range, ..)| range.first);
            carried = Some((SentRange { first, last }, message.phase, message.group));
            if stop < end {
                break;
            }
        }
        let (range, ..) = carried?;
        Some(Content { len, from, to: at, range: Some(range) })
    }

    /// A record with this content was sent.
    pub(crate) fn on_sent(&mut self, content: &Content) -> Novelty {
        // Otherwise a resend was ordered in between, which begins at the start.
        if self.cursor == content.from {
            self.cursor = content.to;
        }
        let mut novelty = Novelty::Repeat;
        let Some(range) = content.range else { return novelty };
        for message in &mut self.queue {
            let number = message.number();
            if number < range.first.0 || number > range.last.0 || message.transmitted {
                continue;
            }
            message.transmitted = (number, message.positions()) <= range.last;
            match (is_flight(message.group), novelty) {
                (true, _) => novelty = Novelty::Flight,
                (false, Novelty::Repeat) => novelty = Novelty::PostHandshake,
                (false, _) => {}
            }
        }
        novelty
    }

    /// The record that carried `range` has arrived.
    pub(crate) fn on_acked(&mut self, range: SentRange) {
        for message in &mut self.queue {
            let number = message.number();
            if number < range.first.0 || number > range.last.0 {
                continue;
            }
            let start = if number == range.first.0 { range.first.1 } else { 0 };
            let end = if number == range.last.0 { range.last.1 } else { message.positions() };
            message.acked.add(start, end.min(message.positions()));
        }
    }

    /// Takes out what is acknowledged in full and reports it. A KeyUpdate waits for all messages
    /// before it, because new keys may be used only then (RFC 9147 §8).
    pub(crate) fn settle_acked(&mut self) {
        let Self { queue, acked, .. } = self;
        let mut complete = true;
        queue.retain_mut(|message| {
            if !message.is_acked() {
                complete = false;
                return true;
            }
            if message.group == Group::KeyUpdate && !complete {
                message.body = Vec::new();
                return true;
            }
            acked.push_back((message.seq, message.group));
            false
        });
        self.release_empty();
    }

    pub(crate) fn poll_acked(&mut self) -> Option<(MessageSeq, Group)> {
        let acked = self.acked.pop_front();
        if self.acked.is_empty() {
            self.acked = VecDeque::new();
        }
        acked
    }

    /// Everything that is not acknowledged has to be sent again. Whether there is any.
    pub(crate) fn resend(&mut self) -> bool {
        let Some(first) = self.queue.iter().find(|message| !message.is_acked()) else {
            return false;
        };
        self.cursor = Cursor { seq: first.number(), offset: None };
        true
    }

    /// Whether the first message that is not acknowledged is a plaintext one.
    pub(crate) fn is_plaintext_unanswered(&self) -> bool {
        let mut unanswered = self.queue.iter().filter(|message| !message.is_acked());
        unanswered.next().is_some_and(|message| message.phase.is_plaintext())
    }

    /// If something was sent of what is queued and something was not, everything that is not
    /// acknowledged is sent again before the rest.
    pub(crate) fn begin_again(&mut self) {
        if self.wants(false).is_some() {
            self.resend();
        }
    }

    /// The messages of both flight groups end: a new flight takes their place.
    pub(crate) fn drop_flights(&mut self) {
        self.queue.retain(|message| !is_flight(message.group));
        self.settle_acked();
    }

    /// The messages of this group end.
    pub(crate) fn drop_group(&mut self, group: Group) {
        self.queue.retain(|message| message.group != group);
        // Dropped messages may be acknowledged ones that a KeyUpdate waited for.
        self.settle_acked();
    }

    /// Whether everything of this group was sent at least once; false if there is nothing.
    pub(crate) fn is_transmitted(&self, group: Group) -> bool {
        let mut group = self.queue.iter().filter(|message| message.group == group).peekable();
        group.peek().is_some() && group.all(|message| message.transmitted)
    }

    /// The phase of the first message that waits for its first transmission.
    pub(crate) fn unsent_phase(&self) -> Option<Phase> {
        self.queue.iter().find(|message| !message.transmitted).map(|message| message.phase)
    }

    /// Whether part of a flight waits for its first transmission.
    pub(crate) fn has_fresh_flight(&self) -> bool {
        self.queue.iter().any(|message| is_flight(message.group) && !message.transmitted)
    }

    /// Whether something waits for an answer: a flight, or, if there are ACKs, anything.
    pub(crate) fn awaits_answer(&self, acks: bool) -> bool {
        self.queue
            .iter()
            .any(|message| (acks || message.group == Group::Flight) && !message.is_acked())
    }

    /// Whether part of this group is not acknowledged.
    pub(crate) fn awaits_ack(&self, group: Group) -> bool {
        self.queue.iter().any(|message| message.group == group && !message.is_acked())
    }

    pub(crate) fn nothing_outstanding(&self, phase: Phase) -> bool {
        !self.queue.iter().any(|message| message.phase == phase && !message.is_acked())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// A settled connection holds no memory for messages.
    fn release_empty(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let queue = self.queue.capacity().saturating_mul(size_of::<OutgoingMessage>());
        let acked = self.acked.capacity().saturating_mul(size_of::<(MessageSeq, Group)>());
        self.queue.iter().fold(queue.saturating_add(acked), |sum, message| {
            sum.saturating_add(message.body.capacity()).saturating_add(message.acked.heap_bytes())
        })
    }
}

fn slice(body: &[u8], start: u32, len: u32) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    let len = usize::try_from(len).ok()?;
    body.get(start..)?.get(..len)
}
