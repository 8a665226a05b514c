//! Cipher suites.
//!
//! `PSK` suites have no forward secrecy: whoever learns the key can read everything that was ever
//! recorded under it. Prefer `ECDHE_PSK`.

use sealgram_crypto::{Suite, facts};

use crate::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use crate::hash::{SHA256, SHA384};

macro_rules! suites {
    ($( $name:ident = $aead:ident, $hash:ident; )*) => {
        $(
            #[doc = concat!("`", stringify!($name), "`.")]
            pub static $name: Suite = Suite { facts: &facts::$name, aead: $aead, hash: $hash };
        )*
    };
}

suites! {
    TLS_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_AES_256_GCM_SHA384 = AES_256_GCM, SHA384;
    TLS_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = AES_256_GCM, SHA384;
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = AES_256_GCM, SHA384;
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_PSK_WITH_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_PSK_WITH_AES_256_GCM_SHA384 = AES_256_GCM, SHA384;
    TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
    TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256 = AES_128_GCM, SHA256;
    TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256 = CHACHA20_POLY1305, SHA256;
}
