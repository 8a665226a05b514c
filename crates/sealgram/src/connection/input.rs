//! What comes in: datagrams, the records in them, and what those mean in each state.

use alloc::boxed::Box;

use sealgram_flight::{IncomingRecord, Received};
use sealgram_handshake::{Connected, Error, Handshake, PeerMisbehaved, RecordLimits};
use sealgram_iana::{AlertDescription, AlertLevel, ContentType, HandshakeType, Version};
use sealgram_record::{Discard, Discarded, Fault, Opened, Violation};
use sealgram_wire::{
    Ack, Alert, Fragment, Group, Message, MessageSeq, Phase, Reader, RecordNumber, ServerHello,
};

use super::effects::{Fx, Outcome, from_violation};
use super::{Connection, Evidence, LAST_FLIGHT_KEPT, OLD_KEYS_KEPT, State, amplified};
use crate::event::{CloseReason, Data, EndpointEvent, Event, Handled};
use crate::{AskId, Instant, Path, Side};

/// How many KeyUpdates a peer may send without any application data between them.
const MAX_KEY_UPDATES_IN_A_ROW: u8 = 32;

/// Where application data goes.
type Deliver<'a> = &'a mut dyn FnMut(Data<'_>);

impl Connection {
    /// Handles one received datagram, in place. Application data is handed to `deliver` as it is
    /// decrypted; it lies in `datagram`.
    ///
    /// Whatever is in the datagram, this never fails: what cannot be authenticated is counted and
    /// dropped, and what ends the connection is told by [`Event::Closed`].
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        deliver: Deliver<'_>,
    ) -> Handled {
        let _ = path;
        let bytes = u64::try_from(datagram.len()).unwrap_or(u64::MAX);
        self.stats.datagrams_received = self.stats.datagrams_received.saturating_add(1);
        self.stats.bytes_received = self.stats.bytes_received.saturating_add(bytes);
        if let Some(allowance) = &mut self.allowance {
            *allowance = allowance.saturating_add(amplified(bytes));
        }
        if datagram.is_empty() {
            self.stats.discards.malformed = self.stats.discards.malformed.saturating_add(1);
        }
        self.deliver_waiting(deliver);
        self.handle_records(now, datagram, deliver)
    }

    /// Handles the records of a datagram, or the rest of one.
    pub(super) fn handle_records(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        deliver: Deliver<'_>,
    ) -> Handled {
        let mut handled = Handled::default();
        let mut rest = datagram;
        while !self.is_closed() {
            let Some(result) = self.records.open(&mut rest) else { break };
            handled.opened |= matches!(&result, Ok(o) if !o.phase.is_plaintext());
            self.on_record(now, result, deliver);
        }
        handled
    }

    fn on_record(
        &mut self,
        now: Instant,
        result: Result<Opened<'_>, Fault<'_>>,
        deliver: Deliver<'_>,
    ) {
        match result {
            Ok(opened) => {
                self.stats.records_received = self.stats.records_received.saturating_add(1);
                self.mind_generation(now, opened.phase);
                self.on_opened(now, opened, deliver);
            }
            Err(Fault::Discarded(discarded)) => self.on_discarded(now, &discarded),
            Err(Fault::Violation(violation)) => self.fail(match violation {
                Violation::RecordOverflow => PeerMisbehaved::RecordTooLong.into(),
                Violation::EmptyFragment(_) => PeerMisbehaved::EmptyRecord.into(),
                _ => PeerMisbehaved::BadRecord.into(),
            }),
        }
    }

    /// The first record under new application keys shows that the peer has moved on. The keys
    /// before them are kept for what is still under way (RFC 9147 §8), and not for ever.
    fn mind_generation(&mut self, now: Instant, phase: Phase) {
        let Phase::Application(generation) = phase else { return };
        self.forget_early();
        if generation > self.read_generation {
            self.read_generation = generation;
            self.old_keys_end = Some(now.saturating_add(OLD_KEYS_KEPT));
        }
    }

    fn on_opened(&mut self, now: Instant, opened: Opened<'_>, deliver: Deliver<'_>) {
        let Opened { content_type, phase, number, payload } = opened;
        // An ACK may be of a part of our last flight.
        self.peer_applies |=
            matches!(phase, Phase::Application(_)) && content_type != ContentType::ACK;
        // Its keys come from our ServerHello: the peer receives at its address. Early data shows
        // nothing, because a recorded hello can be sent from anywhere.
        if !matches!(phase, Phase::Plaintext | Phase::EarlyData) {
            self.allowance = None;
        }
        let too_long = |limits: RecordLimits| payload.len() > limits.receive;
        // A client acknowledges parts of our flight before it has heard of the limit in it.
        let unaware = phase == Phase::Handshake && content_type == ContentType::ACK;
        if !phase.is_plaintext() && !unaware && self.limits.is_some_and(too_long) {
            self.fail(PeerMisbehaved::RecordTooLong.into());
            return;
        }
        match content_type {
            ContentType::APPLICATION_DATA => self.on_data(phase, payload, deliver),
            ContentType::HANDSHAKE => {
                let mut record = self.flight.begin_record(number, phase);
                let mut reader = Reader::new(payload);
                while !reader.is_empty() && !self.is_closed() {
                    match Fragment::read(&mut reader) {
                        Ok(fragment) => {
                            self.on_fragment(now, &mut record, phase, fragment, deliver);
                        }
                        Err(what) if !phase.is_plaintext() => {
                            self.fail(Error::Malformed { typ: None, what });
                        }
                        // Framing that anybody can have broken: silence (RFC 9147 §4.5.2).
                        Err(_) => {
                            self.stats.discards.count(Discard::Malformed);
                            break;
                        }
                    }
                }
                self.flight.end_record(now, record);
            }
            ContentType::ALERT => self.on_alert(now, phase, payload),
            ContentType::ACK => self.on_ack(now, phase, number, payload),
            // The record's epoch says everything that a ChangeCipherSpec could.
            ContentType::CHANGE_CIPHER_SPEC if phase.is_plaintext() => {}
            _ if phase.is_plaintext() => self.stats.discards.count_unexpected(),
            _ => self.fail(PeerMisbehaved::BadRecord.into()),
        }
    }

    fn on_data(&mut self, phase: Phase, payload: &mut [u8], deliver: Deliver<'_>) {
        match (phase, &self.state) {
            (Phase::Application(_), State::Connected | State::Finishing(_)) => {
                self.key_updates_in_a_row = 0;
                deliver(Data { bytes: payload, early: false });
            }
            (Phase::EarlyData, _) => self.on_early_data(payload, deliver),
            // The keys of the handshake do not protect data, whatever the state: those of the
            // client's side exist before anybody has proven who it is (RFC 9147 §6.1).
            (Phase::Handshake, _) => self.fail(PeerMisbehaved::WrongPhase.into()),
            // It overtook the Finished that vouches for it, or anybody can have sent it.
            _ => self.stats.discards.count_unexpected(),
        }
    }

    fn on_fragment(
        &mut self,
        now: Instant,
        record: &mut IncomingRecord,
        phase: Phase,
        fragment: Fragment<'_>,
        deliver: Deliver<'_>,
    ) {
        if self.is_renegotiation(phase, fragment.typ) {
            // RFC 5746 allows to refuse with a warning, and the connection goes on. One warning at
            // a time: the peer decides how often it asks.
            self.alert.get_or_insert(AlertDescription::NO_RENEGOTIATION);
            return;
        }
        match self.flight.on_fragment(now, record, fragment) {
            Ok(Received::Message(message)) => {
                self.on_message(now, &message, deliver);
                self.drain_messages(now, deliver);
            }
            Ok(Received::Buffered) => self.drain_messages(now, deliver),
            Ok(Received::Repeat) => {}
            Ok(Received::Dropped) => self.stats.discards.count_unexpected(),
            Err(violation) => self.fail(from_violation(violation)),
        }
    }

    /// Whether the peer asks for a new handshake under the keys of this one (1.2 only). Message
    /// numbers start again at 0 then (RFC 6347 §4.2.2), so the flight layer would take the request
    /// for a repeat.
    fn is_renegotiation(&self, phase: Phase, typ: HandshakeType) -> bool {
        let request = match self.info.side {
            Side::Client => HandshakeType::HELLO_REQUEST,
            Side::Server => HandshakeType::CLIENT_HELLO,
        };
        typ == request
            && self.is_connected()
            && !phase.is_plaintext()
            && self.version() == Version::V12
    }

    /// Hands buffered messages to the handshake for as long as there are whole ones in order.
    pub(super) fn drain_messages(&mut self, now: Instant, deliver: Deliver<'_>) {
        while !self.is_closed() {
            let Some(message) = self.flight.pop_message() else { break };
            self.on_message(now, &message.as_message(), deliver);
        }
    }

    fn on_message(&mut self, now: Instant, message: &Message<'_>, deliver: Deliver<'_>) {
        // Progress: what spoke against the handshake may have been forged.
        self.evidence = None;
        self.note_retry(message);
        if message.typ == HandshakeType::KEY_UPDATE {
            // Each one costs us a derivation and more: without a bound a peer that has nothing to
            // say could keep us busy for ever.
            self.key_updates_in_a_row = self.key_updates_in_a_row.saturating_add(1);
            if self.key_updates_in_a_row > MAX_KEY_UPDATES_IN_A_ROW {
                self.fail(PeerMisbehaved::TooManyKeyUpdates.into());
                return;
            }
        }
        self.step(now, deliver, |handshake, fx| handshake.handle(message, fx));
    }

    /// Remembers what cost the handshake another round trip.
    fn note_retry(&mut self, message: &Message<'_>) {
        match message.typ {
            HandshakeType::HELLO_VERIFY_REQUEST => self.info.cookie_exchanged = true,
            HandshakeType::SERVER_HELLO => {
                let hello = ServerHello::read(message.body).ok();
                if let Some(hello) = hello.filter(ServerHello::is_hello_retry_request) {
                    self.info.hello_retried = true;
                    self.info.cookie_exchanged |= hello.extensions.cookie.is_some();
                }
            }
            // The first one has the number 0, unless the endpoint has seen to it.
            HandshakeType::CLIENT_HELLO => {
                self.info.hello_retried |= message.seq != MessageSeq(0);
            }
            _ => {}
        }
    }

    /// One step of the handshake, and what follows from it.
    pub(super) fn step(
        &mut self,
        now: Instant,
        deliver: Deliver<'_>,
        step: impl FnOnce(&mut Handshake, &mut Fx<'_>) -> Result<(), Error>,
    ) {
        let mut outcome = Outcome::default();
        let Self { handshake, flight, records, .. } = self;
        let mut fx = Fx { now, flight, records, outcome: &mut outcome };
        let result = step(handshake, &mut fx);
        self.finish_step(now, result, outcome, deliver);
    }

    /// Does what a step of the handshake has left to do.
    pub(super) fn finish_step(
        &mut self,
        now: Instant,
        result: Result<(), Error>,
        outcome: Outcome,
        deliver: Deliver<'_>,
    ) {
        if let Err(error) = result {
            self.fail(error);
            return;
        }
        if let Some(ask) = outcome.ask {
            self.asks = self.asks.saturating_add(1);
            let id = AskId(self.asks);
            self.open_ask = Some(id);
            self.events.push_back(Event::Needs(id, ask));
        }
        self.mind_early(outcome.early);
        if let Some(limits) = outcome.limits {
            self.limits = Some(limits);
        }
        self.events.extend(outcome.sessions.into_iter().map(Event::KeepSession));
        if outcome.keys_updated {
            self.events.push_back(Event::KeysUpdated);
        }
        if let Some(connected) = outcome.connected {
            self.on_connected(now, connected);
        }
        if outcome.read_keys {
            self.open_parked(now, deliver);
        }
    }

    /// Opens the records that came before their keys. One that does not open is no evidence that
    /// the keys disagree: anyone could have sent it, long before.
    fn open_parked(&mut self, now: Instant, deliver: Deliver<'_>) {
        for mut record in self.parked.take() {
            let evidence = self.evidence.take();
            let next = self.flight.next_receive();
            self.handle_records(now, &mut record, deliver);
            let progress = self.flight.next_receive() != next || self.is_closed();
            self.evidence = evidence.filter(|_| !progress);
        }
    }

    fn on_connected(&mut self, now: Instant, connected: Box<Connected>) {
        self.deadline = None;
        self.evidence = None;
        self.allowance = None;
        self.cleanup = Some(now.saturating_add(LAST_FLIGHT_KEPT));
        self.info.negotiated = Some(connected.negotiated.clone());
        self.info.handshake_time = Some(now.saturating_since(self.started));
        self.state = State::Finishing(connected);
        self.finish_if_flushed();
    }

    /// Becomes connected once our last flight has left.
    pub(super) fn finish_if_flushed(&mut self) {
        if self.flight.wants().is_some() {
            return;
        }
        match core::mem::replace(&mut self.state, State::Connected) {
            State::Finishing(connected) => {
                self.events.push_back(Event::Connected(connected));
                self.endpoint_events.push_back(EndpointEvent::Established);
            }
            other => self.state = other,
        }
    }

    fn on_ack(&mut self, now: Instant, phase: Phase, number: RecordNumber, payload: &[u8]) {
        if phase.is_plaintext() && self.records.any_protected_opened() {
            self.stats.discards.count_unexpected();
            return;
        }
        match Ack::read(payload) {
            Ok(ack) if self.is_too_high(&ack, phase, number) => {
                let error = PeerMisbehaved::BadAck.into();
                if phase.is_plaintext() { self.weigh(now, error) } else { self.fail(error) }
            }
            Ok(ack) => self.on_acked(now, &ack),
            Err(_) if phase.is_plaintext() => self.stats.discards.count(Discard::Malformed),
            Err(what) => self.fail(Error::Malformed { typ: None, what }),
        }
    }

    /// Whether an ACK vouches for records of a higher epoch than it may.
    ///
    /// In the handshake that is its own (rfc9147bis §7.2): otherwise anybody could stop the
    /// retransmission of protected records. Later the peer's own epoch need not keep up with ours,
    /// because each side updates its keys when it likes.
    fn is_too_high(&self, ack: &Ack<'_>, phase: Phase, number: RecordNumber) -> bool {
        let highest = match phase {
            Phase::Application(_) => u16::MAX,
            _ => number.epoch(),
        };
        self.version() == Version::V13
            && ack.record_numbers.iter().any(|(epoch, _)| epoch > highest.into())
    }

    fn on_acked(&mut self, now: Instant, ack: &Ack<'_>) {
        self.flight.on_ack(now, ack.record_numbers.iter());
        while let Some((_, group)) = self.flight.poll_acked() {
            if group == Group::KeyUpdate {
                self.step(now, &mut |_| {}, |handshake, fx| handshake.on_key_update_acked(fx));
            }
        }
    }

    fn on_alert(&mut self, now: Instant, phase: Phase, payload: &[u8]) {
        let authenticated = !phase.is_plaintext();
        if !authenticated && self.records.any_protected_opened() {
            self.stats.discards.count_unexpected();
            return;
        }
        let Alert { level, description } = match Alert::read(payload) {
            Ok(alert) => alert,
            Err(_) if !authenticated => {
                self.stats.discards.count(Discard::Malformed);
                return;
            }
            Err(what) => {
                self.fail(Error::Malformed { typ: None, what });
                return;
            }
        };
        if authenticated && description == AlertDescription::CLOSE_NOTIFY {
            self.on_close_notify();
            return;
        }
        let warning = level == AlertLevel::WARNING && self.version() == Version::V12;
        if warning && description != AlertDescription::CLOSE_NOTIFY {
            return;
        }
        let error = Error::AlertReceived { description, authenticated };
        if authenticated {
            self.fail(error);
        } else {
            self.weigh(now, error);
        }
    }

    /// The peer is done. 1.2 answers in kind (RFC 5246 §7.2.1).
    fn on_close_notify(&mut self) {
        self.alert = Some(AlertDescription::CLOSE_NOTIFY);
        self.end(CloseReason::Peer, false, Some(AlertDescription::CLOSE_NOTIFY));
    }

    fn on_discarded(&mut self, now: Instant, discarded: &Discarded<'_>) {
        let handshaking = matches!(self.state, State::Handshaking);
        if discarded.reason == Discard::FutureEpoch
            && handshaking
            && self.parked.park(discarded.record)
        {
            return;
        }
        self.stats.discards.count(discarded.reason);
        if discarded.reason == Discard::Unauthentic {
            self.mind_limits(now);
            if self.records.read_keys_spent() {
                self.fail(Error::TooManyForgeries);
                return;
            }
            let awaited = discarded.phase == Some(self.flight.read_phase());
            if handshaking && awaited && !self.records.any_protected_opened() {
                self.weigh(now, Error::KeysDisagree);
            }
        }
    }

    /// Remembers unauthenticated evidence. The first piece counts: more of it, which may be forged
    /// as well, must not put off the end.
    fn weigh(&mut self, now: Instant, error: Error) {
        if !matches!(self.state, State::Handshaking) {
            return;
        }
        if self.transport.fail_fast {
            self.fail(error);
            return;
        }
        let obeyed_at = now.saturating_add(self.transport.flight.initial_timeout);
        self.evidence.get_or_insert(Evidence { obeyed_at, error });
    }
}
