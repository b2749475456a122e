//! What administrators do: users, roles, bans, audit, settings. Must never show a password's hash, nor a secret.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::security;
use crate::http::params::{Kind, LIMIT, Param};
use crate::http::route::{Body, Method};
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::identity::{Person, Role};
use crate::ports::{AuditError, Reading};

/// Longest ban: a hundred years.
const BAN_S_MAX: u64 = 100 * 365 * 86_400;
const SMALL: Limits = Limits { body_bytes: 4 << 10, ..Limits::WRITE };
pub(super) const AFTER: Param =
    Param::optional("after", Kind::Whole { min: 0, max: u64::MAX }, "lists what comes behind this number");
const ORDER: Param =
    Param::optional("order", Kind::OneOf(&["oldest", NEWEST]), "what comes first; the oldest without it");
const NEWEST: &str = "newest";
const PERSON: Param = Param::required("person", Kind::Whole { min: 1, max: u64::MAX }, "number of the person");

const LIST: Route = Route {
    id: "admin_users",
    method: Method::Get,
    path: "/admin/users",
    access: Access::Role(Role::Admin),
    limits: Limits::READ,
    doc: Doc { tag: "admin", summary: "Accounts", text: "In the order of their numbers." },
    params: &[],
    query: &[AFTER, LIMIT],
    body: None,
    answers: &[Answer::json(200, Schema::of::<Users>(), "a page of accounts")],
    problems: &[],
    handler: Handler::Call(users),
};

const CHANGE: Route = Route {
    id: "admin_unban",
    method: Method::Delete,
    path: "/admin/users/{person}/ban",
    limits: Limits { body_bytes: 0, ..SMALL },
    doc: Doc { tag: "admin", summary: "Lift the ban of an account", text: "" },
    params: &[PERSON],
    query: &[],
    answers: &[Answer::empty(204, "done")],
    problems: &[Code::Conflict, Code::Refused],
    handler: Handler::Call(unban),
    ..LIST
};

/// The routes.
pub const ROUTES: &[Route] = &[
    LIST,
    Route {
        id: "admin_add_user",
        method: Method::Post,
        path: "/admin/users",
        limits: SMALL,
        doc: Doc { tag: "admin", summary: "Make an account", text: "" },
        params: &[],
        body: Some(Body::Json(Schema::of::<NewUser>())),
        answers: &[Answer::json(201, Schema::of::<Made>(), "made")],
        handler: Handler::Call(add_user),
        ..CHANGE
    },
    Route {
        id: "admin_set_role",
        method: Method::Put,
        path: "/admin/users/{person}/role",
        limits: SMALL,
        doc: Doc {
            tag: "admin",
            summary: "Set what an account may do",
            text: "Its sign-ins end. The last administrator stays.",
        },
        body: Some(Body::Json(Schema::of::<NewRole>())),
        handler: Handler::Call(set_role),
        ..CHANGE
    },
    Route {
        id: "admin_ban",
        method: Method::Put,
        limits: SMALL,
        doc: Doc {
            tag: "admin",
            summary: "Ban an account for some time",
            text: "Its sign-ins end. The last administrator stays.",
        },
        body: Some(Body::Json(Schema::of::<NewBan>())),
        handler: Handler::Call(ban),
        ..CHANGE
    },
    CHANGE,
    Route {
        id: "admin_end_sign_ins",
        path: "/admin/users/{person}/sign-ins",
        doc: Doc { tag: "admin", summary: "End all sign-ins of an account", text: "" },
        answers: &[Answer::json(200, Schema::of::<Ended>(), "ended")],
        handler: Handler::Call(end_sign_ins),
        ..CHANGE
    },
    Route {
        id: "admin_audit",
        path: "/admin/audit",
        doc: Doc {
            tag: "admin",
            summary: "Entries of the audit log",
            text: "`after` is a place in the chain; in the order `newest`, what is older comes behind it.",
        },
        query: &[AFTER, LIMIT, ORDER],
        answers: &[Answer::json(200, Schema::of::<Entries>(), "a page of entries")],
        handler: Handler::Call(audit),
        ..LIST
    },
    Route {
        id: "admin_verify_audit",
        path: "/admin/audit/verification",
        query: &[],
        limits: Limits { time: Duration::from_secs(60), at_once: 1, ..Limits::READ },
        doc: Doc {
            tag: "admin",
            summary: "Look at the whole chain of the audit log",
            text: "Edits, gaps and a cut-off end show.",
        },
        answers: &[Answer::json(200, Schema::of::<Verification>(), "what was found")],
        handler: Handler::Call(verify_audit),
        ..LIST
    },
    Route {
        id: "admin_bans",
        path: "/admin/bans",
        query: &[],
        doc: Doc { tag: "admin", summary: "Addresses that are banned", text: "" },
        answers: &[Answer::json(200, Schema::of::<Bans>(), "all of them")],
        handler: Handler::Call(bans),
        ..LIST
    },
    Route {
        id: "admin_lift_ban",
        method: Method::Post,
        path: "/admin/bans/lift",
        limits: SMALL,
        params: &[],
        doc: Doc { tag: "admin", summary: "Lift the ban of an address", text: "" },
        body: Some(Body::Json(Schema::of::<Lift>())),
        problems: &[Code::NotFound],
        handler: Handler::Call(lift_ban),
        ..CHANGE
    },
    Route {
        id: "admin_rotate_key",
        method: Method::Post,
        path: "/admin/keys/rotation",
        params: &[],
        doc: Doc {
            tag: "admin",
            summary: "Change the key that signs access tokens",
            text: "Tokens of the former one stay good until they end.",
        },
        handler: Handler::Call(rotate_key),
        ..CHANGE
    },
    Route {
        id: "admin_publish_licence",
        method: Method::Put,
        path: "/admin/licence",
        limits: SMALL,
        params: &[],
        doc: Doc {
            tag: "admin",
            summary: "Publish a new version of the licence",
            text: "Everybody is asked again. It is kept: of this and `api.licence_version` the higher one counts.",
        },
        body: Some(Body::Json(Schema::of::<Licence>())),
        handler: Handler::Call(publish_licence),
        ..CHANGE
    },
    Route {
        id: "admin_settings",
        path: "/admin/settings",
        query: &[],
        doc: Doc { tag: "admin", summary: "What the service goes by", text: "Without secrets." },
        answers: &[Answer::json(200, Schema::of::<SettingsNow>(), "all of it")],
        handler: Handler::Call(settings),
        ..LIST
    },
];

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
struct Users {
    /// The accounts.
    #[schema(max_items = 1000)]
    users: Vec<User>,
    /// `after` of the next page, where there is one.
    next: Option<String>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    /// Number of the person.
    person: String,
    /// The name.
    name: String,
    /// What it may do.
    role: Role,
    /// Banned until then, RFC 3339.
    banned_until: Option<String>,
    /// Version of the licence that was accepted; 0 for none.
    licence: u32,
}

/// An account to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// The name to sign in with.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// The password.
    #[schema(min_length = 1, max_length = 256)]
    password: String,
    /// What it may do.
    role: Role,
}

/// An account that was made.
#[derive(Debug, Serialize, ToSchema)]
struct Made {
    /// Number of the person.
    person: String,
}

/// A role to give.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRole {
    /// Which.
    role: Role,
}

/// A ban.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBan {
    /// How long, in seconds.
    #[schema(minimum = 1, maximum = 3153600000_u64)]
    for_s: u64,
}

/// Sign-ins that were ended.
#[derive(Debug, Serialize, ToSchema)]
struct Ended {
    /// How many.
    ended: u64,
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct Entries {
    /// The entries.
    #[schema(max_items = 1000)]
    entries: Vec<OneEntry>,
    /// `after` of the next page, where there is one.
    next: Option<u64>,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
struct OneEntry {
    /// Place in the chain, from 1.
    seq: u64,
    /// When, RFC 3339.
    at: String,
    /// Who, by number.
    actor: Option<String>,
    /// What.
    action: String,
    /// To what.
    subject: String,
    /// How it ended.
    outcome: String,
    /// What else is known, as JSON; none where the actor was erased.
    details: Option<String>,
    /// Hash of the entry: 64 hex digits.
    #[schema(min_length = 64, max_length = 64)]
    hash: String,
}

/// What became of a look at the chain.
#[derive(Debug, Serialize, ToSchema)]
struct Verification {
    /// Whether it is sound.
    sound: bool,
    /// Entries that were looked at, where it is.
    entries: Option<u64>,
    /// The first place that is wrong, where it is not.
    broken_at: Option<u64>,
    /// What is wrong there.
    why: Option<String>,
}

/// Banned addresses.
#[derive(Debug, Serialize, ToSchema)]
struct Bans {
    /// All of them.
    bans: Vec<OneBan>,
}

/// A banned address.
#[derive(Debug, Serialize, ToSchema)]
struct OneBan {
    /// The address, up to the part that a household has.
    address: String,
    /// Until then, RFC 3339.
    until: String,
}

/// A ban to lift.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Lift {
    /// The address.
    #[schema(min_length = 2, max_length = 45)]
    address: String,
}

/// A version of the licence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Licence {
    /// Higher than the one before.
    #[schema(minimum = 1)]
    version: u32,
}

/// The settings.
#[derive(Debug, Serialize, ToSchema)]
struct SettingsNow {
    /// All of them.
    settings: Vec<OneSetting>,
}

/// A setting.
#[derive(Debug, Serialize, ToSchema)]
struct OneSetting {
    /// Its name.
    key: String,
    /// Its value as text; of a secret, whether it is set.
    value: String,
    /// Where it was said.
    from: String,
}

fn users(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let page = request.page();
        let behind = page.after.map(Person);
        let (all, more) = security(&api)?.list_accounts(&request.visit, &request.caller()?, behind, page.limit).await?;
        let next = all.last().filter(|_| more).map(|account| account.person.0.to_string());
        let shown = all.into_iter().map(|account| User {
            person: account.person.0.to_string(),
            name: account.name,
            role: account.role,
            banned_until: account.banned_until.map(|until| until.to_string()),
            licence: account.licence,
        });
        Reply::json(&Users { users: shown.collect(), next })
    })
}

fn add_user(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let NewUser { name, password, role } = request.json()?;
        let caller = request.caller()?;
        let person = security(&api)?.add_account(&request.visit, &caller, &name, &password, role).await?;
        Reply::json_as(201, &Made { person: person.0.to_string() })
    })
}

fn person(request: &Request) -> Result<Person, Problem> {
    request.needed(request.whole("person")).map(Person)
}

fn set_role(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let NewRole { role } = request.json()?;
        security(&api)?.set_role(&request.visit, &request.caller()?, person(&request)?, role).await?;
        Ok(Reply::empty(204))
    })
}

fn ban(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let NewBan { for_s } = request.json()?;
        let until = api.ports.clock.now().plus(Duration::from_secs(for_s.min(BAN_S_MAX)));
        security(&api)?.ban(&request.visit, &request.caller()?, person(&request)?, until).await?;
        Ok(Reply::empty(204))
    })
}

fn unban(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        security(&api)?.unban(&request.visit, &request.caller()?, person(&request)?).await?;
        Ok(Reply::empty(204))
    })
}

fn end_sign_ins(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let ended = security(&api)?.revoke_all(&request.visit, &request.caller()?, person(&request)?).await?;
        Reply::json(&Ended { ended: ended as u64 })
    })
}

fn audit(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let page = request.page();
        let reading = match request.text("order") {
            Some(NEWEST) => Reading::Back(page.after),
            _ => Reading::Onward(page.after.unwrap_or_default()),
        };
        let (entries, more) = api.ports.audit.page(reading, page.limit).await?;
        let named = |subject: &str| subject.strip_prefix("person:").and_then(|number| number.parse().ok()).map(Person);
        let persons = entries.iter().flat_map(|entry| entry.actor.into_iter().chain(named(&entry.subject))).collect();
        security(&api)?.looked_at(&request.visit, &request.caller()?, "audit", persons).await?;
        let next = entries.last().filter(|_| more).map(|entry| entry.seq);
        let shown = entries.into_iter().map(|entry| OneEntry {
            seq: entry.seq,
            at: entry.at.to_string(),
            actor: entry.actor.map(|person| person.0.to_string()),
            action: entry.action,
            subject: entry.subject,
            outcome: entry.outcome,
            details: entry.details,
            hash: entry.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        });
        Reply::json(&Entries { entries: shown.collect(), next })
    })
}

fn verify_audit(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        let found = match api.ports.audit.verify().await {
            Ok(entries) => Verification { sound: true, entries: Some(entries), broken_at: None, why: None },
            Err(AuditError::Broken { seq, why }) => {
                Verification { sound: false, entries: None, broken_at: Some(seq), why: Some(why) }
            }
            Err(error) => return Err(error.into()),
        };
        Reply::json(&found)
    })
}

fn bans(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        let all = security(&api)?.banned_addresses();
        let shown =
            all.into_iter().map(|(address, until)| OneBan { address: address.to_string(), until: until.to_string() });
        Reply::json(&Bans { bans: shown.collect() })
    })
}

fn lift_ban(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Lift { address } = request.json()?;
        let address: IpAddr = address.parse().map_err(|_| Problem::input("/address", "has to be an IP address"))?;
        security(&api)?.unban_address(&request.visit, &request.caller()?, address).await?;
        Ok(Reply::empty(204))
    })
}

fn rotate_key(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        security(&api)?.rotate_key(&request.visit, &request.caller()?).await?;
        Ok(Reply::empty(204))
    })
}

fn publish_licence(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Licence { version } = request.json()?;
        security(&api)?.publish_licence(&request.visit, &request.caller()?, version).await?;
        Ok(Reply::empty(204))
    })
}

fn settings(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        let all = api.ports.settings.all().into_iter();
        let shown = all.map(|setting| OneSetting { key: setting.key, value: setting.value, from: setting.from });
        Reply::json(&SettingsNow { settings: shown.collect() })
    })
}
