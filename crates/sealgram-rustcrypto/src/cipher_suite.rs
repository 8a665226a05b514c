//! Cipher suites.
//!
//! The default provider has those without CCM. An application that has peers that know nothing but
//! CCM adds the ones that it needs.
//!
//! `PSK` suites have no forward secrecy: whoever learns the key can read everything that was ever
//! recorded under it. Prefer `ECDHE_PSK`.

use sealgram_crypto::{Suite, facts};

use crate::aead::{AES_128_CCM, AES_128_CCM_8, AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use crate::hash::{SHA256, SHA384};

macro_rules! suites {
    ($( $name:ident = $aead:ident, $hash:ident; )*) => {
        $(
            #[doc = concat!("`", stringify!($name), "`.")]
            pub static $name: Suite = Suite { facts: &facts::$name, aead: $aead, hash: $hash };
        )*

        /// All suites of this crate, best first, and those of [`danger`] last.
        pub static ALL: &[&Suite] = &[
            $( &$name, )*
            &danger::TLS_AES_128_CCM_8_SHA256,
            &danger::TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
            &danger::TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256,
            &danger::TLS_PSK_WITH_AES_128_CCM_8,
        ];
    };
}

suites! {
    TLS_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_AES_256_GCM_SHA384 = AES_256_GCM, SHA384;
    TLS_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_AES_128_CCM_SHA256 = AES_128_CCM, SHA256;
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = AES_256_GCM, SHA384;
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_ECDHE_ECDSA_WITH_AES_128_CCM = AES_128_CCM, SHA256;
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = AES_256_GCM, SHA384;
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256 = AES_128_CCM, SHA256;
    TLS_PSK_WITH_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_PSK_WITH_AES_256_GCM_SHA384 = AES_256_GCM, SHA384;
    TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_PSK_WITH_AES_128_CCM = AES_128_CCM, SHA256;
}

/// Suites with a tag of 8 bytes, whose keys stand few forgeries: RFC 9147 §4.5.3 forbids them
/// unless something else limits how often an attacker may try.
///
/// A configuration takes them only together with that limit.
pub mod danger {
    use super::{AES_128_CCM_8, SHA256, Suite, facts};

    /// `TLS_AES_128_CCM_8_SHA256`.
    pub static TLS_AES_128_CCM_8_SHA256: Suite =
        Suite { facts: &facts::TLS_AES_128_CCM_8_SHA256, aead: AES_128_CCM_8, hash: SHA256 };

    /// `TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8`, which CoAP makes mandatory for devices with
    /// certificates or raw public keys (RFC 7252 §9.1.3).
    pub static TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: Suite = Suite {
        facts: &facts::TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
        aead: AES_128_CCM_8,
        hash: SHA256,
    };

    /// `TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256`.
    pub static TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256: Suite = Suite {
        facts: &facts::TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256,
        aead: AES_128_CCM_8,
        hash: SHA256,
    };

    /// `TLS_PSK_WITH_AES_128_CCM_8`, which CoAP makes mandatory for devices with pre-shared keys
    /// (RFC 7252 §9.1.3.1).
    pub static TLS_PSK_WITH_AES_128_CCM_8: Suite =
        Suite { facts: &facts::TLS_PSK_WITH_AES_128_CCM_8, aead: AES_128_CCM_8, hash: SHA256 };
}
