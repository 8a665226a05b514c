//! Alerts, cipher suites and groups, and what each program calls them.

use core::fmt::{self, Display};

use crate::pki::KeyKind;

/// An alert under both of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What the foreign programs show.
    pub number: u8,
    /// What the RFCs and sealgram call it.
    pub name: &'static str,
}

impl Alert {
    /// Nothing that both sides can use, or no client certificate.
    pub const HANDSHAKE_FAILURE: Self = Self { number: 40, name: "handshake_failure" };
    /// A certificate for someone else.
    pub const BAD_CERTIFICATE: Self = Self { number: 42, name: "bad_certificate" };
    /// A certificate of a type that the other side does not take.
    pub const UNSUPPORTED_CERTIFICATE: Self = Self { number: 43, name: "unsupported_certificate" };
    /// A certificate that its issuer has withdrawn.
    pub const CERTIFICATE_REVOKED: Self = Self { number: 44, name: "certificate_revoked" };
    /// A certificate whose time has passed.
    pub const CERTIFICATE_EXPIRED: Self = Self { number: 45, name: "certificate_expired" };
    /// A certificate that leads to no root that is trusted.
    pub const UNKNOWN_CA: Self = Self { number: 48, name: "unknown_ca" };
    /// A certificate that is good, of somebody who may not come in.
    pub const ACCESS_DENIED: Self = Self { number: 49, name: "access_denied" };
    /// A proof that fails: a wrong signature, a wrong Finished, a wrong pre-shared key.
    pub const DECRYPT_ERROR: Self = Self { number: 51, name: "decrypt_error" };
    /// A version that is too old.
    pub const PROTOCOL_VERSION: Self = Self { number: 70, name: "protocol_version" };
}

/// A cipher suite of DTLS 1.2 under all of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cipher {
    /// What IANA and sealgram call it.
    pub iana: &'static str,
    /// What openssl calls it.
    pub openssl: &'static str,
    /// What makes it the only one in a priority string of GnuTLS, after `-KX-ALL:-CIPHER-ALL`.
    pub gnutls: &'static str,
}

impl Cipher {
    /// A suite with a pre-shared key and a key exchange.
    pub const ECDHE_PSK: Self = Self {
        iana: "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
        openssl: "ECDHE-PSK-CHACHA20-POLY1305",
        gnutls: "+ECDHE-PSK:+CHACHA20-POLY1305",
    };

    /// The suites with a pre-shared key that every program has; those with CCM last.
    pub const PSK: [Self; 6] = [
        Self {
            iana: "TLS_PSK_WITH_AES_128_GCM_SHA256",
            openssl: "PSK-AES128-GCM-SHA256",
            gnutls: "+PSK:+AES-128-GCM",
        },
        Self {
            iana: "TLS_PSK_WITH_AES_256_GCM_SHA384",
            openssl: "PSK-AES256-GCM-SHA384",
            gnutls: "+PSK:+AES-256-GCM",
        },
        Self {
            iana: "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256",
            openssl: "PSK-CHACHA20-POLY1305",
            gnutls: "+PSK:+CHACHA20-POLY1305",
        },
        Self::ECDHE_PSK,
        Self {
            iana: "TLS_PSK_WITH_AES_128_CCM",
            openssl: "PSK-AES128-CCM",
            gnutls: "+PSK:+AES-128-CCM",
        },
        Self {
            iana: "TLS_PSK_WITH_AES_128_CCM_8",
            openssl: "PSK-AES128-CCM8",
            gnutls: "+PSK:+AES-128-CCM-8",
        },
    ];

    /// The suites with a certificate and CCM.
    pub const CCM: [Self; 2] = [
        Self {
            iana: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
            openssl: "ECDHE-ECDSA-AES128-CCM",
            gnutls: "+ECDHE-ECDSA:+AES-128-CCM",
        },
        Self {
            iana: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
            openssl: "ECDHE-ECDSA-AES128-CCM8",
            gnutls: "+ECDHE-ECDSA:+AES-128-CCM-8",
        },
    ];

    /// The suites that a certificate with a key of this kind can be used with.
    pub fn for_key(kind: KeyKind) -> [Self; 3] {
        match kind {
            KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => [
                Self {
                    iana: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                    openssl: "ECDHE-ECDSA-AES128-GCM-SHA256",
                    gnutls: "+ECDHE-ECDSA:+AES-128-GCM",
                },
                Self {
                    iana: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                    openssl: "ECDHE-ECDSA-AES256-GCM-SHA384",
                    gnutls: "+ECDHE-ECDSA:+AES-256-GCM",
                },
                Self {
                    iana: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                    openssl: "ECDHE-ECDSA-CHACHA20-POLY1305",
                    gnutls: "+ECDHE-ECDSA:+CHACHA20-POLY1305",
                },
            ],
            KeyKind::Rsa => [
                Self {
                    iana: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                    openssl: "ECDHE-RSA-AES128-GCM-SHA256",
                    gnutls: "+ECDHE-RSA:+AES-128-GCM",
                },
                Self {
                    iana: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                    openssl: "ECDHE-RSA-AES256-GCM-SHA384",
                    gnutls: "+ECDHE-RSA:+AES-256-GCM",
                },
                Self {
                    iana: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                    openssl: "ECDHE-RSA-CHACHA20-POLY1305",
                    gnutls: "+ECDHE-RSA:+CHACHA20-POLY1305",
                },
            ],
        }
    }
}

/// A group for key exchange under all of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// What IANA and sealgram call it.
    pub iana: &'static str,
    /// What openssl takes as an option.
    pub openssl: &'static str,
    /// What `s_client` prints when it was used.
    pub shown: &'static str,
    /// What GnuTLS calls it, in its priority strings and in what it prints.
    pub gnutls: &'static str,
    /// Its number on the wire.
    pub number: u16,
}

impl Group {
    /// RFC 7748.
    pub const X25519: Self =
        Self { iana: "x25519", openssl: "X25519", shown: "X25519", gnutls: "X25519", number: 29 };
    /// NIST P-256.
    pub const P256: Self = Self {
        iana: "secp256r1",
        openssl: "P-256",
        shown: "ECDH, prime256v1",
        gnutls: "SECP256R1",
        number: 23,
    };
    /// NIST P-384.
    pub const P384: Self = Self {
        iana: "secp384r1",
        openssl: "P-384",
        shown: "ECDH, secp384r1",
        gnutls: "SECP384R1",
        number: 24,
    };
    /// All of them.
    pub const ALL: [Self; 3] = [Self::X25519, Self::P256, Self::P384];
}

impl Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iana)
    }
}
