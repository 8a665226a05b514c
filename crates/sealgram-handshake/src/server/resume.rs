//! A server's sessions: finding the one that a client offers, and keeping new ones.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sealgram_crypto::{Secret, Suite};
use sealgram_iana::{ExtensionType, PskKeyExchangeMode, Version};
use sealgram_wire::messages13::NewSessionTicket;
use sealgram_wire::{ClientHello, Message, OfferedPsks, messages12};

use crate::auth::{self, Identity};
use crate::early::Binding;
use crate::identity::{Answered, SessionAnswer};
use crate::psk::PSK_HASH;
use crate::schedule::v13::{OfferedPsk, PskKind, ResumptionSecret};
use crate::session::Facts;
use crate::shown::PeerIdentity;
use crate::transcript::Transcript;
use crate::{
    ClientVerification, Effects, Error, ExternalPsk, FindPsk, Negotiated, NewSession,
    PeerIncompatible, PeerMisbehaved, PskSource, ServerConfig, Session,
};

/// How many of the keys that a client offers are looked at. Clients offer one or two; each look
/// costs a decryption.
const MAX_IDENTITIES: usize = 4;

/// The longest ticket that is given out, in bytes. It has to fit into a ClientHello that is put
/// together from few datagrams; a long chain of a client's certificates may not.
const MAX_TICKET: usize = 4096;

/// How many tickets a client is given after a 1.3 handshake: enough for two connections at once.
pub(super) const TICKETS: u8 = 2;

/// What came of looking for a 1.2 session.
pub(super) enum Search12 {
    /// This one goes on, or none.
    Over(Option<Session>),
    /// Only the application can know.
    Needs([u8; 32]),
}

/// The session that a 1.2 hello offers by ticket or by ID, if it is good.
pub(super) fn find_v12(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    answers: &[SessionAnswer],
) -> Search12 {
    // RFC 5077 §3.4: with a ticket the session ID means nothing.
    let by_ticket = hello.extensions.session_ticket.is_some_and(|ticket| !ticket.is_empty());
    let asked = config.asked_sessions.filter(|_| !by_ticket);
    let id = asked.and_then(|_| <[u8; 32]>::try_from(hello.session_id).ok());
    let content = match (id, answers) {
        (Some(_), [(_, content), ..]) => content.as_deref().map(Secret::duplicate),
        (Some(id), []) => return Search12::Needs(id),
        (None, _) => kept_v12(config, hello),
    };
    Search12::Over(content.and_then(|content| welcome_v12(config, hello, &content)))
}

/// The content of the session that a hello offers, if we have it ourselves.
fn kept_v12(config: &ServerConfig, hello: &ClientHello<'_>) -> Option<Secret> {
    let now = config.common.wall_clock.now();
    let ticket = hello.extensions.session_ticket.filter(|ticket| !ticket.is_empty());
    match (ticket, &config.tickets) {
        (Some(ticket), Some(sealer)) => sealer.open(now, ticket),
        // RFC 5077 §3.4: with a ticket the session ID means nothing.
        _ => config.cache.as_ref()?.get(hello.session_id),
    }
}

fn welcome_v12(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    content: &Secret,
) -> Option<Session> {
    let session = Session::decode(content.expose()).ok()?;
    let suite = session.usable_suite(&config.common)?;
    let offered = hello.cipher_suites.contains(suite.id());
    // RFC 7627 §5.3: a session without the extended master secret is not resumed by a client that
    // supports it.
    let bound = session.extended_master_secret || !hello.extensions.extended_master_secret;
    let fits = session.version == Version::V12 && offered && bound;
    (fits && is_welcome(config, &session, hello)).then_some(session)
}

/// A key that a 1.3 hello offers, with what its binder was checked with.
#[derive(Debug)]
pub(crate) struct Found {
    pub(super) key: Key,
    pub(super) psk: OfferedPsk,
    /// Which of the client's offers it is.
    pub(super) index: u16,
}

impl Found {
    /// The session that goes on, if it is what the client has offered first.
    pub(crate) fn session_of_first(&self) -> Option<&Session> {
        match &self.key {
            Key::Session(session) if self.index == 0 => Some(session),
            _ => None,
        }
    }
}

/// What a pre-shared key belongs to.
#[derive(Debug)]
pub(super) enum Key {
    /// A session that goes on.
    Session(Session),
    /// The two sides alone.
    External(Arc<ExternalPsk>),
}

/// What a 1.3 hello's keys are good for.
pub(crate) enum Search {
    /// This one is used, or none.
    Over(Option<Box<Found>>),
    /// The application must look for one of them, by its place in the hello.
    Needs(u16, Needed),
}

/// What the application is asked for.
pub(crate) enum Needed {
    Psk(FindPsk),
    Session([u8; 32]),
}

/// The first good key that a 1.3 hello offers (RFC 8446 §4.2.11).
pub(crate) fn find_v13(
    config: &ServerConfig,
    message: &Message<'_>,
    hello: &ClientHello<'_>,
    suite: &'static Suite,
    before: &Transcript,
    answered: &Answered,
) -> Result<Search, Error> {
    let Some(offered) = &hello.extensions.pre_shared_key else { return Ok(Search::Over(None)) };
    let modes = hello
        .extensions
        .psk_key_exchange_modes
        .ok_or(PeerIncompatible::MissingExtension(ExtensionType::PSK_KEY_EXCHANGE_MODES))?;
    if !modes.contains(PskKeyExchangeMode::PSK_DHE_KE) {
        return Ok(Search::Over(None));
    }
    let (index, key) = match find_key(config, hello, suite, offered, answered)? {
        Key13::Found(index, key) => (index, key),
        Key13::None => return Ok(Search::Over(None)),
        Key13::Needs(index, needed) => return Ok(Search::Needs(index, needed)),
    };
    let len = message.body.len();
    let start = message.body.get(..len.saturating_sub(offered.binders_len())).unwrap_or_default();
    let truncated = before.with_start_of(message.typ, len, start);
    let psk = match &key {
        Key::Session(session) => OfferedPsk::new(suite.hash, PskKind::Resumption, &session.secret),
        Key::External(psk) => OfferedPsk::new(suite.hash, PskKind::External, psk.secret()),
    };
    let binder = offered.binders.iter().nth(index.into()).ok_or(PeerMisbehaved::BadBinder)?;
    if !psk.binder_is_right(&truncated, binder.0) {
        return Err(PeerMisbehaved::BadBinder.into());
    }
    Ok(Search::Over(Some(Box::new(Found { key, psk, index }))))
}

/// What came of looking for a key.
enum Key13 {
    Found(u16, Key),
    None,
    Needs(u16, Needed),
}

/// The key that the first good identity stands for: a ticket of ours, or a key given beforehand.
fn find_key(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    suite: &'static Suite,
    offered: &OfferedPsks<'_>,
    answered: &Answered,
) -> Result<Key13, Error> {
    // A key given beforehand shows no certificate (RFC 8446 §4.3.2).
    let usable = suite.facts.hash == PSK_HASH && config.accepts_psks();
    let source = config.psks.as_ref().filter(|_| usable);
    let mut external = None;
    let mut unknown = None;
    for (identity, index) in offered.identities.iter().take(MAX_IDENTITIES).zip(0_u16..) {
        let answer = answered.psks.iter().find(|(of, _)| *of == index);
        let kept = answered.sessions.iter().find(|(of, _)| *of == index);
        let id = config.asked_sessions.and_then(|_| identity.identity.try_into().ok());
        let content = match (answer, kept, id) {
            // It was asked for because it is no ticket.
            (Some(_), _, _) => None,
            (None, Some((_, kept)), _) => kept.as_deref().map(Secret::duplicate),
            (None, None, Some(id)) => return Ok(Key13::Needs(index, Needed::Session(id))),
            (None, None, None) => open_ticket(config, identity.identity),
        };
        let ticket = match content {
            Some(content) => welcome_v13(config, hello, suite, &content),
            None => Ticket::Foreign,
        };
        match ticket {
            Ticket::Good(session) if external.is_none() => {
                return Ok(Key13::Found(index, Key::Session(session)));
            }
            Ticket::Good(_) | Ticket::Unwelcome => continue,
            Ticket::Foreign => {}
        }
        // Every identity is looked for, whether or not one before it is known: otherwise an
        // identity behind it would tell by the time taken.
        let found = match source {
            None => continue,
            Some(_) if identity.identity.len() > ExternalPsk::MAX_IDENTITY => None,
            Some(PskSource::Inline(psks)) => psks.lookup(identity.identity),
            Some(PskSource::Ask) => match answer {
                Some((_, answer)) => answer.clone(),
                None => {
                    let find = FindPsk::ByIdentity(identity.identity.to_vec());
                    return Ok(Key13::Needs(index, Needed::Psk(find)));
                }
            },
        };
        match found {
            Some(psk) => external = external.or(Some((index, psk))),
            None => unknown = unknown.or(Some(index)),
        }
    }
    let Some(source) = source else { return Ok(Key13::None) };
    let (index, found) = match (external, unknown) {
        (Some((index, psk)), _) => (index, Some(psk)),
        // With nothing else to offer, an unknown identity goes the way of a wrong key: nobody
        // learns which identities exist.
        (None, Some(index)) if config.identities.is_empty() => (index, None),
        (None, _) => return Ok(Key13::None),
    };
    let psk = source.or_made_up(found, &*config.common.provider.random)?;
    Ok(Key13::Found(index, Key::External(psk)))
}

/// What an identity is if it should be a ticket.
enum Ticket {
    /// A session that may go on.
    Good(Session),
    /// One of ours, but of no use here.
    Unwelcome,
    /// None of ours.
    Foreign,
}

fn open_ticket(config: &ServerConfig, identity: &[u8]) -> Option<Secret> {
    config.tickets.as_ref()?.open(config.common.wall_clock.now(), identity)
}

fn welcome_v13(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    suite: &'static Suite,
    content: &Secret,
) -> Ticket {
    let session = Session::decode(content.expose()).ok().filter(|session| {
        let suited = session.usable_suite(&config.common);
        let same_hash = suited.is_some_and(|s| s.facts.hash == suite.facts.hash);
        session.version == Version::V13 && same_hash && is_welcome(config, session, hello)
    });
    session.map_or(Ticket::Unwelcome, Ticket::Good)
}

/// Whether the session's time has not run out, it is for the same name, and its client may still
/// come in.
fn is_welcome(config: &ServerConfig, session: &Session, hello: &ClientHello<'_>) -> bool {
    let now = config.common.wall_clock.now();
    // RFC 6066 §3: a session belongs to its name.
    let same_name = session.server_name.as_deref() == hello.extensions.server_name;
    session.is_fresh(now)
        && same_name
        && client_is_welcome(config, &session.peer_identity)
        && psk_is_welcome(config, session.psk_identity())
}

/// Whether the pre-shared key that a session began with, if it did, may still be used.
fn psk_is_welcome(config: &ServerConfig, identity: Option<&[u8]>) -> bool {
    match (identity, &config.psks) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(_), Some(_)) if !config.verify_resumed => true,
        (Some(identity), Some(PskSource::Inline(psks))) => psks.lookup(identity).is_some(),
        // Whoever wants the key looked up again cannot be asked at this point.
        (Some(_), Some(PskSource::Ask)) => false,
    }
}

fn client_is_welcome(config: &ServerConfig, shown: &PeerIdentity) -> bool {
    let asks_for_some = match shown {
        PeerIdentity::Nothing => return !config.client_certificate_required(),
        PeerIdentity::Chain(_) => !matches!(config.verification, ClientVerification::None),
        PeerIdentity::RawPublicKey(_) => config.raw_public_keys.is_some(),
    };
    // Whoever wants the identity verified again cannot be asked at this point.
    !asks_for_some
        || !config.verify_resumed
        || matches!(auth::verify_client(config, shown), Ok(Identity::Verified(_)))
}

/// How a 1.2 session will be kept.
#[derive(Debug)]
pub(super) enum Keeping {
    /// Not at all.
    Nowhere,
    /// The client takes it as a ticket.
    Ticket,
    /// We keep it ourselves under this ID.
    Cache([u8; 32]),
    /// The application keeps it under this ID.
    Elsewhere([u8; 32]),
}

impl Keeping {
    pub(super) fn choose(config: &ServerConfig, takes_tickets: bool) -> Result<Self, Error> {
        if takes_tickets && config.tickets.is_some() {
            return Ok(Self::Ticket);
        }
        if config.asked_sessions.is_some() {
            return Ok(Self::Elsewhere(new_id(config)?));
        }
        if config.cache.is_none() {
            return Ok(Self::Nowhere);
        }
        Ok(Self::Cache(new_id(config)?))
    }

    /// What the ServerHello calls the session.
    pub(super) const fn session_id(&self) -> &[u8] {
        match self {
            Self::Cache(id) | Self::Elsewhere(id) => id,
            Self::Ticket | Self::Nowhere => &[],
        }
    }

    pub(super) const fn promises_ticket(&self) -> bool {
        matches!(self, Self::Ticket)
    }
}

fn new_id(config: &ServerConfig) -> Result<[u8; 32], Error> {
    let mut id = [0; 32];
    config.common.provider.random.fill(&mut id)?;
    Ok(id)
}

/// A new session's facts on a server.
pub(super) struct New<'a> {
    pub(super) config: &'a Arc<ServerConfig>,
    pub(super) negotiated: &'a Negotiated,
    pub(super) peer_identity: &'a PeerIdentity,
    /// When the client showed its certificate, if that was in an earlier connection.
    pub(super) authenticated_at: Option<u64>,
    /// How much early data a 1.3 ticket allows, and what for.
    pub(super) early_data: Option<(u32, Binding)>,
}

impl New<'_> {
    fn session(&self, secret: Secret, lifetime: u32, age_add: u32) -> Session {
        let now = self.config.common.wall_clock.now();
        let authenticated_at = self.authenticated_at.unwrap_or(now.as_secs());
        let peer_identity = self.peer_identity;
        let early = self.early_data.filter(|_| self.negotiated.version == Version::V13);
        let (max_early_data, early_binding) = match early {
            Some((max, binding)) => (max, Some(binding)),
            None => (0, None),
        };
        let facts = Facts {
            peer_identity,
            authenticated_at,
            now,
            lifetime,
            age_add,
            max_early_data,
            early_binding,
        };
        Session::new(self.negotiated, secret, &facts)
    }

    /// The body of a 1.2 NewSessionTicket. Once promised it must come, so without a ticket it is
    /// empty (RFC 5077 §3.3).
    pub(super) fn ticket_v12(&self, secret: Secret) -> Vec<u8> {
        let sealer = self.config.tickets.as_deref();
        let lifetime = sealer.map_or(0, |sealer| sealer.lifetime());
        let content = self.session(secret, lifetime, 0).encode();
        let now = self.config.common.wall_clock.now();
        let ticket = sealer.and_then(|sealer| sealer.seal(now, &content));
        let ticket = ticket.filter(|ticket| ticket.len() <= MAX_TICKET).unwrap_or_default();
        messages12::NewSessionTicket { ticket_lifetime_hint: lifetime, ticket: &ticket }.encode()
    }

    /// Keeps a 1.2 session that has an ID.
    pub(super) fn keep_v12(&self, keeping: &Keeping, secret: Secret, fx: &mut dyn Effects) {
        match (keeping, &self.config.cache) {
            (Keeping::Cache(id), Some(cache)) => {
                cache.put(*id, self.session(secret, cache.lifetime(), 0).encode());
            }
            (Keeping::Elsewhere(id), _) => {
                let lifetime = self.config.asked_sessions.unwrap_or_default();
                let content = self.session(secret, lifetime, 0).encode();
                fx.keep_session(NewSession { id: *id, content, lifetime });
            }
            _ => {}
        }
    }

    /// The body of a 1.3 NewSessionTicket; `None` if there is none to give.
    pub(super) fn ticket_v13(
        &self,
        resumption: &ResumptionSecret,
        nonce: u8,
        fx: &mut dyn Effects,
    ) -> Result<Option<Vec<u8>>, Error> {
        let sealer = self.config.tickets.as_deref();
        let lifetime = match (self.config.asked_sessions, sealer) {
            (Some(lifetime), _) => lifetime,
            (None, Some(sealer)) => sealer.lifetime(),
            (None, None) => return Ok(None),
        };
        let mut age_add = [0; 4];
        self.config.common.provider.random.fill(&mut age_add)?;
        let age_add = u32::from_be_bytes(age_add);
        let nonce = [nonce];
        let content = self.session(resumption.psk(&nonce), lifetime, age_add).encode();
        let ticket = if self.config.asked_sessions.is_some() {
            let id = new_id(self.config)?;
            fx.keep_session(NewSession { id, content, lifetime });
            Some(id.to_vec())
        } else {
            let now = self.config.common.wall_clock.now();
            sealer.and_then(|sealer| sealer.seal(now, &content))
        };
        let ticket = ticket.filter(|ticket| ticket.len() <= MAX_TICKET);
        Ok(ticket.map(|ticket| {
            NewSessionTicket {
                ticket_lifetime: lifetime,
                ticket_age_add: age_add,
                ticket_nonce: &nonce,
                ticket: &ticket,
                max_early_data_size: self.early_data.map(|(max, _)| max),
            }
            .encode()
        }))
    }
}
