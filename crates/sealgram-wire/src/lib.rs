//! The DTLS wire format: bytes to typed messages and back.
//!
//! This crate has no state and does no cryptography. Parsing yields types that cannot be wrong:
//! each invariant is stated once, on the field, and nothing downstream checks it again. There is
//! one encoder per message.
//!
//! It also owns the words that all layers share: [`Instant`], [`Phase`], [`Group`],
//! [`MessageSeq`] and [`RecordNumber`].
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
#[cfg(test)]
extern crate std;

mod ack;
mod alert;
mod codec;
mod extensions;
mod handshake;
mod hello;
#[cfg(test)]
mod laws;
mod list;
pub mod messages12;
pub mod messages13;
mod record;
mod signed;
mod words;

pub use ack::Ack;
pub use alert::Alert;
pub use codec::{Malformed, Prefix, Reader, Writer};
pub use extensions::{
    ClientExtensions, Extension, KeyShareEntry, OfferedPsks, PskIdentity, SelectedSrtp,
    ServerExtensions, ServerMessage, UseSrtp,
};
pub use handshake::{Fragment, Message, OwnedMessage};
pub use hello::{ClientHello, HelloVerifyRequest, MAX_SESSION_ID, Random, ServerHello};
pub use list::{
    Asn1Cert, ConnectionId, DistinguishedName, Item, Iter, List, ProtocolName, PskBinderEntry,
};
pub use record::{
    CidHeader, FullHeader, MAX_CIPHERTEXT_12, MAX_CIPHERTEXT_13, MAX_PLAINTEXT, RecordHeader,
    ShortSequence, UnifiedHeader,
};
pub use signed::DigitallySigned;
pub use words::{Group, Instant, MessageSeq, Phase, RecordNumber};
