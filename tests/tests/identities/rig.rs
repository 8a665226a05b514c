//! Certificates made on the spot, and two ends in one place.

use core::cell::Cell;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SignatureAlgorithm, date_time_ymd,
};
use sealgram::iana::Version;
use sealgram::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer,
};
use sealgram::{
    Answer, Ask, ClientConfig, CloseReason, Connected, Connection, Event, Instant, Path, RootStore,
    ServerConfig, Side,
};

/// Both versions, each alone.
pub(crate) const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

/// A chain, leaf first, and its key.
pub(crate) type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certification authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) root: CertificateDer<'static>,
    /// What is sent behind a leaf: the certificates below the root.
    above: Vec<CertificateDer<'static>>,
    issued: Cell<u64>,
}

impl Authority {
    pub(crate) fn new(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let params = authority_params(name);
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let root = params.self_signed(&key).expect("a root").der().clone();
        Self { issuer: Issuer::new(params, key), root, above: Vec::new(), issued: Cell::new(1) }
    }

    /// An authority that this one vouches for.
    pub(crate) fn below(&self, name: &str) -> Self {
        let params = authority_params(name);
        let key = KeyPair::generate().expect("a key");
        let own = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        let above = [own].into_iter().chain(self.above.iter().cloned()).collect();
        let root = self.root.clone();
        Self { issuer: Issuer::new(params, key), root, above, issued: Cell::new(1) }
    }

    /// The list that says that the last certificate which was issued is revoked.
    pub(crate) fn revoke_last(&self) -> CertificateRevocationListDer<'static> {
        let revoked = RevokedCertParams {
            serial_number: self.issued.get().into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 2),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).expect("a list").der().clone()
    }

    /// A certificate with these DNS names and a new key.
    pub(crate) fn issue(&self, names: &[&str], algorithm: &'static SignatureAlgorithm) -> Chain {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, "leaf");
        self.issued.set(self.issued.get() + 1);
        params.serial_number = Some(self.issued.get().into());
        let leaf = params.signed_by(&key, &self.issuer).expect("a leaf").der().clone();
        let chain = [leaf].into_iter().chain(self.above.iter().cloned()).collect();
        (chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    pub(crate) fn roots(&self) -> RootStore {
        let mut roots = RootStore::new();
        roots.add(self.root.clone()).expect("a root");
        roots
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// How a handshake ended at one end.
pub(crate) type Ended = Result<Connected, CloseReason>;

/// Two ends after their handshake.
pub(crate) struct Met {
    pub(crate) client: Ended,
    pub(crate) server: Ended,
    /// The questions that were asked, in order.
    pub(crate) asked: Vec<(Side, Ask)>,
    pub(crate) connections: [Connection; 2],
}

impl Met {
    /// The leaf that the client saw.
    pub(crate) fn seen_by_client(&self) -> &CertificateDer<'static> {
        let connected = self.client.as_ref().expect("the client is connected");
        connected.peer_chain.first().expect("a server's certificate")
    }

    /// The leaf that the server saw, if the client showed one.
    pub(crate) fn seen_by_server(&self) -> Option<&CertificateDer<'static>> {
        let connected = self.server.as_ref().expect("the server is connected");
        connected.peer_chain.first()
    }
}

/// Lets two ends meet where nobody asks anything.
pub(crate) fn meet(client: &ClientConfig, name: &str, server: &ServerConfig) -> Met {
    meet_and_answer(client, name, server, |_, ask| panic!("nobody should ask {ask:?}"))
}

/// Lets two ends meet, and answers what they ask.
pub(crate) fn meet_and_answer(
    client: &ClientConfig,
    name: &str,
    server: &ServerConfig,
    mut answer: impl FnMut(Side, &Ask) -> Answer,
) -> Met {
    let now = Instant::ZERO;
    let path = Path::to(([192, 0, 2, 1], 5000).into());
    let name = name.to_owned().try_into().expect("a name");
    let client = Connection::client(client, Some(name), path, now).expect("a client");
    let server = Connection::server_on_trusted_path(server, path, now);
    let mut connections = [client, server];
    let mut ended = [None, None];
    let mut asked = Vec::new();
    let mut buf = [0; 2048];
    loop {
        let mut quiet = true;
        for (from, side) in [(0, Side::Client), (1, Side::Server)] {
            while let Some(transmit) = connections[from].poll_transmit(now, &mut buf) {
                quiet = false;
                let datagram = &mut buf[..transmit.len];
                connections[1 - from].handle_datagram(now, path, datagram, &mut |_| {});
            }
            while let Some(event) = connections[from].poll_event() {
                quiet = false;
                match event {
                    Event::Connected(connected) => ended[from] = Some(Ok(*connected)),
                    Event::Closed(closed) => ended[from] = Some(Err(closed.reason)),
                    Event::Needs(id, ask) => {
                        let answer = answer(side, &ask);
                        connections[from].resolve(now, id, answer).expect("it was asked");
                        asked.push((side, ask));
                    }
                    _ => {}
                }
            }
        }
        if !quiet {
            continue;
        }
        // An alert without protection is obeyed after a while.
        let waiting = (0..2).find(|end| ended[*end].is_none());
        let Some(waiting) = waiting else { break };
        let timeout = connections[waiting].poll_timeout().expect("it waits for something");
        connections[waiting].handle_timeout(timeout.at);
    }
    let [client, server] = ended.map(|ended| ended.expect("it has ended"));
    Met { client, server, asked, connections }
}
