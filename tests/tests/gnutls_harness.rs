//! GnuTLS at both ends: if this fails, the fault is not sealgram's.
#![forbid(unsafe_code)]

use sealgram_tests::{
    Authority, Cipher, Direction, Foreign, Gnutls, Group, KeyKind, Leaf, Loss, Relay, Stream,
    check, check_eq, foreign_peer, rows,
};

#[test]
fn gnutls_with_gnutls_echoes_through_the_relay() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&KeyKind::ALL, |&kind, scene| {
        let authority = Authority::with_intermediates(kind, 2)?;
        let identity = authority.issue(Leaf::default())?;
        let [_, cipher, _] = Cipher::for_key(kind);
        let server = Gnutls::new().identity(&identity).cipher(cipher).serve_one(scene)?;
        let relay = Relay::to(server.address, Loss::none().and(Direction::ToServer, 0))?;
        let mut client = Gnutls::new()
            .trust_server(authority.root(), "localhost")
            .groups(&[Group::P384, Group::P256])
            .call(scene, relay.address())?;
        client.input(b"from the client\n")?;
        server.program.wait_for(Stream::Out, "from the client\n")?;
        client.wait_for(Stream::Out, "from the client\n")?;
        client.wait_for(Stream::Out, "(ECDHE-SECP384R1)")?;
        client.wait_for(Stream::Out, "(AES-256-GCM)")?;
        client.end_input();
        check_eq("the client's exit code", client.exit()?.code, Some(0))?;
        server.program.wait_for(Stream::Out, "EOF")?;
        let (sent, longest) = relay.handshake_datagrams(Direction::ToServer);
        check(sent >= 4 && longest > 100, "the relay has not seen the client's handshake")?;
        check_eq("the group on the wire", relay.group(), Some(Group::P384.number))?;
        check(relay.saw_cookie_exchange(), "the relay has not seen the HelloVerifyRequest")
    });
}
