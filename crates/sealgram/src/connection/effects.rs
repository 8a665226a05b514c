//! The handshake's effects, carried out on the layers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use sealgram_crypto::TrafficSecret;
use sealgram_flight::{Flight, Violation};
use sealgram_handshake::{
    Ask, Connected, EarlyData, Effects, Error, NewSession, PeerMisbehaved, RecordLimits,
};
use sealgram_iana::{HandshakeType, ProtocolVersion, Version};
use sealgram_record::RecordLayer;
use sealgram_wire::{Group, MessageSeq, Phase};

use super::rules;
use crate::Instant;

/// Lets the handshake act on the layers, which do not see each other.
pub(super) struct Fx<'a> {
    pub(super) now: Instant,
    pub(super) flight: &'a mut Flight,
    pub(super) records: &'a mut RecordLayer,
    pub(super) outcome: &'a mut Outcome,
}

/// What is left for the connection to do after a step of the handshake.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) ask: Option<Ask>,
    pub(super) connected: Option<Box<Connected>>,
    /// How long protected records may be from now on.
    pub(super) limits: Option<RecordLimits>,
    /// Sessions for the application to keep.
    pub(super) sessions: Vec<NewSession>,
    /// What may be done, or has become, of early data.
    pub(super) early: Option<EarlyData>,
    /// Our key update is complete.
    pub(super) keys_updated: bool,
    /// New read keys: parked records may open now.
    pub(super) read_keys: bool,
}

impl Effects for Fx<'_> {
    fn send(
        &mut self,
        typ: HandshakeType,
        body: &[u8],
        phase: Phase,
        group: Group,
    ) -> Result<MessageSeq, Error> {
        self.flight.send(typ, body.to_vec(), phase, group).map_err(|_| Error::NumbersExhausted)
    }

    fn set_version(&mut self, version: Version) {
        self.records.set_version(version);
        self.records.set_plaintext_version(ProtocolVersion::DTLS_1_2);
        self.flight.set_rules(rules(version));
    }

    fn limit_records(&mut self, limits: RecordLimits) {
        self.outcome.limits = Some(limits);
    }

    fn early_data(&mut self, early: EarlyData) {
        self.outcome.early = Some(early);
    }

    fn install_read(&mut self, phase: Phase, secret: TrafficSecret) -> Result<(), Error> {
        self.records.install_read(phase, secret)?;
        self.outcome.read_keys = true;
        if phase == Phase::EarlyData {
            return Ok(());
        }
        self.flight.set_read_phase(phase).map_err(from_violation)
    }

    fn install_write(&mut self, phase: Phase, secret: TrafficSecret) -> Result<(), Error> {
        self.records.install_write(phase, secret)?;
        self.flight.set_write_phase(phase);
        Ok(())
    }

    fn ask(&mut self, ask: Ask) {
        self.flight.pause(self.now, true);
        self.outcome.ask = Some(ask);
    }

    fn acknowledge(&mut self) {
        self.flight.ack_now();
    }

    fn keep_session(&mut self, session: NewSession) {
        self.outcome.sessions.push(session);
    }

    fn keys_updated(&mut self) {
        self.outcome.keys_updated = true;
    }

    fn connected(&mut self, connected: Connected) {
        self.flight.complete(self.now);
        self.outcome.connected = Some(Box::new(connected));
    }
}

/// What a violation of the flight layer means for the connection.
pub(super) fn from_violation(violation: Violation) -> Error {
    match violation {
        Violation::ConflictingFragment => PeerMisbehaved::ConflictingFragments,
        Violation::UnexpectedPhase => PeerMisbehaved::WrongPhase,
        _ => PeerMisbehaved::MessageTooLong,
    }
    .into()
}
