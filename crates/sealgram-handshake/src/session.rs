//! What is kept of a connection so that the next one can resume it.

use alloc::vec::Vec;
use core::fmt::Debug;
use core::time::Duration;

use pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use sealgram_crypto::{HashKind, Secret, Suite};
use sealgram_iana::{CipherSuite, SrtpProfile, Version};
use sealgram_wire::{Malformed, Prefix, Reader, Writer};

use crate::early::Binding;
use crate::shown::PeerIdentity;
use crate::{CommonConfig, Negotiated};

/// The longest that a session may live, however often it is resumed: after a week the peer has to
/// show its certificate again (RFC 8446 §4.6.1 allows no more for a ticket).
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// First byte of an encoded session. It changes with the encoding.
const FORMAT: u8 = 3;

/// The facts of a connection that a later one goes on with. Holds a secret: wiped on drop.
#[derive(Debug)]
pub struct Session {
    pub(crate) version: Version,
    pub(crate) suite: CipherSuite,
    /// The master secret (1.2) or the ticket's pre-shared key (1.3).
    pub(crate) secret: Secret,
    pub(crate) extended_master_secret: bool,
    pub(crate) server_name: Option<Vec<u8>>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) srtp_profile: Option<SrtpProfile>,
    /// The identity of the pre-shared key that it began with, if it did.
    pub(crate) psk_identity: Option<Vec<u8>>,
    /// What the peer was authenticated with, leaf first; may be empty.
    pub(crate) peer_identity: PeerIdentity,
    /// When the peer last showed its certificate, in Unix seconds.
    pub(crate) authenticated_at: u64,
    /// When the session was made or last extended, in Unix seconds.
    pub(crate) created_at: u64,
    /// How long it is good from `created_at` on, in seconds.
    pub(crate) lifetime: u32,
    /// Hides the age of a 1.3 ticket from onlookers.
    pub(crate) age_add: u32,
    /// How many bytes of early data the ticket is good for; 0 for none.
    pub(crate) max_early_data: u32,
    /// On a server: what else must be as it was for that.
    pub(crate) early_binding: Option<Binding>,
}

impl Session {
    pub(crate) fn new(negotiated: &Negotiated, secret: Secret, facts: &Facts<'_>) -> Self {
        Self {
            version: negotiated.version,
            suite: negotiated.cipher_suite,
            secret,
            extended_master_secret: negotiated.extended_master_secret,
            server_name: negotiated.server_name.clone(),
            alpn: negotiated.alpn.clone(),
            srtp_profile: negotiated.srtp_profile,
            psk_identity: negotiated.psk_identity.clone(),
            peer_identity: facts.peer_identity.clone(),
            authenticated_at: facts.authenticated_at,
            created_at: facts.now.as_secs(),
            lifetime: facts.lifetime,
            age_add: facts.age_add,
            max_early_data: facts.max_early_data,
            early_binding: facts.early_binding,
        }
    }

    /// The version that the session was made in.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The identity of the pre-shared key that it began with, if it did.
    #[must_use]
    pub fn psk_identity(&self) -> Option<&[u8]> {
        self.psk_identity.as_deref()
    }

    /// How many bytes of early data may be sent when the session is resumed; 0 for none.
    #[must_use]
    pub const fn max_early_data(&self) -> u32 {
        self.max_early_data
    }

    /// The peer's certificates, leaf first; may be empty.
    #[must_use]
    pub fn peer_chain(&self) -> &[CertificateDer<'static>] {
        self.peer_identity.chain()
    }

    /// The peer's raw public key, if it has shown one.
    #[must_use]
    pub const fn peer_raw_public_key(&self) -> Option<&SubjectPublicKeyInfoDer<'static>> {
        self.peer_identity.raw_public_key()
    }

    /// Whether the session is still good at `now`. A session from the future is not.
    #[must_use]
    pub fn is_fresh(&self, now: UnixTime) -> bool {
        let now = now.as_secs();
        let age = now.checked_sub(self.created_at);
        let whole = now.checked_sub(self.authenticated_at);
        age.is_some_and(|age| age < u64::from(self.lifetime))
            && whole.is_some_and(|whole| whole < MAX_LIFETIME.as_secs())
    }

    /// The suite, if `config` still has it for this version.
    pub(crate) fn usable_suite(&self, config: &CommonConfig) -> Option<&'static Suite> {
        let suite = config.provider.suite(self.suite)?;
        let usable = config.versions.contains(self.version) && suite.facts.version == self.version;
        usable.then_some(suite)
    }

    /// Writes everything, the secret included.
    #[must_use]
    pub fn encode(&self) -> Secret {
        let identity = self.psk_identity.as_deref().unwrap_or_default();
        // All the rest is well below a kilobyte, so the buffer never moves and leaves no copy.
        let varying = self.peer_identity.encoded_len().saturating_add(identity.len());
        let mut w = Writer::with_capacity(varying.saturating_add(1024));
        w.u8(FORMAT);
        w.u16(self.version.wire().0);
        w.u16(self.suite.0);
        w.vec(Prefix::U8, |w| w.bytes(self.secret.expose()));
        w.u8(u8::from(self.extended_master_secret));
        for option in [&self.server_name, &self.alpn, &self.psk_identity] {
            w.vec(Prefix::U16, |w| w.bytes(option.as_deref().unwrap_or_default()));
        }
        w.u16(self.srtp_profile.map_or(0, |profile| profile.0));
        w.u64(self.authenticated_at);
        w.u64(self.created_at);
        w.u32(self.lifetime);
        w.u32(self.age_add);
        w.u32(self.max_early_data);
        w.vec(Prefix::U8, |w| w.bytes(self.early_binding.as_ref().map_or(&[][..], |b| b)));
        self.peer_identity.encode(&mut w);
        Secret::from_vec(w.into_vec())
    }

    /// Reads what [`Session::encode`] wrote. Only for bytes that were kept from others.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        if r.u8("format")? != FORMAT {
            return Err(Malformed::OutOfRange("format"));
        }
        let version = Version::from_wire(r.u16("version")?.into());
        let version = version.ok_or(Malformed::OutOfRange("version"))?;
        let suite = CipherSuite(r.u16("cipher_suite")?);
        let secret = Secret::copy_from(r.vec8("secret")?);
        if !(1..=HashKind::MAX_LEN).contains(&secret.len()) {
            return Err(Malformed::OutOfRange("secret"));
        }
        let extended_master_secret = r.u8("extended_master_secret")? != 0;
        let mut option = |field| {
            let bytes = r.vec16(field)?;
            Ok::<_, Malformed>((!bytes.is_empty()).then(|| bytes.to_vec()))
        };
        let server_name = option("server_name")?;
        let alpn = option("alpn")?;
        let psk_identity = option("psk_identity")?;
        let srtp_profile = match r.u16("srtp_profile")? {
            0 => None,
            profile => Some(SrtpProfile(profile)),
        };
        let authenticated_at = r.u64("authenticated_at")?;
        let created_at = r.u64("created_at")?;
        let lifetime = r.u32("lifetime")?;
        let age_add = r.u32("age_add")?;
        let max_early_data = r.u32("max_early_data_size")?;
        let early_binding = match r.vec8("early_binding")? {
            [] => None,
            binding => {
                Some(binding.try_into().map_err(|_| Malformed::OutOfRange("early_binding"))?)
            }
        };
        let peer_identity = PeerIdentity::decode(&mut r)?;
        r.finish("session")?;
        Ok(Self {
            version,
            suite,
            secret,
            extended_master_secret,
            server_name,
            alpn,
            srtp_profile,
            psk_identity,
            peer_identity,
            authenticated_at,
            created_at,
            lifetime,
            age_add,
            max_early_data,
            early_binding,
        })
    }
}

/// What a session has that was not negotiated.
pub(crate) struct Facts<'a> {
    pub(crate) peer_identity: &'a PeerIdentity,
    pub(crate) authenticated_at: u64,
    pub(crate) now: UnixTime,
    pub(crate) lifetime: u32,
    pub(crate) age_add: u32,
    pub(crate) max_early_data: u32,
    pub(crate) early_binding: Option<Binding>,
}

/// A session as a client keeps it, with what makes the server recognise it.
#[derive(Debug)]
pub struct ClientSession {
    pub(crate) session: Session,
    /// What the server gave us to show again; empty if it only knows the ID.
    pub(crate) ticket: Vec<u8>,
    /// The session ID of a 1.2 server that keeps sessions itself; else empty.
    pub(crate) id: Vec<u8>,
}

impl ClientSession {
    /// The session itself.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Writes everything, the secret included: for stores outside of the process.
    #[must_use]
    pub fn encode(&self) -> Secret {
        let session = self.session.encode();
        let parts = [session.len(), self.ticket.len(), self.id.len(), 8];
        let mut w = Writer::with_capacity(parts.iter().fold(0, |sum, n| sum.saturating_add(*n)));
        w.vec(Prefix::U24, |w| w.bytes(session.expose()));
        w.vec(Prefix::U16, |w| w.bytes(&self.ticket));
        w.vec(Prefix::U8, |w| w.bytes(&self.id));
        Secret::from_vec(w.into_vec())
    }

    /// Reads what [`ClientSession::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        let session = Session::decode(r.vec24("session")?)?;
        let ticket = r.vec16("ticket")?.to_vec();
        let id = r.vec8("session_id")?.to_vec();
        r.finish("client session")?;
        Ok(Self { session, ticket, id })
    }
}

/// Where a client keeps its sessions.
///
/// A store belongs to configurations that verify servers alike: whoever gets a session from it
/// trusts the verification that it once went through.
pub trait ClientSessionStore: Debug + Send + Sync {
    /// Keeps a session for the server with this name.
    fn put(&self, server: Option<&ServerName<'_>>, session: ClientSession);

    /// Takes a session for the server with this name out of the store, the newest if there are
    /// several. It is not offered twice: that would let onlookers tell that two connections come
    /// from the same client (RFC 8446 §C.4).
    fn take(&self, server: Option<&ServerName<'_>>) -> Option<ClientSession>;
}

/// Seals a server's sessions into tickets that clients keep for it (RFC 5077, RFC 8446 §4.6.1).
pub trait TicketSealer: Debug + Send + Sync {
    /// A ticket with this content, or `None` if none can be made now.
    fn seal(&self, now: UnixTime, content: &Secret) -> Option<Vec<u8>>;

    /// The content of a ticket that this sealer, or another one with the same keys, has made.
    /// `None` for anything else: a full handshake follows.
    fn open(&self, now: UnixTime, ticket: &[u8]) -> Option<Secret>;

    /// How long tickets are good, in seconds; at most a week.
    fn lifetime(&self) -> u32;
}

/// A session that the application is to keep, for whoever asks for it with
/// [`Ask::Session`](crate::Ask::Session).
#[derive(Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// What it will be asked for by: random.
    pub id: [u8; 32],
    /// What has to be given back. Holds a secret: whoever has it can pretend to be either side.
    pub content: Secret,
    /// How long it is good, in seconds.
    pub lifetime: u32,
}

/// Where a server keeps the sessions of 1.2 clients that take no tickets.
pub trait SessionCache: Debug + Send + Sync {
    /// Keeps the content of a session under its ID.
    fn put(&self, id: [u8; 32], content: Secret);

    /// The content kept under this ID. It stays: 1.2 clients may resume a session many times.
    fn get(&self, id: &[u8]) -> Option<Secret>;

    /// How long sessions are good, in seconds; at most a week.
    fn lifetime(&self) -> u32;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            version: Version::V13,
            suite: CipherSuite::TLS_AES_128_GCM_SHA256,
            secret: Secret::copy_from(&[7; 32]),
            extended_master_secret: true,
            server_name: Some(b"example.com".to_vec()),
            alpn: None,
            srtp_profile: Some(SrtpProfile::SRTP_AEAD_AES_128_GCM),
            psk_identity: Some(b"device".to_vec()),
            peer_identity: PeerIdentity::Chain(Vec::from([Vec::from([1, 2, 3]).into()])),
            authenticated_at: 1000,
            created_at: 2000,
            lifetime: 3600,
            age_add: 5,
            max_early_data: 1024,
            early_binding: Some([8; 32]),
        }
    }

    #[test]
    fn session_round_trips_and_refuses_every_truncation() {
        let encoded = session().encode();
        let decoded = Session::decode(encoded.expose()).unwrap();
        assert_eq!(decoded.encode().expose(), encoded.expose());
        for len in 0..encoded.len() {
            assert!(Session::decode(&encoded.expose()[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn client_session_round_trips() {
        let kept = ClientSession { session: session(), ticket: Vec::from([9; 40]), id: Vec::new() };
        let encoded = kept.encode();
        let decoded = ClientSession::decode(encoded.expose()).unwrap();
        assert_eq!(decoded.encode().expose(), encoded.expose());
    }

    #[test]
    fn session_is_fresh_within_its_lifetime_and_a_week_after_authentication() {
        let at = |secs| UnixTime::since_unix_epoch(Duration::from_secs(secs));
        let mut session = session();
        assert!(session.is_fresh(at(2000)));
        assert!(session.is_fresh(at(5599)));
        assert!(!session.is_fresh(at(5600)));
        assert!(!session.is_fresh(at(1999)));
        session.lifetime = u32::MAX;
        assert!(session.is_fresh(at(1000 + 604_799)));
        assert!(!session.is_fresh(at(1000 + 604_800)));
    }
}
