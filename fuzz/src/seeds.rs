//! Seeds: what the fuzzers start from. Cut from the recordings, and written by hand.

use sealgram::iana::{ContentType, HandshakeType};
use sealgram_wire::{Fragment, Reader, RecordHeader};

use sealgram::Side;

use crate::input::Program;
use crate::recording::{Recording, SCENARIOS, SESSIONS, encode};
use crate::{insider, sessions, x509};

/// The recordings that are kept in `vectors/`, made anew: their names and bytes.
#[must_use]
pub fn recordings() -> Vec<(&'static str, Vec<u8>)> {
    SCENARIOS.iter().map(|scenario| (scenario.name, encode(&scenario.play()))).collect()
}

/// The seeds of a target.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "records" => datagrams().map(|(_, datagram)| [vec![0], datagram].concat()).collect(),
        "hellos" => messages(|typ| match typ {
            HandshakeType::CLIENT_HELLO => vec![0],
            HandshakeType::SERVER_HELLO => vec![1],
            HandshakeType::HELLO_VERIFY_REQUEST => vec![2],
            _ => vec![],
        }),
        "messages12" => messages(|typ| match typ {
            HandshakeType::SERVER_KEY_EXCHANGE => vec![0],
            HandshakeType::CLIENT_KEY_EXCHANGE => vec![1],
            HandshakeType::CERTIFICATE => vec![2],
            HandshakeType::CERTIFICATE_REQUEST => vec![4],
            HandshakeType::NEW_SESSION_TICKET => vec![5],
            HandshakeType::CERTIFICATE_VERIFY => vec![6],
            _ => vec![],
        }),
        "messages13" => messages(|typ| match typ {
            HandshakeType::ENCRYPTED_EXTENSIONS => vec![0],
            HandshakeType::CERTIFICATE => vec![1],
            HandshakeType::CERTIFICATE_REQUEST => vec![2],
            HandshakeType::NEW_SESSION_TICKET => vec![3],
            HandshakeType::KEY_UPDATE => vec![4],
            _ => vec![],
        }),
        "sessions" => sessions_and_tickets(),
        "cookies" => cookies(),
        "flight" => flights(),
        "record_layer" => record_layers(),
        "x509" => x509::seeds(),
        "handshake" => handshakes(),
        "insider" => scripts(),
        "endpoint" => endpoints(),
        "providers" => messages(|typ| match typ {
            // With and without cookies, each set of versions.
            HandshakeType::CLIENT_HELLO => (0..8).collect(),
            _ => vec![],
        }),
        _ => Vec::new(),
    }
}

fn datagrams() -> impl Iterator<Item = (Side, Vec<u8>)> {
    SCENARIOS.iter().flat_map(|scenario| scenario.play())
}

/// The bodies of all whole messages, each behind every first byte that `first` has for its type.
fn messages(first: impl Fn(HandshakeType) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (_, datagram) in datagrams() {
        for_each_fragment(&datagram, &mut |fragment| {
            if fragment.is_whole() {
                for byte in first(fragment.typ) {
                    seeds.push([&[byte], fragment.body].concat());
                }
            }
        });
    }
    seeds
}

/// Under blind cryptography a protected record is its plaintext and some zeros.
fn for_each_fragment(datagram: &[u8], each: &mut dyn FnMut(Fragment<'_>)) {
    let mut rest = datagram;
    while let Ok((header, len)) = RecordHeader::read(rest, 0) {
        let tail = &rest[len..];
        let payload_len = header.payload_len().map_or(tail.len(), usize::from);
        let (payload, tail) = tail.split_at(payload_len.min(tail.len()));
        rest = tail;
        let content = match &header {
            RecordHeader::Full(full) if full.typ != ContentType::HANDSHAKE => continue,
            // Eight bytes of nonce in front.
            RecordHeader::Full(full) if full.number.epoch() > 0 => {
                payload.get(8..).unwrap_or_default()
            }
            _ => payload,
        };
        let mut reader = Reader::new(content);
        while let Ok(fragment) = Fragment::read(&mut reader) {
            each(fragment);
            if reader.is_empty() {
                break;
            }
        }
    }
}

fn sessions_and_tickets() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for session in &SESSIONS.blind {
        seeds.push([&[1], &session[..]].concat());
        // Behind its length of three bytes.
        let inner = sealgram::ClientSession::decode(session).expect("encoded");
        seeds.push([&[0], inner.session().encode().expose()].concat());
        seeds.push([&[2], &sessions::ticket(session)[..]].concat());
        seeds.push([&[3, 1, 2, 0, 3, 4], &session[..]].concat());
    }
    seeds
}

fn cookies() -> Vec<Vec<u8>> {
    let tail = Program::default().short(&[5; 32]).short(&[0x13, 1, 0xc0, 0x2b]).short(&[0]);
    let tail = tail.bytes(&[0xfe, 0xfd, 0, 0x1d, 0x13, 1]).short(&[6; 32]).0;
    let mut seeds = Vec::new();
    for op in [0x00, 0x02, 0x03, 0x04, 0x06, 0x41, 0x83, 0xc5] {
        let head = Program::default().bytes(&[7, 0, 0, 0, 0, 0, 0, 0, op & 1]);
        let head = head.bytes(&[0, 0, 0, 0, 0x65, 0x53, 0xf1, 0]).bytes(&[op & 1]);
        let head = head.bytes(&[192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x13, 0x88, 3]);
        seeds.push([head.0, tail.clone(), vec![op, op, op, 1, 2, 3]].concat());
    }
    seeds
}

fn flights() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for flags in 0..8 {
        // Three messages, sent in small records, received out of order, with ACKs and a resend.
        let program = Program::default().bytes(&[flags, 0, 0, 90, 1, 0, 2, 88, 10, 0, 0, 0, 3]);
        let program = program.bytes(&[1, 9, 1, 9, 1, 9, 1, 9, 1, 90, 1, 90]);
        let program = program.bytes(&[4, 2, 6, 0, 4, 1, 9, 12, 4, 0, 10, 7, 0, 9, 12, 1, 90]);
        seeds.push(program.clone().0);
        let hostile = program.bytes(&[8, 1, 1, 0, 0, 0, 90, 0, 0, 10]).short(&[1; 20]);
        let hostile = hostile.bytes(&[2, 1, 0, 0xff, 0xff, 0xff, 0, 0, 1]).short(&[2; 20]);
        seeds.push(hostile.bytes(&[2, 5, 11, 1, 4, 0, 11, 0, 9, 6]).bytes(&[0; 20]).0);
    }
    seeds
}

fn record_layers() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for flags in 0..16 {
        let program = Program::default().bytes(&[flags]);
        let program = program.bytes(&[0, 0]).short(b"hello").bytes(&[1, 3]).short(b"data");
        let program = program.bytes(&[2, 1, 2, 0, 3, 1, 5, 0, 0, 14, 1, 7, 1, 0, 9]);
        let program = program.bytes(&[9, 0, 3]).short(b"").bytes(&[2, 2, 2, 1, 8]);
        seeds.push(program.long(&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 3, 1, 2, 3]).0);
    }
    seeds
}

/// Deliveries in turn are what a good network does.
fn handshakes() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for scenario in SCENARIOS {
        for cookies in [0, 4] {
            let [first, rest @ ..] = scenario.knobs;
            let resume = u8::from(scenario.resume);
            let head = Program::default().bytes(&[first | cookies]).bytes(&rest).bytes(&[resume]);
            let turns: Vec<u8> = [0x00, 0x80].repeat(6);
            let good = head.clone().bytes(&turns);
            seeds.push(good.clone().bytes(&[0x62, 5, 0xe2, 9, 0x68, 0xe8]).bytes(&turns).0);
            let early = head.clone().bytes(&[0x62, 3, 0x62, 4, 0x40, 0x48, 0, 30, 1, 0x50, 1]);
            seeds.push(early.bytes(&turns).0);
            seeds.push(head.bytes(&[0x38, 0x5c]).bytes(&turns).bytes(&[0xb9, 0x5d, 0x40]).0);
            let bad = good.bytes(&[0x4c, 0, 20, 3, 0x50, 0, 0x58, 1, 0x5a]);
            let bad = bad.short(&[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40]);
            seeds.push(bad.bytes(&[0x71, 0xf1, 0x76, 0, 30]).bytes(&turns).0);
        }
    }
    seeds
}

fn scripts() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for scenario in SCENARIOS {
        let recording = scenario.play();
        for side in [Side::Client, Side::Server] {
            let heard = heard_by(side, &recording);
            let flags = u8::from(scenario.resume && side == Side::Client);
            seeds.push(insider::script(side, scenario.knobs, flags, &heard));
        }
    }
    seeds
}

fn heard_by(side: Side, recording: &Recording) -> Vec<Vec<u8>> {
    let others = recording.iter().filter(|(from, _)| *from != side);
    others.map(|(_, datagram)| datagram.clone()).collect()
}

fn endpoints() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for scenario in SCENARIOS {
        let head = Program::default().bytes(&scenario.knobs).bytes(&[1]);
        // Two clients; their datagrams, and those of others between them.
        let turns = [2, 34, 10, 42].repeat(5);
        let good = head.bytes(&[0, 0]).bytes(&turns);
        seeds.push(good.clone().0);
        let forged = good.bytes(&[15, 0, 0, 0, 30, 1, 17, 1, 0, 40, 17, 1, 40, 200, 22, 20]);
        seeds.push(forged.bytes(&turns).0);
        for (side, datagram) in scenario.play().into_iter().take(4) {
            if side == Side::Client {
                let program = Program::default().bytes(&scenario.knobs).bytes(&[1]);
                let program = program.bytes(&[25, 0, 0, 250]).long(&datagram);
                seeds.push(program.bytes(&[25, 200, 1, 250]).long(&datagram).0);
            }
        }
    }
    seeds
}

/// Seeds made of a file of a foreign corpus, with their targets. The name of the file tells what
/// it is.
#[must_use]
pub fn import(name: &str, bytes: &[u8]) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    if name.contains("cert_corpus") {
        // As a leaf, and as a leaf that is its own root.
        let chains = [0, 2, 8, 10, 26].map(|flags| x509::chain(flags, &[bytes])).to_vec();
        return vec![("x509", chains)];
    }
    let datagrams = if name.contains("boringssl") { boring(bytes) } else { plain_records(bytes) };
    let side = if name.contains("server") { Side::Server } else { Side::Client };
    let scripts = [0, 1, 2].map(|version| insider::script(side, [version, 0, 0, 0], 0, &datagrams));
    let mut all = vec![("insider", scripts.to_vec())];
    all.push(("records", datagrams.iter().map(|d| [&[0], &d[..]].concat()).collect()));
    let (mut hellos, mut compared) = (Vec::new(), Vec::new());
    for datagram in &datagrams {
        for_each_fragment(datagram, &mut |fragment| {
            if !fragment.is_whole() {
                return;
            }
            if fragment.typ == HandshakeType::SERVER_HELLO {
                hellos.push([&[1], fragment.body].concat());
            }
            if fragment.typ == HandshakeType::CLIENT_HELLO {
                hellos.push([&[0], fragment.body].concat());
                compared.extend([5, 4].map(|flags| [&[flags], fragment.body].concat()));
            }
        });
    }
    let endpoint = datagrams.iter().map(|datagram| {
        let program = Program::default().bytes(&[2, 0, 0, 0, 1, 25, 0, 0, 250]);
        program.long(datagram).0
    });
    all.extend([("endpoint", endpoint.collect()), ("hellos", hellos), ("providers", compared)]);
    all
}

/// Datagrams of one file that are of use: corpora made by fuzzers have files with thousands.
const FEW: usize = 32;

/// BoringSSL's seeds: tags of two bytes with what belongs to them, then datagrams behind lengths
/// of three bytes.
fn boring(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut input = crate::input::Input::new(bytes);
    while !input.is_empty() {
        match input.u16() {
            0 => break,
            1 | 5 => {
                let len = input.u24();
                input.take(usize::try_from(len).unwrap_or(0));
            }
            _ => {}
        }
    }
    let mut datagrams = Vec::new();
    while !input.is_empty() && datagrams.len() < FEW {
        let len = input.u24();
        let datagram = input.take(usize::try_from(len).unwrap_or(0));
        if datagram.len() > 13 {
            datagrams.push(datagram.to_vec());
        }
    }
    datagrams
}

/// A run of records, each as a datagram of its own.
fn plain_records(bytes: &[u8]) -> Vec<Vec<u8>> {
    // Some begin with something else: the first record is where its header is.
    let start = bytes.windows(2).position(|two| two[0] == 22 && two[1] == 0xfe).unwrap_or(0);
    let mut rest = &bytes[start..];
    let mut datagrams = Vec::new();
    while let Ok((header, len)) = RecordHeader::read(rest, 0)
        && datagrams.len() < FEW
    {
        let len = header.payload_len().map_or(rest.len(), |payload| len + usize::from(payload));
        let (record, tail) = rest.split_at(len.min(rest.len()));
        datagrams.push(record.to_vec());
        rest = tail;
    }
    datagrams
}
