//! Key-exchange groups.
//!
//! A peer's share must be an uncompressed point on the curve (RFC 8446 §4.2.8.2), or an X25519
//! share that does not lead to the all-zero secret (RFC 7748 §6.1, RFC 8446 §7.4.2).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::{self, Debug};
use core::marker::PhantomData;

use p256::NistP256;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{self, AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize};
use p384::NistP384;
use sealgram_crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeGroup, SecureRandom,
    SharedSecret,
};
use sealgram_iana::NamedGroup;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

/// A curve and how a Diffie-Hellman exchange works on it.
pub(crate) trait Curve: 'static {
    const NAME: NamedGroup;

    /// An ephemeral key. Wipes itself on drop.
    type Secret: Send + Sync;

    fn generate(random: &dyn SecureRandom) -> Result<Self::Secret, CryptoError>;

    fn share(secret: &Self::Secret) -> Vec<u8>;

    fn agree(secret: &Self::Secret, peer_share: &[u8]) -> Result<SharedSecret, CryptoError>;
}

/// X25519 (RFC 7748).
pub(crate) struct X25519;

impl Curve for X25519 {
    const NAME: NamedGroup = NamedGroup::X25519;
    // The type that x25519-dalek calls ephemeral takes no generator that can fail.
    type Secret = StaticSecret;

    fn generate(random: &dyn SecureRandom) -> Result<StaticSecret, CryptoError> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes)?;
        Ok(StaticSecret::from(*bytes))
    }

    fn share(secret: &StaticSecret) -> Vec<u8> {
        x25519_dalek::PublicKey::from(secret).as_bytes().to_vec()
    }

    fn agree(secret: &StaticSecret, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        let peer_share: [u8; 32] = peer_share.try_into().map_err(|_| CryptoError)?;
        let shared = secret.diffie_hellman(&peer_share.into());
        if !shared.was_contributory() {
            return Err(CryptoError);
        }
        Ok(SharedSecret::new(shared.as_bytes().to_vec()))
    }
}

/// A curve of NIST.
pub(crate) trait Nist: CurveArithmetic + 'static {
    const NAME: NamedGroup;
}

impl Nist for NistP256 {
    const NAME: NamedGroup = NamedGroup::SECP256R1;
}

impl Nist for NistP384 {
    const NAME: NamedGroup = NamedGroup::SECP384R1;
}

/// How a point begins that is given in full.
const UNCOMPRESSED: u8 = 4;

impl<C> Curve for C
where
    C: Nist,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    const NAME: NamedGroup = <C as Nist>::NAME;
    type Secret = elliptic_curve::SecretKey<C>;

    fn generate(random: &dyn SecureRandom) -> Result<Self::Secret, CryptoError> {
        // What is zero or not below the order is drawn again: at most once in 2^32 draws, so that
        // a second time, let alone this often, means a broken source.
        const TRIES: usize = 8;
        let mut bytes = Zeroizing::new(FieldBytes::<C>::default());
        for _ in 0..TRIES {
            random.fill(&mut bytes)?;
            if let Ok(secret) = elliptic_curve::SecretKey::from_bytes(&bytes) {
                return Ok(secret);
            }
        }
        Err(CryptoError)
    }

    fn share(secret: &Self::Secret) -> Vec<u8> {
        secret.public_key().as_affine().to_sec1_point(false).as_bytes().to_vec()
    }

    fn agree(secret: &Self::Secret, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        if peer_share.first() != Some(&UNCOMPRESSED) {
            return Err(CryptoError);
        }
        let peer =
            elliptic_curve::PublicKey::<C>::from_sec1_bytes(peer_share).map_err(|_| CryptoError)?;
        let shared =
            elliptic_curve::ecdh::diffie_hellman(secret.to_nonzero_scalar(), peer.as_affine());
        Ok(SharedSecret::new(shared.raw_secret_bytes().to_vec()))
    }
}

/// A curve together with the source of its ephemeral keys.
pub(crate) struct Group<C> {
    random: &'static dyn SecureRandom,
    curve: PhantomData<fn() -> C>,
}

impl<C> Group<C> {
    pub(crate) const fn new(random: &'static dyn SecureRandom) -> Self {
        Self { random, curve: PhantomData }
    }
}

impl<C: Curve> Debug for Group<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({})", C::NAME)
    }
}

impl<C: Curve> KeyExchangeGroup for Group<C> {
    fn name(&self) -> NamedGroup {
        C::NAME
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let secret = C::generate(self.random)?;
        let share = C::share(&secret);
        Ok(Box::new(Active::<C> { secret, share }))
    }

    fn answer(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, CryptoError> {
        let ours = C::generate(self.random)?;
        let secret = C::agree(&ours, peer_share)?;
        Ok(CompletedKeyExchange { share: C::share(&ours), secret })
    }
}

struct Active<C: Curve> {
    secret: C::Secret,
    share: Vec<u8>,
}

impl<C: Curve> ActiveKeyExchange for Active<C> {
    fn group(&self) -> NamedGroup {
        C::NAME
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        C::agree(&self.secret, peer_share)
    }
}
