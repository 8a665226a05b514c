//! The messages that begin a handshake, the same for both versions.

use alloc::vec::Vec;
use core::fmt;

use sealgram_iana::{CipherSuite, CompressionMethod, ProtocolVersion};

use crate::{
    ClientExtensions, List, Malformed, Prefix, Reader, ServerExtensions, ServerMessage, Writer,
    codec,
};

/// The longest `session_id` (RFC 5246 §7.4.1.2).
pub const MAX_SESSION_ID: usize = 32;

/// The `random` of a hello.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Random(pub [u8; 32]);

impl Random {
    /// What makes a ServerHello a HelloRetryRequest: SHA-256("HelloRetryRequest")
    /// (RFC 8446 §4.1.3).
    pub const HELLO_RETRY_REQUEST: Self = Self([
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
        0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
        0x33, 0x9c,
    ]);

    /// The last bytes of a 1.3 server's random when it negotiates 1.2 (RFC 8446 §4.1.3).
    pub const DOWNGRADE_TO_1_2: [u8; 8] = *b"DOWNGRD\x01";

    /// The last bytes of a server's random when it negotiates 1.0 (RFC 8446 §4.1.3).
    pub const DOWNGRADE_BELOW_1_2: [u8; 8] = *b"DOWNGRD\x00";

    /// The random with its last eight bytes replaced.
    #[must_use]
    pub fn with_sentinel(mut self, sentinel: [u8; 8]) -> Self {
        if let Some(tail) = self.0.last_chunk_mut() {
            *tail = sentinel;
        }
        self
    }

    /// Whether the last eight bytes are `sentinel`.
    #[must_use]
    pub fn has_sentinel(&self, sentinel: [u8; 8]) -> bool {
        self.0.ends_with(&sentinel)
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(r.array("random")?))
    }
}

/// In hexadecimal.
impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A client's offer (RFC 6347 §4.2.1, RFC 9147 §5.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientHello<'a> {
    /// The best version up to 1.2; 1.3 is offered in `supported_versions` only.
    pub legacy_version: ProtocolVersion,
    /// The client's random.
    pub random: Random,
    /// 0 to [`MAX_SESSION_ID`] bytes.
    pub session_id: &'a [u8],
    /// The cookie of a HelloVerifyRequest, 0 to 255 bytes; empty in 1.3.
    pub cookie: &'a [u8],
    /// Suites, best first; at least one.
    pub cipher_suites: List<'a, CipherSuite>,
    /// At least one method.
    pub compression_methods: &'a [u8],
    /// The extensions; a 1.2 hello may have none, and then lacks the whole block.
    pub extensions: ClientExtensions<'a>,
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let legacy_version = ProtocolVersion(r.u16("legacy_version")?);
        let random = Random::read(&mut r)?;
        let session_id = read_session_id(&mut r)?;
        let cookie = r.vec8("cookie")?;
        let cipher_suites = List::non_empty(r.vec16("cipher_suites")?, "cipher_suites")?;
        let compression_methods =
            codec::non_empty(r.vec8("compression_methods")?, "compression_methods")?;
        let extensions = ClientExtensions::read(read_optional_block(&mut r)?)?;
        r.finish("ClientHello")?;
        Ok(Self {
            legacy_version,
            random,
            session_id,
            cookie,
            cipher_suites,
            compression_methods,
            extensions,
        })
    }

    /// The body of the message. If `pre_shared_key` is offered, its binders are the last bytes: see
    /// [`crate::OfferedPsks::binders_len`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u16(self.legacy_version.0);
        w.bytes(&self.random.0);
        w.vec(Prefix::U8, |w| w.bytes(self.session_id));
        w.vec(Prefix::U8, |w| w.bytes(self.cookie));
        self.cipher_suites.encode_vec(&mut w, Prefix::U16);
        w.vec(Prefix::U8, |w| w.bytes(self.compression_methods));
        if !self.extensions.is_empty() {
            w.vec(Prefix::U16, |w| self.extensions.encode(w));
        }
        w.into_vec()
    }
}

/// A server's choice, or in 1.3 its request for another ClientHello (RFC 8446 §4.1.3, §4.1.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerHello<'a> {
    /// The chosen version up to 1.2; 1.3 is chosen in `supported_versions` only.
    pub legacy_version: ProtocolVersion,
    /// The server's random, or [`Random::HELLO_RETRY_REQUEST`].
    pub random: Random,
    /// 0 to [`MAX_SESSION_ID`] bytes.
    pub session_id: &'a [u8],
    /// The chosen suite.
    pub cipher_suite: CipherSuite,
    /// The chosen compression method.
    pub compression_method: CompressionMethod,
    /// The extensions; a 1.2 hello may have none, and then lacks the whole block.
    pub extensions: ServerExtensions<'a>,
}

impl<'a> ServerHello<'a> {
    /// Reads the body of a message. The random decides how the extensions are read.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let legacy_version = ProtocolVersion(r.u16("legacy_version")?);
        let random = Random::read(&mut r)?;
        let session_id = read_session_id(&mut r)?;
        let cipher_suite = CipherSuite(r.u16("cipher_suite")?);
        let compression_method = CompressionMethod(r.u8("compression_method")?);
        let message = if random == Random::HELLO_RETRY_REQUEST {
            ServerMessage::HelloRetryRequest
        } else {
            ServerMessage::ServerHello
        };
        let extensions = ServerExtensions::read(read_optional_block(&mut r)?, message)?;
        r.finish("ServerHello")?;
        Ok(Self {
            legacy_version,
            random,
            session_id,
            cipher_suite,
            compression_method,
            extensions,
        })
    }

    /// Whether this asks for another ClientHello.
    #[must_use]
    pub fn is_hello_retry_request(&self) -> bool {
        self.random == Random::HELLO_RETRY_REQUEST
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u16(self.legacy_version.0);
        w.bytes(&self.random.0);
        w.vec(Prefix::U8, |w| w.bytes(self.session_id));
        w.u16(self.cipher_suite.0);
        w.u8(self.compression_method.0);
        if !self.extensions.is_empty() {
            w.vec(Prefix::U16, |w| self.extensions.encode(w));
        }
        w.into_vec()
    }
}

/// A 1.2 server's request to repeat the hello with a cookie (RFC 6347 §4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HelloVerifyRequest<'a> {
    /// Says nothing about the version that will be chosen.
    pub server_version: ProtocolVersion,
    /// What the client shall repeat, 0 to 255 bytes.
    pub cookie: &'a [u8],
}

impl<'a> HelloVerifyRequest<'a> {
    /// Reads the body of a message.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(body);
        let server_version = ProtocolVersion(r.u16("server_version")?);
        let cookie = r.vec8("cookie")?;
        r.finish("HelloVerifyRequest")?;
        Ok(Self { server_version, cookie })
    }

    /// The body of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u16(self.server_version.0);
        w.vec(Prefix::U8, |w| w.bytes(self.cookie));
        w.into_vec()
    }
}

fn read_session_id<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    codec::bounded(r.vec8("session_id")?, 0..=MAX_SESSION_ID, "session_id")
}

/// The content of the `extensions` vector, which 1.2 allows to be absent (RFC 5246 §7.4.1.2).
fn read_optional_block<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    if r.is_empty() { Ok(&[]) } else { r.vec16("extensions") }
}

#[cfg(test)]
mod tests;
