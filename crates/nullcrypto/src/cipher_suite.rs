//! All suites that sealgram knows, CCM and pre-shared keys included.

use sealgram_crypto::{Suite, facts};

use crate::{aead, hash};

macro_rules! suites {
    ($( $name:ident; )*) => {
        $(
            #[doc = concat!("Pretends to be `", stringify!($name), "`.")]
            pub static $name: Suite = Suite {
                facts: &facts::$name,
                aead: aead::of(facts::$name.aead),
                hash: hash::of(facts::$name.hash),
            };
        )*

        /// All suites, those of 1.3 first.
        pub static ALL_SUITES: &[&Suite] = &[$( &$name ),*];
    };
}

suites! {
    TLS_AES_128_GCM_SHA256;
    TLS_AES_256_GCM_SHA384;
    TLS_CHACHA20_POLY1305_SHA256;
    TLS_AES_128_CCM_SHA256;
    TLS_AES_128_CCM_8_SHA256;
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256;
    TLS_ECDHE_ECDSA_WITH_AES_128_CCM;
    TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8;
    TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256;
    TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256;
    TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256;
    TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256;
    TLS_PSK_WITH_AES_128_GCM_SHA256;
    TLS_PSK_WITH_AES_256_GCM_SHA384;
    TLS_PSK_WITH_CHACHA20_POLY1305_SHA256;
    TLS_PSK_WITH_AES_128_CCM;
    TLS_PSK_WITH_AES_128_CCM_8;
}
