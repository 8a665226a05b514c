//! What the tests share: rows, certificates, the two ends, and a middle that sees and disturbs.

mod certificates;
mod middle;
mod stage;
pub(crate) mod wire;

use core::fmt::{self, Debug, Display};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::UdpSocket;

pub(crate) use certificates::{Authority, Identity, Leaf, Limits, NAME, Usage};
pub(crate) use middle::{Fate, Middle};
use sealgram::iana::{NamedGroup, Version};
use sealgram::pki_types::ServerName;
use sealgram::{ClientConfig, ErrorKind, RootStore, ServerConfig, TransportConfig};
use sealgram_tests::{Checked, Failure, check, check_eq};
use sealgram_udp::Error;
pub(crate) use stage::Stage;

/// Both versions: what Qt promises of one holds for the other, unless a test says why not.
pub(crate) const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

/// Loopback, with a port that the system chooses.
pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Groups whose key shares are small.
pub(crate) const SMALL_GROUPS: [NamedGroup; 3] =
    [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1];

/// A row of a test's data: its name and what it holds.
pub(crate) struct Row<T> {
    name: String,
    data: T,
}

impl<T> Display for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The rows as they are.
pub(crate) fn rows<T>(rows: impl IntoIterator<Item = (impl Into<String>, T)>) -> Vec<Row<T>> {
    rows.into_iter().map(|(name, data)| Row { name: name.into(), data }).collect()
}

/// Each row once for each version.
pub(crate) fn per_version<T: Clone>(rows: &[(&str, T)]) -> Vec<Row<(Version, T)>> {
    let with = |version: Version| {
        rows.iter().map(move |(name, data)| Row {
            name: format!("{version}, {name}"),
            data: (version, data.clone()),
        })
    };
    VERSIONS.into_iter().flat_map(with).collect()
}

/// One row for each version.
pub(crate) fn versions() -> Vec<Row<Version>> {
    rows(VERSIONS.map(|version| (version.to_string(), version)))
}

/// Runs `test` for every row, several at once.
pub(crate) fn run<T: Sync>(rows: &[Row<T>], test: impl Fn(&T) -> Checked + Sync) {
    sealgram_tests::rows(rows, |row, _scene| test(&row.data));
}

/// Says what was being done when it failed.
pub(crate) trait OrFail<T> {
    /// The value, or a failure that begins with `what`.
    fn or_fail(self, what: &str) -> Checked<T>;
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, what: &str) -> Checked<T> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}

impl<T> OrFail<T> for Option<T> {
    fn or_fail(self, what: &str) -> Checked<T> {
        self.ok_or_else(|| Failure::new(format!("{what}: there is none")))
    }
}

/// The error of a call that must fail.
pub(crate) fn error_of<T, E>(what: &str, result: Result<T, E>) -> Checked<E> {
    result.err().ok_or_else(|| Failure::new(format!("{what} worked")))
}

/// Fails unless the call failed in this way.
pub(crate) fn check_fails<T>(what: &str, result: Result<T, Error>, expected: ErrorKind) -> Checked {
    let error = error_of(what, result)?;
    check_eq(&format!("the kind of {error:?} of {what}"), error.kind(), expected)?;
    check(!error.to_string().is_empty(), format!("the error of {what} has no text"))
}

/// Fails unless `list` has `item`.
pub(crate) fn check_has<T: PartialEq + Debug>(what: &str, list: &[T], item: &T) -> Checked {
    check(list.contains(item), format!("{what} {list:?} lacks {item:?}"))
}

/// The name that the certificates are for unless told otherwise.
pub(crate) fn name() -> Option<ServerName<'static>> {
    Some(ServerName::try_from(NAME).expect("a DNS name"))
}

/// Retransmissions after 20 ms, 40 ms and so on: for tests that wait for them.
pub(crate) const QUICK: Duration = Duration::from_millis(20);

/// Timers for tests that wait for them; `count` retransmissions, then the end.
pub(crate) fn quick(count: u32) -> TransportConfig {
    TransportConfig::default()
        .with_retransmit_timeout(QUICK)
        .and_then(|transport| transport.with_max_retransmits(count))
        .expect("in range")
}

/// Timers for tests that count datagrams: a machine that is busy for a while adds none.
pub(crate) fn patient() -> TransportConfig {
    let period = Duration::from_secs(10);
    TransportConfig::default().with_retransmit_timeout(period).expect("in range")
}

/// A server's certificate, and the authority behind it: what most tests need.
pub(crate) struct Site {
    pub(crate) authority: Authority,
    pub(crate) identity: Identity,
}

impl Site {
    /// A certificate for [`NAME`].
    pub(crate) fn new() -> Checked<Self> {
        let authority = Authority::root()?;
        let identity = authority.issue(Leaf::default())?;
        Ok(Self { authority, identity })
    }

    /// Trusts the authority.
    pub(crate) fn roots(&self) -> Checked<RootStore> {
        self.authority.roots()
    }

    /// A client that trusts the authority and has no certificate. Its groups are such that a hello
    /// fits one datagram: many tests look into it.
    pub(crate) fn client(&self, version: Version) -> Checked<ClientConfig> {
        self.client_with(version, TransportConfig::default())
    }

    /// As [`client`](Self::client), with timers.
    pub(crate) fn client_with(
        &self,
        version: Version,
        transport: TransportConfig,
    ) -> Checked<ClientConfig> {
        ClientConfig::builder()
            .with_versions(&[version])
            .with_groups(&SMALL_GROUPS)
            .with_transport(transport)
            .with_root_certificates(self.roots()?)
            .with_no_client_auth()
            .build()
            .or_fail("the client's configuration")
    }

    /// A server that asks clients for nothing.
    pub(crate) fn server(&self, version: Version) -> Checked<ServerConfig> {
        self.server_with(version, TransportConfig::default())
    }

    /// As [`server`](Self::server), with timers.
    pub(crate) fn server_with(
        &self,
        version: Version,
        transport: TransportConfig,
    ) -> Checked<ServerConfig> {
        ServerConfig::builder()
            .with_versions(&[version])
            .with_transport(transport)
            .with_no_client_auth()
            .with_identity(self.identity.chain(), &self.identity.key())
            .build()
            .or_fail("the server's configuration")
    }
}

/// A socket of somebody who is not sealgram; it gives up receiving before a row's time is up.
pub(crate) fn plain_socket() -> Checked<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind(LOOPBACK)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// The next datagram at a plain socket.
pub(crate) fn receive(socket: &UdpSocket) -> Checked<(Vec<u8>, SocketAddr)> {
    let mut buffer = vec![0; 0x1_0000];
    let (length, from) = socket.recv_from(&mut buffer).or_fail("waiting for a datagram")?;
    buffer.truncate(length);
    Ok((buffer, from))
}

/// All datagrams that wait at a plain socket.
pub(crate) fn receive_waiting(socket: &UdpSocket) -> Checked<Vec<Vec<u8>>> {
    let mut datagrams = Vec::new();
    let mut buffer = vec![0; 0x1_0000];
    socket.set_nonblocking(true)?;
    while let Ok((length, _)) = socket.recv_from(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    socket.set_nonblocking(false)?;
    Ok(datagrams)
}
