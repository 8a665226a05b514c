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
    CryptoError, Digest, Hash, KeyLog, Secret, SharedSecret, Suite, Tag, TrafficSecret, ct_eq,
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
    early: Early,
    binder: FinishedKey,
}

impl OfferedPsk {
    /// With the hash that the key is bound to (RFC 8446 §4.2.11).
    pub(crate) fn new(hash: &'static dyn Hash, kind: PskKind, psk: &Secret) -> Self {
        let early = Early { secret: hkdf::extract(hash, hkdf::zeros(hash.kind()), psk.expose()) };
        let label = match kind {
            PskKind::External => "ext binder",
            PskKind::Resumption => "res binder",
        };
        let key = derive_secret(hash, &early.secret, label, hash.hash(&[]).as_ref());
        Self { early, binder: FinishedKey::new(hash, &key) }
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
    #[cfg_attr(not(test), expect(dead_code, reason = "early data is not offered yet"))]
    pub(crate) fn client_traffic(
        &self,
        suite: &'static Suite,
        transcript: &Digest,
        log: Log<'_>,
    ) -> TrafficSecret {
        let early = &self.early.secret;
        let secret = derive_secret(suite.hash, early, "c e traffic", transcript.as_ref());
        log.log("CLIENT_EARLY_TRAFFIC_SECRET", &secret);
        TrafficSecret::V13 { suite, secret }
    }

    /// What keying material for early data is derived from. The transcript ends with the
    /// ClientHello.
    #[cfg_attr(not(test), expect(dead_code, reason = "early data is not offered yet"))]
    pub(crate) fn early_exporter(&self, transcript: &Digest, log: Log<'_>) -> Exporter {
        let hash = self.binder.hash;
        let early = &self.early.secret;
        let secret = derive_secret(hash, early, "e exp master", transcript.as_ref());
        log.log("EARLY_EXPORTER_SECRET", &secret);
        Exporter { hash, secret }
    }

    /// The server took this key.
    pub(crate) fn accepted(self) -> Early {
        self.early
    }
}

/// Before a ServerHello.
#[derive(Debug)]
pub(crate) struct Early {
    secret: Secret,
}

impl Early {
    /// Without a pre-shared key, or with none of those offered.
    pub(crate) fn without_psk(hash: &'static dyn Hash) -> Self {
        let zeros = hkdf::zeros(hash.kind());
        Self { secret: hkdf::extract(hash, zeros, zeros) }
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
        let secret = next(hash, &self.secret, shared.expose());
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

/// The secret one row down in the picture: `secret` is the salt once "derived", `input` joins it.
fn next(hash: &dyn Hash, secret: &Secret, input: &[u8]) -> Secret {
    let salt = derive_secret(hash, secret, "derived", hash.hash(&[]).as_ref());
    hkdf::extract(hash, salt.expose(), input)
}

#[cfg(test)]
pub(crate) mod tests;
