//! DTLS in pure Rust: a sans-IO core that is `no_std` and safe under hostile input.
//!
//! A [`Connection`] is one association with one peer. It owns no socket and reads no clock: its
//! owner hands datagrams and the time in, and takes datagrams, events and timeouts out, in any
//! order and at any time. An [`Endpoint`] stands in front of many connections on one socket:
//! it answers unproven peers without keeping anything for them.
//!
//! Most programs want a driver: `sealgram-udp` for blocking sockets.
//!
//! # A connection's life
//!
//! ```text
//!   handle_datagram ─┐                    ┌─> poll_transmit       datagrams to send
//!   handle_timeout  ─┼──> Connection ─────┼─> poll_timeout        when to wake up
//!   resolve         ─┤                    ├─> poll_event          Connected, Needs, Closed
//!   send, close     ─┘                    └─> poll_endpoint_event for the Endpoint
//! ```
//!
//! Garbage is never an error: a datagram that cannot be authenticated is counted in [`Stats`] and
//! dropped. What ends a connection is told once, by [`Event::Closed`], with a typed [`Error`].
#![forbid(unsafe_code)]
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod config;
mod connection;
mod endpoint;
mod error;
mod event;
mod path;
#[cfg(feature = "std")]
mod sessions;
#[cfg(feature = "std")]
mod spent;
mod srtp;
mod stats;
mod timers;
#[cfg(feature = "std")]
mod wall_clock;

pub use config::{
    ClientConfig, ClientConfigBuilder, Ready, ServerConfig, ServerConfigBuilder, TransportConfig,
    WantsClientIdentity, WantsClientVerifier, WantsIdentity, WantsServerVerifier, certified,
    certified_elsewhere, raw_public_key, raw_public_key_elsewhere,
};
pub use connection::Connection;
pub use endpoint::{
    Admission, Dropped, Endpoint, EndpointConfig, EndpointStats, Handle, Incoming, Routed,
};
pub use error::{ConfigError, Misuse, SendError};
pub use event::{
    AskId, CloseReason, Closed, Data, EarlyDataOutcome, EndpointEvent, Event, Handled, Timeout,
    TimeoutKind,
};
pub use path::{Path, Transmit};
pub use pki_types;
pub use sealgram_crypto as crypto;
pub use sealgram_handshake::{
    Answer, Ask, CertificateWanted, CertifiedKey, ClientSession, ClientSessionStore, Connected,
    EarlyDataLedger, Error, ErrorKind, ExternalPsk, FindPsk, Negotiated, NewSession,
    PeerIncompatible, PeerMisbehaved, PskChoice, PskLookup, ResolvesCertificate, Session,
    SessionCache, Side, Sign, TicketKey, TicketSealer, VerifyPeer, VerifyRawPublicKey,
};
pub use sealgram_iana as iana;
#[cfg(feature = "ring")]
pub use sealgram_ring as ring;
pub use sealgram_wire::Instant;
pub use sealgram_x509::{
    AnyPublicKey, FingerprintVerifier, PinnedPublicKeys, RootStore, UnknownStatus,
    WebPkiClientVerifier, WebPkiServerVerifier, danger,
};
#[cfg(feature = "std")]
pub use sessions::{MemorySessionCache, MemorySessions, Tickets};
#[cfg(feature = "std")]
pub use spent::SpentTickets;
pub use srtp::{SrtpKeys, SrtpMaster};
pub use stats::{Discards, Info, Stats};
pub use timers::Timers;
#[cfg(feature = "std")]
pub use wall_clock::SystemClock;

/// What the short-form builders start with: ring's algorithms, and with the feature `post-quantum`
/// the hybrid group X25519MLKEM768 in front of ring's.
#[cfg(feature = "ring")]
#[must_use]
pub fn default_provider() -> crypto::CryptoProvider {
    #[cfg_attr(not(feature = "post-quantum"), expect(unused_mut, reason = "nothing is added"))]
    let mut provider = sealgram_ring::default_provider();
    #[cfg(feature = "post-quantum")]
    {
        static X25519_MLKEM768: sealgram_mlkem::Hybrid =
            sealgram_mlkem::Hybrid::new(sealgram_ring::kx_group::X25519, &sealgram_ring::Random);
        provider.groups.insert(0, &X25519_MLKEM768);
    }
    provider
}
