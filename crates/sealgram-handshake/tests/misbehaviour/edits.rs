//! Rows of faults: a message, what is changed in it, and what that must lead to.

use sealgram_handshake::{ClientConfig, Error, ServerConfig, Side};
use sealgram_iana::{AlertDescription as Alert, CipherSuite, HandshakeType, NamedGroup, Version};
use sealgram_wire::{
    ClientExtensions, ClientHello, DigitallySigned, OwnedMessage, ServerHello, messages12,
    messages13,
};

use crate::joined::{client, run, server};

pub(crate) const fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// Changes the body of a message.
pub(crate) type Edit = Box<dyn Fn(&mut Vec<u8>)>;

/// The message of this type is changed, the first one of its sender.
pub(crate) struct Row {
    what: &'static str,
    from: Side,
    typ: HandshakeType,
    edit: Edit,
    error: Error,
    alert: Alert,
}

pub(crate) fn row(
    what: &'static str,
    (from, typ): (Side, HandshakeType),
    edit: Edit,
    error: impl Into<Error>,
    alert: Alert,
) -> Row {
    Row { what, from, typ, edit, error: error.into(), alert }
}

pub(crate) const CLIENT_HELLO: (Side, HandshakeType) = (Side::Client, HandshakeType::CLIENT_HELLO);
pub(crate) const SERVER_HELLO: (Side, HandshakeType) = (Side::Server, HandshakeType::SERVER_HELLO);

pub(crate) fn check(
    version: Version,
    sides: impl Fn() -> (ClientConfig, ServerConfig),
    rows: Vec<Row>,
) {
    for row in rows {
        let (client, server) = sides();
        let mut met = false;
        let outcome = run(client, server, &mut |_, from, message: &mut OwnedMessage| {
            if !met && (from, message.typ) == (row.from, row.typ) {
                (row.edit)(&mut message.body);
                met = true;
            }
        });
        assert!(met, "{version:?}, {}: there was no such message", row.what);
        let (side, error) = outcome.error.unwrap_or_else(|| panic!("{}: no error", row.what));
        assert_eq!((side, &error), (other(row.from), &row.error), "{version:?}, {}", row.what);
        assert_eq!(error.alert(version), Some(row.alert), "{version:?}, {}", row.what);
        assert!(!error.to_string().is_empty());
    }
}

pub(crate) fn client_hello(edit: impl Fn(&mut ClientHello<'_>) + 'static) -> Edit {
    Box::new(move |body| {
        let copy = body.clone();
        let mut hello = ClientHello::read(&copy).unwrap();
        edit(&mut hello);
        *body = hello.encode();
    })
}

pub(crate) fn offer(edit: impl Fn(&mut ClientExtensions<'_>) + 'static) -> Edit {
    client_hello(move |hello| edit(&mut hello.extensions))
}

pub(crate) fn server_hello(edit: impl Fn(&mut ServerHello<'_>) + 'static) -> Edit {
    Box::new(move |body| {
        let copy = body.clone();
        let mut hello = ServerHello::read(&copy).unwrap();
        edit(&mut hello);
        *body = hello.encode();
    })
}

pub(crate) fn encrypted(edit: impl Fn(&mut sealgram_wire::ServerExtensions<'_>) + 'static) -> Edit {
    Box::new(move |body| {
        let copy = body.clone();
        let mut message = messages13::EncryptedExtensions::read(&copy).unwrap();
        edit(&mut message.extensions);
        *body = message.encode();
    })
}

pub(crate) fn signature(edit: impl Fn(&mut DigitallySigned<'_>) + 'static) -> Edit {
    Box::new(move |body| {
        let copy = body.clone();
        let mut signed = DigitallySigned::read(&copy).unwrap();
        edit(&mut signed);
        *body = signed.encode();
    })
}

pub(crate) fn body(new: Vec<u8>) -> Edit {
    Box::new(move |body| body.clone_from(&new))
}

/// The last byte is another one.
pub(crate) fn last_byte() -> Edit {
    Box::new(|body| *body.last_mut().unwrap() ^= 1)
}

pub(crate) fn key_exchange(
    edit: impl Fn(&mut NamedGroup, &mut DigitallySigned<'_>) + 'static,
) -> Edit {
    use messages12::{KeyExchangeKind, ServerKeyExchange};
    Box::new(move |body| {
        let copy = body.clone();
        let read = ServerKeyExchange::read(&copy, KeyExchangeKind::Ecdhe).unwrap();
        let ServerKeyExchange::Ecdhe { mut params, mut signature } = read else { panic!() };
        edit(&mut params.group, &mut signature);
        *body = ServerKeyExchange::Ecdhe { params, signature }.encode();
    })
}

pub(crate) const UNKNOWN_SUITE: CipherSuite = CipherSuite(0x1337);
pub(crate) const UNKNOWN_GROUP: NamedGroup = NamedGroup(0x1337);
pub(crate) const V12: fn() -> (ClientConfig, ServerConfig) =
    || (client(&[Version::V12]), server(&[Version::V12]));
pub(crate) const V13: fn() -> (ClientConfig, ServerConfig) =
    || (client(&[Version::V13]), server(&[Version::V13]));
