//! Who can be at an end.

use core::fmt::{self, Display};

use sealgram::iana::{NamedGroup, Version};

use crate::{Authority, KeyKind, Party, Terms, dimpl, ours};

/// A DTLS library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Library {
    /// The one under test.
    Sealgram,
    /// BoringSSL.
    Boring,
    /// dimpl.
    Dimpl,
}

impl Library {
    /// Its name, as `SEALGRAM_WITHOUT` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sealgram => "sealgram",
            Self::Boring => "boring",
            Self::Dimpl => "dimpl",
        }
    }

    /// Whether it is built in. BoringSSL takes minutes to build, and is behind a feature.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::Sealgram | Self::Dimpl => true,
            Self::Boring => cfg!(feature = "boring"),
        }
    }

    /// The kinds of keys that it can use.
    #[must_use]
    pub const fn key_kinds(self) -> &'static [KeyKind] {
        match self {
            Self::Dimpl => &[KeyKind::P256, KeyKind::P384],
            Self::Sealgram | Self::Boring => {
                &[KeyKind::P256, KeyKind::P384, KeyKind::Ed25519, KeyKind::Rsa]
            }
        }
    }

    /// The groups that it has in this version.
    #[must_use]
    pub const fn groups(self, version: Version) -> &'static [NamedGroup] {
        const ALL: &[NamedGroup] = &[
            NamedGroup::X25519,
            NamedGroup::SECP256R1,
            NamedGroup::SECP384R1,
            NamedGroup::X25519_MLKEM768,
        ];
        const CLASSIC: &[NamedGroup] =
            &[NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1];
        match (self, version) {
            (Self::Sealgram | Self::Boring, Version::V13) => ALL,
            _ => CLASSIC,
        }
    }

    /// An authority for its tests. dimpl can show no certificate but the leaf.
    #[must_use]
    pub fn authority(self, kind: KeyKind) -> Authority {
        match self {
            Self::Dimpl => Authority::without_intermediate(kind),
            Self::Sealgram | Self::Boring => Authority::new(kind),
        }
    }

    /// A client.
    #[must_use]
    pub fn client(self, terms: &Terms) -> Box<dyn Party> {
        match self {
            Self::Sealgram => ours::client(terms),
            Self::Dimpl => dimpl::client(terms),
            #[cfg(feature = "boring")]
            Self::Boring => crate::boring::client(terms),
            #[cfg(not(feature = "boring"))]
            Self::Boring => panic!("BoringSSL is not built in"),
        }
    }

    /// A server.
    #[must_use]
    pub fn server(self, terms: &Terms) -> Box<dyn Party> {
        match self {
            Self::Sealgram => ours::server(terms),
            Self::Dimpl => dimpl::server(terms),
            #[cfg(feature = "boring")]
            Self::Boring => crate::boring::server(terms),
            #[cfg(not(feature = "boring"))]
            Self::Boring => panic!("BoringSSL is not built in"),
        }
    }
}

impl Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
