//! Early data: what a client sends with its first hello, before it has heard anything (RFC 8446
//! §2.3, RFC 9147 §5.6).
//!
//! Anyone who records a hello with its early data can send both again. Three things stand against
//! that, and all of them must hold before a byte is delivered:
//!
//! ```text
//! the ticket names the ledger that it was given out under ──> this server, since it was started
//! it names the client's address                           ──> nobody else's
//! the ledger has not seen it spent                        ──> once
//! ```
//!
//! What fails them is rejected: the handshake goes on, and the early data is dropped unread.

use alloc::sync::Arc;
use core::fmt::Debug;

use pki_types::{ServerName, UnixTime};
use sealgram_crypto::{Suite, TrafficSecret};
use sealgram_wire::{ClientHello, Message};

use crate::identity::Answered;
use crate::negotiate::{Answers, choose_v13};
use crate::schedule::v13::{Log, OfferedPsk};
use crate::server::{Found, Search, find_v13};
use crate::transcript::Transcript;
use crate::{ClientConfig, Effects, Error, ServerConfig, Session, auth};

/// How far the age of a ticket, as the client counts it, may be from ours, in milliseconds: what
/// RFC 8446 §8.3 suggests, and the second that our clock rounds away. A recorded hello grows older
/// than that.
const AGE_TOLERANCE: u32 = 11_000;

/// Where early data stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EarlyData {
    /// The hello offers it, and up to `max` bytes of plaintext may be sent.
    Offered {
        /// What the ticket allows.
        max: u32,
    },
    /// The server takes it, up to `max` bytes of plaintext.
    Accepted {
        /// What the ticket allows.
        max: u32,
    },
    /// The server has dropped it, or will. Whatever was sent must be sent again.
    Rejected,
}

/// On what terms a server takes early data.
#[derive(Clone, Debug)]
pub struct EarlyDataTerms {
    /// How many bytes of plaintext a client may send with one ticket.
    pub max_bytes: u32,
    /// Sees to it that a ticket is spent once.
    pub ledger: Arc<dyn EarlyDataLedger>,
}

/// Remembers which tickets were spent on early data (RFC 8446 §8.1).
///
/// It may forget, but never the wrong way: when it cannot tell whether a ticket was spent, it was.
pub trait EarlyDataLedger: Debug + Send + Sync {
    /// Tells ledgers apart: tickets are bound to the ledger that they were given out under. Random,
    /// and new whenever the memory of spent tickets begins anew.
    fn id(&self) -> [u8; 16];

    /// Whether [`spend`](Self::spend) would say yes.
    fn is_unspent(&self, ticket: &[u8; 16], issued_at: u64) -> bool;

    /// Spends the ticket with this ID, given out at this Unix second. `true` the first time, and
    /// never again.
    fn spend(&self, ticket: &[u8; 16], issued_at: u64) -> bool;
}

/// Where a client's hello came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Somebody else vouches for the address.
    Trusted,
    /// From this IP address, in IPv6 form. Without the port: a client that comes again has another
    /// one.
    Address([u8; 16]),
}

/// What binds a ticket's early data: the ledger's ID and the client's address.
pub(crate) type Binding = [u8; 32];

impl EarlyDataTerms {
    /// What a ticket for a client of this origin is bound to. On a trusted path the address means
    /// nothing, so it is left out; no peer has the unspecified address.
    pub(crate) fn binding(&self, origin: Origin) -> Binding {
        let address = match origin {
            Origin::Trusted => [0; 16],
            Origin::Address(address) => address,
        };
        let mut binding = [0; 32];
        let parts = self.ledger.id().into_iter().chain(address);
        for (to, from) in binding.iter_mut().zip(parts) {
            *to = from;
        }
        binding
    }
}

/// What an offer is judged by.
pub(crate) struct Judge<'a> {
    pub(crate) config: &'a ServerConfig,
    pub(crate) hello: &'a ClientHello<'a>,
    pub(crate) found: &'a Found,
    pub(crate) suite: &'a Suite,
    pub(crate) answers: &'a Answers,
    pub(crate) origin: Origin,
}

/// Early data that may be taken once its ticket is spent.
pub(crate) struct Spendable<'a> {
    terms: &'a EarlyDataTerms,
    ticket: [u8; 16],
    issued_at: u64,
    max: u32,
}

impl<'a> Judge<'a> {
    /// Whether all but the ledger speaks for the early data that a hello offers (RFC 8446 §4.2.10).
    pub(crate) fn judge(&self) -> Option<Spendable<'a>> {
        let Self { config, hello, found, suite, answers, origin } = self;
        let terms = config.early_data.as_ref()?;
        let session = found.session_of_first().filter(|_| hello.extensions.early_data)?;
        let identity = hello.extensions.pre_shared_key.as_ref()?.identities.iter().next()?;
        let same = session.suite == suite.id() && session.alpn == answers.alpn;
        let bound = session.early_binding == Some(terms.binding(*origin));
        let claimed = identity.obfuscated_ticket_age.wrapping_sub(session.age_add);
        let fresh = claimed.abs_diff(session.age_millis(config.common.wall_clock.now()));
        if !same || !bound || fresh > AGE_TOLERANCE || session.max_early_data == 0 {
            return None;
        }
        let digest = suite.hash.hash(identity.identity);
        let (ticket, _) = digest.as_ref().split_first_chunk::<16>()?;
        Some(Spendable {
            terms,
            ticket: *ticket,
            issued_at: session.created_at,
            max: session.max_early_data.min(terms.max_bytes),
        })
    }
}

impl Spendable<'_> {
    /// Spends the ticket. How much may come, if it was not spent before.
    pub(crate) fn spend(self) -> Option<u32> {
        self.terms.ledger.spend(&self.ticket, self.issued_at).then_some(self.max)
    }
}

/// Takes early data on a server.
pub(crate) fn accept(
    psk: &OfferedPsk,
    suite: &'static Suite,
    transcript: &Transcript,
    max: u32,
    log: Log<'_>,
    fx: &mut dyn Effects,
) -> Result<(), Error> {
    fx.install_read(sealgram_wire::Phase::EarlyData, secret(psk, suite, transcript, log))?;
    fx.early_data(EarlyData::Accepted { max });
    Ok(())
}

/// What early data is protected with. The transcript ends with the ClientHello.
pub(crate) fn secret(
    psk: &OfferedPsk,
    suite: &'static Suite,
    transcript: &Transcript,
    log: Log<'_>,
) -> TrafficSecret {
    psk.client_traffic(suite, &transcript.current(), log)
}

/// Whether a hello's ticket shows by itself that its client can receive at its address, so that no
/// cookie is needed: it offers early data that is going to be taken. Nothing is spent.
#[must_use]
pub fn ticket_proves_address(
    config: &ServerConfig,
    message: &Message<'_>,
    hello: &ClientHello<'_>,
    origin: Origin,
) -> bool {
    if config.early_data.is_none() || !hello.extensions.early_data {
        return false;
    }
    let Ok(choice) = choose_v13(config, hello, true) else { return false };
    let Ok(answers) = Answers::choose(&config.common, &hello.extensions) else { return false };
    let before = Transcript::new(sealgram_iana::Version::V13, choice.suite.hash);
    // A key that the application is asked for is no ticket.
    let found = find_v13(config, message, hello, choice.suite, &before, &Answered::default());
    let Ok(Search::Over(Some(found))) = found else { return false };
    let (found, answers) = (&found, &answers);
    let judge = Judge { config, hello, found, suite: choice.suite, answers, origin };
    let spendable = judge.judge().filter(|_| choice.share.is_some());
    spendable.is_some_and(|s| s.terms.ledger.is_unspent(&s.ticket, s.issued_at))
}

/// How many bytes of early data a client may send with this session; 0 for none.
///
/// Whoever wants the server's chain verified again wants it before anything is sent.
pub(crate) fn offered(
    config: &ClientConfig,
    name: Option<&ServerName<'static>>,
    session: &Session,
) -> u32 {
    let protocol = session.alpn.as_ref().is_none_or(|alpn| config.common.alpn.contains(alpn));
    let verified = || {
        !config.verify_resumed
            || auth::verify_server_again(config, &session.peer_identity, name).is_ok()
    };
    if config.offer_early_data && protocol && verified() { session.max_early_data } else { 0 }
}

impl Session {
    /// How old the session is, in milliseconds modulo 2^32.
    pub(crate) fn age_millis(&self, now: UnixTime) -> u32 {
        let age = now.as_secs().saturating_sub(self.created_at);
        u32::try_from(age.saturating_mul(1000)).unwrap_or(u32::MAX)
    }
}
