//! The DTLS handshake: whole messages in, effects out.
//!
//! This crate never sees a fragment, a datagram size, an epoch number or a timer. It is given
//! whole messages in order ([`Handshake::handle`]) and answers (`resolve`), and it acts through
//! [`Effects`]: send a message, install a key, ask the application.
//!
//! ```text
//!            messages, answers                     Effects
//!  flight ────────────────────> state machine ─────────────────> flight, record, application
//!                               client | server
//!                               hello -> v12 | v13
//! ```
//!
//! States are structs that own exactly what they need; a message consumes a state and yields the
//! next. Only message order and key schedule are split by version: negotiation, authentication
//! and configuration are shared.
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

mod auth;
mod client;
mod config;
mod early;
mod effects;
mod error;
mod identity;
mod machine;
mod negotiate;
mod post;
mod psk;
mod schedule;
mod server;
mod session;
mod shown;
mod ticket;
mod transcript;

pub use config::{
    ClientConfig, ClientVerification, CommonConfig, RawPublicKeyVerification, ServerConfig,
    ServerVerification, Versions,
};
pub use early::{EarlyData, EarlyDataLedger, EarlyDataTerms, Origin, ticket_proves_address};
pub use effects::{
    Answer, Ask, Connected, Effects, RecordLimits, Sign, VerifyPeer, VerifyRawPublicKey,
};
pub use error::{Error, ErrorKind, PeerIncompatible, PeerMisbehaved};
pub use identity::{
    CertificateWanted, CertifiedKey, Credential, Identities, KeySource, ResolvesCertificate,
};
pub use machine::Handshake;
pub use negotiate::{Negotiated, Selection, hello_hash, hello_retry_request, select};
pub use psk::{ClientPsk, ExternalPsk, FindPsk, PskChoice, PskLookup, PskSource};
pub use server::Retried;
pub use session::{
    ClientSession, ClientSessionStore, NewSession, Session, SessionCache, TicketSealer,
};
pub use ticket::TicketKey;

/// Which end of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The one that sends the first message.
    Client,
    /// The one that answers.
    Server,
}

/// The randoms of both hellos.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Randoms {
    pub(crate) client: [u8; 32],
    pub(crate) server: [u8; 32],
}
