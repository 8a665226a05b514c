//! A 1.3 connection after its handshake, the same for both sides: key updates (RFC 8446 §4.6.3,
//! RFC 9147 §8).
//!
//! ```text
//! KeyUpdate ──>          still under the old keys
//!           <── ACK      now, and not before, our new keys are used
//! ```

use sealgram_iana::HandshakeType;
use sealgram_wire::messages13::KeyUpdate;
use sealgram_wire::{Group, Message, Phase};

use crate::machine::{malformed, unexpected};
use crate::schedule::v13::{Application, Exporter, Traffic};
use crate::{Effects, Error, PeerMisbehaved, Side};

/// The last generation of application keys: epoch 65,535 less the three epochs before them.
const LAST_GENERATION: u16 = 65_532;

/// What is left of a handshake when it is done.
#[derive(Debug)]
pub(crate) struct Connected13 {
    side: Side,
    ours: Direction,
    theirs: Direction,
    update: Update,
    exporter: Exporter,
}

/// The application keys of one direction.
#[derive(Debug)]
struct Direction {
    traffic: Traffic,
    generation: u16,
}

/// Where our own key update stands. Only one is under way at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Update {
    None,
    /// A KeyUpdate is sent and not acknowledged; whether another one is wanted after it.
    Sent {
        again: Option<KeyUpdate>,
    },
}

impl Connected13 {
    pub(crate) fn new(side: Side, application: Application) -> Self {
        let Application { traffic, exporter, .. } = application;
        let (ours, theirs) = match side {
            Side::Client => (traffic.client, traffic.server),
            Side::Server => (traffic.server, traffic.client),
        };
        Self {
            side,
            ours: Direction { traffic: ours, generation: 0 },
            theirs: Direction { traffic: theirs, generation: 0 },
            update: Update::None,
            exporter,
        }
    }

    pub(crate) const fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    pub(crate) fn handle(
        &mut self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<(), Error> {
        match (message.typ, self.side) {
            (HandshakeType::KEY_UPDATE, _) => self.on_key_update(message, fx),
            (HandshakeType::NEW_SESSION_TICKET, Side::Client) => Ok(()),
            _ => Err(unexpected(message, "KeyUpdate or NewSessionTicket")),
        }
    }

    fn on_key_update(&mut self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<(), Error> {
        let update = KeyUpdate::read(message.body).map_err(malformed(message))?;
        if self.theirs.generation >= LAST_GENERATION {
            return Err(PeerMisbehaved::TooManyKeyUpdates.into());
        }
        // The facade acknowledges the message after this, so the keys are here before the peer
        // may use them.
        let (phase, secret) = self.theirs.next();
        fx.install_read(phase, secret)?;
        if update.update_requested {
            self.start(KeyUpdate { update_requested: false }, fx)?;
        }
        Ok(())
    }

    /// Starts an update of our keys; with `peer_too` the peer is asked to do the same. If one is
    /// under way another one follows it.
    pub(crate) fn update_keys(
        &mut self,
        peer_too: bool,
        fx: &mut dyn Effects,
    ) -> Result<(), Error> {
        self.start(KeyUpdate { update_requested: peer_too }, fx)
    }

    fn start(&mut self, update: KeyUpdate, fx: &mut dyn Effects) -> Result<(), Error> {
        if let Update::Sent { again } = &mut self.update {
            let requested = again.is_some_and(|again| again.update_requested);
            *again = Some(KeyUpdate { update_requested: update.update_requested || requested });
            return Ok(());
        }
        if self.ours.generation >= LAST_GENERATION {
            // The keys that are there are used to their limits.
            return Ok(());
        }
        let phase = Phase::Application(self.ours.generation);
        fx.send(HandshakeType::KEY_UPDATE, &update.encode(), phase, Group::KeyUpdate)?;
        self.update = Update::Sent { again: None };
        Ok(())
    }

    /// Our KeyUpdate, and everything before it, is acknowledged: the new keys are used from now
    /// on (RFC 9147 §8).
    pub(crate) fn on_key_update_acked(&mut self, fx: &mut dyn Effects) -> Result<(), Error> {
        let Update::Sent { again } = self.update else { return Ok(()) };
        self.update = Update::None;
        let (phase, secret) = self.ours.next();
        fx.install_write(phase, secret)?;
        fx.keys_updated();
        match again {
            Some(update) => self.start(update, fx),
            None => Ok(()),
        }
    }
}

impl Direction {
    fn next(&mut self) -> (Phase, sealgram_crypto::TrafficSecret) {
        self.generation = self.generation.saturating_add(1);
        (Phase::Application(self.generation), self.traffic.update())
    }
}
