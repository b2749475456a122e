//! Signed heads of author chains, and proofs that an author signed two of them for one turn.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::ids::{Hash, PeerKey, Player, SessionId, Turn};

/// What a signature of a head is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which session.
    pub session: SessionId,
    /// Whose chain.
    pub player: Player,
    /// Which life of the player.
    pub incarnation: u32,
    /// Last turn in the chain.
    pub turn: Turn,
    /// Author chain up to and with that turn.
    pub chain: Hash,
}

/// A head with its author's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// What is signed.
    pub head: Head,
    /// Ed25519 over [`Head::message`]: first half.
    r: [u8; 32],
    /// Second half.
    s: [u8; 32],
}

impl Head {
    /// The bytes that are signed: a domain, then the fields at fixed places, numbers little-endian.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut bytes = b"spacetime head 1".to_vec();
        bytes.extend_from_slice(&self.session.0);
        bytes.extend_from_slice(&self.player.0.to_le_bytes());
        bytes.extend_from_slice(&self.incarnation.to_le_bytes());
        bytes.extend_from_slice(&self.turn.0.to_le_bytes());
        bytes.extend_from_slice(&self.chain.0);
        bytes
    }

    /// Signs it.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> SignedHead {
        let (r, s) = halves(&key.sign(&self.message()));
        SignedHead { head: self, r, s }
    }
}

impl SignedHead {
    /// Whether the owner of `key` signed it.
    #[must_use]
    pub fn is_by(&self, key: &PeerKey) -> bool {
        verify(key, &self.head.message(), &self.r, &self.s)
    }
}

/// Splits a signature into two arrays that serialise as they are.
#[must_use]
pub fn halves(signature: &Signature) -> ([u8; 32], [u8; 32]) {
    (*signature.r_bytes(), *signature.s_bytes())
}

/// Whether the owner of `key` signed `message` with these halves.
#[must_use]
pub fn verify(key: &PeerKey, message: &[u8], r: &[u8; 32], s: &[u8; 32]) -> bool {
    let signature = Signature::from_components(*r, *s);
    VerifyingKey::from_bytes(&key.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Two different heads that one author signed for one turn of one life: it told different peers different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// One head.
    pub a: SignedHead,
    /// Another.
    pub b: SignedHead,
}

impl Proof {
    /// Whether it convicts the owner of `key`.
    #[must_use]
    pub fn convicts(&self, key: &PeerKey) -> bool {
        let (a, b) = (&self.a.head, &self.b.head);
        let same = (a.session, a.player, a.incarnation, a.turn) == (b.session, b.player, b.incarnation, b.turn);
        same && a.chain != b.chain && self.a.is_by(key) && self.b.is_by(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(chain: u8) -> Head {
        let session = SessionId([7; 16]);
        Head { session, player: Player(3), incarnation: 2, turn: Turn(90), chain: Hash([chain; 32]) }
    }

    #[test]
    fn only_two_signed_heads_for_one_turn_convict() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let public = PeerKey(key.verifying_key().to_bytes());
        let (a, b) = (head(1).sign(&key), head(2).sign(&key));
        assert!(Proof { a: a.clone(), b: b.clone() }.convicts(&public));
        assert!(!Proof { a: a.clone(), b: a.clone() }.convicts(&public), "the same head twice");
        let later = Head { turn: Turn(91), ..head(2) }.sign(&key);
        assert!(!Proof { a: a.clone(), b: later }.convicts(&public), "different turns");
        let restarted = Head { incarnation: 3, ..head(2) }.sign(&key);
        assert!(!Proof { a: a.clone(), b: restarted }.convicts(&public), "another life");
        let other = SigningKey::from_bytes(&[2; 32]);
        assert!(!Proof { a: a.clone(), b: head(2).sign(&other) }.convicts(&public), "signed by another");
        let mut bent = b;
        bent.head.chain = Hash([9; 32]);
        assert!(!Proof { a, b: bent }.convicts(&public), "not what was signed");
    }
}
