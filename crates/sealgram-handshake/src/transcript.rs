//! The transcript: the hash over all handshake messages.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use sealgram_crypto::{Digest, Hash, HashContext};
use sealgram_iana::{HandshakeType, Version};
use sealgram_wire::{Fragment, Message, MessageSeq};

/// The running hash, from the moment that the suite is known.
///
/// The versions frame a message differently: 1.2 hashes the DTLS header as if the message had
/// come in one fragment (RFC 6347 §4.2.6), 1.3 the four bytes of TLS (RFC 9147 §5.2).
pub(crate) struct Transcript {
    version: Version,
    hash: &'static dyn Hash,
    context: Box<dyn HashContext>,
    /// The messages themselves, for as long as a 1.2 CertificateVerify may need them: it signs
    /// them with a hash of its own choice (RFC 5246 §7.4.8).
    raw: Option<Vec<u8>>,
}

impl Transcript {
    pub(crate) fn new(version: Version, hash: &'static dyn Hash) -> Self {
        Self { version, hash, context: hash.start(), raw: None }
    }

    /// After a HelloRetryRequest the first hello is represented by its hash, so that a server need
    /// not keep it (RFC 8446 §4.4.1).
    pub(crate) fn after_retry(hash: &'static dyn Hash, hello_hash: &Digest) -> Self {
        let mut this = Self::new(Version::V13, hash);
        this.add(HandshakeType::MESSAGE_HASH, MessageSeq(0), hello_hash.as_ref());
        this
    }

    /// Keeps the messages from here on, until [`Transcript::take_raw`]. Called before the first.
    pub(crate) fn keep_raw(&mut self) {
        self.raw = Some(Vec::new());
    }

    /// The messages so far; they are no longer kept.
    pub(crate) fn take_raw(&mut self) -> Vec<u8> {
        self.raw.take().unwrap_or_default()
    }

    /// Adds one message.
    pub(crate) fn add(&mut self, typ: HandshakeType, seq: MessageSeq, body: &[u8]) {
        // Bodies are below 2^24 bytes by construction.
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let header = Fragment::header(typ, seq, len, 0, len);
        let header = match self.version {
            Version::V12 => &header[..],
            Version::V13 => header.get(..4).unwrap_or(&header),
        };
        self.context.update(header);
        self.context.update(body);
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(header);
            raw.extend_from_slice(body);
        }
    }

    /// Adds a received message.
    pub(crate) fn add_message(&mut self, message: &Message<'_>) {
        self.add(message.typ, message.seq, message.body);
    }

    /// What the hash would be after the first bytes of a message whose body has `len` bytes: what
    /// binders are made over (RFC 8446 §4.2.11.2). 1.3 only.
    pub(crate) fn with_start_of(&self, typ: HandshakeType, len: usize, start: &[u8]) -> Digest {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let header = Fragment::header(typ, MessageSeq(0), len, 0, len);
        let mut context = self.context.fork();
        context.update(header.get(..4).unwrap_or(&header));
        context.update(start);
        context.current()
    }

    /// The suite's hash function.
    pub(crate) const fn hash(&self) -> &'static dyn Hash {
        self.hash
    }

    /// The hash of all messages so far.
    pub(crate) fn current(&self) -> Digest {
        self.context.current()
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transcript({:?})", self.version)
    }
}
