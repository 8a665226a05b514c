//! A 1.3 connection after its handshake: key updates, the same for both sides (RFC 8446 §4.6.3,
//! RFC 9147 §8), and the tickets that a client is given (RFC 8446 §4.6.1).
//!
//! ```text
//! KeyUpdate ──>          still under the old keys
//!           <── ACK      now, and not before, our new keys are used
//! ```

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::ServerName;
use sealgram_crypto::TrafficSecret;
use sealgram_iana::HandshakeType;
use sealgram_wire::messages13::{KeyUpdate, NewSessionTicket};
use sealgram_wire::{Group, Message, Phase};

use crate::error::{malformed, unexpected};
use crate::schedule::v13::{Application, BySender, Exporter, ResumptionSecret, Traffic};
use crate::session::Facts;
use crate::shown::PeerIdentity;
use crate::{
    ClientConfig, ClientSession, Effects, Error, Negotiated, PeerMisbehaved, Session, Side,
};

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
    /// What a client makes sessions of; `None` if it keeps none, and on a server.
    tickets: Option<(Box<TicketTaker>, ResumptionSecret)>,
}

/// What a client needs to make a session of each ticket.
#[derive(Debug)]
pub(crate) struct TicketTaker {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: Option<ServerName<'static>>,
    pub(crate) negotiated: Negotiated,
    pub(crate) peer_identity: PeerIdentity,
    pub(crate) authenticated_at: u64,
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
    pub(crate) fn client(application: Application, tickets: Option<Box<TicketTaker>>) -> Self {
        let Application { traffic, exporter, resumption } = application;
        let BySender { client, server } = traffic;
        let tickets = tickets.map(|tickets| (tickets, resumption));
        Self::new(Side::Client, client, server, exporter, tickets)
    }

    pub(crate) fn server(traffic: BySender<Traffic>, exporter: Exporter) -> Self {
        Self::new(Side::Server, traffic.server, traffic.client, exporter, None)
    }

    const fn new(
        side: Side,
        ours: Traffic,
        theirs: Traffic,
        exporter: Exporter,
        tickets: Option<(Box<TicketTaker>, ResumptionSecret)>,
    ) -> Self {
        Self {
            side,
            ours: Direction { traffic: ours, generation: 0 },
            theirs: Direction { traffic: theirs, generation: 0 },
            update: Update::None,
            exporter,
            tickets,
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
            (HandshakeType::NEW_SESSION_TICKET, Side::Client) => self.on_ticket(message),
            _ => Err(unexpected(message, "KeyUpdate or NewSessionTicket")),
        }
    }

    /// Keeps a session of the ticket (RFC 8446 §4.6.1).
    fn on_ticket(&self, message: &Message<'_>) -> Result<(), Error> {
        let ticket = NewSessionTicket::read(message.body).map_err(malformed(message))?;
        let Some((taker, resumption)) = &self.tickets else { return Ok(()) };
        let Some(store) = &taker.config.sessions else { return Ok(()) };
        // A lifetime of zero asks to throw the ticket away.
        if ticket.ticket_lifetime == 0 {
            return Ok(());
        }
        let facts = Facts {
            peer_identity: &taker.peer_identity,
            authenticated_at: taker.authenticated_at,
            now: taker.config.common.wall_clock.now(),
            lifetime: ticket.ticket_lifetime,
            age_add: ticket.ticket_age_add,
            max_early_data: ticket.max_early_data_size.unwrap_or(0),
            early_binding: None,
        };
        let secret = resumption.psk(ticket.ticket_nonce);
        let session = Session::new(&taker.negotiated, secret, &facts);
        let kept = ClientSession { session, ticket: ticket.ticket.to_vec(), id: Vec::new() };
        store.put(taker.name.as_ref(), kept);
        Ok(())
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
        // An update that is under way gives the peer what it asks for, so any number of requests
        // costs one (RFC 8446 §4.6.3).
        if update.update_requested && self.update == Update::None {
            self.start(KeyUpdate { update_requested: false }, fx)?;
        }
        Ok(())
    }

    /// Starts an update of our keys; with `peer_too` the peer is asked to do the same. If one is
    /// under way another one follows it. `false` if there are no further keys.
    pub(crate) fn update_keys(
        &mut self,
        peer_too: bool,
        fx: &mut dyn Effects,
    ) -> Result<bool, Error> {
        self.start(KeyUpdate { update_requested: peer_too }, fx)
    }

    fn start(&mut self, update: KeyUpdate, fx: &mut dyn Effects) -> Result<bool, Error> {
        let under_way = u16::from(self.update != Update::None);
        if self.ours.generation.saturating_add(under_way) >= LAST_GENERATION {
            // The keys that are there are used to their limits.
            return Ok(false);
        }
        if let Update::Sent { again } = &mut self.update {
            let requested = again.is_some_and(|again| again.update_requested);
            *again = Some(KeyUpdate { update_requested: update.update_requested || requested });
            return Ok(true);
        }
        let phase = Phase::Application(self.ours.generation);
        fx.send(HandshakeType::KEY_UPDATE, &update.encode(), phase, Group::KeyUpdate)?;
        self.update = Update::Sent { again: None };
        Ok(true)
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
            Some(update) => self.start(update, fx).map(|_| ()),
            None => Ok(()),
        }
    }
}

impl Direction {
    fn next(&mut self) -> (Phase, TrafficSecret) {
        self.generation = self.generation.saturating_add(1);
        (Phase::Application(self.generation), self.traffic.update())
    }
}

#[cfg(test)]
mod tests {
    use sealgram_crypto::{CryptoError, TrafficSecret};
    use sealgram_iana::Version;
    use sealgram_wire::MessageSeq;

    use super::*;
    use crate::schedule::v13::tests::application;
    use crate::{Ask, Connected, EarlyData, NewSession, RecordLimits};

    /// Counts what matters here.
    #[derive(Default)]
    struct Count {
        sent: usize,
        written: Option<Phase>,
    }

    impl Effects for Count {
        fn send(
            &mut self,
            _: HandshakeType,
            _: &[u8],
            _: Phase,
            _: Group,
        ) -> Result<MessageSeq, Error> {
            self.sent += 1;
            Ok(MessageSeq(0))
        }

        fn install_write(&mut self, phase: Phase, _: TrafficSecret) -> Result<(), Error> {
            self.written = Some(phase);
            Ok(())
        }

        fn install_read(&mut self, _: Phase, _: TrafficSecret) -> Result<(), Error> {
            Err(CryptoError.into())
        }

        fn set_version(&mut self, _: Version) {}
        fn limit_records(&mut self, _: RecordLimits) {}
        fn early_data(&mut self, _: EarlyData) {}
        fn ask(&mut self, _: Ask) {}
        fn acknowledge(&mut self) {}
        fn keep_session(&mut self, _: NewSession) {}
        fn keys_updated(&mut self) {}
        fn connected(&mut self, _: Connected) {}
    }

    #[test]
    fn no_update_leads_beyond_the_last_generation() {
        let mut connected = Connected13::client(application().1, None);
        let mut fx = Count::default();
        connected.ours.generation = LAST_GENERATION - 2;
        assert_eq!(connected.update_keys(false, &mut fx), Ok(true));
        // One more follows it, and no third one.
        assert_eq!(connected.update_keys(false, &mut fx), Ok(true));
        connected.on_key_update_acked(&mut fx).unwrap();
        assert_eq!(fx.sent, 2);
        assert_eq!(connected.update_keys(false, &mut fx), Ok(false));
        connected.on_key_update_acked(&mut fx).unwrap();
        assert_eq!(connected.update_keys(false, &mut fx), Ok(false));
        assert_eq!(fx.sent, 2);
        assert_eq!(fx.written, Some(Phase::Application(LAST_GENERATION)));
    }
}
