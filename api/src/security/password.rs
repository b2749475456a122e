//! Passwords: argon2id on threads of their own, few at once. Must never keep a password, or answer for a name that nobody
//! has faster than for one that somebody has.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::random;

/// Fewest bytes. Passwords are all that guards an account, so it is more than the 8 characters that NIST SP 800-63B
/// (revision 3, 5.1.1.2) asks for at least; together with the lockout it leaves guessing online no chance.
pub const PASSWORD_BYTES_MIN: usize = 12;
/// Most bytes: any sentence fits, and hashing it costs nothing beside argon2's memory.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Fewest different characters.
const DIFFERENT_MIN: usize = 5;
/// A stored hash that asks for more memory is not computed.
const STORED_MEMORY_KIB_MAX: u32 = 1 << 18;
/// Nor one that asks for more passes: it may be from another deployment's export.
const STORED_PASSES_MAX: u32 = 64;
/// What is left of the most common passwords when case, and digits and signs at both ends, are taken away.
const COMMON: &[&str] = &[
    "administrator",
    "changeme",
    "changemenow",
    "computer",
    "defaultpassword",
    "dragon",
    "football",
    "hunter",
    "iloveyou",
    "letmein",
    "letmeinplease",
    "master",
    "monkey",
    "mypassword",
    "newpassword",
    "p@ssw0rd",
    "p@ssword",
    "passw0rd",
    "password",
    "passwordpassword",
    "passwort",
    "princess",
    "qwerty",
    "qwertyqwerty",
    "qwertyuiop",
    "qwertzuiop",
    "spacetime",
    "spacetimevr",
    "sunshine",
    "superman",
    "temporary",
    "thisismypassword",
    "trustno",
    "welcome",
];

/// What argon2id costs, and how many are computed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Memory of one, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Computed at once; each has a thread and its memory.
    pub at_once: usize,
    /// Waiting for that; more are turned away.
    pub waiting: usize,
}

/// The parameters are those that OWASP's Password Storage Cheat Sheet gives for argon2id: 19 MiB, 2 passes, 1 lane.
impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1, at_once: 2, waiting: 64 }
    }
}

/// Why a password was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many wait already.
    #[error("too many sign-ins wait")]
    Busy,
    /// It could not be computed; a sentence for the log.
    #[error("passwords: {0}")]
    Failed(&'static str),
}

/// Why somebody has to choose another password; a sentence for them.
///
/// # Errors
/// The sentence.
pub fn acceptable(name: &str, password: &str) -> Result<(), &'static str> {
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len()) {
        return Err("a password has 12 to 256 bytes");
    }
    let folded = Zeroizing::new(password.to_lowercase());
    let name = name.trim().to_lowercase();
    if name.chars().count() >= 4 && folded.contains(&name) {
        return Err("a password does not contain the name");
    }
    let core = folded.trim_matches(|c: char| !c.is_alphabetic());
    let mut different: Vec<char> = folded.chars().collect();
    let is_a_run = different.windows(2).filter(|pair| u32::from(pair[0]).abs_diff(u32::from(pair[1])) <= 1).count() + 2
        >= different.len();
    different.sort_unstable();
    different.dedup();
    if COMMON.contains(&core) || is_a_run || different.len() < DIFFERENT_MIN {
        return Err("that password is one of those that are tried first");
    }
    Ok(())
}

/// Computes and verifies hashes.
pub struct Passwords {
    policy: PasswordPolicy,
    /// Verified in place of the hash that a name has not: nobody knows its password.
    nobody: String,
    running: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Passwords {
    /// With these costs.
    ///
    /// # Errors
    /// [`PasswordError::Failed`] where the costs are impossible or the system has no random numbers.
    pub fn new(policy: PasswordPolicy) -> Result<Self, PasswordError> {
        let secret = random::bytes::<32>().map_err(|_| PasswordError::Failed("no random numbers"))?;
        Ok(Self {
            nobody: compute(policy, &secret)?,
            running: Arc::new(Semaphore::new(policy.at_once)),
            room: Arc::new(Semaphore::new(policy.at_once + policy.waiting)),
            policy,
        })
    }

    /// The hash of a password in PHC form, with a salt of its own.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let (policy, password) = (self.policy, Zeroizing::new(password.to_owned()));
        self.on_a_thread(move || compute(policy, password.as_bytes())).await?
    }

    /// Whether a password is the one of a stored hash. Without a hash it never is, and costs the same.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, PasswordError> {
        let password = Zeroizing::new(password.to_owned());
        let (phc, is_somebodys) = (stored.unwrap_or(&self.nobody).to_owned(), stored.is_some());
        self.on_a_thread(move || Ok(matches(password.as_bytes(), &phc)? & is_somebodys)).await?
    }

    /// Whether a stored hash was made with other costs than these.
    #[must_use]
    pub fn is_outdated(&self, stored: &str) -> bool {
        let params = PasswordHash::new(stored).ok().and_then(|hash| Params::try_from(&hash).ok());
        params.is_none_or(|params| {
            (params.m_cost(), params.t_cost(), params.p_cost())
                != (self.policy.memory_kib, self.policy.passes, self.policy.lanes)
        })
    }

    async fn on_a_thread<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, PasswordError> {
        let room = self.room.clone().try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = self.running.clone().acquire_owned().await.map_err(|_| PasswordError::Failed("closed"))?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work, not by who waits for it: a caller that goes away frees nothing early.
            let _held = (room, turn);
            work()
        });
        done.await.map_err(|_| PasswordError::Failed("the thread has ended"))
    }
}

fn compute(policy: PasswordPolicy, password: &[u8]) -> Result<String, PasswordError> {
    let params = Params::new(policy.memory_kib, policy.passes, policy.lanes, None)
        .map_err(|_| PasswordError::Failed("impossible costs"))?;
    let salt = random::bytes::<16>().map_err(|_| PasswordError::Failed("no random numbers"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash =
        argon2.hash_password_with_salt(password, &salt).map_err(|_| PasswordError::Failed("argon2 failed"))?;
    Ok(hash.to_string())
}

/// The comparison inside takes the same time wherever the difference is.
fn matches(password: &[u8], phc: &str) -> Result<bool, PasswordError> {
    let bad = PasswordError::Failed("a stored hash is none");
    let hash = PasswordHash::new(phc).map_err(|_| bad)?;
    let params = Params::try_from(&hash).map_err(|_| bad)?;
    let is_costly = params.m_cost() > STORED_MEMORY_KIB_MAX || params.t_cost() > STORED_PASSES_MAX;
    if hash.algorithm.as_str() != "argon2id" || is_costly {
        return Err(bad);
    }
    Ok(Argon2::default().verify_password(password, &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Instant;

    use super::*;

    fn cheap() -> Passwords {
        let policy = PasswordPolicy { memory_kib: 64, passes: 1, at_once: 2, waiting: 4, ..PasswordPolicy::default() };
        Passwords::new(policy).expect("possible costs")
    }

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    #[test]
    fn the_costs_are_at_policy_level_unless_told_otherwise() {
        let passwords = Passwords::new(PasswordPolicy::default()).expect("possible costs");
        assert!(passwords.nobody.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", passwords.nobody);
        assert!(!passwords.is_outdated(&passwords.nobody));
        let weak = cheap().nobody;
        assert!(passwords.is_outdated(&weak) && passwords.is_outdated("x"), "control: a cheaper one is seen");
    }

    #[test]
    fn hashes_are_salted_one_by_one_and_verify() {
        block(async {
            let passwords = cheap();
            let mut seen = HashSet::new();
            for _ in 0..20 {
                let hash = passwords.hash("the same sentence").await.expect("computed");
                assert_eq!(passwords.verify("the same sentence", Some(&hash)).await, Ok(true));
                assert_eq!(passwords.verify("the same sentencf", Some(&hash)).await, Ok(false));
                assert!(!hash.contains("same"));
                assert!(seen.insert(hash.split('$').nth(4).expect("a salt").to_owned()));
            }
            assert_eq!(passwords.verify("the same sentence", None).await, Ok(false));
            let plain = passwords.verify("plain", Some("plain")).await;
            assert_eq!(plain, Err(PasswordError::Failed("a stored hash is none")), "plain text never passes");
            let costly = "$argon2id$v=19$m=64,t=4000000,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaA";
            let refused = passwords.verify("the same sentence", Some(costly)).await;
            assert_eq!(refused, Err(PasswordError::Failed("a stored hash is none")), "one that never ends");
        });
    }

    #[test]
    fn a_name_that_nobody_has_costs_the_same() {
        block(async {
            let policy = PasswordPolicy { memory_kib: 4096, ..PasswordPolicy::default() };
            let passwords = Passwords::new(policy).expect("possible costs");
            let stored = passwords.hash("a long sentence").await.expect("computed");
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..25 {
                for (i, hash) in [Some(stored.as_str()), None].into_iter().enumerate() {
                    let began = Instant::now();
                    assert_eq!(passwords.verify("a wrong sentence", hash).await, Ok(false));
                    times[i].push(began.elapsed());
                }
            }
            // The shortest of each: a busy machine makes some longer, and none shorter.
            let [known, unknown] = times.map(|times| times.iter().min().map_or(0.0, std::time::Duration::as_secs_f64));
            assert!((0.3..3.0).contains(&(known / unknown)), "{known} s and {unknown} s");
        });
    }

    #[test]
    fn only_so_many_wait() {
        block(async {
            let passwords = Arc::new(cheap());
            let hold = passwords.running.clone().acquire_many_owned(2).await.expect("two turns");
            let waiting: Vec<_> = (0..6)
                .map(|_| {
                    let passwords = passwords.clone();
                    tokio::spawn(async move { passwords.hash("some sentence").await })
                })
                .collect();
            while passwords.room.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(passwords.hash("one too many").await, Err(PasswordError::Busy));
            drop(hold);
            for one in waiting {
                assert!(one.await.expect("no panic").is_ok());
            }
            assert!(passwords.hash("now there is room").await.is_ok());
        });
    }

    #[test]
    fn passwords_that_are_tried_first_are_refused() {
        for bad in [
            "",
            "short",
            "elevenbytes",
            "Password2024!!",
            "qwertyuiop12345",
            "aaaaaaaaaaaaaa",
            "123456789012",
            "abababababababab",
            "anna-lena-1986-x",
            "ANNA-LENA forever",
            &"x1y2z3".repeat(50),
        ] {
            assert!(acceptable("anna-lena", bad).is_err(), "{bad}");
        }
        for good in ["correct horse battery", "wq8#Vn2-tzL0", "Grüße aus Köln und Bonn"] {
            assert_eq!(acceptable("anna-lena", good), Ok(()), "{good}");
        }
    }
}
