//! Refresh tokens: 256 random bits beside the id of the sign-in that they renew, good once. Must never be kept: only the
//! hash of the one that is good now is.

use subtle::ConstantTimeEq as _;

use super::random::{self, NoRandomness, from_text, to_text};
use crate::identity::SignInId;

const BYTES: usize = 16 + 32;

/// A refresh token, wiped when it is dropped.
pub(super) struct RefreshToken(zeroize::Zeroizing<[u8; BYTES]>);

impl RefreshToken {
    /// A new one for a sign-in.
    pub(super) fn drawn(sign_in: SignInId) -> Result<Self, NoRandomness> {
        let mut bytes = zeroize::Zeroizing::new([0; BYTES]);
        bytes[..16].copy_from_slice(&sign_in.0);
        bytes[16..].copy_from_slice(&*zeroize::Zeroizing::new(random::bytes::<32>()?));
        Ok(Self(bytes))
    }

    /// Reads one. Any text may come.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // Exactly as long as it is written, so that nothing long is decoded.
        let bytes = (text.len() == BYTES / 3 * 4).then(|| from_text(text.as_bytes()))??;
        Some(Self(zeroize::Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// As it is handed out.
    pub(super) fn to_text(&self) -> String {
        to_text(&*self.0)
    }

    /// The sign-in that it would renew.
    pub(super) fn sign_in(&self) -> SignInId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0[..16]);
        SignInId(id)
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> [u8; 32] {
        blake3::derive_key("spacetime api refresh token 1", &*self.0)
    }

    /// Whether this is the one of which the hash is kept; it takes the same time wherever they differ.
    pub(super) fn is(&self, hash: &[u8; 32]) -> bool {
        self.hash().ct_eq(hash).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_itself_and_its_hash_is_not() {
        let token = RefreshToken::drawn(SignInId([7; 16])).expect("random numbers");
        let again = RefreshToken::parse(&token.to_text()).expect("own text");
        assert!(again.is(&token.hash()) && again.sign_in() == SignInId([7; 16]));
        assert!(!RefreshToken::drawn(SignInId([7; 16])).expect("random numbers").is(&token.hash()));
        // What is stored, presented as the secret.
        let mut stolen = [7; BYTES];
        stolen[16..].copy_from_slice(&token.hash());
        assert!(!RefreshToken::parse(&to_text(&stolen)).expect("of the right length").is(&token.hash()));
        for wrong in ["", "x", &token.to_text()[1..], &format!("{}=", token.to_text()), &"é".repeat(32)] {
            assert!(RefreshToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
