//! TLS and DTLS registry values as newtypes over the wire integers.
//!
//! A value that this crate has no name for survives unchanged: a peer may send code points that
//! were registered after this crate was written (or GREASE, RFC 8701), and whether that is an
//! error is for the layer that reads them to say.
//!
//! ```
//! use sealgram_iana::CipherSuite;
//! let suite = CipherSuite::from_name("tls_ecdhe_ecdsa_with_aes_128_gcm_sha256").unwrap();
//! assert_eq!(suite, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
//! assert_eq!(CipherSuite(0x1a1a).to_string(), "CipherSuite(0x1a1a)");
//! ```
#![forbid(unsafe_code)]
#![no_std]

use core::fmt;

macro_rules! registry {
    (
        $(#[$meta:meta])*
        $name:ident($int:ty, $width:literal) {
            $( $(#[$value_meta:meta])* $value:ident = $number:literal, $text:literal; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl $name {
            $(
                $(#[$value_meta])*
                #[doc = concat!("`", $text, "`")]
                pub const $value: Self = Self($number);
            )*

            /// The name in the IANA registry, or `None` for a value unknown to this crate.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $number => Some($text), )*
                    _ => None,
                }
            }

            /// Looks a value up by its registry name, without regard to ASCII case.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                const NAMES: &[(&str, $name)] = &[$( ($text, $name($number)), )*];
                NAMES.iter().find(|(text, _)| text.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, concat!(stringify!($name), "({:#0", $width, "x})"), self.0),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl From<$int> for $name {
            fn from(value: $int) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $int {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

registry! {
    /// A protocol version as the wire carries it (RFC 9147 §5.3).
    ///
    /// DTLS versions count downwards: `DTLS_1_3` is numerically below `DTLS_1_2`, so this type's
    /// `Ord` is the order of the numbers, not of the versions.
    ProtocolVersion(u16, 6) {
        DTLS_1_0 = 0xfeff, "DTLSv1.0";
        DTLS_1_2 = 0xfefd, "DTLSv1.2";
        DTLS_1_3 = 0xfefc, "DTLSv1.3";
        TLS_1_2 = 0x0303, "TLSv1.2";
        TLS_1_3 = 0x0304, "TLSv1.3";
    }
}

registry! {
    /// What a record carries (RFC 9147 §4).
    ContentType(u8, 4) {
        CHANGE_CIPHER_SPEC = 20, "change_cipher_spec";
        ALERT = 21, "alert";
        HANDSHAKE = 22, "handshake";
        APPLICATION_DATA = 23, "application_data";
        HEARTBEAT = 24, "heartbeat";
        TLS12_CID = 25, "tls12_cid";
        ACK = 26, "ack";
        RETURN_ROUTABILITY_CHECK = 27, "return_routability_check";
    }
}

registry! {
    /// A handshake message's type (RFC 8446 §4, RFC 9147 §5.2).
    HandshakeType(u8, 4) {
        HELLO_REQUEST = 0, "hello_request";
        CLIENT_HELLO = 1, "client_hello";
        SERVER_HELLO = 2, "server_hello";
        HELLO_VERIFY_REQUEST = 3, "hello_verify_request";
        NEW_SESSION_TICKET = 4, "new_session_ticket";
        END_OF_EARLY_DATA = 5, "end_of_early_data";
        ENCRYPTED_EXTENSIONS = 8, "encrypted_extensions";
        REQUEST_CONNECTION_ID = 9, "request_connection_id";
        NEW_CONNECTION_ID = 10, "new_connection_id";
        CERTIFICATE = 11, "certificate";
        SERVER_KEY_EXCHANGE = 12, "server_key_exchange";
        CERTIFICATE_REQUEST = 13, "certificate_request";
        SERVER_HELLO_DONE = 14, "server_hello_done";
        CERTIFICATE_VERIFY = 15, "certificate_verify";
        CLIENT_KEY_EXCHANGE = 16, "client_key_exchange";
        FINISHED = 20, "finished";
        CERTIFICATE_STATUS = 22, "certificate_status";
        KEY_UPDATE = 24, "key_update";
        MESSAGE_HASH = 254, "message_hash";
    }
}

registry! {
    /// How grave an alert is (RFC 5246 §7.2). DTLS 1.3 derives it from the description.
    AlertLevel(u8, 4) {
        WARNING = 1, "warning";
        FATAL = 2, "fatal";
    }
}

registry! {
    /// Why a connection ends (RFC 8446 §6).
    AlertDescription(u8, 4) {
        CLOSE_NOTIFY = 0, "close_notify";
        UNEXPECTED_MESSAGE = 10, "unexpected_message";
        BAD_RECORD_MAC = 20, "bad_record_mac";
        DECRYPTION_FAILED = 21, "decryption_failed";
        RECORD_OVERFLOW = 22, "record_overflow";
        DECOMPRESSION_FAILURE = 30, "decompression_failure";
        HANDSHAKE_FAILURE = 40, "handshake_failure";
        NO_CERTIFICATE = 41, "no_certificate";
        BAD_CERTIFICATE = 42, "bad_certificate";
        UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
        CERTIFICATE_REVOKED = 44, "certificate_revoked";
        CERTIFICATE_EXPIRED = 45, "certificate_expired";
        CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
        ILLEGAL_PARAMETER = 47, "illegal_parameter";
        UNKNOWN_CA = 48, "unknown_ca";
        ACCESS_DENIED = 49, "access_denied";
        DECODE_ERROR = 50, "decode_error";
        DECRYPT_ERROR = 51, "decrypt_error";
        TOO_MANY_CIDS_REQUESTED = 52, "too_many_cids_requested";
        PROTOCOL_VERSION = 70, "protocol_version";
        INSUFFICIENT_SECURITY = 71, "insufficient_security";
        INTERNAL_ERROR = 80, "internal_error";
        INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback";
        USER_CANCELED = 90, "user_canceled";
        NO_RENEGOTIATION = 100, "no_renegotiation";
        MISSING_EXTENSION = 109, "missing_extension";
        UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
        UNRECOGNIZED_NAME = 112, "unrecognized_name";
        BAD_CERTIFICATE_STATUS_RESPONSE = 113, "bad_certificate_status_response";
        UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity";
        CERTIFICATE_REQUIRED = 116, "certificate_required";
        NO_APPLICATION_PROTOCOL = 120, "no_application_protocol";
    }
}

registry! {
    /// A cipher suite. Both versions share one registry; 1.3 suites are `0x13xx`.
    CipherSuite(u16, 6) {
        TLS_PSK_WITH_AES_128_GCM_SHA256 = 0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256";
        TLS_PSK_WITH_AES_256_GCM_SHA384 = 0x00a9, "TLS_PSK_WITH_AES_256_GCM_SHA384";
        /// Renegotiation signalling, not a suite (RFC 5746 §3.3):
        TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
        TLS_AES_128_GCM_SHA256 = 0x1301, "TLS_AES_128_GCM_SHA256";
        TLS_AES_256_GCM_SHA384 = 0x1302, "TLS_AES_256_GCM_SHA384";
        TLS_CHACHA20_POLY1305_SHA256 = 0x1303, "TLS_CHACHA20_POLY1305_SHA256";
        TLS_AES_128_CCM_SHA256 = 0x1304, "TLS_AES_128_CCM_SHA256";
        TLS_AES_128_CCM_8_SHA256 = 0x1305, "TLS_AES_128_CCM_8_SHA256";
        /// Downgrade signalling, not a suite (RFC 7507):
        TLS_FALLBACK_SCSV = 0x5600, "TLS_FALLBACK_SCSV";
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
        TLS_PSK_WITH_AES_128_CCM = 0xc0a4, "TLS_PSK_WITH_AES_128_CCM";
        TLS_PSK_WITH_AES_128_CCM_8 = 0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8";
        TLS_ECDHE_ECDSA_WITH_AES_128_CCM = 0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM";
        TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 = 0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8";
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
        TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 = 0xccab, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256";
        TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256 = 0xccac, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256";
        TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256 = 0xd001, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256";
        TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256 = 0xd003, "TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256";
        TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256 = 0xd005, "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256";
    }
}

registry! {
    /// A compression method. Only null is ever negotiated (RFC 9325 §3.3).
    CompressionMethod(u8, 4) {
        NULL = 0, "NULL";
        DEFLATE = 1, "DEFLATE";
    }
}

registry! {
    /// A key-exchange group (RFC 8446 §4.2.7).
    NamedGroup(u16, 6) {
        SECP256R1 = 0x0017, "secp256r1";
        SECP384R1 = 0x0018, "secp384r1";
        SECP521R1 = 0x0019, "secp521r1";
        X25519 = 0x001d, "x25519";
        X448 = 0x001e, "x448";
        SECP256R1_MLKEM768 = 0x11eb, "SecP256r1MLKEM768";
        X25519_MLKEM768 = 0x11ec, "X25519MLKEM768";
    }
}

registry! {
    /// A signature algorithm together with its hash and, in 1.3, its curve (RFC 8446 §4.2.3).
    SignatureScheme(u16, 6) {
        RSA_PKCS1_SHA1 = 0x0201, "rsa_pkcs1_sha1";
        ECDSA_SHA1 = 0x0203, "ecdsa_sha1";
        RSA_PKCS1_SHA256 = 0x0401, "rsa_pkcs1_sha256";
        ECDSA_SECP256R1_SHA256 = 0x0403, "ecdsa_secp256r1_sha256";
        RSA_PKCS1_SHA384 = 0x0501, "rsa_pkcs1_sha384";
        ECDSA_SECP384R1_SHA384 = 0x0503, "ecdsa_secp384r1_sha384";
        RSA_PKCS1_SHA512 = 0x0601, "rsa_pkcs1_sha512";
        ECDSA_SECP521R1_SHA512 = 0x0603, "ecdsa_secp521r1_sha512";
        RSA_PSS_RSAE_SHA256 = 0x0804, "rsa_pss_rsae_sha256";
        RSA_PSS_RSAE_SHA384 = 0x0805, "rsa_pss_rsae_sha384";
        RSA_PSS_RSAE_SHA512 = 0x0806, "rsa_pss_rsae_sha512";
        ED25519 = 0x0807, "ed25519";
        ED448 = 0x0808, "ed448";
        RSA_PSS_PSS_SHA256 = 0x0809, "rsa_pss_pss_sha256";
        RSA_PSS_PSS_SHA384 = 0x080a, "rsa_pss_pss_sha384";
        RSA_PSS_PSS_SHA512 = 0x080b, "rsa_pss_pss_sha512";
    }
}

registry! {
    /// An extension's type (RFC 8446 §4.2).
    ExtensionType(u16, 6) {
        SERVER_NAME = 0, "server_name";
        MAX_FRAGMENT_LENGTH = 1, "max_fragment_length";
        STATUS_REQUEST = 5, "status_request";
        SUPPORTED_GROUPS = 10, "supported_groups";
        EC_POINT_FORMATS = 11, "ec_point_formats";
        SIGNATURE_ALGORITHMS = 13, "signature_algorithms";
        USE_SRTP = 14, "use_srtp";
        APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16, "application_layer_protocol_negotiation";
        SIGNED_CERTIFICATE_TIMESTAMP = 18, "signed_certificate_timestamp";
        CLIENT_CERTIFICATE_TYPE = 19, "client_certificate_type";
        SERVER_CERTIFICATE_TYPE = 20, "server_certificate_type";
        PADDING = 21, "padding";
        ENCRYPT_THEN_MAC = 22, "encrypt_then_mac";
        EXTENDED_MASTER_SECRET = 23, "extended_master_secret";
        RECORD_SIZE_LIMIT = 28, "record_size_limit";
        SESSION_TICKET = 35, "session_ticket";
        PRE_SHARED_KEY = 41, "pre_shared_key";
        EARLY_DATA = 42, "early_data";
        SUPPORTED_VERSIONS = 43, "supported_versions";
        COOKIE = 44, "cookie";
        PSK_KEY_EXCHANGE_MODES = 45, "psk_key_exchange_modes";
        CERTIFICATE_AUTHORITIES = 47, "certificate_authorities";
        OID_FILTERS = 48, "oid_filters";
        POST_HANDSHAKE_AUTH = 49, "post_handshake_auth";
        SIGNATURE_ALGORITHMS_CERT = 50, "signature_algorithms_cert";
        KEY_SHARE = 51, "key_share";
        CONNECTION_ID = 54, "connection_id";
        RRC = 61, "rrc";
        RENEGOTIATION_INFO = 0xff01, "renegotiation_info";
    }
}

registry! {
    /// How an elliptic-curve point is written (RFC 8422 §5.1.2). Only uncompressed is used.
    EcPointFormat(u8, 4) {
        UNCOMPRESSED = 0, "uncompressed";
    }
}

registry! {
    /// How a ServerKeyExchange names its curve (RFC 8422 §5.4). Only named curves are used.
    EcCurveType(u8, 4) {
        NAMED_CURVE = 3, "named_curve";
    }
}

registry! {
    /// What kind of key a client may certify (RFC 5246 §7.4.4, RFC 8422 §5.5).
    ClientCertificateType(u8, 4) {
        RSA_SIGN = 1, "rsa_sign";
        ECDSA_SIGN = 64, "ecdsa_sign";
    }
}

registry! {
    /// What a Certificate message holds (RFC 7250).
    CertificateType(u8, 4) {
        X509 = 0, "X509";
        RAW_PUBLIC_KEY = 2, "RawPublicKey";
    }
}

registry! {
    /// What kind of name a `server_name` extension carries (RFC 6066 §3).
    ServerNameType(u8, 4) {
        HOST_NAME = 0, "host_name";
    }
}

registry! {
    /// An SRTP protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).
    SrtpProfile(u16, 6) {
        SRTP_AES128_CM_HMAC_SHA1_80 = 0x0001, "SRTP_AES128_CM_HMAC_SHA1_80";
        SRTP_AES128_CM_HMAC_SHA1_32 = 0x0002, "SRTP_AES128_CM_HMAC_SHA1_32";
        SRTP_AEAD_AES_128_GCM = 0x0007, "SRTP_AEAD_AES_128_GCM";
        SRTP_AEAD_AES_256_GCM = 0x0008, "SRTP_AEAD_AES_256_GCM";
    }
}

registry! {
    /// How a 1.3 PSK may be used (RFC 8446 §4.2.9).
    PskKeyExchangeMode(u8, 4) {
        PSK_KE = 0, "psk_ke";
        PSK_DHE_KE = 1, "psk_dhe_ke";
    }
}

registry! {
    /// Whether the peer must update its keys too (RFC 8446 §4.6.3).
    KeyUpdateRequest(u8, 4) {
        UPDATE_NOT_REQUESTED = 0, "update_not_requested";
        UPDATE_REQUESTED = 1, "update_requested";
    }
}

registry! {
    /// Whether a connection ID must be used at once (RFC 9147 §9).
    ConnectionIdUsage(u8, 4) {
        CID_IMMEDIATE = 0, "cid_immediate";
        CID_SPARE = 1, "cid_spare";
    }
}

/// A version that sealgram speaks. Ordered by age: `V12 < V13`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// DTLS 1.2 (RFC 6347).
    V12,
    /// DTLS 1.3 (RFC 9147).
    V13,
}

impl Version {
    /// The number that the wire carries.
    #[must_use]
    pub const fn wire(self) -> ProtocolVersion {
        match self {
            Self::V12 => ProtocolVersion::DTLS_1_2,
            Self::V13 => ProtocolVersion::DTLS_1_3,
        }
    }

    /// The version that `wire` stands for, if sealgram speaks it. DTLS 1.0 is not spoken
    /// (RFC 8996).
    #[must_use]
    pub const fn from_wire(wire: ProtocolVersion) -> Option<Self> {
        match wire {
            ProtocolVersion::DTLS_1_2 => Some(Self::V12),
            ProtocolVersion::DTLS_1_3 => Some(Self::V13),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.wire(), f)
    }
}

impl SrtpProfile {
    /// The length of each side's SRTP master key in bytes (RFC 5764 §4.1.2, RFC 7714 §14.2);
    /// `None` for a profile unknown to this crate.
    #[must_use]
    pub const fn master_key_len(self) -> Option<usize> {
        match self {
            Self::SRTP_AES128_CM_HMAC_SHA1_80
            | Self::SRTP_AES128_CM_HMAC_SHA1_32
            | Self::SRTP_AEAD_AES_128_GCM => Some(16),
            Self::SRTP_AEAD_AES_256_GCM => Some(32),
            _ => None,
        }
    }

    /// The length of each side's SRTP master salt in bytes; `None` for a profile unknown to this
    /// crate.
    #[must_use]
    pub const fn master_salt_len(self) -> Option<usize> {
        match self {
            Self::SRTP_AES128_CM_HMAC_SHA1_80 | Self::SRTP_AES128_CM_HMAC_SHA1_32 => Some(14),
            Self::SRTP_AEAD_AES_128_GCM | Self::SRTP_AEAD_AES_256_GCM => Some(12),
            _ => None,
        }
    }
}

impl SignatureScheme {
    /// Whether a DTLS 1.3 CertificateVerify may use the scheme: no PKCS#1 v1.5 and no SHA-1
    /// (RFC 8446 §4.2.3).
    #[must_use]
    pub const fn usable_in_dtls13(self) -> bool {
        !matches!(
            self,
            Self::RSA_PKCS1_SHA1
                | Self::ECDSA_SHA1
                | Self::RSA_PKCS1_SHA256
                | Self::RSA_PKCS1_SHA384
                | Self::RSA_PKCS1_SHA512
        )
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn unknown_value_survives_and_prints_its_number() {
        let group = NamedGroup::from(0x2a2a);
        assert_eq!(group.name(), None);
        assert_eq!(u16::from(group), 0x2a2a);
        assert_eq!(group.to_string(), "NamedGroup(0x2a2a)");
    }

    #[test]
    fn names_are_found_without_regard_to_case() {
        assert_eq!(NamedGroup::from_name("X25519mlkem768"), Some(NamedGroup::X25519_MLKEM768));
        assert_eq!(NamedGroup::from_name("x25519 "), None);
    }

    #[test]
    fn pkcs1_is_refused_in_dtls13() {
        assert!(!SignatureScheme::RSA_PKCS1_SHA256.usable_in_dtls13());
        assert!(SignatureScheme::RSA_PSS_RSAE_SHA256.usable_in_dtls13());
    }
}
