//! Tests of the library against foreign DTLS libraries: what they share.
//!
//! ```text
//!   tests/*.rs              rows of data, and what each row expects
//!        |
//!        v
//!   rows -> Meeting         a client and a server; a link that loses what it is told to
//!        |
//!        +-- Terms          what each side is told to offer and to insist on
//!        +-- Library        Sealgram, Boring, Dimpl: terms become parties, parties make ends
//!        +-- Posted         carries every datagram through the loopback interface
//! ```
//!
//! All ends are sans-IO and share virtual time, the foreign ones too: a lost datagram costs no
//! waiting, and a row that fails fails again. The datagrams are real: each goes through two pairs
//! of UDP sockets.
#![deny(unsafe_code)]

#[cfg(feature = "boring")]
mod boring;
mod clock;
mod dimpl;
mod end;
#[cfg(feature = "boring")]
#[allow(unsafe_code, reason = "calls of BoringSSL that the crate `boring` has no name for")]
mod ffi;
mod library;
mod meeting;
mod ours;
mod pki;
mod posted;
mod rows;
mod terms;

pub use end::{Agreed, End, Ended, Leaf, Party};
pub use library::Library;
pub use meeting::{Meeting, Role};
pub use pki::{Authority, Identity, KeyKind};
pub use posted::Posted;
pub use rows::{Checked, Failure, check, check_eq, is_wanted, rows};
pub use terms::{ClientCertificate, Resumption, Suite, Terms};
