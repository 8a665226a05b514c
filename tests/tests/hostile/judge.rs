//! Which class a datagram belongs to. Knows the RFCs and the state, and nothing of the library's
//! inside.

use sealgram::Side;
use sealgram::iana::{ContentType, HandshakeType, Version};
use sealgram_wire::{ClientHello, Fragment, Reader, RecordHeader};

/// What is known of the receiver.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) version: Version,
    pub(crate) side: Side,
    /// The number of the next handshake message.
    pub(crate) next_seq: u16,
    /// Whether that one comes in plaintext.
    pub(crate) plaintext_handshake: bool,
    /// Whether a protected record of the peer has been opened.
    pub(crate) protected: bool,
    /// On a server: whether the endpoint has made a connection.
    pub(crate) accepted: bool,
    /// On a server: the hello that carries the cookie, as the client sends it.
    pub(crate) hello_with_cookie: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// (a): nothing happens, now or later.
    Silent,
    /// (b): it may end the handshake, in a typed error.
    MayEnd,
    /// (c): one stateless reply, and nothing else.
    Reply,
}

impl State {
    pub(crate) fn classify(&self, datagram: &[u8]) -> Class {
        if self.side == Side::Server
            && let Some(class) = self.at_the_endpoint(datagram)
        {
            return class;
        }
        self.at_the_connection(datagram)
    }

    /// What a server makes of a datagram that begins with a ClientHello; `None` if it does not, or
    /// if that belongs to a connection.
    fn at_the_endpoint(&self, datagram: &[u8]) -> Option<Class> {
        let nobodys = (!self.accepted).then_some(Class::Silent);
        let Ok((RecordHeader::Full(header), len)) = RecordHeader::read(datagram, 0) else {
            return nobodys;
        };
        let plaintext = header.typ == ContentType::HANDSHAKE
            && header.number.epoch() == 0
            && header.version.0 >> 8 == 0xfe;
        let payload = datagram.get(len..).and_then(|rest| rest.get(..usize::from(header.len)));
        let Some(payload) = payload.filter(|_| plaintext) else { return nobodys };
        let mut reader = Reader::new(payload);
        let Ok(fragment) = Fragment::read(&mut reader) else { return nobodys };
        if fragment.typ != HandshakeType::CLIENT_HELLO || !reader.is_empty() {
            return nobodys;
        }
        if !fragment.is_whole() {
            // Together with other parts it may be anything.
            return Some(Class::MayEnd);
        }
        let Ok(hello) = ClientHello::read(fragment.body) else { return Some(Class::Silent) };
        let genuine = ClientHello::read(&self.hello_with_cookie).expect("genuine");
        let proof = |hello: &ClientHello<'_>| {
            (hello.random, hello.cookie.to_vec(), hello.extensions.cookie.map(<[u8]>::to_vec))
        };
        if proof(&hello) == proof(&genuine) {
            // A repeat, or a hello whose cookie may be good.
            return (!self.accepted).then_some(Class::MayEnd);
        }
        Some(Class::Reply)
    }

    /// What a connection makes of it: a walk over its records.
    fn at_the_connection(&self, datagram: &[u8]) -> Class {
        let mut rest = datagram;
        loop {
            let Ok((header, len)) = RecordHeader::read(rest, 0) else { return Class::Silent };
            let payload_len = header.payload_len().map_or(rest.len() - len, usize::from);
            let Some(payload) = rest[len..].get(..payload_len) else { return Class::Silent };
            rest = &rest[len + payload_len..];
            match header {
                RecordHeader::Full(full) if full.version.0 >> 8 != 0xfe => return Class::Silent,
                RecordHeader::Full(full)
                    if full.number.epoch() == 0 && self.means_something(full.typ, payload) =>
                {
                    return Class::MayEnd;
                }
                _ => {}
            }
        }
    }

    /// Whether a plaintext record could be the peer's.
    fn means_something(&self, typ: ContentType, payload: &[u8]) -> bool {
        match typ {
            ContentType::HANDSHAKE if self.plaintext_handshake => {
                let mut reader = Reader::new(payload);
                core::iter::from_fn(|| (!reader.is_empty()).then(|| Fragment::read(&mut reader)))
                    .map_while(Result::ok)
                    .any(|fragment| fragment.seq.0 >= self.next_seq)
            }
            // Obeyed by whoever has sent something in 1.3.
            ContentType::ACK => {
                self.version == Version::V13 && self.side == Side::Server && !self.protected
            }
            _ => false,
        }
    }
}
