//! Just enough of the wire format to read hellos and to be a peer that sealgram is not: written
//! from the RFCs, without sealgram's own codec.

/// Content types (RFC 6347 §4.1).
pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;

/// Handshake messages (RFC 6347 §4.3.2).
pub(crate) const CLIENT_HELLO: u8 = 1;
pub(crate) const SERVER_HELLO: u8 = 2;
pub(crate) const HELLO_VERIFY_REQUEST: u8 = 3;
pub(crate) const FINISHED: u8 = 20;

/// Versions on the wire (RFC 6347 §4.1, RFC 9147 §5.3).
pub(crate) const DTLS_1_0: u16 = 0xfeff;
pub(crate) const DTLS_1_2: u16 = 0xfefd;
pub(crate) const DTLS_1_3: u16 = 0xfefc;

/// Extensions.
pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
const COOKIE: u16 = 44;

/// Says that a client speaks RFC 5746 (RFC 5746 §3.3): not a suite.
pub(crate) const EMPTY_RENEGOTIATION_INFO: u16 = 0x00ff;

/// The random of a HelloRetryRequest begins so (RFC 8446 §4.1.3).
const RETRY: [u8; 4] = [0xcf, 0x21, 0xad, 0x74];

/// A record that is not protected.
#[derive(Clone, Debug)]
pub(crate) struct Plaintext<'a> {
    pub(crate) typ: u8,
    pub(crate) sequence: u64,
    pub(crate) body: &'a [u8],
}

/// A ClientHello in one record.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) sequence: u64,
    pub(crate) message_seq: u16,
    pub(crate) legacy_version: u16,
    pub(crate) random: [u8; 32],
    /// That of 1.2, in front of the suites.
    pub(crate) legacy_cookie: Vec<u8>,
    pub(crate) suites: Vec<u16>,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl Hello {
    /// The content of an extension.
    pub(crate) fn extension(&self, typ: u16) -> Option<&[u8]> {
        let found = self.extensions.iter().find(|(found, _)| *found == typ);
        found.map(|(_, content)| content.as_slice())
    }

    /// The cookie, wherever the version has it.
    pub(crate) fn has_cookie(&self) -> bool {
        !self.legacy_cookie.is_empty() || self.extension(COOKIE).is_some()
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, length: usize) -> Option<u64> {
        Some(self.take(length)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// What follows a length of so many bytes.
    fn vector(&mut self, length: usize) -> Option<&'a [u8]> {
        let length = self.number(length)?;
        self.take(length.try_into().ok()?)
    }

    fn u16(&mut self) -> Option<u16> {
        self.number(2)?.try_into().ok()
    }
}

/// The records of epoch 0 that a datagram begins with.
pub(crate) fn plaintexts(datagram: &[u8]) -> Vec<Plaintext<'_>> {
    let mut records = Vec::new();
    let mut bytes = Bytes(datagram);
    while let Some(record) = plaintext(&mut bytes) {
        records.push(record);
    }
    records
}

fn plaintext<'a>(bytes: &mut Bytes<'a>) -> Option<Plaintext<'a>> {
    let typ = u8::try_from(bytes.number(1)?).ok().filter(|typ| (20..=26).contains(typ))?;
    let _version = bytes.u16()?;
    let epoch = bytes.u16()?;
    let sequence = bytes.number(6)?;
    let body = bytes.vector(2)?;
    (epoch == 0).then_some(Plaintext { typ, sequence, body })
}

/// A ClientHello, or a piece of one.
struct Piece<'a> {
    sequence: u64,
    message_seq: u16,
    length: u64,
    offset: u64,
    body: &'a [u8],
}

fn piece(datagram: &[u8]) -> Option<Piece<'_>> {
    let records = plaintexts(datagram);
    let record = records.first().filter(|record| record.typ == HANDSHAKE)?;
    let mut bytes = Bytes(record.body);
    let typ = bytes.number(1)?;
    let length = bytes.number(3)?;
    let message_seq = bytes.u16()?;
    let offset = bytes.number(3)?;
    let body = bytes.vector(3)?;
    let sequence = record.sequence;
    (typ == u64::from(CLIENT_HELLO)).then_some(Piece {
        sequence,
        message_seq,
        length,
        offset,
        body,
    })
}

/// The whole ClientHello in a datagram, if there is one.
pub(crate) fn client_hello(datagram: &[u8]) -> Option<Hello> {
    assemble(&[datagram.to_vec()])
}

/// The ClientHello that these datagrams make, in their order.
pub(crate) fn assemble(datagrams: &[Vec<u8>]) -> Option<Hello> {
    let mut body = Vec::new();
    let mut first = None;
    for datagram in datagrams {
        let piece = piece(datagram)?;
        if piece.offset != body.len() as u64 {
            return None;
        }
        body.extend_from_slice(piece.body);
        first.get_or_insert(piece);
    }
    let first = first.filter(|piece| piece.length == body.len() as u64)?;
    let mut bytes = Bytes(&body);
    let legacy_version = bytes.u16()?;
    let random = bytes.take(32)?.try_into().ok()?;
    let _session_id = bytes.vector(1)?;
    let legacy_cookie = bytes.vector(1)?.to_vec();
    let suites = bytes.vector(2)?.chunks_exact(2).map(|s| u16::from_be_bytes([s[0], s[1]]));
    let suites = suites.collect();
    let _compression = bytes.vector(1)?;
    let mut list = Bytes(bytes.vector(2)?);
    let mut extensions = Vec::new();
    while let Some(typ) = list.u16() {
        extensions.push((typ, list.vector(2)?.to_vec()));
    }
    let Piece { sequence, message_seq, .. } = first;
    Some(Hello { sequence, message_seq, legacy_version, random, legacy_cookie, suites, extensions })
}

/// Whether a datagram begins with a ClientHello or a piece of one.
pub(crate) fn holds_hello(datagram: &[u8]) -> bool {
    piece(datagram).is_some()
}

/// How much of a ClientHello a datagram holds, if that is not all of it: the bytes of the whole
/// message, and those here.
pub(crate) fn piece_of_hello(datagram: &[u8]) -> Option<(u64, u64)> {
    let piece = piece(datagram)?;
    let here = piece.body.len() as u64;
    (here < piece.length).then_some((piece.length, here))
}

/// Whether a datagram is a HelloVerifyRequest or a HelloRetryRequest and nothing else.
pub(crate) fn is_request(datagram: &[u8]) -> bool {
    let [record] = &*plaintexts(datagram) else { return false };
    record.typ == HANDSHAKE
        && match record.body.first() {
            Some(&HELLO_VERIFY_REQUEST) => true,
            // 12 bytes of header and 2 of version.
            Some(&SERVER_HELLO) => record.body.get(14..18) == Some(&RETRY),
            _ => false,
        }
}

/// The cookie in a HelloVerifyRequest.
pub(crate) fn requested_cookie(datagram: &[u8]) -> Option<Vec<u8>> {
    let records = plaintexts(datagram);
    let body = records.first().filter(|_| is_request(datagram))?.body;
    Some(Bytes(body.get(14..)?).vector(1)?.to_vec())
}

/// The description of an unprotected fatal alert, if a datagram is one.
pub(crate) fn fatal_alert(datagram: &[u8]) -> Option<u8> {
    match &*plaintexts(datagram) {
        &[Plaintext { typ: ALERT, body: &[2, description], .. }] => Some(description),
        _ => None,
    }
}

/// A record of the older form: that of 1.2, and in epoch 0 that of every version.
pub(crate) fn record(typ: u8, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![typ];
    bytes.extend(DTLS_1_2.to_be_bytes());
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(&sequence.to_be_bytes()[2..]);
    push_vector(&mut bytes, 2, body);
    bytes
}

/// A record with a handshake message in one piece.
pub(crate) fn handshake(sequence: u64, typ: u8, message_seq: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    let mut message = vec![typ];
    message.extend(&length[1..]);
    message.extend(message_seq.to_be_bytes());
    message.extend([0; 3]);
    message.extend(&length[1..]);
    message.extend(body);
    record(HANDSHAKE, 0, sequence, &message)
}

/// A HelloVerifyRequest (RFC 6347 §4.2.1).
pub(crate) fn hello_verify_request(sequence: u64, message_seq: u16, cookie: &[u8]) -> Vec<u8> {
    let mut body = DTLS_1_0.to_be_bytes().to_vec();
    push_vector(&mut body, 1, cookie);
    handshake(sequence, HELLO_VERIFY_REQUEST, message_seq, &body)
}

/// A ClientHello that offers `version` as its legacy_version, these suites, and no extension.
pub(crate) fn plain_hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([0x5a; 32]);
    push_vector(&mut body, 1, &[]);
    push_vector(&mut body, 1, &[]);
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    push_vector(&mut body, 2, &suites);
    push_vector(&mut body, 1, &[0]);
    handshake(0, CLIENT_HELLO, 0, &body)
}

/// A ServerHello that chooses `version` and a suite, without extensions.
pub(crate) fn plain_server_hello(message_seq: u16, version: u16, suite: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([0xa5; 32]);
    push_vector(&mut body, 1, &[]);
    body.extend(suite.to_be_bytes());
    body.push(0);
    handshake(u64::from(message_seq), SERVER_HELLO, message_seq, &body)
}

fn push_vector(to: &mut Vec<u8>, length: usize, content: &[u8]) {
    let bytes = content.len().to_be_bytes();
    to.extend(&bytes[bytes.len() - length..]);
    to.extend(content);
}
