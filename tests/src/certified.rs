//! A certificate, and the command lines that use it.

use crate::conversation::Role;
use crate::foreign::Foreign;
use crate::openssl::Openssl;
use crate::pki::{Authority, Identity, KeyKind, Leaf};
use crate::scene::Checked;
use crate::sealgram::Sealgram;

/// A certificate for `localhost` and the root that vouches for it.
#[derive(Debug)]
pub struct Certified {
    /// The root and what is below it.
    pub authority: Authority,
    /// The certificate and its key.
    pub identity: Identity,
}

impl Certified {
    /// A certificate issued by the root itself.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn new(kind: KeyKind) -> Checked<Self> {
        Self::with_intermediates(kind, 0)
    }

    /// A certificate with `depth` intermediates between it and the root.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn with_intermediates(kind: KeyKind, depth: usize) -> Checked<Self> {
        let authority = Authority::with_intermediates(kind, depth)?;
        let identity = authority.issue(Leaf::default())?;
        Ok(Self { authority, identity })
    }

    /// Both command lines, if `sealgram` has this role and openssl the other: the server shows the
    /// certificate, and the client verifies it and its name.
    pub fn programs(&self, sealgram: Sealgram, role: Role) -> (Sealgram, Openssl) {
        self.programs_with(sealgram, Openssl::new(), role)
    }

    /// As [`programs`](Self::programs), with another peer than openssl.
    pub fn programs_with<F: Foreign>(
        &self,
        sealgram: Sealgram,
        foreign: F,
        role: Role,
    ) -> (Sealgram, F) {
        let root = self.authority.root();
        match role {
            Role::Client => (sealgram.trust(root, "localhost"), foreign.identity(&self.identity)),
            Role::Server => {
                (sealgram.identity(&self.identity), foreign.trust_server(root, "localhost"))
            }
        }
    }

    /// As [`programs`](Self::programs), and the client shows the same certificate, which the
    /// server insists on.
    pub fn mutual(&self, sealgram: Sealgram, role: Role) -> (Sealgram, Openssl) {
        self.mutual_with(sealgram, Openssl::new(), role)
    }

    /// As [`mutual`](Self::mutual), with another peer than openssl.
    pub fn mutual_with<F: Foreign>(
        &self,
        sealgram: Sealgram,
        foreign: F,
        role: Role,
    ) -> (Sealgram, F) {
        let root = self.authority.root();
        let (sealgram, foreign) = self.programs_with(sealgram, foreign, role);
        match role {
            Role::Client => (sealgram.identity(&self.identity), foreign.require_client(root)),
            Role::Server => (
                sealgram.with("--client-auth", "require").with("--client-ca", root),
                foreign.identity(&self.identity),
            ),
        }
    }
}
