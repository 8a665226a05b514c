//! What opening and sealing can end in.

use core::fmt;

use sealgram_iana::{AlertDescription, ContentType};
use sealgram_wire::{Phase, RecordNumber};

/// A record that was opened, or a well-formed plaintext one.
#[derive(Debug)]
pub struct Opened<'d> {
    /// What the payload is. In a protected record authenticated, but any value: whether it is
    /// allowed here is for the layer above to say.
    pub content_type: ContentType,
    /// Which keys it was protected with. [`Phase::Plaintext`] means nobody vouches for it.
    pub phase: Phase,
    /// Its number, as an ACK names it.
    pub number: RecordNumber,
    /// The plaintext, at most 2^14 bytes; empty only for content types that may be.
    pub payload: &'d mut [u8],
}

/// Why [`RecordLayer::open`](crate::RecordLayer::open) has no payload to give.
#[derive(Debug)]
pub enum Fault<'d> {
    /// The record is dropped in silence and the association goes on (RFC 9147 §4.5.2).
    Discarded(Discarded<'d>),
    /// The peer itself, authenticated, broke the protocol. Fatal.
    Violation(Violation),
}

/// A dropped record.
#[derive(Debug)]
pub struct Discarded<'d> {
    /// Why.
    pub reason: Discard,
    /// Which phase the record claims, where it can be told. With [`Discard::FutureEpoch`] the keys
    /// to wait for, with [`Discard::Unauthentic`] the keys that it failed under.
    pub phase: Option<Phase>,
    /// The record, header included; after [`Discard::Malformed`] the rest of the datagram.
    /// Untouched if the reason is [`Discard::FutureEpoch`], so that it can be kept and opened
    /// later; otherwise its content is unspecified.
    pub record: &'d mut [u8],
}

/// Why a record was dropped. Counted, never raised (RFC 9147 §4.5.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Discard {
    /// Not a DTLS record. The rest of the datagram goes with it: where the next record would
    /// start is unknown.
    Malformed,
    /// The number was seen before, or is older than the replay window.
    Replay,
    /// The AEAD refused the record.
    Unauthentic,
    /// An epoch whose keys are gone or can never come.
    UnknownEpoch,
    /// An epoch whose keys may still come.
    FutureEpoch,
    /// The format or version number of another version than the one negotiated.
    WrongVersion,
    /// A content type that has no business in a plaintext record.
    UnexpectedType,
    /// A plaintext handshake, alert, ChangeCipherSpec or ACK record without content.
    EmptyFragment,
    /// Longer than a record may be.
    TooLong,
    /// Too short to hold nonce, sample and tag.
    TooShort,
    /// So many records failed under these keys that no more are tried (RFC 9147 §4.5.3).
    LimitReached,
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a DTLS record",
            Self::Replay => "a replayed or very old record",
            Self::Unauthentic => "a record that fails authentication",
            Self::UnknownEpoch => "a record of an unknown epoch",
            Self::FutureEpoch => "a record of an epoch that has no keys yet",
            Self::WrongVersion => "a record of another version",
            Self::UnexpectedType => "a plaintext record of an unexpected type",
            Self::EmptyFragment => "an empty plaintext record",
            Self::TooLong => "a record that is too long",
            Self::TooShort => "a record that is too short",
            Self::LimitReached => "a record under keys whose forgery limit is reached",
        })
    }
}

/// How an authenticated record breaks the protocol.
///
/// Only a holder of the keys can cause one, so it is a defect of the peer and no attack on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Violation {
    /// Nothing but padding: there is no content type (RFC 8446 §5.4).
    NoContentType,
    /// More than 2^14 bytes of plaintext (RFC 5246 §6.2.3, RFC 8446 §5.4).
    RecordOverflow,
    /// A handshake, alert or ChangeCipherSpec record without content (RFC 5246 §6.2.1,
    /// RFC 8446 §5.4).
    EmptyFragment(ContentType),
}

impl Violation {
    /// The fatal alert that the peer is owed.
    #[must_use]
    pub const fn alert(self) -> AlertDescription {
        match self {
            Self::NoContentType | Self::EmptyFragment(_) => AlertDescription::UNEXPECTED_MESSAGE,
            Self::RecordOverflow => AlertDescription::RECORD_OVERFLOW,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoContentType => f.write_str("an authentic record has no content type"),
            Self::RecordOverflow => f.write_str("an authentic record has too long a plaintext"),
            Self::EmptyFragment(typ) => write!(f, "an authentic record of type {typ} is empty"),
        }
    }
}

impl core::error::Error for Violation {}

/// Why a record could not be sealed. The association stays usable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SealError {
    /// There are no keys to write this phase with.
    NoKeys,
    /// All 2^48 sequence numbers of the epoch are used (RFC 9147 §4.2.1).
    NumbersExhausted,
    /// The keys have sealed as many records as they may (RFC 9147 §4.5.3).
    LimitReached,
    /// More plaintext than a record takes: see
    /// [`RecordLayer::max_plaintext`](crate::RecordLayer::max_plaintext).
    TooLong,
    /// The buffer has no room for what surrounds the plaintext.
    TooShort,
    /// The provider failed.
    Crypto,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKeys => "no keys to write this phase with",
            Self::NumbersExhausted => "the epoch's sequence numbers are used up",
            Self::LimitReached => "the keys' usage limit is reached",
            Self::TooLong => "the plaintext is too long for one record",
            Self::TooShort => "the buffer has no room for header and tag",
            Self::Crypto => "the provider failed to seal a record",
        })
    }
}

impl core::error::Error for SealError {}
