//! Decrypts a captured DTLS 1.3 handshake with its key log.
//!
//! ```console
//! $ cargo run -p sealgram-record --example decrypt -- FOLDER
//! ```
//!
//! `FOLDER` holds `capture.pcap` (one connection, link type loopback, raw IP or Ethernet, IPv4)
//! and `keylog.txt` (`SSLKEYLOGFILE` format). Prints each record, and fails if one of them cannot
//! be opened.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use sealgram_crypto::{Secret, Suite, TrafficSecret};
use sealgram_iana::{ContentType, HandshakeType, Version};
use sealgram_record::{Opened, RecordLayer, WindowSize};
use sealgram_wire::{Fragment, Phase, Reader, RecordNumber, ServerHello};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: decrypt FOLDER (with capture.pcap and keylog.txt)");
        return ExitCode::from(1);
    };
    match run(Path::new(&folder)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("{failed} records could not be opened");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(1)
        }
    }
}

/// One direction of the connection.
struct Direction {
    /// How the key log names this side.
    side: &'static str,
    records: RecordLayer,
}

fn run(folder: &Path) -> Result<usize, String> {
    let read =
        |name: &str| std::fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let key_log = String::from_utf8(read("keylog.txt")?).map_err(|error| error.to_string())?;
    let capture = read("capture.pcap")?;
    let datagrams = datagrams(&capture).ok_or("capture.pcap: not a capture that can be read")?;
    let (client_port, _) = datagrams.first().ok_or("capture.pcap: no datagrams")?;
    let direction = |side| Direction {
        side,
        records: RecordLayer::new(RecordNumber::default(), WindowSize::DEFAULT),
    };
    let (mut client, mut server) = (direction("CLIENT"), direction("SERVER"));
    let mut failed = 0;
    for (port, datagram) in &datagrams {
        let from_client = port == client_port;
        let sender = if from_client { &mut client } else { &mut server };
        let mut datagram = datagram.clone();
        let mut rest = &mut datagram[..];
        let mut chosen = None;
        while let Some(result) = sender.records.open(&mut rest) {
            let arrow = if from_client { "client -->" } else { "<-- server" };
            match result {
                Ok(opened) => {
                    println!("{arrow}  {}", describe(&opened));
                    chosen = chosen.or_else(|| suite_of(&opened));
                }
                Err(fault) => {
                    failed += 1;
                    println!("{arrow}  not opened: {fault:?}");
                }
            }
        }
        if let Some(suite) = chosen {
            for direction in [&mut client, &mut server] {
                install(direction, suite, &key_log)?;
            }
        }
    }
    Ok(failed)
}

/// The suite, if this is the ServerHello.
fn suite_of(opened: &Opened<'_>) -> Option<&'static Suite> {
    let fragment = Fragment::read(&mut Reader::new(opened.payload)).ok()?;
    if opened.content_type != ContentType::HANDSHAKE || fragment.typ != HandshakeType::SERVER_HELLO
    {
        return None;
    }
    let hello = ServerHello::read(fragment.body).ok()?;
    let suites = sealgram_ring::ALL_SUITES.iter().copied();
    suites.filter(|_| !hello.is_hello_retry_request()).find(|s| s.id() == hello.cipher_suite)
}

fn install(direction: &mut Direction, suite: &'static Suite, key_log: &str) -> Result<(), String> {
    direction.records.set_version(Version::V13);
    let side = direction.side;
    let phases = [
        (Phase::Handshake, format!("{side}_HANDSHAKE_TRAFFIC_SECRET")),
        (Phase::Application(0), format!("{side}_TRAFFIC_SECRET")),
    ];
    for (phase, label) in phases {
        // The last label ends in _0 in some logs.
        let mut lines = key_log.lines().map(str::split_whitespace);
        let line = lines.find(|line| {
            line.clone().next().is_some_and(|name| name.trim_end_matches("_0") == label)
        });
        let secret = line.and_then(|mut line| hex(line.nth(2)?));
        let secret = secret.ok_or_else(|| format!("keylog.txt: no {label}"))?;
        let secret = TrafficSecret::V13 { suite, secret: Secret::from_vec(secret) };
        direction.records.install_read(phase, secret).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn describe(opened: &Opened<'_>) -> String {
    let (phase, typ, number) = (opened.phase, opened.content_type, opened.number.sequence());
    let mut text = format!("{phase:?} #{number} {typ}, {} bytes", opened.payload.len());
    if typ == ContentType::HANDSHAKE {
        let mut reader = Reader::new(opened.payload);
        while let Ok(fragment) = Fragment::read(&mut reader) {
            text += &format!(", {} (message {})", fragment.typ, fragment.seq.0);
        }
    } else if typ == ContentType::APPLICATION_DATA {
        text += &format!(": {:?}", String::from_utf8_lossy(opened.payload));
    }
    text
}

/// Source port and UDP payload of each datagram in a classic pcap file.
fn datagrams(capture: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    let little = capture.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]);
    let number = |bytes: &[u8]| {
        let bytes: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        let value = if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(value).ok()
    };
    let link_header = match number(capture.get(20..)?)? {
        0 => 4,
        1 => 14,
        101 => 0,
        _ => return None,
    };
    let mut rest = capture.get(24..)?;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let len = number(rest.get(8..)?)?;
        let frame = rest.get(16..16 + len)?;
        rest = rest.get(16 + len..)?;
        let ip = frame.get(link_header..)?;
        let header_len = usize::from(ip.first()? & 0xf) * 4;
        let udp = ip.get(header_len..)?;
        let port = u16::from_be_bytes(udp.get(..2)?.try_into().ok()?);
        let udp_len = usize::from(u16::from_be_bytes(udp.get(4..6)?.try_into().ok()?));
        found.push((port, udp.get(8..udp_len)?.to_vec()));
    }
    Some(found)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = |i| text.get(i..i + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..text.len()).step_by(2).map(digits).collect()
}
