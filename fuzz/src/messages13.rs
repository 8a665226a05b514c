//! The handshake messages of 1.3.
//!
//! Input: which message, then its body.

use sealgram_wire::messages13::{
    Certificate, CertificateRequest, EncryptedExtensions, KeyUpdate, NewConnectionId,
    NewSessionTicket, RequestConnectionId,
};

use crate::input::Input;
use crate::wire::{canonical, stable};

/// Reads one message.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (which, body) = (input.u8(), input.rest());
    match which % 8 {
        0 => stable(
            body,
            |b| EncryptedExtensions::read(b).map(|message| message.encode()),
            EncryptedExtensions::read(body),
            |mut message| {
                // Noted, not written.
                message.extensions.unknown = None;
                let encoded = message.encode();
                assert_eq!(EncryptedExtensions::read(&encoded), Ok(message));
                encoded
            },
        ),
        1 => canonical(body, Certificate::read, Certificate::encode),
        2 => stable(
            body,
            |b| CertificateRequest::read(b).map(|message| message.encode()),
            CertificateRequest::read(body),
            |message| {
                let encoded = message.encode();
                assert_eq!(CertificateRequest::read(&encoded), Ok(message));
                encoded
            },
        ),
        3 => stable(
            body,
            |b| NewSessionTicket::read(b).map(|message| message.encode()),
            NewSessionTicket::read(body),
            |message| {
                let encoded = message.encode();
                assert_eq!(NewSessionTicket::read(&encoded), Ok(message));
                encoded
            },
        ),
        4 => canonical(body, KeyUpdate::read, KeyUpdate::encode),
        5 => canonical(body, NewConnectionId::read, NewConnectionId::encode),
        _ => canonical(body, RequestConnectionId::read, RequestConnectionId::encode),
    }
}
