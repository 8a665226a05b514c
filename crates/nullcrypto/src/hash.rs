//! "Hash functions": 128 bits of state, spread over the real length.

use alloc::boxed::Box;

use sealgram_crypto::{Digest, Hash, HashContext, HashKind, HmacKey, Tag};

use crate::mix::Mix;

/// Stands in for SHA-256: 32 bytes.
pub static SHA256: &dyn Hash = of(HashKind::Sha256);

/// Stands in for SHA-384: 48 bytes.
pub static SHA384: &dyn Hash = of(HashKind::Sha384);

const HASH: u64 = 16;
const HMAC: u64 = 32;

/// The function that pretends to be of this kind.
pub(crate) const fn of(kind: HashKind) -> &'static dyn Hash {
    match kind {
        HashKind::Sha256 => &Function(HashKind::Sha256),
        HashKind::Sha384 => &Function(HashKind::Sha384),
    }
}

#[derive(Debug)]
struct Function(HashKind);

impl Function {
    /// Different lengths are different functions, not cuts of one.
    fn mix(&self, purpose: u64) -> Mix {
        match self.0 {
            HashKind::Sha256 => Mix::new(purpose),
            HashKind::Sha384 => Mix::new(purpose | 1),
        }
    }
}

impl Hash for Function {
    fn kind(&self) -> HashKind {
        self.0
    }

    fn start(&self) -> Box<dyn HashContext> {
        Box::new(Context { kind: self.0, mix: self.mix(HASH) })
    }

    fn hash(&self, data: &[u8]) -> Digest {
        digest(self.0, self.mix(HASH).add(data))
    }

    fn hmac_key(&self, key: &[u8]) -> Box<dyn HmacKey> {
        Box::new(Context { kind: self.0, mix: self.mix(HMAC).add_field(key) })
    }
}

fn digest(kind: HashKind, mix: Mix) -> Digest {
    let bytes: [u8; HashKind::MAX_LEN] = mix.bytes();
    Digest::new(bytes.get(..kind.output_len()).unwrap_or_default())
}

#[derive(Clone, Copy)]
struct Context {
    kind: HashKind,
    mix: Mix,
}

impl HashContext for Context {
    fn update(&mut self, data: &[u8]) {
        self.mix = self.mix.add(data);
    }

    fn current(&self) -> Digest {
        digest(self.kind, self.mix)
    }

    fn fork(&self) -> Box<dyn HashContext> {
        Box::new(*self)
    }
}

impl HmacKey for Context {
    fn sign(&self, parts: &[&[u8]]) -> Tag {
        let mix = parts.iter().fold(self.mix, |mix, part| mix.add(part));
        Tag::new(digest(self.kind, mix).as_ref())
    }
}
