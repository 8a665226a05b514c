//! openssl at both ends: if this fails, the fault is not sealgram's.
#![forbid(unsafe_code)]

use sealgram_tests::{
    Authority, Cipher, Direction, Foreign, Group, KeyKind, Leaf, Loss, Openssl, Relay, Stream,
    check, check_eq, foreign_peer, rows,
};

#[test]
fn openssl_with_openssl_echoes_through_the_relay() {
    if !foreign_peer("openssl") {
        return;
    }
    let cases: Vec<KeyKind> =
        KeyKind::ALL.into_iter().filter(|kind| kind.openssl_can_serve()).collect();
    rows(&cases, |&kind, scene| {
        let authority = Authority::with_intermediates(kind, 2)?;
        let identity = authority.issue(Leaf::default())?;
        let [_, cipher, _] = Cipher::for_key(kind);
        let mut server =
            Openssl::new().identity(&identity).cipher(cipher).with("-naccept", "1").serve(scene)?;
        let relay = Relay::to(server.address, Loss::none().and(Direction::ToServer, 0))?;
        let mut client = Openssl::new()
            .trust(authority.root())
            .with("-servername", "localhost")
            .with("-verify_hostname", "localhost")
            .groups(&[Group::P384, Group::P256])
            .connect(scene, relay.address())?;
        check_eq("the server's suite", server.cipher()?.as_str(), cipher.openssl)?;
        check_eq("the client's suite", client.cipher()?.as_str(), cipher.openssl)?;
        check(client.group()?.contains(Group::P384.shown), "the group is another")?;
        client.program.input(b"from the client\n")?;
        server.program.wait_for(Stream::Out, "from the client\n")?;
        server.program.input(b"from the server\n")?;
        client.program.wait_for(Stream::Out, "from the server\n")?;
        client.program.input(b"Q\n")?;
        check_eq("the client's exit code", client.program.exit()?.code, Some(0))?;
        check_eq("the server's exit code", server.program.exit()?.code, Some(0))?;
        let (sent, longest) = relay.handshake_datagrams(Direction::ToServer);
        check(sent >= 4 && longest > 100, "the relay has not seen the client's handshake")?;
        check_eq("the group on the wire", relay.group(), Some(Group::P384.number))?;
        check(relay.saw_cookie_exchange(), "the relay has not seen the HelloVerifyRequest")
    });
}
