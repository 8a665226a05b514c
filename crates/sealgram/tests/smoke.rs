//! Both sides of the library, joined in memory.

use std::sync::Arc;

use sealgram::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Event, Instant, Path, Routed, ServerConfig,
};

#[test]
fn client_and_server_exchange_data_after_a_cookie() {
    let provider = nullcrypto::provider(1);
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, sealgram::iana::SignatureScheme::ECDSA_SECP256R1_SHA256);
    let verifier = Arc::new(nullcrypto::Verifier { client_required: false });
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_no_client_auth()
        .with_identity(vec![certificate], &key)
        .build()
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .build()
        .unwrap();
    let now = Instant::ZERO;
    let path = Path::to("192.0.2.1:5000".parse().unwrap());
    let mut endpoint = Endpoint::new(EndpointConfig::new(), Some(server)).unwrap();
    let mut client = Connection::client(&client, None, Path::connected(), now).unwrap();
    let mut accepted = None;
    let mut buf = [0; 2048];
    let mut reply = [0; 2048];
    for _ in 0..10 {
        while let Some(transmit) = client.poll_transmit(now, &mut buf) {
            match endpoint.handle_datagram(now, path, &mut buf[..transmit.len], &mut reply) {
                Routed::Reply(transmit) => {
                    client.handle_datagram(now, path, &mut reply[..transmit.len], &mut |_| {});
                }
                Routed::Accept(incoming) => accepted = endpoint.accept(incoming, now),
                Routed::Connection(_, datagram) => {
                    let (_, server) = accepted.as_mut().unwrap();
                    server.handle_datagram(now, path, datagram, &mut |_| {});
                }
                other => panic!("{other:?}"),
            }
        }
        if let Some((_, server)) = &mut accepted {
            while let Some(transmit) = server.poll_transmit(now, &mut buf) {
                client.handle_datagram(now, path, &mut buf[..transmit.len], &mut |_| {});
            }
        }
    }
    let (_, mut server) = accepted.unwrap();
    assert!(matches!(client.poll_event(), Some(Event::Connected(_))));
    assert!(matches!(server.poll_event(), Some(Event::Connected(_))));
    let transmit = client.send(now, b"hello", &mut buf).unwrap();
    let mut got = Vec::new();
    server.handle_datagram(now, path, &mut buf[..transmit.len], &mut |data| {
        got = data.bytes.to_vec();
    });
    assert_eq!(got, b"hello");
}
