//! What one connection of a test leaves behind for the next.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sealgram::crypto::{CryptoProvider, Secret, WallClock};
use sealgram::pki_types::{ServerName, UnixTime};
use sealgram::{
    ClientSession, ClientSessionStore, ConfigError, MemorySessionCache, SessionCache, TicketSealer,
    Tickets,
};

/// Sessions, ticket keys and the last verdict: as long-lived as the process.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) store: Arc<Store>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) tickets: Arc<Sealer>,
    /// Whether the last chain that was judged was found bad. It goes for what is resumed, too.
    pub(crate) refused: Arc<AtomicBool>,
}

impl Sessions {
    /// How many sessions a server keeps, and how long, in seconds: more than any test needs.
    const CAPACITY: usize = 16;
    pub(crate) const LIFETIME: u32 = 2 * 60 * 60;

    pub(crate) fn new(
        provider: &CryptoProvider,
        clock: &dyn WallClock,
    ) -> Result<Self, ConfigError> {
        let cache = MemorySessionCache::new(Self::CAPACITY, Self::LIFETIME);
        Ok(Self {
            store: Arc::default(),
            cache: Arc::new(Cache { inner: cache, puts: AtomicUsize::new(0) }),
            tickets: Arc::new(Sealer {
                inner: Tickets::new(provider, Tickets::DEFAULT_PERIOD, clock.now())?,
                skips: AtomicBool::new(false),
                opens: AtomicUsize::new(0),
            }),
            refused: Arc::default(),
        })
    }
}

/// A client's newest session, offered to whatever server comes next, as often as it comes.
#[derive(Debug, Default)]
pub(crate) struct Store {
    newest: Mutex<Option<ClientSession>>,
    puts: AtomicUsize,
}

impl Store {
    /// How many new sessions came in, ever.
    pub(crate) fn puts(&self) -> usize {
        self.puts.load(Ordering::Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// How many bytes of early data the newest session allows.
    pub(crate) fn max_early_data(&self) -> u32 {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.as_ref().map_or(0, |newest| newest.session().max_early_data())
    }
}

impl ClientSessionStore for Store {
    fn put(&self, _server: Option<&ServerName<'_>>, session: ClientSession) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        // A session that was resumed comes back, and is no new one.
        if newest.as_ref().map(handle) != Some(handle(&session)) {
            self.puts.fetch_add(1, Ordering::Relaxed);
        }
        *newest = Some(session);
    }

    fn take(&self, _server: Option<&ServerName<'_>>) -> Option<ClientSession> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        ClientSession::decode(newest.as_ref()?.encode().expose()).ok()
    }
}

/// What the server knows a session by: the encoding without the session itself, which is in front
/// with its length in three bytes.
fn handle(session: &ClientSession) -> Vec<u8> {
    let encoded = session.encode();
    encoded.expose()[3 + session.session().encode().len()..].to_vec()
}

/// A server's sessions, counted.
#[derive(Debug)]
pub(crate) struct Cache {
    inner: MemorySessionCache,
    puts: AtomicUsize,
}

impl Cache {
    /// How many sessions came in, ever.
    pub(crate) fn puts(&self) -> usize {
        self.puts.load(Ordering::Relaxed)
    }
}

impl SessionCache for Cache {
    fn put(&self, id: [u8; 32], content: Secret) {
        self.puts.fetch_add(1, Ordering::Relaxed);
        self.inner.put(id, content);
    }

    fn get(&self, id: &[u8]) -> Option<Secret> {
        self.inner.get(id)
    }

    fn lifetime(&self) -> u32 {
        self.inner.lifetime()
    }
}

/// Seals and opens a server's tickets, as the test wants.
#[derive(Debug)]
pub(crate) struct Sealer {
    inner: Tickets,
    /// There is no key to seal with.
    skips: AtomicBool,
    opens: AtomicUsize,
}

impl Sealer {
    pub(crate) fn set_skips(&self, skips: bool) {
        self.skips.store(skips, Ordering::Relaxed);
    }

    /// How often a ticket came in, ever.
    pub(crate) fn opens(&self) -> usize {
        self.opens.load(Ordering::Relaxed)
    }
}

impl TicketSealer for Sealer {
    fn seal(&self, now: UnixTime, content: &Secret) -> Option<Vec<u8>> {
        if self.skips.load(Ordering::Relaxed) { None } else { self.inner.seal(now, content) }
    }

    fn open(&self, now: UnixTime, ticket: &[u8]) -> Option<Secret> {
        self.opens.fetch_add(1, Ordering::Relaxed);
        self.inner.open(now, ticket)
    }

    fn lifetime(&self) -> u32 {
        self.inner.lifetime()
    }
}
