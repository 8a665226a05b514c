//! Which connection a datagram belongs to.

use alloc::collections::BTreeMap;

use super::Mark;
use crate::Path;

/// Names a connection of an endpoint. Never used twice by the same endpoint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Handle(u64);

/// The connections by path and by handle.
///
/// Only peers whose address is proven (or that were let in by choice) get in here, and each path
/// has at most two connections.
#[derive(Default, Debug)]
pub(super) struct Routes {
    paths: BTreeMap<Path, Slot>,
    connections: BTreeMap<Handle, Path>,
    next: u64,
}

/// The connections that share a path.
#[derive(Default, Debug)]
struct Slot {
    /// In its handshake.
    newer: Option<Entry>,
    /// Authenticated.
    established: Option<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    handle: Handle,
    mark: Mark,
}

impl Routes {
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// The handshake in progress and the established connection at `path`.
    pub(super) fn find(&self, path: Path) -> (Option<Handle>, Option<Handle>) {
        let handle = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.handle);
        self.paths
            .get(&path)
            .map_or((None, None), |slot| (handle(&slot.newer), handle(&slot.established)))
    }

    /// Whether a handshake is in progress at `path`. Fragments of a hello may belong to it then.
    pub(super) fn is_handshaking(&self, path: Path) -> bool {
        self.paths.get(&path).is_some_and(|slot| slot.newer.is_some())
    }

    /// The connection that was made of this hello.
    pub(super) fn repeat(&self, path: Path, mark: Mark) -> Option<Handle> {
        let slot = self.paths.get(&path)?;
        let entries = [slot.newer, slot.established];
        entries.into_iter().flatten().find(|entry| entry.mark == mark).map(|entry| entry.handle)
    }

    /// A new handshake at `path`. It takes the place of another one that is not complete.
    pub(super) fn insert(&mut self, path: Path, mark: Mark) -> Handle {
        let handle = Handle(self.next);
        self.next = self.next.saturating_add(1);
        let slot = self.paths.entry(path).or_default();
        if let Some(old) = slot.newer.replace(Entry { handle, mark }) {
            self.connections.remove(&old.handle);
        }
        self.connections.insert(handle, path);
        handle
    }

    /// The handshake is complete. Returns the connection that it replaces.
    pub(super) fn establish(&mut self, handle: Handle) -> Option<Handle> {
        let slot = self.paths.get_mut(self.connections.get(&handle)?)?;
        let newer = slot.newer.take_if(|entry| entry.handle == handle)?;
        let replaced = slot.established.replace(newer)?.handle;
        self.connections.remove(&replaced);
        Some(replaced)
    }

    pub(super) fn remove(&mut self, handle: Handle) {
        let Some(path) = self.connections.remove(&handle) else { return };
        let Some(slot) = self.paths.get_mut(&path) else { return };
        slot.newer.take_if(|entry| entry.handle == handle);
        slot.established.take_if(|entry| entry.handle == handle);
        if slot.newer.is_none() && slot.established.is_none() {
            self.paths.remove(&path);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let path = size_of::<Path>().saturating_add(size_of::<Slot>());
        let connection = size_of::<Handle>().saturating_add(size_of::<Path>());
        let paths = self.paths.len().saturating_mul(path);
        paths.saturating_add(self.connections.len().saturating_mul(connection))
    }
}
