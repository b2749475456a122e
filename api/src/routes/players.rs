//! What is kept of a person: for themselves, by `me`, and for administrators by number. Must never tell anybody else whether
//! there is such a person.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::security;
use crate::http::params::{Kind, Param};
use crate::http::route::{Body, Method};
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::identity::{Person, Role};
use crate::ports::{Purpose, Said};

const SMALL: Limits = Limits { body_bytes: 4 << 10, ..Limits::WRITE };
const PERSON: Param = Param::required("person", Kind::Person, "whose");
const PURPOSE: Param = Param::required("purpose", Kind::Name { max: 64 }, "what is consented to");

// A guest may all of this: who does not accept a new licence takes along what is theirs, and goes.
const READ: Route = Route {
    id: "player",
    method: Method::Get,
    path: "/players/{person}",
    access: Access::Role(Role::Guest),
    limits: Limits::READ,
    doc: Doc {
        tag: "players",
        summary: "What is kept of a person",
        text: "Their own by `me`; anybody's for administrators, which is written down.",
    },
    params: &[PERSON],
    query: &[],
    body: None,
    answers: &[Answer::json(200, Schema::of::<PlayerData>(), "a summary; the export has all of it")],
    problems: &[],
    handler: Handler::Call(read),
};

const PUT: Route = Route {
    id: "player_contact",
    method: Method::Put,
    path: "/players/{person}/contact",
    limits: SMALL,
    doc: Doc {
        tag: "players",
        summary: "Keep how a person is reached",
        text: "Only while they consent to `contact`; taking that back forgets it. An empty text forgets it as well.",
    },
    body: Some(Body::Json(Schema::of::<NewContact>())),
    answers: &[Answer::empty(204, "kept")],
    problems: &[Code::Conflict, Code::Refused],
    handler: Handler::Call(contact),
    ..READ
};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        id: "account",
        path: "/account",
        doc: Doc { tag: "accounts", summary: "The caller's account", text: "" },
        params: &[],
        answers: &[Answer::json(200, Schema::of::<AccountData>(), "who asks")],
        problems: &[Code::NotFound],
        handler: Handler::Call(account),
        ..READ
    },
    READ,
    Route {
        id: "player_export",
        method: Method::Post,
        path: "/players/{person}/export",
        limits: Limits { time: Duration::from_secs(30), at_once: 2, ..SMALL },
        doc: Doc {
            tag: "players",
            summary: "Everything that is kept of a person",
            text: "JSON of the form `spacetime-person-export-1`, to keep and to take along. The caller gives their password \
                   once more.",
        },
        body: Some(Body::Json(Schema::of::<Confirmation>())),
        answers: &[Answer::other(200, "application/json", "the export")],
        problems: &[Code::Refused, Code::Conflict],
        handler: Handler::Call(export),
        ..READ
    },
    Route {
        id: "player_erase",
        method: Method::Delete,
        limits: Limits { time: Duration::from_secs(30), at_once: 8, ..SMALL },
        doc: Doc {
            tag: "players",
            summary: "Erase a person",
            text: "For good: nothing opens any more of what was sealed for them, in no copy either. Their sign-ins end. The \
                   caller gives their password once more. The last administrator stays.",
        },
        body: Some(Body::Json(Schema::of::<Confirmation>())),
        answers: &[Answer::json(200, Schema::of::<ErasedData>(), "erased")],
        problems: &[Code::Conflict],
        handler: Handler::Call(erase),
        ..READ
    },
    Route {
        id: "player_consents",
        path: "/players/{person}/consents",
        doc: Doc {
            tag: "players",
            summary: "What a person may consent to, and does",
            text: "Without consent nothing is done for the purpose.",
        },
        answers: &[Answer::json(200, Schema::of::<Consents>(), "all purposes")],
        handler: Handler::Call(consents),
        ..READ
    },
    Route {
        id: "player_consent",
        path: "/players/{person}/consents/{purpose}",
        doc: Doc { tag: "players", summary: "What a person said about a purpose", text: "" },
        params: &[PERSON, PURPOSE],
        answers: &[Answer::json(200, Schema::of::<Consent>(), "what they are shown, and said so far")],
        handler: Handler::Call(consent),
        ..READ
    },
    Route {
        id: "player_say",
        path: "/players/{person}/consents/{purpose}",
        doc: Doc {
            tag: "players",
            summary: "Consent to a purpose, refuse, or take it back",
            text: "The version names the wording that was shown. Nobody consents for somebody else; administrators may take a \
                   consent back.",
        },
        params: &[PERSON, PURPOSE],
        body: Some(Body::Json(Schema::of::<NewConsent>())),
        answers: &[Answer::empty(204, "written down")],
        handler: Handler::Call(say),
        ..PUT
    },
    PUT,
];

/// An account, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
struct AccountData {
    /// Number of the person.
    person: String,
    /// The name to sign in with.
    name: String,
    /// What it may do.
    role: Role,
    /// Version of the licence that was accepted; 0 for none.
    licence: u32,
    /// Version that has to be accepted; 0 where there is none.
    licence_needed: u32,
    /// When this sign-in began, RFC 3339.
    signed_in: String,
    /// Sign-ins that stand.
    sign_ins: u64,
}

/// What is kept of a person.
#[derive(Debug, Serialize, ToSchema)]
struct PlayerData {
    /// Their number.
    person: String,
    /// What they are called, where they said it.
    name: Option<String>,
    /// How they are reached; empty where that is not kept.
    contact: String,
    /// When they came, RFC 3339.
    created: Option<String>,
    /// How many records there are.
    records: Vec<RecordCount>,
}

/// How many records there are of a kind.
#[derive(Debug, Serialize, ToSchema)]
struct RecordCount {
    /// What they are.
    kind: String,
    /// How many.
    count: u64,
}

/// The caller's password, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// The password.
    #[schema(min_length = 1, max_length = 256)]
    password: String,
}

/// How somebody is reached.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewContact {
    /// Such as an address of e-mail.
    #[schema(max_length = 320)]
    contact: String,
}

/// An erasure.
#[derive(Debug, Serialize, ToSchema)]
struct ErasedData {
    /// Records that were removed.
    removed_records: u64,
    /// Seats in worlds that lost what says whose they were.
    blanked_seats: u64,
}

/// All purposes.
#[derive(Debug, Serialize, ToSchema)]
struct Consents {
    /// Each with what the person said.
    consents: Vec<Consent>,
}

/// A purpose, and what a person said about it.
#[derive(Debug, Serialize, ToSchema)]
struct Consent {
    /// Names it.
    purpose: String,
    /// Version of the wording that is shown now.
    version: u32,
    /// What is shown.
    wording: String,
    /// Whether they consent.
    given: bool,
    /// What they said so far, the oldest first.
    history: Vec<OneSaid>,
}

/// What somebody said once.
#[derive(Debug, Serialize, ToSchema)]
struct OneSaid {
    /// When, RFC 3339.
    at: String,
    /// Whether they consented.
    given: bool,
    /// Version of the wording.
    version: u32,
    /// What they were shown.
    wording: String,
}

/// What somebody says about a purpose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewConsent {
    /// Whether they consent.
    given: bool,
    /// Version of the wording that they were shown.
    version: u32,
}

impl Consent {
    fn of(purpose: &Purpose, said: Vec<Said>) -> Self {
        let given = said.last().is_some_and(|last| last.given);
        let one = |said: Said| OneSaid {
            at: said.at.to_string(),
            given: said.given,
            version: said.version,
            wording: said.wording,
        };
        Self {
            purpose: purpose.name.to_owned(),
            version: purpose.version,
            wording: purpose.wording.to_owned(),
            given,
            history: said.into_iter().map(one).collect(),
        }
    }
}

/// Whom a path means.
fn person(request: &Request) -> Result<Person, Problem> {
    Ok(request.whole("person").map_or(request.caller()?.person, Person))
}

/// The purpose of a path.
fn purpose(api: &Api, request: &Request) -> Result<&'static Purpose, Problem> {
    let name = request.needed(request.text("purpose"))?;
    let found = api.ports.people.purposes().iter().find(|purpose| purpose.name == name);
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

fn account(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let own = security(&api)?.own_account(&request.caller()?).await?;
        Reply::json(&AccountData {
            person: own.person.0.to_string(),
            name: own.name,
            role: own.role,
            licence: own.licence,
            licence_needed: own.licence_needed,
            signed_in: own.signed_in.to_string(),
            sign_ins: own.sign_ins as u64,
        })
    })
}

fn read(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let person = person(&request)?;
        let people = &*api.ports.people;
        let kept = security(&api)?.read_of(&request.visit, &request.caller()?, people, person).await?;
        let count = |(kind, count): (&str, u64)| RecordCount { kind: kind.to_owned(), count };
        Reply::json(&PlayerData {
            person: person.0.to_string(),
            name: kept.name,
            contact: kept.contact,
            created: kept.created.map(|at| at.to_string()),
            records: kept.records.into_iter().map(count).collect(),
        })
    })
}

fn export(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Confirmation { password } = request.json()?;
        let (caller, people) = (request.caller()?, &*api.ports.people);
        let export = security(&api)?.export_of(&request.visit, &caller, people, person(&request)?, &password).await?;
        Ok(Reply::whole(200, "application/json", export))
    })
}

fn erase(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Confirmation { password } = request.json()?;
        let (caller, people) = (request.caller()?, &*api.ports.people);
        let erased = security(&api)?.erase(&request.visit, &caller, people, person(&request)?, &password).await?;
        Reply::json(&ErasedData { removed_records: erased.records, blanked_seats: erased.seats })
    })
}

fn consents(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let (caller, people, person) = (request.caller()?, &*api.ports.people, person(&request)?);
        let mut consents = Vec::new();
        for purpose in people.purposes() {
            let said = security(&api)?.consents_of(&request.visit, &caller, people, person, purpose).await?;
            consents.push(Consent::of(purpose, said));
        }
        Reply::json(&Consents { consents })
    })
}

fn consent(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let (caller, purpose) = (request.caller()?, purpose(&api, &request)?);
        let (people, person) = (&*api.ports.people, person(&request)?);
        let said = security(&api)?.consents_of(&request.visit, &caller, people, person, purpose).await?;
        Reply::json(&Consent::of(purpose, said))
    })
}

fn say(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let NewConsent { given, version } = request.json()?;
        let purpose = purpose(&api, &request)?;
        // What was said about another wording says nothing about this one; to take back is possible at any time.
        if given && version != purpose.version {
            return Err(Problem::input("/version", "is not the version of the wording that is shown"));
        }
        let (caller, people, person) = (request.caller()?, &*api.ports.people, person(&request)?);
        security(&api)?.consent(&request.visit, &caller, people, person, purpose, given).await?;
        Ok(Reply::empty(204))
    })
}

fn contact(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let NewContact { contact } = request.json()?;
        let (caller, people) = (request.caller()?, &*api.ports.people);
        security(&api)?.keep_contact(&request.visit, &caller, people, person(&request)?, &contact).await?;
        Ok(Reply::empty(204))
    })
}
