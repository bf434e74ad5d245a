//! The cryptography of tokens and TLS, by ring: the same that rustls uses, and quick to build.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::signature::{Error as Failed, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::digest::{SHA256, SHA384, SHA512, digest};
use ring::signature::{
    self, Ed25519KeyPair, KeyPair, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};

/// Installs ring as the provider of jsonwebtoken and rustls. Every constructor that opens keys or TLS
/// connections calls it first; later calls do nothing.
pub fn install() {
    let _ = PROVIDER.install_default();
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The algorithms of our tokens and of identity providers' tokens: it signs with Ed25519 alone, and verifies
/// those that `oidc::algorithms` lists.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        ed_pub_components_from_private_key: ed25519_public_key,
        compute_digest: thumbprint,
        ..KeyUtils::new_unimplemented()
    },
};

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    match algorithm {
        Algorithm::EdDSA => Ok(Box::new(Ed25519Signer(ed25519(key.as_bytes())?))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

struct Ed25519Signer(Ed25519KeyPair);

impl Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Failed> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

/// The key in PKCS #8, with or without its public half.
fn ed25519(pkcs8: &[u8]) -> Result<Ed25519KeyPair, Error> {
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| ErrorKind::InvalidEddsaKey.into())
}

fn ed25519_public_key(pkcs8: &[u8], _: &EllipticCurve) -> Result<Vec<u8>, Error> {
    Ok(ed25519(pkcs8)?.public_key().as_ref().to_vec())
}

fn thumbprint(data: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>, Error> {
    let algorithm = match hash {
        ThumbprintHash::SHA256 => &SHA256,
        ThumbprintHash::SHA384 => &SHA384,
        ThumbprintHash::SHA512 => &SHA512,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    Ok(digest(algorithm, data).as_ref().to_vec())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    // Otherwise a token's header could have one kind of key read as another.
    if algorithm.family() != key.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(PublicKey(*algorithm, key.clone())))
}

/// A public key, with the algorithm that it verifies.
struct PublicKey(Algorithm, DecodingKey);

impl Verifier<Vec<u8>> for PublicKey {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Failed> {
        let Self(algorithm, key) = self;
        let verified = match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(rsa(*algorithm)?, message, signature)
            }
            DecodingKeyKind::SecretOrDer(point) => {
                UnparsedPublicKey::new(curve(*algorithm)?, point).verify(message, signature)
            }
        };
        verified.map_err(Failed::from_source)
    }
}

fn rsa(algorithm: Algorithm) -> Result<&'static RsaParameters, Failed> {
    match algorithm {
        Algorithm::RS256 => Ok(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Ok(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Ok(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Ok(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Ok(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Ok(&signature::RSA_PSS_2048_8192_SHA512),
        _ => Err(Failed::new()),
    }
}

fn curve(algorithm: Algorithm) -> Result<&'static dyn VerificationAlgorithm, Failed> {
    match algorithm {
        Algorithm::EdDSA => Ok(&signature::ED25519),
        Algorithm::ES256 => Ok(&signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Ok(&signature::ECDSA_P384_SHA384_FIXED),
        _ => Err(Failed::new()),
    }
}

impl JwtVerifier for PublicKey {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}
