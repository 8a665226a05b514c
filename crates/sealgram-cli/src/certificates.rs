//! Test certificates.

mod issuer;

use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    SignatureAlgorithm, date_time_ymd,
};
use sealgram::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) use issuer::Authority;

use crate::args::KeyKind;
use crate::failure::Failure;

/// A certificate and its key, in both forms.
pub(crate) struct Made {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) certificate_pem: String,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) key_pem: String,
}

/// What a certificate should say.
pub(crate) struct Wish<'a> {
    pub(crate) names: &'a [String],
    pub(crate) kind: KeyKind,
    pub(crate) days: u32,
    pub(crate) authority: bool,
}

impl Wish<'_> {
    /// A throw-away certificate for one name.
    pub(crate) fn self_signed(name: &str) -> Result<Made, Failure> {
        let names = &[name.to_owned()];
        Wish { names, kind: KeyKind::P256, days: 30, authority: false }.make(None)
    }

    /// Makes a certificate, signed by `issuer` or by itself.
    pub(crate) fn make(&self, issuer: Option<&Authority>) -> Result<Made, Failure> {
        let failed = |error: rcgen::Error| {
            Failure::usage(format!("the certificate cannot be made: {error}"))
        };
        let key = self.generate().map_err(failed)?;
        let mut params = self.params().map_err(failed)?;
        params.use_authority_key_identifier_extension =
            issuer.is_some_and(Authority::has_named_key);
        let certificate = match issuer {
            Some(issuer) => params.signed_by(&key, issuer.issuer()),
            None => params.self_signed(&key),
        }
        .map_err(failed)?;
        Ok(Made {
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        })
    }

    fn generate(&self) -> Result<KeyPair, rcgen::Error> {
        let key = KeyPair::generate_for(self.algorithm())?;
        match (self.kind, ed25519_without_public_key(&key.serialize_der())) {
            (KeyKind::Ed25519, Some(der)) => KeyPair::try_from(&PrivateKeyDer::Pkcs8(der.into())),
            _ => Ok(key),
        }
    }

    const fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.kind {
            KeyKind::P256 => &PKCS_ECDSA_P256_SHA256,
            KeyKind::P384 => &PKCS_ECDSA_P384_SHA384,
            KeyKind::Ed25519 => &PKCS_ED25519,
        }
    }

    fn params(&self) -> Result<CertificateParams, rcgen::Error> {
        let names = if self.authority { Vec::new() } else { self.names.to_vec() };
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = self.names.first() {
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        // From yesterday on: other clocks may be behind.
        let today = today();
        let date = |day: i64| {
            let (year, month, day) = civil(day);
            date_time_ymd(year, month, day)
        };
        params.not_before = date(today.saturating_sub(1));
        params.not_after = date(today.saturating_add(self.days.into()));
        if self.authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        } else {
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        }
        Ok(params)
    }
}

/// An Ed25519 key in PKCS#8 of version 1, which everybody reads. *ring* adds the public key
/// (version 2) in an encoding of its own, which OpenSSL does not read.
fn ed25519_without_public_key(der: &[u8]) -> Option<Vec<u8>> {
    // RFC 8410 §7: version, algorithm, and the 32 bytes in two OCTET STRINGs.
    const V1: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let (begin, rest) = der.split_at_checked(V1.len())?;
    let same = V1.iter().zip(begin).skip(5).all(|(a, b)| a == b);
    same.then_some([&V1, rest.get(..32)?].concat())
}

/// Days since 1970.
fn today() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs() / 86_400).unwrap_or_default()
}

/// The date of a day, counted from 1970, in the Gregorian calendar: its years begin in March here,
/// so that the leap day is a year's last, and 400 of them have 146,097 days.
#[expect(clippy::arithmetic_side_effects, reason = "the day is clamped first")]
fn civil(day: i64) -> (i32, u8, u8) {
    let day = day.clamp(0, 2_000_000).saturating_add(719_468);
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    (
        i32::try_from(year).unwrap_or(i32::MAX),
        u8::try_from(month).unwrap_or(1),
        u8::try_from(day_of_month).unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (day, date) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_782, (2024, 2, 29)),
            (20_453, (2025, 12, 31)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(day), date, "{day}");
        }
    }
}
