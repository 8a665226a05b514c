//! Hash functions and HMAC.

use alloc::boxed::Box;

use ring::{digest, hmac};
use sealgram_crypto::{Digest, Hash, HashContext, HashKind, HmacKey, Tag};

use crate::stack;
use crate::wipe::Wiped;

/// SHA-256.
pub static SHA256: &dyn Hash =
    &Function { kind: HashKind::Sha256, digest: &digest::SHA256, hmac: &hmac::HMAC_SHA256 };

/// SHA-384.
pub static SHA384: &dyn Hash =
    &Function { kind: HashKind::Sha384, digest: &digest::SHA384, hmac: &hmac::HMAC_SHA384 };

#[derive(Debug)]
struct Function {
    kind: HashKind,
    digest: &'static digest::Algorithm,
    hmac: &'static hmac::Algorithm,
}

impl Hash for Function {
    fn kind(&self) -> HashKind {
        self.kind
    }

    fn start(&self) -> Box<dyn HashContext> {
        Box::new(Context(digest::Context::new(self.digest)))
    }

    fn hash(&self, data: &[u8]) -> Digest {
        Digest::new(digest::digest(self.digest, data).as_ref())
    }

    fn hmac_key(&self, key: &[u8]) -> Box<dyn HmacKey> {
        stack::clean_shallow(|| {
            Box::new(Key(Wiped::new(hmac::Key::new(*self.hmac, key)))) as Box<dyn HmacKey>
        })
    }

    fn hmac(&self, key: &[u8], parts: &[&[u8]]) -> Tag {
        stack::clean_shallow(|| sign(&hmac::Key::new(*self.hmac, key), parts))
    }

    fn with_hmac_key(&self, key: &[u8], work: &mut dyn FnMut(&dyn HmacKey)) {
        // What is overwritten in the end covers the key itself too, which is on the stack here.
        stack::clean_shallow(|| work(&Passing(hmac::Key::new(*self.hmac, key))));
    }
}

/// Transcripts are not secret: contexts are not wiped.
struct Context(digest::Context);

impl HashContext for Context {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn current(&self) -> Digest {
        Digest::new(self.0.clone().finish().as_ref())
    }

    fn fork(&self) -> Box<dyn HashContext> {
        Box::new(Self(self.0.clone()))
    }
}

struct Key(Wiped<hmac::Key>);

impl HmacKey for Key {
    fn sign(&self, parts: &[&[u8]]) -> Tag {
        stack::clean_shallow(|| sign(&self.0, parts))
    }
}

/// A key inside [`Hash::with_hmac_key`], where cleaning up is left to the end.
struct Passing(hmac::Key);

impl HmacKey for Passing {
    fn sign(&self, parts: &[&[u8]]) -> Tag {
        sign(&self.0, parts)
    }
}

/// How much is put together before it is hashed. Labels with their context fit.
const TOGETHER: usize = 128;

fn sign(key: &hmac::Key, parts: &[&[u8]]) -> Tag {
    let mut context = hmac::Context::with_key(key);
    // One update costs less than several, and key derivation comes in many small parts.
    let mut together = [0; TOGETHER];
    let mut len = 0_usize;
    for part in parts {
        let end = len.saturating_add(part.len());
        if let Some(room) = together.get_mut(len..end) {
            room.copy_from_slice(part);
            len = end;
        } else {
            context.update(together.get(..len).unwrap_or_default());
            context.update(part);
            len = 0;
        }
    }
    context.update(together.get(..len).unwrap_or_default());
    Tag::new(context.sign().as_ref())
}
