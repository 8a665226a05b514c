//! Hash functions and HMAC.

use alloc::boxed::Box;
use core::fmt::{self, Debug};
use core::marker::PhantomData;

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sealgram_crypto::{Digest, Hash, HashContext, HashKind, HmacKey, Tag};
use sha2::{Sha256, Sha384};

/// SHA-256.
pub static SHA256: &dyn Hash = &Function::<Sha256>::new(HashKind::Sha256);

/// SHA-384.
pub static SHA384: &dyn Hash = &Function::<Sha384>::new(HashKind::Sha384);

struct Function<D> {
    kind: HashKind,
    digest: PhantomData<fn() -> D>,
}

impl<D> Function<D> {
    const fn new(kind: HashKind) -> Self {
        Self { kind, digest: PhantomData }
    }
}

impl<D> Debug for Function<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.kind, f)
    }
}

impl<D> Hash for Function<D>
where
    D: sha2::Digest + EagerHash + Clone + Send + Sync + 'static,
    D::Core: Clone + Send + Sync,
    Hmac<D>: Mac + KeyInit + Clone + Send + Sync,
{
    fn kind(&self) -> HashKind {
        self.kind
    }

    fn start(&self) -> Box<dyn HashContext> {
        Box::new(Context(D::new()))
    }

    fn hash(&self, data: &[u8]) -> Digest {
        Digest::new(&D::digest(data))
    }

    fn hmac_key(&self, key: &[u8]) -> Box<dyn HmacKey> {
        Box::new(Key::<D>::new(key))
    }

    fn hmac(&self, key: &[u8], parts: &[&[u8]]) -> Tag {
        Key::<D>::new(key).sign(parts)
    }

    fn with_hmac_key(&self, key: &[u8], work: &mut dyn FnMut(&dyn HmacKey)) {
        work(&Key::<D>::new(key));
    }
}

struct Context<D>(D);

impl<D: sha2::Digest + Clone + Send + Sync + 'static> HashContext for Context<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn current(&self) -> Digest {
        Digest::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn HashContext> {
        Box::new(Self(self.0.clone()))
    }
}

/// Wipes itself on drop, by the feature `zeroize` of the crates below.
struct Key<D: EagerHash>(Hmac<D>);

impl<D: EagerHash> Key<D>
where
    Hmac<D>: KeyInit,
{
    fn new(key: &[u8]) -> Self {
        // HMAC takes keys of any length, so that this cannot fail; the other value is never used.
        Self(
            <Hmac<D> as KeyInit>::new_from_slice(key)
                .unwrap_or_else(|_| <Hmac<D> as KeyInit>::new(&Default::default())),
        )
    }
}

impl<D: EagerHash> HmacKey for Key<D>
where
    Hmac<D>: Mac + Clone + Send + Sync,
{
    fn sign(&self, parts: &[&[u8]]) -> Tag {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Tag::new(&mac.finalize().into_bytes())
    }
}
