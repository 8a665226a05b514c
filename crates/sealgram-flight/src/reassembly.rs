//! Reassembly: fragments in any order, cut and repeated in any way, become whole messages.
//!
//! ```text
//!   message_seq:   .. next-1 |  next   next+1  ..  next+6  |  next+7 ..
//!                   a repeat |     kept until whole        |  dropped
//! ```
//!
//! Memory is proportional to the bytes that were received, never to a length that was claimed
//! (RFC 9147 §5.5 asks for buffering; list of known attacks: 16 MB claimed for every message).

use alloc::vec::Vec;
use core::fmt;

use sealgram_iana::HandshakeType;
use sealgram_wire::{Fragment, MessageSeq, OwnedMessage, Phase};

/// How many messages, from the next one on, are kept. The longest flight is a 1.2 server's:
/// ServerHello, SupplementalData, Certificate, CertificateStatus, ServerKeyExchange,
/// CertificateRequest, ServerHelloDone (RFC 5246 §7.3, RFC 4680 §2, RFC 6066 §8). So if a flight's
/// first message is lost, nothing else of it is lost with it.
const WINDOW: u32 = 7;

/// Bytes kept of messages after the next one, all together. A chain of certificates behind a lost
/// hello fits; what does not is dropped, not acknowledged, and sent again. The next message has
/// its own limit (`max_message_len`), so whatever is kept of the others, it always fits.
const MAX_AHEAD: u32 = 65_536;

/// Pieces of one message that do not touch. Fragments that arrive in order make one piece, each
/// lost datagram one more, and a certificate in fragments of two bytes in random order some 200.
/// Beyond the bound only fragments that touch a piece, or start the message, are kept, so a resend
/// always makes progress. It keeps small pieces from costing many times their size.
const MAX_PIECES: usize = 256;

/// Phases whose messages can be told apart when they are repeated: plaintext, the encrypted
/// handshake and the two latest generations of application keys. Records of older ones cannot be
/// opened any more.
const MAX_SPANS: usize = 4;

/// The most that reassembly can hold on the heap, in bytes, for a given `max_message_len`.
///
/// Twice the bytes (vectors grow by doubling), plus the bookkeeping of the pieces.
#[must_use]
pub fn reassembly_bound(max_message_len: u32) -> usize {
    let bytes = index(max_message_len).saturating_add(index(MAX_AHEAD)).saturating_mul(2);
    // Twice, for doubling; one more piece, because the start of a message is always kept.
    let pieces = index(WINDOW)
        .saturating_mul(MAX_PIECES.saturating_add(1))
        .saturating_mul(size_of::<Piece>().saturating_mul(2));
    let tables = index(WINDOW)
        .saturating_mul(size_of::<Assembly>().saturating_mul(2))
        .saturating_add(MAX_SPANS.saturating_mul(size_of::<(u32, Phase)>()));
    bytes.saturating_add(pieces).saturating_add(tables)
}

/// What a peer did that ends the handshake. The evidence is authenticated, except for
/// [`Violation::MessageTooLong`], which is raised in plaintext too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Violation {
    /// Two fragments disagree about a byte, the type or the length of one message
    /// (illegal_parameter, RFC 9147 §5.5).
    ConflictingFragment,
    /// A message that is not under the keys that it must be under (unexpected_message,
    /// RFC 8446 §5.1).
    UnexpectedPhase,
    /// A message is longer than `max_message_len` (illegal_parameter).
    MessageTooLong,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConflictingFragment => "two fragments of one message disagree",
            Self::UnexpectedPhase => "a handshake message is under keys of another phase",
            Self::MessageTooLong => "a handshake message is longer than allowed",
        })
    }
}

impl core::error::Error for Violation {}

/// Contiguous bytes of a message.
#[derive(Debug)]
struct Piece {
    start: u32,
    bytes: Vec<u8>,
}

impl Piece {
    fn end(&self) -> u32 {
        self.start.saturating_add(len_u32(&self.bytes))
    }

    /// Appends what `bytes`, which begin at `start`, have beyond the end. `message_len` bounds
    /// the growth.
    fn extend(&mut self, start: u32, bytes: &[u8], message_len: u32) {
        let known = index(self.end().saturating_sub(start));
        let Some(new) = bytes.get(known..) else { return };
        let needed = self.bytes.len().saturating_add(new.len());
        if needed > self.bytes.capacity() {
            // Doubling, but never beyond the message.
            let whole = index(message_len.saturating_sub(self.start));
            let capacity = self.bytes.len().saturating_mul(2).min(whole).max(needed);
            self.bytes.reserve_exact(capacity.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(new);
    }

    /// Whether both have the same bytes where they overlap.
    fn agrees(&self, start: u32, bytes: &[u8]) -> bool {
        let from = self.start.max(start);
        let mine = self.bytes.get(index(from.saturating_sub(self.start))..).unwrap_or_default();
        let theirs = bytes.get(index(from.saturating_sub(start))..).unwrap_or_default();
        mine.iter().zip(theirs).all(|(a, b)| a == b)
    }
}

/// A message that is not whole, or not delivered.
#[derive(Debug)]
struct Assembly {
    typ: HandshakeType,
    seq: MessageSeq,
    message_len: u32,
    /// Invariant: sorted; they neither overlap nor touch; each lies in `0..message_len`.
    /// Bound: [`MAX_PIECES`] and one.
    pieces: Vec<Piece>,
}

/// What became of a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    /// All its bytes are here.
    Yes,
    /// It has none; nothing is lost.
    Nothing,
    /// It was discarded, so its record must not be acknowledged.
    No,
}

impl Assembly {
    fn is_whole(&self) -> bool {
        match self.pieces.as_slice() {
            [] => self.message_len == 0,
            [only] => only.start == 0 && len_u32(&only.bytes) == self.message_len,
            _ => false,
        }
    }

    fn bytes_held(&self) -> u32 {
        self.pieces.iter().fold(0, |sum, piece| sum.saturating_add(len_u32(&piece.bytes)))
    }

    /// Merges a fragment that has the same type and length. Nothing changes on an error.
    fn merge(&mut self, fragment: &Fragment<'_>) -> Result<Kept, Violation> {
        let (start, bytes) = (fragment.offset, fragment.body);
        let end = start.saturating_add(len_u32(bytes));
        let from = self.pieces.partition_point(|piece| piece.end() < start);
        let to = self.pieces.partition_point(|piece| piece.start <= end);
        let Some(touched) = self.pieces.get(from..to).filter(|touched| !touched.is_empty()) else {
            if self.pieces.len() >= MAX_PIECES && (start != 0 || self.pieces.len() > MAX_PIECES) {
                return Ok(Kept::No);
            }
            self.pieces.insert(from, Piece { start, bytes: bytes.to_vec() });
            return Ok(Kept::Yes);
        };
        if !touched.iter().all(|piece| piece.agrees(start, bytes)) {
            return Err(Violation::ConflictingFragment);
        }
        if touched.iter().any(|piece| piece.start <= start && end <= piece.end()) {
            return Ok(Kept::Yes);
        }
        let mut touched = self.pieces.drain(from..to);
        let mut merged = match touched.next() {
            Some(mut first) if first.start <= start => {
                first.extend(start, bytes, self.message_len);
                first
            }
            first => {
                let mut merged = Piece { start, bytes: bytes.to_vec() };
                if let Some(first) = first {
                    merged.extend(first.start, &first.bytes, self.message_len);
                }
                merged
            }
        };
        for piece in touched {
            merged.extend(piece.start, &piece.bytes, self.message_len);
        }
        self.pieces.insert(from, merged);
        Ok(Kept::Yes)
    }
}

/// The receiving side.
#[derive(Debug)]
pub(crate) struct Reassembly {
    /// The number of the next message to deliver; 65,536 after the last.
    next: u32,
    /// The phase that the next message must have.
    phase: Phase,
    /// At or after `next`, within [`WINDOW`], all of `phase`, in no order. Bound: [`WINDOW`].
    assemblies: Vec<Assembly>,
    /// From which message on which phase was declared, oldest first. Bound: [`MAX_SPANS`].
    spans: Vec<(u32, Phase)>,
    max_message_len: u32,
}

impl Reassembly {
    pub(crate) fn new(next: MessageSeq, max_message_len: u32) -> Self {
        Self {
            next: u32::from(next.0),
            phase: Phase::Plaintext,
            assemblies: Vec::new(),
            spans: Vec::new(),
            max_message_len,
        }
    }

    pub(crate) fn next_seq(&self) -> Option<MessageSeq> {
        u16::try_from(self.next).ok().map(MessageSeq)
    }

    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// The phase in which an older message was expected, if it is still known.
    pub(crate) fn phase_of(&self, seq: MessageSeq) -> Option<Phase> {
        let seq = u32::from(seq.0);
        let spans = self.spans.iter().rev();
        spans.copied().find(|span| span.0 <= seq).map(|span| span.1).or_else(|| {
            // Spans are only recorded once the phase changes.
            self.spans.is_empty().then_some(Phase::Plaintext)
        })
    }

    pub(crate) fn set_phase(&mut self, phase: Phase) -> Result<(), Violation> {
        let old = core::mem::replace(&mut self.phase, phase);
        if old == phase {
            return Ok(());
        }
        if self.spans.is_empty() {
            self.spans.push((0, Phase::Plaintext));
        }
        if self.spans.len() >= MAX_SPANS {
            self.spans.remove(0);
        }
        self.spans.push((self.next, phase));
        let poisoned = !self.assemblies.is_empty();
        self.assemblies = Vec::new();
        if poisoned && !old.is_plaintext() { Err(Violation::UnexpectedPhase) } else { Ok(()) }
    }

    pub(crate) fn is_repeat(&self, seq: MessageSeq) -> bool {
        u32::from(seq.0) < self.next
    }

    /// Whether the fragment is the whole next message, of which nothing is here yet.
    pub(crate) fn is_next_whole(&self, fragment: &Fragment<'_>) -> bool {
        u32::from(fragment.seq.0) == self.next
            && fragment.is_whole()
            && !self.assemblies.iter().any(|assembly| assembly.seq == fragment.seq)
    }

    /// The next message was delivered past the buffer.
    pub(crate) fn advance(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// The length that a fragment claims, before anything is allocated for it.
    pub(crate) fn check_len(&self, fragment: &Fragment<'_>) -> Result<(), Violation> {
        if fragment.message_len > self.max_message_len {
            return Err(Violation::MessageTooLong);
        }
        Ok(())
    }

    /// Keeps a fragment of the declared phase that is not a repeat and not too long.
    pub(crate) fn insert(&mut self, fragment: &Fragment<'_>) -> Result<Kept, Violation> {
        let seq = u32::from(fragment.seq.0);
        if fragment.body.is_empty() && fragment.message_len > 0 {
            return Ok(Kept::Nothing);
        }
        if seq.saturating_sub(self.next) >= WINDOW {
            return Ok(Kept::No);
        }
        if seq > self.next {
            let ahead = self
                .assemblies
                .iter()
                .filter(|assembly| u32::from(assembly.seq.0) > self.next)
                .fold(len_u32(fragment.body), |sum, assembly| {
                    sum.saturating_add(assembly.bytes_held())
                });
            if ahead > MAX_AHEAD {
                return Ok(Kept::No);
            }
        }
        if let Some(assembly) =
            self.assemblies.iter_mut().find(|assembly| assembly.seq == fragment.seq)
        {
            if (assembly.typ, assembly.message_len) != (fragment.typ, fragment.message_len) {
                return Err(Violation::ConflictingFragment);
            }
            if fragment.body.is_empty() {
                return Ok(Kept::Yes);
            }
            return assembly.merge(fragment);
        }
        let mut assembly = Assembly {
            typ: fragment.typ,
            seq: fragment.seq,
            message_len: fragment.message_len,
            pieces: Vec::new(),
        };
        if !fragment.body.is_empty() {
            assembly.merge(fragment)?;
        }
        self.assemblies.push(assembly);
        Ok(Kept::Yes)
    }

    /// Takes the next message if it is whole.
    pub(crate) fn pop(&mut self) -> Option<OwnedMessage> {
        let next = self.next_seq()?;
        let index = self
            .assemblies
            .iter()
            .position(|assembly| assembly.seq == next && assembly.is_whole())?;
        let assembly = self.assemblies.swap_remove(index);
        if self.assemblies.is_empty() {
            self.assemblies = Vec::new();
        }
        self.advance();
        let body = assembly.pieces.into_iter().next().map(|piece| piece.bytes).unwrap_or_default();
        Some(OwnedMessage { typ: assembly.typ, seq: next, phase: self.phase, body })
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let spans = self.spans.capacity().saturating_mul(size_of::<(u32, Phase)>());
        let table = self.assemblies.capacity().saturating_mul(size_of::<Assembly>());
        self.assemblies.iter().fold(spans.saturating_add(table), |sum, assembly| {
            let table = assembly.pieces.capacity().saturating_mul(size_of::<Piece>());
            assembly.pieces.iter().fold(sum.saturating_add(table), |sum, piece| {
                sum.saturating_add(piece.bytes.capacity())
            })
        })
    }
}

/// The length of bytes that lie inside a message, so below 2^24.
fn len_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// A position inside a message, below 2^24.
fn index(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
