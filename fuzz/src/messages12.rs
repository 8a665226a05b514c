//! The handshake messages of 1.2.
//!
//! Input: which message, then its body.

use sealgram_wire::DigitallySigned;
use sealgram_wire::messages12::{
    Certificate, CertificateRequest, ClientKeyExchange, KeyExchangeKind, NewSessionTicket,
    RawPublicKeyCertificate, ServerHelloDone, ServerKeyExchange,
};

use crate::input::Input;
use crate::wire::canonical;

const KINDS: [KeyExchangeKind; 3] =
    [KeyExchangeKind::Ecdhe, KeyExchangeKind::Psk, KeyExchangeKind::EcdhePsk];

/// Reads one message.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (which, body) = (input.u8(), input.rest());
    let kind = KINDS[usize::from(which >> 4) % 3];
    match which % 8 {
        0 => canonical(body, |b| ServerKeyExchange::read(b, kind), ServerKeyExchange::encode),
        1 => canonical(body, |b| ClientKeyExchange::read(b, kind), ClientKeyExchange::encode),
        2 => canonical(body, Certificate::read, Certificate::encode),
        3 => canonical(body, RawPublicKeyCertificate::read, RawPublicKeyCertificate::encode),
        4 => canonical(body, CertificateRequest::read, CertificateRequest::encode),
        5 => canonical(body, NewSessionTicket::read, NewSessionTicket::encode),
        6 => canonical(body, DigitallySigned::read, DigitallySigned::encode),
        _ => canonical(body, ServerHelloDone::read, ServerHelloDone::encode),
    }
}
