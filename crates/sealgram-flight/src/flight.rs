//! [`Flight`]: the two directions, the ACKs and the timers, put together.

use alloc::vec::Vec;
use core::time::Duration;

use sealgram_iana::{ContentType, HandshakeType};
use sealgram_wire::RecordNumber;
use sealgram_wire::{Fragment, Group, Instant, Message, MessageSeq, OwnedMessage, Phase};

use crate::ack::{AckList, SentRecords};
use crate::outgoing::{Content, Exhausted, Novelty, Outgoing};
use crate::reassembly::{Kept, Reassembly, Violation};
use crate::timer::{TimedOut, TimerKind, Timers};
use crate::{FlightConfig, FlightRules};

/// The next record that has to go now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Under which keys.
    pub phase: Phase,
    /// `HANDSHAKE`, `CHANGE_CIPHER_SPEC` or `ACK`.
    pub content_type: ContentType,
}

/// The content of a record that [`Flight::fill`] wrote. Give it to [`Flight::sent`] once the
/// record is sealed; if it is dropped, the same content is wanted again.
#[derive(Debug)]
#[must_use]
pub struct Filled {
    /// How many bytes of the buffer were written.
    pub len: usize,
    /// `None`: an ACK.
    content: Option<Content>,
}

/// A handshake record that is being read, from [`Flight::begin_record`] to
/// [`Flight::end_record`].
#[derive(Debug)]
#[must_use]
pub struct IncomingRecord {
    number: RecordNumber,
    phase: Phase,
    /// It holds a fragment that was discarded, so an ACK would lie (RFC 9147 §7).
    discarded: bool,
    /// It holds a fragment.
    used: bool,
    /// It holds a fragment that is no repeat.
    new: bool,
    /// It holds a repeat of a message that our flight replies to, and the peer may lack the keys
    /// of an ACK.
    replied: bool,
}

/// What became of a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received<'a> {
    /// It is the whole next message: here it is, without a copy. Handle it, then drain
    /// [`Flight::pop_message`].
    Message(Message<'a>),
    /// It is kept; drain [`Flight::pop_message`], because it may have completed a message.
    Buffered,
    /// It belongs to a message that was delivered before.
    Repeat,
    /// It is of no use: too far ahead, empty, in conflict with what is here, or in a phase that
    /// it must not be in, without proof that the peer sent it.
    Dropped,
}

/// What a timer did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fired {
    /// An ACK is due: [`Flight::wants`] names it.
    Ack,
    /// What is not acknowledged is sent again: [`Flight::wants`] names it.
    Retransmit {
        /// The how-manieth time in a row, from 1.
        count: u32,
    },
}

/// Handshake reliability of one connection.
#[derive(Debug)]
pub struct Flight {
    rules: FlightRules,
    outgoing: Outgoing,
    sent: SentRecords,
    reassembly: Reassembly,
    acks: AckList,
    timers: Timers,
    repeat_acks: bool,
    /// No plaintext record is acknowledged.
    keeps_peer_sending: bool,
    paused: bool,
    /// A message was delivered since the last `send`: the next one begins a new flight.
    answered: bool,
    /// The handshake is complete.
    complete: bool,
    /// The number of the peer's Finished.
    finished: Option<MessageSeq>,
    flights_resent: u64,
}

impl Flight {
    /// Nothing sent, nothing received, rules [`FlightRules::UNDECIDED`]. The numbers are 0, or
    /// those that a stateless exchange has come to (RFC 9147 §5.1).
    #[must_use]
    pub fn new(config: FlightConfig, next_send: MessageSeq, next_receive: MessageSeq) -> Self {
        Self {
            rules: FlightRules::UNDECIDED,
            outgoing: Outgoing::new(next_send),
            sent: SentRecords::default(),
            reassembly: Reassembly::new(next_receive, config.max_message_len),
            acks: AckList::new(),
            timers: Timers::new(&config),
            repeat_acks: config.repeat_acks,
            keeps_peer_sending: false,
            paused: false,
            answered: false,
            complete: false,
            finished: None,
            flights_resent: 0,
        }
    }

    /// The version is known. Call it before the first message of the new version is sent.
    pub fn set_rules(&mut self, rules: FlightRules) {
        self.rules = rules;
        if !rules.note_received {
            self.clear_acks();
        }
        // The message that told the version was part of the reply.
        if self.answered {
            self.acknowledge_implicitly();
        }
    }

    // --- sending

    /// Queues a message for sending. The first of a flight that follows a delivered message ends
    /// the flight before it.
    ///
    /// # Errors
    ///
    /// [`Exhausted`], and nothing changes; the connection cannot go on.
    pub fn send(
        &mut self,
        typ: HandshakeType,
        body: Vec<u8>,
        phase: Phase,
        group: Group,
    ) -> Result<MessageSeq, Exhausted> {
        if self.answered && matches!(group, Group::Flight | Group::LastFlight) {
            self.outgoing.drop_flights();
            self.timers.reset_retransmit();
        }
        self.answered = false;
        self.outgoing.push(typ, body, phase, group)
    }

    /// The record that has to go now. An ACK goes before handshake messages, and not at all if
    /// the reply that acknowledges the same records is ready.
    #[must_use]
    pub fn wants(&self) -> Option<Wanted> {
        if let Some(phase) = self.wants_ack() {
            return Some(Wanted { phase, content_type: ContentType::ACK });
        }
        if self.is_held() {
            return None;
        }
        let (phase, change_cipher_spec) = self.outgoing.wants(self.rules.change_cipher_spec)?;
        let content_type = if change_cipher_spec {
            ContentType::CHANGE_CIPHER_SPEC
        } else {
            ContentType::HANDSHAKE
        };
        Some(Wanted { phase, content_type })
    }

    /// The phase of the first message that was not sent in full even once.
    #[must_use]
    pub fn unsent_phase(&self) -> Option<Phase> {
        self.outgoing.unsent_phase()
    }

    fn wants_ack(&self) -> Option<Phase> {
        let reply_is_ready = self.outgoing.has_fresh_flight() && !self.paused;
        let allowed = self.rules.acks && !reply_is_ready;
        self.acks.wants(self.ack_limit()).filter(|_| allowed)
    }

    /// The highest phase of ACKs while the peer may lack the keys of higher ones: it has those
    /// that what it was sent has led to.
    fn ack_limit(&self) -> Option<Phase> {
        match self.is_held() {
            true => self.outgoing.unsent_phase(),
            false => self.last_flight_awaits_ack().then_some(Phase::Handshake),
        }
    }

    /// Whether the flight is still being prepared: what is missing of it is being asked for. It
    /// goes out when it is whole (RFC 9147 §5.8.1), in as few datagrams as it needs; until then an
    /// ACK keeps the peer from sending its own again.
    fn is_held(&self) -> bool {
        self.paused && self.outgoing.has_fresh_flight()
    }

    /// Writes the content of the record that [`Flight::wants`] names: as much as fits.
    ///
    /// `None` if nothing is wanted, or `out` has no room for a fragment's header and one byte
    /// (an ACK: for one record number). The caller then starts a new datagram. A fragment is
    /// never empty, unless its message is.
    pub fn fill(&self, out: &mut [u8]) -> Option<Filled> {
        if self.wants_ack().is_some() {
            return self.acks.fill(out).map(|len| Filled { len, content: None });
        }
        if self.is_held() {
            return None;
        }
        let rules = &self.rules;
        let content = self.outgoing.fill(out, rules.change_cipher_spec, rules.pack_messages)?;
        Some(Filled { len: content.len, content: Some(content) })
    }

    /// The record with this content was sent under this number.
    pub fn sent(&mut self, now: Instant, filled: Filled, number: RecordNumber) {
        let Some(content) = filled.content else {
            self.acks.on_sent();
            return;
        };
        if let Some(range) = content.range.filter(|_| self.rules.acks) {
            self.sent.push(number, range);
        }
        match self.outgoing.on_sent(&content) {
            Novelty::Flight => self.clear_acks(),
            // RFC 9147 §7.1: these do not acknowledge anything by themselves.
            Novelty::PostHandshake if !self.acks.forget_acked() => self.timers.stop_ack(),
            Novelty::PostHandshake | Novelty::Repeat => {}
        }
        self.settle(now);
    }

    /// Everything that is not acknowledged is sent again now; the back-off stays. Returns whether
    /// there was anything.
    pub fn resend_now(&mut self) -> bool {
        let resend = self.outgoing.resend();
        if resend {
            self.timers.suspend_retransmit();
            self.flights_resent = self.flights_resent.saturating_add(1);
        }
        resend
    }

    /// The highest phase that can be written in: the one of ACKs (RFC 9147 §7), except that those
    /// of the handshake stay in [`Phase::Handshake`] until our last flight is acknowledged. In
    /// [`Phase::EarlyData`] they stay in plaintext.
    pub fn set_write_phase(&mut self, phase: Phase) {
        self.acks.set_phase(phase);
    }

    // --- receiving

    /// Read keys were installed that the next handshake message is expected under.
    ///
    /// # Errors
    ///
    /// [`Violation::UnexpectedPhase`] if authenticated fragments of the next message are buffered
    /// already: a message must not straddle a key change. Plaintext ones are dropped.
    pub fn set_read_phase(&mut self, phase: Phase) -> Result<(), Violation> {
        self.reassembly.set_phase(phase)
    }

    /// A handshake record was opened. Not for a replayed one.
    pub fn begin_record(&self, number: RecordNumber, phase: Phase) -> IncomingRecord {
        IncomingRecord { number, phase, discarded: false, used: false, new: false, replied: false }
    }

    /// One fragment of the record.
    ///
    /// # Errors
    ///
    /// A [`Violation`]; nothing was changed. The caller ends the connection.
    pub fn on_fragment<'a>(
        &mut self,
        now: Instant,
        record: &mut IncomingRecord,
        fragment: Fragment<'a>,
    ) -> Result<Received<'a>, Violation> {
        record.used = true;
        if self.reassembly.is_repeat(fragment.seq) {
            return Ok(self.on_repeat(record, &fragment));
        }
        record.new = true;
        if record.phase != self.reassembly.phase() {
            if !record.phase.is_plaintext() {
                return Err(Violation::UnexpectedPhase);
            }
            record.discarded = true;
            return Ok(Received::Dropped);
        }
        self.reassembly.check_len(&fragment)?;
        if !self.paused && self.reassembly.is_next_whole(&fragment) {
            self.reassembly.advance();
            self.acknowledge_implicitly();
            self.settle(now);
            let Fragment { typ, seq, body, .. } = fragment;
            self.on_delivered(typ, seq);
            return Ok(Received::Message(Message { typ, seq, phase: record.phase, body }));
        }
        match self.reassembly.insert(&fragment) {
            Ok(Kept::Yes) => {
                self.acknowledge_implicitly();
                self.settle(now);
                Ok(Received::Buffered)
            }
            Ok(Kept::Nothing) => Ok(Received::Dropped),
            // Anyone can have sent a plaintext fragment: it must not end the handshake.
            Err(violation) if !record.phase.is_plaintext() => Err(violation),
            Ok(Kept::No) | Err(_) => {
                record.discarded = true;
                Ok(Received::Dropped)
            }
        }
    }

    fn on_repeat(
        &mut self,
        record: &mut IncomingRecord,
        fragment: &Fragment<'_>,
    ) -> Received<'static> {
        if self.reassembly.phase_of(fragment.seq) != Some(record.phase) {
            // A peer that gets its keys wrong is told that the message is here, lest it send it
            // again for ever; plaintext may come from anyone.
            record.discarded |= record.phase.is_plaintext();
            return Received::Dropped;
        }
        record.replied = !self.is_held()
            && self.outgoing.awaits_ack(Group::Flight)
            && self.acks.highest_phase() > record.phase;
        let finished =
            fragment.typ == HandshakeType::FINISHED && self.finished == Some(fragment.seq);
        // One resend for each repeat, also if it comes in several fragments, and none while the
        // last one is still being sent.
        let starts = fragment.offset == 0 && !fragment.body.is_empty();
        if self.rules.resend_final_flight_on_repeat
            && self.complete
            && finished
            && starts
            && self.outgoing.wants(self.rules.change_cipher_spec).is_none()
        {
            self.resend_now();
        }
        // A client that says hello again has not seen our ServerHello. If a limit has stopped our
        // flight half-way, what may be sent for this hello must not be spent on messages that the
        // client cannot open without it. In 1.2 it can use them, and going on is better.
        if self.rules.acks && starts && self.outgoing.is_plaintext_unanswered() {
            self.outgoing.begin_again();
        }
        Received::Repeat
    }

    /// The record has no further fragments. It goes on the list of the next ACK, unless a
    /// fragment was discarded (RFC 9147 §7).
    ///
    /// Nor if all of it repeats what our flight replies to, and the reply leads to the keys of
    /// ACKs: the peer has not got the reply, which the timer sends again, and could not read them.
    /// RFC 9147 §7.1 wants none where a reply follows.
    pub fn end_record(&mut self, now: Instant, record: IncomingRecord) {
        // Epoch 1 carries no handshake messages, so none of its records is acknowledged.
        let early = record.phase == Phase::EarlyData;
        let replied = record.replied && !record.new;
        let kept_sending = self.keeps_peer_sending && record.phase.is_plaintext();
        let useless = !record.used || record.discarded || early || replied || kept_sending;
        if useless || !self.rules.note_received {
            return;
        }
        self.acks.push(record.number, record.phase);
        if self.rules.acks && !self.acks.is_due() {
            self.timers.start_ack(now);
        }
        self.timers.reset_probe();
        self.mind_probe(now);
    }

    /// From now on plaintext records are not acknowledged, so that the peer goes on sending them
    /// until part of the reply arrives. For a server that may send only for what it receives
    /// (RFC 9147 §5.1): a client whose hello is acknowledged is silent.
    pub fn keep_peer_sending(&mut self) {
        self.keeps_peer_sending = true;
    }

    /// The next whole message in order, if it is buffered and delivery is not paused.
    pub fn pop_message(&mut self) -> Option<OwnedMessage> {
        if self.paused {
            return None;
        }
        let message = self.reassembly.pop()?;
        self.on_delivered(message.typ, message.seq);
        Some(message)
    }

    /// Pauses delivery, while something slow has to be answered: fragments are kept within their
    /// bounds and acknowledged, and a flight that was begun waits until it is whole. Nothing is sent again meanwhile: what waits is either answered
    /// already or part of a flight that cannot be answered yet, so the peer's silence means
    /// nothing. The timer begins anew afterwards.
    pub fn pause(&mut self, now: Instant, paused: bool) {
        self.paused = paused;
        self.settle(now);
        self.mind_probe(now);
    }

    fn on_delivered(&mut self, typ: HandshakeType, seq: MessageSeq) {
        self.answered = true;
        if typ == HandshakeType::FINISHED {
            self.finished = Some(seq);
        }
    }

    // --- acknowledgement

    /// An ACK: epochs and sequence numbers as they are on the wire. Obeyed only under rules that
    /// have ACKs; numbers that were never sent, or are forgotten, are ignored.
    ///
    /// What an ACK leaves out is not sent again at once, which RFC 9147 §7.2 would allow, but by
    /// the timer: the peer may have sent its ACK while the rest of the flight was still on its
    /// way, and one bad guess for each of several ACKs would multiply the flight.
    pub fn on_ack(&mut self, now: Instant, numbers: impl IntoIterator<Item = (u64, u64)>) {
        if !self.rules.acks {
            return;
        }
        let mut news = false;
        for (epoch, sequence) in numbers {
            let number =
                u16::try_from(epoch).ok().and_then(|epoch| RecordNumber::new(epoch, sequence));
            if let Some(range) = number.and_then(|number| self.sent.take(number)) {
                self.outgoing.on_acked(range);
                news = true;
            }
        }
        // A client that repeats its ACK waits for the rest: see `on_repeat`.
        if !news && self.outgoing.is_plaintext_unanswered() {
            self.outgoing.begin_again();
        }
        self.outgoing.settle_acked();
        self.settle(now);
    }

    /// A message that ACKs have acknowledged in full: each is reported once, a KeyUpdate only
    /// when everything sent before it is acknowledged too (RFC 9147 §8). A flight that ends by
    /// the peer's reply is not reported. Unpolled reports take places of the 32 messages that
    /// [`Flight::send`] keeps.
    pub fn poll_acked(&mut self) -> Option<(MessageSeq, Group)> {
        self.outgoing.poll_acked()
    }

    /// Whether no message of this phase can be sent again, so that its write keys may go.
    #[must_use]
    pub fn nothing_outstanding(&self, phase: Phase) -> bool {
        self.outgoing.nothing_outstanding(phase)
    }

    /// Acknowledges what was received without waiting for the timer: a server owes it for the
    /// client's last flight (RFC 9147 §7.1). Nothing happens under rules without ACKs.
    pub fn ack_now(&mut self) {
        if self.rules.acks {
            self.timers.stop_ack();
            self.acks.set_due();
        }
    }

    fn clear_acks(&mut self) {
        self.acks.clear();
        self.timers.stop_ack();
        self.timers.reset_probe();
    }

    /// Part of the reply is here, so the flight arrived. Not before all of it was sent: it cannot
    /// be a reply then.
    fn acknowledge_implicitly(&mut self) {
        if self.rules.implicit_ack && self.outgoing.is_transmitted(Group::Flight) {
            self.outgoing.drop_group(Group::Flight);
            self.timers.reset_retransmit();
            self.stop_if_answered();
        }
    }

    // --- the end of the handshake

    /// The handshake is complete. [`Group::Flight`] messages end, [`Group::LastFlight`] stays:
    /// until it is acknowledged (1.3), or for repeats of the peer's Finished (1.2).
    pub fn complete(&mut self, now: Instant) {
        self.complete = true;
        self.outgoing.drop_group(Group::Flight);
        self.timers.reset_probe();
        self.settle(now);
    }

    /// Whether the last flight still waits for an ACK. Without ACKs (1.2) it never does.
    #[must_use]
    pub fn last_flight_awaits_ack(&self) -> bool {
        self.rules.acks && self.outgoing.awaits_ack(Group::LastFlight)
    }

    /// The last flight is not sent again from now on (RFC 9147 §5.8.1 and RFC 6347 §4.2.4: after
    /// twice the maximum segment lifetime), and the handshake's records that were acknowledged are
    /// forgotten.
    pub fn forget_last_flight(&mut self) {
        self.outgoing.drop_group(Group::LastFlight);
        self.finished = None;
        self.acks.forget_handshake();
        self.stop_if_answered();
    }

    // --- time

    /// Brings the retransmission timer in line: it runs if, and only if, everything was sent and
    /// something waits for an answer, which nothing does while delivery is paused.
    fn settle(&mut self, now: Instant) {
        let answered = self.stop_if_answered();
        if self.paused {
            self.timers.reset_retransmit();
        } else if !answered && self.outgoing.wants(self.rules.change_cipher_spec).is_none() {
            self.timers.start_retransmit(now);
        }
        if self.paused || !answered {
            self.timers.reset_probe();
        }
    }

    /// Something has arrived and has nothing of ours in answer yet. If the rest of the peer's
    /// flight does not follow, the peer may not be allowed to send it: a server that has not seen
    /// our address proven may send three times what it received and no more (RFC 9147 §5.1). With
    /// nothing to send again we would both be silent for ever, so what arrived is acknowledged
    /// once more.
    fn mind_probe(&mut self, now: Instant) {
        let waits = self.repeat_acks
            && self.rules.acks
            && !self.complete
            && !self.paused
            && !self.outgoing.awaits_answer(self.rules.acks)
            && !self.acks.is_empty();
        if waits {
            self.timers.start_probe(now);
        } else {
            self.timers.reset_probe();
        }
    }

    /// Stops the retransmission timer if nothing waits for an answer. Whether that is so.
    fn stop_if_answered(&mut self) -> bool {
        let answered = !self.outgoing.awaits_answer(self.rules.acks);
        if answered {
            self.timers.reset_retransmit();
        }
        // Without messages no ACK can acknowledge anything.
        if self.outgoing.is_empty() {
            self.sent.clear();
        }
        answered
    }

    /// The earliest timer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, TimerKind)> {
        self.timers.earliest()
    }

    /// When this timer is due, if it runs.
    #[must_use]
    pub fn timeout(&self, kind: TimerKind) -> Option<Instant> {
        self.timers.due(kind)
    }

    /// Handles one expired timer; call it until it says `None`. A timer counts as expired up to
    /// 10 ms early, but never in the first three quarters of its period.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when the last retransmission, or the last repeated ACK, has had no answer
    /// either.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<Option<Fired>, TimedOut> {
        if self.timers.take_expired_ack(now) {
            self.acks.set_due();
            return Ok(Some(Fired::Ack));
        }
        if self.timers.take_expired_probe(now)? {
            self.acks.set_due();
            self.mind_probe(now);
            return Ok(Some(Fired::Ack));
        }
        if self.timers.take_expired_retransmit(now)? {
            self.resend_now();
            return Ok(Some(Fired::Retransmit { count: self.timers.retransmits() }));
        }
        Ok(None)
    }

    /// Sets the initial retransmission timeout, which probes begin with too. Running timers keep their start and their
    /// back-off, so one may be due at once.
    pub fn set_initial_timeout(&mut self, initial: Duration) {
        self.timers.set_initial(initial);
    }

    // --- facts

    /// How many retransmissions in a row have had no answer.
    #[must_use]
    pub fn retransmits(&self) -> u32 {
        self.timers.retransmits()
    }

    /// How often a flight, or what was left of it, was sent again since the beginning.
    #[must_use]
    pub const fn flights_resent(&self) -> u64 {
        self.flights_resent
    }

    /// The number of the next message to be delivered; `None` after the last there is.
    #[must_use]
    pub fn next_receive(&self) -> Option<MessageSeq> {
        self.reassembly.next_seq()
    }

    /// The number of the next message to be sent; `None` after the last there is.
    #[must_use]
    pub fn next_send(&self) -> Option<MessageSeq> {
        self.outgoing.next_seq()
    }

    /// The phase that the next handshake message must have.
    #[must_use]
    pub const fn read_phase(&self) -> Phase {
        self.reassembly.phase()
    }

    /// Bytes on the heap, for memory tests.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.outgoing
            .heap_bytes()
            .saturating_add(self.reassembly.heap_bytes())
            .saturating_add(self.acks.heap_bytes())
            .saturating_add(self.sent.heap_bytes())
    }
}
