//! Hellos of both versions and their extensions.
//!
//! Input: which message, then its body.

use sealgram_wire::{
    ClientExtensions, ClientHello, HelloVerifyRequest, ServerExtensions, ServerHello,
    ServerMessage, Writer,
};

use crate::input::Input;
use crate::wire::{canonical, stable};

/// Reads one message.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (which, body) = (input.u8(), input.rest());
    match which % 8 {
        0 => {
            stable(
                body,
                |b| ClientHello::read(b).map(|hello| hello.encode()),
                ClientHello::read(body),
                |hello| {
                    let encoded = hello.encode();
                    assert_eq!(ClientHello::read(&encoded), Ok(hello));
                    encoded
                },
            );
            if let Ok(hello) = ClientHello::read(body) {
                client(&hello.extensions);
            }
        }
        1 => stable(
            body,
            |b| ServerHello::read(b).map(|hello| hello.encode()),
            ServerHello::read(body),
            |mut hello| {
                // Noted, not written.
                hello.extensions.unknown = None;
                let encoded = hello.encode();
                assert_eq!(ServerHello::read(&encoded), Ok(hello));
                encoded
            },
        ),
        2 => canonical(body, HelloVerifyRequest::read, HelloVerifyRequest::encode),
        3 => stable(
            body,
            |b| ClientExtensions::read(b).map(|extensions| encode_client(&extensions)),
            ClientExtensions::read(body),
            |extensions| {
                client(&extensions);
                encode_client(&extensions)
            },
        ),
        message => {
            let message = match message {
                4 => ServerMessage::ServerHello,
                5 => ServerMessage::HelloRetryRequest,
                _ => ServerMessage::EncryptedExtensions,
            };
            stable(
                body,
                |b| ServerExtensions::read(b, message).map(|extensions| encode_server(&extensions)),
                ServerExtensions::read(body, message),
                |mut extensions| {
                    assert!(extensions.types().count() <= body.len() / 4);
                    extensions.unknown = None;
                    let encoded = encode_server(&extensions);
                    assert_eq!(ServerExtensions::read(&encoded, message), Ok(extensions));
                    encoded
                },
            );
        }
    }
}

fn encode_client(extensions: &ClientExtensions<'_>) -> Vec<u8> {
    let mut writer = Writer::new();
    extensions.encode(&mut writer);
    writer.into_vec()
}

fn encode_server(extensions: &ServerExtensions<'_>) -> Vec<u8> {
    let mut writer = Writer::new();
    extensions.encode(&mut writer);
    writer.into_vec()
}

/// What negotiation does with lists.
fn client(extensions: &ClientExtensions<'_>) {
    let encoded = encode_client(extensions);
    assert_eq!(extensions.is_empty(), encoded.is_empty());
    if let Some(psks) = &extensions.pre_shared_key {
        assert!(psks.binders_len() <= encoded.len());
        assert_eq!(psks.identities.iter().count(), psks.identities.len());
    }
    if let Some(shares) = &extensions.key_share {
        assert_eq!(shares.iter().count(), shares.len());
    }
}
