//! Signing in: equal answers, guesses held up, ids that nobody chooses, nothing that leaks.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use api::gate::{Count, Denied, Gatekeeper as _};
use api::identity::Role;
use api::security::Refusal;
use api::security::intrusion::Rule;

use crate::memory::{BEGIN, PASSWORD, World, policy, run, visit};
use crate::scaled;

/// Unknown, wrong and banned are the same to somebody who does not know the password; so is what an injection brings.
#[test]
fn answers_tell_an_outsider_nothing() {
    run(async {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        world.account("anna", Role::Player).await;
        let ben = world.account("ben", Role::Player).await;
        world.security.ban(&visit(1), &admin, ben, BEGIN.plus(Duration::from_secs(60))).await.expect("banned");
        let mut answers = HashSet::new();
        for (i, name) in
            ["anna", "ben", "nobody", "", "*)(uid=*", "' or 1=1 --", &"x".repeat(10_000)].into_iter().enumerate()
        {
            let refusal = world.security.sign_in(&visit(10 + i as u8), name, "a wrong sentence").await.err();
            answers.insert(format!("{refusal:?}"));
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        let too_long = world.security.sign_in(&visit(30), "anna", &PASSWORD.repeat(100)).await.err();
        assert!(answers.contains(&format!("{too_long:?}")));
        // Control: with the right password it is told, and when the ban is over there is none.
        assert_eq!(world.security.sign_in(&visit(40), "ben", PASSWORD).await, Err(Denied::Banned.into()));
        world.turn(60);
        assert!(world.security.sign_in(&visit(40), " BEN ", PASSWORD).await.is_ok());
    });
}

/// The time of an unknown name and of a wrong password, with costs that can be measured.
#[test]
fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    run(async {
        let mut policy = policy();
        policy.passwords.memory_kib = 4096;
        policy.lockout.pair.free = 1000;
        policy.lockout.address.free = 1000;
        policy.intrusion.rules.failed_sign_ins.count = 1000;
        let world = World::new(policy).await;
        world.account("anna", Role::Player).await;
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..40 {
            for (i, name) in ["anna", "nobody"].into_iter().enumerate() {
                let began = Instant::now();
                assert!(world.security.sign_in(&visit(1), name, "a wrong sentence").await.is_err());
                times[i].push(began.elapsed());
            }
        }
        // The shortest of each: a busy machine makes some longer, and none shorter.
        let [known, unknown] = times.map(|times| times.iter().min().map_or(0.0, std::time::Duration::as_secs_f64));
        assert!((0.3..3.0).contains(&(known / unknown)), "{known} s and {unknown} s");
    });
}

/// SEC-057: five failed sign-ins within a minute ban the address at once; who is elsewhere signs in.
#[test]
fn five_failures_ban_the_address_and_nobody_else() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let guess = async |from, name: &str| world.security.sign_in(&visit(from), name, "a wrong sentence").await.err();
        for _ in 0..4 {
            guess(9, "anna").await;
        }
        assert_eq!(world.security.admit(&visit(9), Count::Request), Ok(()), "control: four are too few");
        guess(9, "anna").await;
        assert_eq!(world.security.admit(&visit(9), Count::Request), Err(Denied::Banned));
        assert_eq!(world.security.recent_alerts(0, 10)[0].rule, Rule::FailedSignIns);
        assert_eq!(world.security.admit(&visit(1), Count::Request), Ok(()));
        let tokens = world.tokens("anna", 1).await;
        assert!(world.is_good(&tokens, 1), "she is not locked out by it");
        for i in 0..5 {
            guess(8, &format!("name{i}")).await;
        }
        assert_eq!(world.security.recent_alerts(1, 10)[0].rule, Rule::CredentialStuffing);
        assert_eq!(world.security.banned_addresses().len(), 2);
        world.turn(899);
        assert_eq!(world.security.admit(&visit(9), Count::Request), Err(Denied::Banned));
        world.turn(1);
        assert_eq!(world.security.admit(&visit(9), Count::Request), Ok(()), "the ban ends when it says");
        world.security.tend().await;
        let bans = world.audit.behind(0).iter().filter(|(action, _)| *action == "address.ban").count();
        assert_eq!(bans, 2);
    });
}

#[test]
fn guesses_are_held_up_longer_and_longer_and_the_delay_says_nothing() {
    run(async {
        let mut policy = policy();
        policy.intrusion.rules.failed_sign_ins.count = 1000;
        policy.intrusion.rules.spray.count = 1000;
        let world = World::new(policy).await;
        world.account("anna", Role::Player).await;
        let mut waits = [Vec::new(), Vec::new()];
        for (i, name) in ["anna", "nobody"].into_iter().enumerate() {
            for _ in 0..12 {
                match world.security.sign_in(&visit(20 + i as u8), name, "a wrong sentence").await {
                    Err(Refusal::Denied(Denied::TooMany(wait))) => {
                        waits[i].push(wait.as_secs());
                        world.clock.turn(wait);
                    }
                    Err(Refusal::Denied(Denied::Unauthenticated(_))) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(waits[0], waits[1], "for a name that nobody has, too");
        assert_eq!(waits[0], [1, 2, 4, 8]);
        assert!(world.security.sign_in(&visit(20), "anna", "a wrong sentence").await.is_err());
        // Held up, the right password is not even looked at.
        let held = world.security.sign_in(&visit(20), "anna", PASSWORD).await;
        assert!(matches!(held, Err(Refusal::Denied(Denied::TooMany(_)))), "{held:?}");
        assert!(world.security.sign_in(&visit(1), "anna", PASSWORD).await.is_ok(), "she herself is elsewhere");
    });
}

/// SEC-011 and SEC-009: ids and tokens have no repeats, no order and nothing of the time.
#[test]
fn ids_and_tokens_are_random() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let (mut ids, mut secrets, mut tokens) = (Vec::new(), Vec::new(), HashSet::new());
        let count = scaled(1000);
        for _ in 0..count {
            let got = world.tokens("anna", 1).await;
            let caller = world.verified(&got, 1);
            ids.push(caller.sign_in.0);
            secrets.push(got.refresh[22..].to_owned());
            assert!(tokens.insert(got.access));
        }
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), count, "no repeats");
        assert_eq!(secrets.iter().collect::<BTreeSet<_>>().len(), count);
        let (n, rising) = (count as f64, ids.windows(2).filter(|pair| pair[0] < pair[1]).count() as f64);
        // Six standard deviations of what is left to chance.
        assert!((rising - n / 2.0).abs() < 6.0 * (n / 12.0).sqrt() + 1.0, "{rising} of {n} rise");
        let ones: u32 = ids.iter().flatten().map(|byte| byte.count_ones()).sum();
        assert!((f64::from(ones) - n * 64.0).abs() < 6.0 * (n * 32.0).sqrt(), "{ones} ones");
        let flips: u32 = ids.windows(2).flat_map(|two| (0..16).map(|i| (two[0][i] ^ two[1][i]).count_ones())).sum();
        assert!((f64::from(flips) - (n - 1.0) * 64.0).abs() < 6.0 * (n * 32.0).sqrt(), "{flips} flips");
    });
}

/// SEC-027 and SEC-020: neither the store, nor the audit log, nor what is printed has a secret in it.
#[test]
fn secrets_are_nowhere() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna-canary", Role::Player).await;
        let tokens = world.tokens("anna-canary", 1).await;
        let next = world.security.refresh(&visit(1), &tokens.refresh).await.expect("renewed");
        let _ = world.security.sign_in(&visit(2), "anna-canary", "another green canary").await;
        world.security.tend().await;
        let (stored, hashes, stolen) = {
            let state = world.accounts.state.lock().expect("no panic");
            let hashes: HashSet<_> = state.accounts.values().map(|account| account.password.clone()).collect();
            let stolen: Vec<_> = state.sign_ins.values().map(|one| [&one.id.0[..], &one.refresh].concat()).collect();
            (format!("{:?} {:?}", state.accounts, state.sign_ins), hashes, stolen)
        };
        let audit = format!("{:?}", world.audit.acts.lock().expect("no panic"));
        let printed = format!("{tokens:?} {next:?} {:?}", world.verified(&next, 1));
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        for secret in [PASSWORD, "another green canary", &tokens.access, &tokens.refresh, &next.access, &next.refresh] {
            for text in [&stored, &audit, &printed] {
                assert!(!text.contains(secret) && !text.contains(&hex(secret)), "{secret}");
            }
        }
        assert!(!audit.contains("anna-canary"), "nor a name");
        assert!(stored.contains("anna-canary"), "control: what is there is found");
        assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$v=19$")));
        // What is stored is no credential.
        for bytes in stolen {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
            assert!(world.security.refresh(&visit(1), &text).await.is_err());
        }
    });
}

/// Costs that were lower once are raised when somebody signs in.
#[test]
fn an_old_hash_is_made_anew() {
    run(async {
        let world = World::new(policy()).await;
        let anna = world.account("anna", Role::Player).await;
        let before = world.accounts.account(anna).password;
        let mut dearer = policy();
        dearer.passwords.memory_kib = 128;
        let world = world.restarted(dearer).await;
        world.tokens("anna", 1).await;
        let after = world.accounts.account(anna).password;
        assert!(before.contains("m=64,") && after.contains("m=128,"), "{after}");
        world.tokens("anna", 1).await;
        assert_eq!(world.accounts.account(anna).password, after);
    });
}
