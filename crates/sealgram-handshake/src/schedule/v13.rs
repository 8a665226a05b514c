//! The key schedule of 1.3 (RFC 8446 §7.1, with the label prefix of RFC 9147 §5.9).
//!
//! ```text
//! PSK or 0 ──Extract──> early secret ───────> binder key, client_early_traffic, early exporter
//!                            │ "derived"
//! (EC)DHE ───Extract──> handshake secret ───> traffic of both sides ──> Finished keys
//!                            │ "derived"
//!        0 ──Extract──> master secret ──────> traffic of both sides, exporter, resumption
//! ```
//!
//! Each stage is a type that the next one consumes. A stage holds no secret longer than something
//! derives from it (RFC 8446 §7.1): the handshake secret is gone before [`Handshake`] exists.

use sealgram_crypto::hkdf::{self, derive_secret};
use sealgram_crypto::{
    CryptoError, Digest, Hash, HashKind, KeyLog, Secret, SharedSecret, Suite, Tag, TrafficSecret,
    ct_eq,
};

/// Where the secrets of one connection are logged, if anywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log<'a> {
    pub(crate) key_log: Option<&'a dyn KeyLog>,
    /// Of the first ClientHello, which a HelloRetryRequest does not change.
    pub(crate) client_random: &'a [u8; 32],
}

impl Log<'_> {
    fn log(self, label: &'static str, secret: &Secret) {
        if let Some(key_log) = self.key_log {
            key_log.log(label, self.client_random, secret.expose());
        }
    }
}

/// One of a thing for each side, named by the side that sends with it.
#[derive(Debug)]
pub(crate) struct BySender<T> {
    pub(crate) client: T,
    pub(crate) server: T,
}

/// Where a pre-shared key came from. Its binder tells, so that no key can pass for one of the
/// other kind (RFC 8446 §7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PskKind {
    /// Provisioned outside of the protocol.
    External,
    /// From the ticket of an earlier connection.
    Resumption,
}

/// A pre-shared key in a ClientHello, offered and perhaps not taken.
#[derive(Debug)]
pub(crate) struct OfferedPsk {
    early_secret: Secret,
    binder: FinishedKey,
}

impl OfferedPsk {
    /// With the hash that the key is bound to (RFC 8446 §4.2.11).
    pub(crate) fn new(hash: &'static dyn Hash, kind: PskKind, psk: &Secret) -> Self {
        let early_secret = hkdf::extract(hash, hkdf::zeros(hash.kind()), psk.expose());
        let label = match kind {
            PskKind::External => "ext binder",
            PskKind::Resumption => "res binder",
        };
        let key = derive_secret(hash, &early_secret, label, hash.hash(&[]).as_ref());
        Self { early_secret, binder: FinishedKey::new(hash, &key) }
    }

    /// The binder over the hash of the transcript up to and without the list of binders
    /// (RFC 8446 §4.2.11.2).
    pub(crate) fn binder(&self, truncated: &Digest) -> Tag {
        self.binder.verify_data(truncated)
    }

    /// Whether `received` is the binder that the hello must hold.
    pub(crate) fn binder_is_right(&self, truncated: &Digest, received: &[u8]) -> bool {
        self.binder.is_right(truncated, received)
    }

    /// What early data is protected with. The suite is the one that the key was made under, and
    /// the transcript ends with the ClientHello.
    pub(crate) fn client_traffic(
        &self,
        suite: &'static Suite,
        transcript: &Digest,
        log: Log<'_>,
    ) -> TrafficSecret {
        let early = &self.early_secret;
        let secret = derive_secret(suite.hash, early, "c e traffic", transcript.as_ref());
        log.log("CLIENT_EARLY_TRAFFIC_SECRET", &secret);
        TrafficSecret::V13 { suite, secret }
    }

    /// The server took this key.
    pub(crate) fn accepted(self) -> Early {
        Early { salt: next_salt(self.binder.hash, &self.early_secret) }
    }
}

/// Before a ServerHello.
#[derive(Debug)]
pub(crate) struct Early {
    /// What joins the early secret to the key exchange.
    salt: Secret,
}

impl Early {
    /// Without a pre-shared key, or with none of those offered.
    pub(crate) fn without_psk(hash: &'static dyn Hash) -> Self {
        Self { salt: Secret::copy_from(salt_without_psk(hash.kind())) }
    }

    /// The ServerHello chose a suite, whose hash is the one that this stage was made with, and a
    /// key exchange. The transcript ends with the ServerHello.
    ///
    /// With a pre-shared key too there is always a key exchange: psk_ke, which has none, gives no
    /// forward secrecy and is not offered.
    pub(crate) fn into_handshake(
        self,
        suite: &'static Suite,
        shared: SharedSecret,
        transcript: &Digest,
        log: Log<'_>,
    ) -> (Handshake, BySender<TrafficSecret>) {
        let hash = suite.hash;
        let secret = hkdf::extract(hash, self.salt.expose(), shared.expose());
        let nothing = hash.hash(&[]);
        let all = [
            ("c hs traffic", transcript.as_ref()),
            ("s hs traffic", transcript.as_ref()),
            ("derived", nothing.as_ref()),
        ];
        let [client, server, salt] = hkdf::derive_secrets(hash, &secret, all);
        log.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &client);
        log.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", &server);
        let handshake = Handshake {
            suite,
            master_secret: hkdf::extract(hash, salt.expose(), hkdf::zeros(hash.kind())),
            client_finished: FinishedKey::new(hash, &client),
            server_finished: FinishedKey::new(hash, &server),
        };
        let client = TrafficSecret::V13 { suite, secret: client };
        let server = TrafficSecret::V13 { suite, secret: server };
        (handshake, BySender { client, server })
    }
}

/// From the ServerHello to the server's Finished.
#[derive(Debug)]
pub(crate) struct Handshake {
    suite: &'static Suite,
    master_secret: Secret,
    client_finished: FinishedKey,
    server_finished: FinishedKey,
}

impl Handshake {
    /// The content of the server's Finished. The transcript ends before it.
    pub(crate) fn server_verify_data(&self, transcript: &Digest) -> Tag {
        self.server_finished.verify_data(transcript)
    }

    /// Whether `received` is what the server's Finished must hold.
    pub(crate) fn server_finished_is_right(&self, transcript: &Digest, received: &[u8]) -> bool {
        self.server_finished.is_right(transcript, received)
    }

    /// The transcript ends with the server's Finished.
    pub(crate) fn into_master(self, transcript: &Digest, log: Log<'_>) -> Master {
        let Self { suite, master_secret, client_finished, .. } = self;
        let hash = suite.hash;
        let all = ["c ap traffic", "s ap traffic", "exp master"]
            .map(|label| (label, transcript.as_ref()));
        let [client, server, exporter] = hkdf::derive_secrets(hash, &master_secret, all);
        log.log("CLIENT_TRAFFIC_SECRET_0", &client);
        log.log("SERVER_TRAFFIC_SECRET_0", &server);
        log.log("EXPORTER_SECRET", &exporter);
        let (client, server) =
            (Traffic { suite, secret: client }, Traffic { suite, secret: server });
        let exporter = Exporter { hash, secret: exporter };
        let traffic = BySender { client, server };
        Master { master_secret, client_finished, traffic, exporter }
    }
}

/// From the server's Finished to the client's.
#[derive(Debug)]
pub(crate) struct Master {
    master_secret: Secret,
    client_finished: FinishedKey,
    traffic: BySender<Traffic>,
    exporter: Exporter,
}

impl Master {
    /// The first application keys of both sides.
    pub(crate) fn traffic(&self) -> &BySender<Traffic> {
        &self.traffic
    }

    /// The content of the client's Finished. The transcript ends before it.
    pub(crate) fn client_verify_data(&self, transcript: &Digest) -> Tag {
        self.client_finished.verify_data(transcript)
    }

    /// Whether `received` is what the client's Finished must hold.
    pub(crate) fn client_finished_is_right(&self, transcript: &Digest, received: &[u8]) -> bool {
        self.client_finished.is_right(transcript, received)
    }

    /// The transcript ends with the client's Finished.
    pub(crate) fn into_application(self, transcript: &Digest) -> Application {
        let hash = self.exporter.hash;
        let secret = derive_secret(hash, &self.master_secret, "res master", transcript.as_ref());
        Application {
            traffic: self.traffic,
            exporter: self.exporter,
            resumption: ResumptionSecret { hash, secret },
        }
    }
}

/// After both Finished messages: three things that live on independently.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) traffic: BySender<Traffic>,
    pub(crate) exporter: Exporter,
    pub(crate) resumption: ResumptionSecret,
}

/// The application traffic secret of one side, which a KeyUpdate replaces.
#[derive(Debug)]
pub(crate) struct Traffic {
    suite: &'static Suite,
    secret: Secret,
}

impl Traffic {
    /// What records are protected with now.
    pub(crate) fn current(&self) -> TrafficSecret {
        TrafficSecret::V13 { suite: self.suite, secret: self.secret.duplicate() }
    }

    /// Moves on by one KeyUpdate, to what records are protected with from then on (RFC 8446
    /// §7.2). The old secret is wiped here, and cannot be had back from the new one.
    pub(crate) fn update(&mut self) -> TrafficSecret {
        self.secret = derive_secret(self.suite.hash, &self.secret, "traffic upd", &[]);
        self.current()
    }
}

/// What keying material for the application is derived from.
#[derive(Debug)]
pub(crate) struct Exporter {
    hash: &'static dyn Hash,
    secret: Secret,
}

impl Exporter {
    /// Fills `out` (RFC 8446 §7.5). No context is the same as an empty one.
    ///
    /// Fails, and leaves `out` as it was, if the label is not ASCII of 1 to 249 bytes, or if
    /// `out` is longer than 255 hash lengths.
    pub(crate) fn export(
        &self,
        out: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), CryptoError> {
        let Self { hash, secret } = self;
        // An HkdfLabel has room for 255 bytes, 6 of which are the prefix (RFC 8446 §7.1).
        let label = core::str::from_utf8(label)
            .ok()
            .filter(|label| label.is_ascii() && (1..=249).contains(&label.len()))
            .ok_or(CryptoError)?;
        // RFC 5869 §2.3.
        if out.len() > hash.kind().output_len().saturating_mul(255) {
            return Err(CryptoError);
        }
        let secret = derive_secret(*hash, secret, label, hash.hash(&[]).as_ref());
        let context = hash.hash(context.unwrap_or_default());
        hkdf::expand_label(*hash, secret.expose(), "exporter", context.as_ref(), out);
        Ok(())
    }
}

/// What the pre-shared keys of tickets are derived from.
#[derive(Debug)]
pub(crate) struct ResumptionSecret {
    hash: &'static dyn Hash,
    secret: Secret,
}

impl ResumptionSecret {
    /// The key of the ticket with this nonce, of at most 255 bytes (RFC 8446 §4.6.1).
    pub(crate) fn psk(&self, ticket_nonce: &[u8]) -> Secret {
        derive_secret(self.hash, &self.secret, "resumption", ticket_nonce)
    }
}

/// What binders and Finished messages are made with (RFC 8446 §4.4.4).
#[derive(Debug)]
struct FinishedKey {
    hash: &'static dyn Hash,
    key: Secret,
}

impl FinishedKey {
    fn new(hash: &'static dyn Hash, base_key: &Secret) -> Self {
        Self { hash, key: derive_secret(hash, base_key, "finished", &[]) }
    }

    fn verify_data(&self, transcript: &Digest) -> Tag {
        self.hash.hmac(self.key.expose(), &[transcript.as_ref()])
    }

    fn is_right(&self, transcript: &Digest, received: &[u8]) -> bool {
        ct_eq(self.verify_data(transcript).as_ref(), received)
    }
}

/// What joins `secret` to the next row of the picture.
fn next_salt(hash: &dyn Hash, secret: &Secret) -> Secret {
    derive_secret(hash, secret, "derived", hash.hash(&[]).as_ref())
}

/// [`next_salt`] of the early secret without a pre-shared key: the same in every connection, and no
/// secret.
const fn salt_without_psk(kind: HashKind) -> &'static [u8] {
    match kind {
        HashKind::Sha256 => &SALT_WITHOUT_PSK_SHA256,
        HashKind::Sha384 => &SALT_WITHOUT_PSK_SHA384,
    }
}

#[rustfmt::skip]
static SALT_WITHOUT_PSK_SHA256: [u8; 32] = [
    0xb1, 0x7b, 0xce, 0x94, 0x51, 0xee, 0x8b, 0xc6, 0xe8, 0xae, 0xbc, 0x0a, 0xa9, 0xe9, 0x82, 0x95,
    0x67, 0x7a, 0x4a, 0x6a, 0x91, 0xf7, 0x84, 0x40, 0x83, 0x31, 0x46, 0xe4, 0x65, 0xf2, 0xff, 0x95,
];

#[rustfmt::skip]
static SALT_WITHOUT_PSK_SHA384: [u8; 48] = [
    0x27, 0x00, 0x86, 0x05, 0xd3, 0x39, 0x6f, 0x88, 0x44, 0x19, 0x75, 0x65, 0xca, 0xec, 0xc5, 0x92,
    0xb3, 0xe5, 0x8f, 0x2e, 0xae, 0x55, 0xf8, 0x41, 0xb5, 0x77, 0xcf, 0xbc, 0xab, 0xb4, 0x7e, 0x22,
    0x1f, 0x67, 0x4e, 0xd3, 0xa6, 0x8a, 0xa8, 0x93, 0x43, 0x9c, 0xf5, 0x57, 0xf1, 0x11, 0xc0, 0xfc,
];

#[cfg(test)]
pub(crate) mod tests;
