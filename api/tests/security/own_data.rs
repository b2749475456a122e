//! COMP-003 to 005, SEC-029: what belongs to a person is theirs to read, take along, change and have erased; to anybody else
//! but an administrator nobody exists.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use api::gate::Denied;
use api::identity::{Caller, Person, Role};
use api::ports::{Erased, Kept, Outcome, People, PeopleError, Purpose, Said};
use api::security::Refusal;
use async_trait::async_trait;

use crate::memory::{PASSWORD, World, policy, run, visit};

const PURPOSE: Purpose = Purpose { name: "contact", version: 3, wording: "May we?" };

/// What is kept of people, in memory.
#[derive(Default)]
struct MemoryPeople {
    said: Mutex<BTreeMap<Person, Vec<Said>>>,
    asked: Mutex<Vec<(&'static str, Person)>>,
    is_down: std::sync::atomic::AtomicBool,
}

impl MemoryPeople {
    fn ask(&self, what: &'static str, person: Person) -> Result<(), PeopleError> {
        self.asked.lock().expect("no panic").push((what, person));
        let is_down = self.is_down.load(Ordering::SeqCst);
        if is_down { Err(PeopleError::Unavailable("down for the test".into())) } else { Ok(()) }
    }

    fn taken(&self) -> Vec<(&'static str, Person)> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

#[async_trait]
impl People for MemoryPeople {
    async fn read(&self, person: Person) -> Result<Kept, PeopleError> {
        self.ask("read", person).map(|()| Kept::default())
    }

    async fn export(&self, person: Person) -> Result<String, PeopleError> {
        self.ask("export", person).map(|()| format!("{{\"person\":{}}}", person.0))
    }

    async fn erase(&self, person: Person) -> Result<Erased, PeopleError> {
        self.ask("erase", person).map(|()| Erased { records: 3, seats: 0 })
    }

    fn purposes(&self) -> &'static [Purpose] {
        &[PURPOSE]
    }

    async fn said(&self, person: Person, _: &Purpose) -> Result<Vec<Said>, PeopleError> {
        self.ask("said", person)?;
        Ok(self.said.lock().expect("no panic").get(&person).cloned().unwrap_or_default())
    }

    async fn say(&self, person: Person, purpose: &Purpose, given: bool) -> Result<(), PeopleError> {
        self.ask("say", person)?;
        let said = Said { at: crate::memory::BEGIN, given, version: purpose.version, wording: purpose.wording.into() };
        self.said.lock().expect("no panic").entry(person).or_default().push(said);
        Ok(())
    }

    async fn keep_contact(&self, person: Person, _: &str) -> Result<(), PeopleError> {
        self.ask("contact", person)
    }
}

struct Stage {
    world: World,
    people: MemoryPeople,
    admin: Caller,
    anna: Caller,
    ben: Caller,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        let anna = world.caller("anna", Role::Player, 2).await;
        let ben = world.caller("ben", Role::Operator, 3).await;
        Self { world, people: MemoryPeople::default(), admin, anna, ben }
    }

    /// Everything that can be done about a person, by this caller.
    async fn all(&self, caller: &Caller, person: Person) -> Vec<Result<(), Refusal>> {
        let (security, people, from) = (&self.world.security, &self.people, visit(caller.person.0 as u8));
        vec![
            security.read_of(&from, caller, people, person).await.map(|_| ()),
            security.export_of(&from, caller, people, person, PASSWORD).await.map(|_| ()),
            security.consents_of(&from, caller, people, person, &PURPOSE).await.map(|_| ()),
            security.consent(&from, caller, people, person, &PURPOSE, false).await,
            security.keep_contact(&from, caller, people, person, "a@b").await,
            security.erase(&from, caller, people, person, PASSWORD).await.map(|_| ()),
        ]
    }
}

#[test]
fn ones_own_is_ones_own_and_to_others_nobody_exists() {
    run(async {
        let stage = Stage::new().await;
        for person in [stage.anna.person, stage.admin.person, Person(999)] {
            let refused = stage.all(&stage.ben, person).await;
            assert!(refused.iter().all(|one| *one == Err(Refusal::NotFound)), "{person:?}: {refused:?}");
        }
        assert_eq!(stage.people.taken(), [], "nothing was asked of the store");
        assert!(stage.all(&stage.anna, stage.anna.person).await.iter().all(Result::is_ok), "control: her own");
        let asked: Vec<_> = stage.people.taken().into_iter().map(|(what, person)| (what, person.0)).collect();
        let anna = stage.anna.person.0;
        assert_eq!(asked, ["read", "export", "said", "say", "contact", "erase"].map(|what| (what, anna)));
        let gone = stage.world.security.read_of(&visit(2), &stage.anna, &stage.people, stage.anna.person).await;
        assert!(matches!(gone, Err(Refusal::Denied(Denied::Unauthenticated(_)))), "her sign-ins are over: {gone:?}");
        assert!(stage.all(&stage.admin, stage.ben.person).await.iter().all(Result::is_ok), "control: on their behalf");
    });
}

#[test]
fn what_takes_a_password_takes_the_right_one() {
    run(async {
        let stage = Stage::new().await;
        let (security, people, anna) = (&stage.world.security, &stage.people, &stage.anna);
        for wrong in ["", "wrong", "seven green bottle"] {
            let export = security.export_of(&visit(2), anna, people, anna.person, wrong).await.err();
            let erase = security.erase(&visit(2), anna, people, anna.person, wrong).await.err();
            assert!(
                matches!(export, Some(Refusal::Denied(Denied::Unauthenticated(_) | Denied::TooMany(_)))),
                "{export:?}"
            );
            assert!(matches!(erase, Some(Refusal::Denied(_))), "{erase:?}");
        }
        assert_eq!(people.taken(), [], "nothing was handed out");
    });
}

/// Each is written down before it is done; with the audit log down nothing is.
#[test]
fn it_is_written_down_first_or_not_done() {
    run(async {
        let stage = Stage::new().await;
        stage.world.security.tend().await;
        let place = stage.world.audit.len();
        stage.all(&stage.admin, stage.anna.person).await;
        let written = stage.world.audit.behind(place);
        let expected =
            ["person.read", "person.export", "person.read", "person.consent", "person.change", "person.erase"];
        assert_eq!(written, expected.map(|action| (action, Outcome::Done)));
        stage.people.taken();
        stage.world.audit.is_down.store(true, Ordering::SeqCst);
        let refused = stage.all(&stage.admin, stage.ben.person).await;
        let unavailable = Err(Refusal::Denied(Denied::Unavailable("audit")));
        assert!(refused.iter().all(|one| *one == unavailable), "{refused:?}");
        assert_eq!(stage.people.taken(), []);
        stage.world.audit.is_down.store(false, Ordering::SeqCst);
        // What did not come about is written down as such.
        stage.people.is_down.store(true, Ordering::SeqCst);
        let place = stage.world.audit.len();
        let failed =
            stage.world.security.erase(&visit(1), &stage.admin, &stage.people, stage.ben.person, PASSWORD).await;
        assert_eq!(failed, Err(Denied::Unavailable("people").into()));
        let written = stage.world.audit.behind(place);
        assert_eq!(written, [("person.erase", Outcome::Done), ("person.erase", Outcome::Failed)]);
    });
}

#[test]
fn the_last_administrator_is_not_erased() {
    run(async {
        let stage = Stage::new().await;
        let (security, people, admin) = (&stage.world.security, &stage.people, &stage.admin);
        let refused = security.erase(&visit(1), admin, people, admin.person, PASSWORD).await;
        assert_eq!((refused, people.taken()), (Err(Refusal::LastAdmin), vec![]));
        stage.world.account("other", Role::Admin).await;
        security.erase(&visit(1), admin, people, admin.person, PASSWORD).await.expect("control: there is another one");
        assert_eq!(stage.world.accounts.account(admin.person).role, Role::Guest, "should the erasure break off");
    });
}

/// COMP-003: nobody consents for somebody else; to take back is as easy as to give.
#[test]
fn consent_is_given_by_oneself_and_taken_back_as_easily() {
    run(async {
        let stage = Stage::new().await;
        let (security, people, anna) = (&stage.world.security, &stage.people, &stage.anna);
        let say = async |who: &Caller, given| {
            security.consent(&visit(who.person.0 as u8), who, people, anna.person, &PURPOSE, given).await
        };
        assert_eq!(say(&stage.admin, true).await, Err(Denied::Forbidden.into()));
        say(anna, true).await.expect("given");
        say(anna, false).await.expect("taken back");
        say(&stage.admin, false).await.expect("taken back for her");
        let said = security.consents_of(&visit(2), anna, people, anna.person, &PURPOSE).await.expect("said");
        assert_eq!(
            said.iter().map(|said| (said.given, said.version)).collect::<Vec<_>>(),
            [(true, 3), (false, 3), (false, 3)]
        );
    });
}
