//! Lists of registered names, and the other small values of options.

use core::time::Duration;
use std::sync::Arc;

use sealgram::ExternalPsk;
use sealgram::crypto::CryptoProvider;
use sealgram::iana::{CipherSuite, NamedGroup, SrtpProfile};

use crate::failure::Failure;
use crate::hex;

/// The entries of a comma-separated list.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// Suites by IANA name. All of them must be available; a list must not be empty.
pub(crate) fn suites(list: &str, provider: &CryptoProvider) -> Result<Vec<CipherSuite>, Failure> {
    let known = || provider.suites.iter().map(|suite| suite.id());
    let find =
        |name: &str| CipherSuite::from_name(name).filter(|suite| known().any(|k| k == *suite));
    parse("--suites", list, find, || join(known()))
}

/// Groups by IANA name. All of them must be available.
pub(crate) fn groups(list: &str, provider: &CryptoProvider) -> Result<Vec<NamedGroup>, Failure> {
    let known = || provider.groups.iter().map(|group| group.name());
    let find =
        |name: &str| NamedGroup::from_name(name).filter(|group| known().any(|k| k == *group));
    parse("--groups", list, find, || join(known()))
}

/// SRTP profiles by IANA name.
pub(crate) fn srtp(list: &str) -> Result<Vec<SrtpProfile>, Failure> {
    let known = [
        SrtpProfile::SRTP_AEAD_AES_256_GCM,
        SrtpProfile::SRTP_AEAD_AES_128_GCM,
        SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80,
        SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32,
    ];
    parse("--srtp", list, SrtpProfile::from_name, || join(known))
}

/// Application protocols, each 1 to 255 bytes.
pub(crate) fn alpn(list: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let find = |name: &str| (name.len() <= 255).then(|| name.as_bytes().to_vec());
    parse("--alpn", list, find, || "names of 1 to 255 bytes".to_owned())
}

fn parse<T>(
    option: &str,
    list: &str,
    find: impl Fn(&str) -> Option<T>,
    known: impl Fn() -> String,
) -> Result<Vec<T>, Failure> {
    let found: Vec<T> = entries(list)
        .map(|name| {
            find(name).ok_or_else(|| {
                Failure::usage(format!("{option}: {name} is not available"))
                    .hint(format!("available: {}", known()))
            })
        })
        .collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(Failure::usage(format!("{option}: the list is empty")));
    }
    Ok(found)
}

fn join<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(",")
}

/// `LABEL:LEN` of `--export`.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    pub(crate) label: String,
    pub(crate) len: usize,
}

/// Reads `LABEL:LEN`. The label may contain colons itself.
pub(crate) fn export(text: &str) -> Result<Export, String> {
    let (label, len) = text.rsplit_once(':').ok_or("expected LABEL:LEN")?;
    let len: u16 = len.parse().map_err(|_| "LEN must be a number from 1 to 65535")?;
    if label.is_empty() || len == 0 {
        return Err("neither LABEL nor LEN may be empty".to_owned());
    }
    Ok(Export { label: label.to_owned(), len: len.into() })
}

/// Reads `IDENTITY:HEX`, a pre-shared key. The identity may contain colons itself.
pub(crate) fn psk(text: &str) -> Result<Arc<ExternalPsk>, String> {
    let (identity, secret) = text.rsplit_once(':').ok_or("expected IDENTITY:HEX")?;
    let secret = hex::decode(secret).ok_or("the key is not hex: expected IDENTITY:HEX")?;
    let psk = ExternalPsk::danger_weak(identity.as_bytes(), &secret)
        .ok_or("an identity has 1 to 1,024 bytes, and a key 1 to 64 (2 to 128 hex digits)")?;
    Ok(Arc::new(psk))
}

/// Seconds, with decimals if wanted.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds")?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    // A wait of nothing is a mistake, and one of more than a century is one of units.
    if duration.is_zero() || duration > Duration::from_secs(1 << 32) {
        return Err("expected more than 0 seconds, and less than a century".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_found_without_regard_to_case_and_in_order() {
        let provider = sealgram::default_provider();
        let list = "tls_ecdhe_rsa_with_aes_128_gcm_sha256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        assert_eq!(
            suites(list, &provider).unwrap(),
            [
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
            ]
        );
    }

    #[test]
    fn name_that_is_not_available_is_refused_by_name() {
        let provider = sealgram::default_provider();
        let refused = suites("TLS_PSK_WITH_AES_128_CCM", &provider).unwrap_err().to_string();
        assert!(refused.contains("TLS_PSK_WITH_AES_128_CCM is not available"), "{refused}");
        assert!(groups("x25519,nonsense", &provider).unwrap_err().to_string().contains("nonsense"));
        assert!(groups(" , ", &provider).unwrap_err().to_string().contains("empty"));
        assert!(srtp("SRTP_NULL").is_err());
        assert!(alpn(&"a".repeat(256)).is_err());
    }

    #[test]
    fn export_label_may_contain_colons() {
        let export = export("EXPERIMENTAL:x:16").unwrap();
        assert_eq!((export.label.as_str(), export.len), ("EXPERIMENTAL:x", 16));
        for bad in ["label", "label:0", ":5", "label:x", "label:65536"] {
            assert!(super::export(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_have_a_range() {
        assert_eq!(seconds("0.25").unwrap(), Duration::from_millis(250));
        for bad in ["0", "-1", "nan", "inf", "1e30", "soon"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
