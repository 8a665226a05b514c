//! `--report`: one JSON object for each connection.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::Write as _;
use std::path::Path;

use sealgram::iana::{AlertDescription, Version};
use sealgram::pki_types::CertificateDer;
use sealgram::ring::hash::SHA256;
use sealgram::{CloseReason, Closed, Connected, Info, Stats};
use serde_json::{Value, json};

use crate::{files, hex, raw, screen};

/// What the command itself knows about a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) datagrams_sent: u64,
    pub(crate) datagrams_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
}

impl Traffic {
    pub(crate) fn sent(&mut self, len: usize) {
        self.datagrams_sent = self.datagrams_sent.saturating_add(1);
        self.bytes_sent = self.bytes_sent.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    }

    pub(crate) fn received(&mut self, len: usize) {
        self.datagrams_received = self.datagrams_received.saturating_add(1);
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        self.bytes_received = self.bytes_received.saturating_add(len);
    }
}

/// A connection that is over.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) role: &'static str,
    pub(crate) peer: SocketAddr,
    pub(crate) info: &'a Info,
    pub(crate) stats: Stats,
    pub(crate) traffic: &'a Traffic,
    /// SHA-256 of the peer's certificates, leaf first, or of its raw public key; empty if it has
    /// shown neither.
    pub(crate) peer_chain: &'a [String],
    pub(crate) peer_verified: bool,
    /// `None` if a new connection took its place.
    pub(crate) closed: Option<&'a Closed>,
}

impl Report<'_> {
    fn to_json(&self) -> Value {
        let Self { info, stats, traffic, closed, .. } = self;
        let negotiated = info.negotiated.as_ref();
        let error = closed.and_then(|closed| match &closed.reason {
            CloseReason::Error(error) => Some(error.to_string()),
            _ => None,
        });
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        json!({
            "role": self.role,
            "peer": self.peer.to_string(),
            "version": negotiated.map(|n| version(n.version)),
            "cipher_suite": negotiated.map(|n| n.cipher_suite.to_string()),
            "group": negotiated.and_then(|n| n.group).map(|group| group.to_string()),
            "signature_scheme":
                negotiated.and_then(|n| n.signature_scheme).map(|scheme| scheme.to_string()),
            "server_name": negotiated.and_then(|n| text(&n.server_name)),
            "alpn": negotiated.and_then(|n| text(&n.alpn)),
            "srtp_profile":
                negotiated.and_then(|n| n.srtp_profile).map(|profile| profile.to_string()),
            "psk_identity": negotiated.and_then(|n| text(&n.psk_identity)),
            "peer_certificate_sha256":
                (!self.peer_chain.is_empty()).then_some(self.peer_chain),
            "peer_verified": self.peer_verified,
            "resumed": negotiated.is_some_and(|n| n.resumed),
            "early_data_accepted": negotiated.is_some_and(|n| n.early_data),
            "cookie_exchanged": info.cookie_exchanged,
            "connection_id_local": null,
            "connection_id_remote": null,
            "handshake_ms": info.handshake_time.map(millis),
            "datagrams_sent": traffic.datagrams_sent,
            "datagrams_received": traffic.datagrams_received,
            "bytes_sent": traffic.bytes_sent,
            "bytes_received": traffic.bytes_received,
            "flights_retransmitted": stats.flights_retransmitted,
            "records_discarded": stats.discards.total(),
            "error": error,
            "alert_sent": closed.and_then(|closed| alert(closed.alert_sent)),
            "alert_received": closed.and_then(|closed| alert(closed.alert_received)),
        })
    }

    /// Writes it as one line: appended, or as the file's only one. A report that cannot be written
    /// ends nothing.
    pub(crate) fn write(&self, path: Option<&Path>, append: bool) {
        let Some(path) = path else { return };
        let line = format!("{}\n", self.to_json());
        let written =
            files::open_lines(path, append).and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            screen::say(&format_args!("warning: --report: {}: {error}", path.display()));
        }
    }
}

/// Rounded up: no handshake takes no time.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::V12 => "1.2",
        Version::V13 => "1.3",
    }
}

fn alert(alert: Option<AlertDescription>) -> Option<String> {
    alert.map(|alert| alert.to_string())
}

/// The SHA-256 fingerprints of what the peer has shown: its certificates, or its raw public key.
pub(crate) fn shown(connected: &Connected) -> Vec<String> {
    let key = connected.peer_raw_public_key.as_ref().map(raw::fingerprint);
    fingerprints(&connected.peer_chain).into_iter().chain(key).collect()
}

/// The SHA-256 fingerprints of a chain.
pub(crate) fn fingerprints(chain: &[CertificateDer<'_>]) -> Vec<String> {
    chain.iter().map(|certificate| hex::encode(SHA256.hash(certificate).as_ref())).collect()
}
