//! Accounts of the callers themselves: made, signed in, renewed, signed out. Must never tell whether a name exists to who
//! has not its password.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::params::{Kind, Param};
use crate::http::route::{Body, Method};
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::identity::{Role, SignInId};
use crate::security::{Security, Tokens};

const SMALL: Limits = Limits { body_bytes: 4 << 10, ..Limits::WRITE };

const SIGN_IN: Route = Route {
    id: "sign_in",
    method: Method::Post,
    path: "/sign-in",
    access: Access::Public,
    limits: SMALL,
    doc: Doc {
        tag: "accounts",
        summary: "Sign in",
        text: "The access token goes into the header `Authorization: Bearer`; no cookie is ever read. Whoever fails often has \
               to wait longer and longer.",
    },
    params: &[],
    query: &[],
    body: Some(Body::Json(Schema::of::<Login>())),
    answers: &[Answer::json(200, Schema::of::<SignedIn>(), "signed in")],
    problems: &[Code::NotAuthenticated],
    handler: Handler::Call(sign_in),
};

const OWN: Route = Route {
    id: "sign_out",
    path: "/sign-out",
    access: Access::Role(Role::Guest),
    limits: Limits { body_bytes: 0, ..SMALL },
    doc: Doc { tag: "accounts", summary: "Sign out", text: "Every token of the sign-in is dead at once." },
    body: None,
    answers: &[Answer::empty(204, "signed out")],
    problems: &[],
    handler: Handler::Call(sign_out),
    ..SIGN_IN
};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        id: "register",
        path: "/accounts",
        doc: Doc {
            tag: "accounts",
            summary: "Make an account",
            text: "Where `api.registration` is open. It may do what a player may, once the current licence is accepted.",
        },
        body: Some(Body::Json(Schema::of::<Registration>())),
        answers: &[Answer::json(201, Schema::of::<Registered>(), "made")],
        problems: &[Code::Conflict, Code::Refused, Code::NotAllowed],
        handler: Handler::Call(register),
        ..SIGN_IN
    },
    SIGN_IN,
    Route {
        id: "refresh",
        path: "/refresh",
        doc: Doc {
            tag: "accounts",
            summary: "Renew the tokens of a sign-in",
            text: "A refresh token is good once. One that comes a second time ends the sign-in, with every token of it.",
        },
        body: Some(Body::Json(Schema::of::<Renewal>())),
        answers: &[Answer::json(200, Schema::of::<SignedIn>(), "renewed")],
        handler: Handler::Call(refresh),
        ..SIGN_IN
    },
    OWN,
    Route {
        id: "sign_ins",
        method: Method::Get,
        path: "/sign-ins",
        limits: Limits::READ,
        doc: Doc { tag: "accounts", summary: "The caller's sign-ins", text: "" },
        answers: &[Answer::json(200, Schema::of::<SignIns>(), "all that stand")],
        handler: Handler::Call(sign_ins),
        ..OWN
    },
    Route {
        id: "end_sign_in",
        method: Method::Delete,
        path: "/sign-ins/{sign_in}",
        doc: Doc { tag: "accounts", summary: "End one of the caller's sign-ins", text: "" },
        params: &[Param::required("sign_in", Kind::Hex { digits: 32 }, "the sign-in")],
        answers: &[Answer::empty(204, "ended")],
        handler: Handler::Call(end_sign_in),
        ..OWN
    },
    Route {
        id: "change_password",
        method: Method::Put,
        path: "/account/password",
        limits: SMALL,
        doc: Doc {
            tag: "accounts",
            summary: "Change the caller's password",
            text: "All sign-ins of the account end, and a new one begins.",
        },
        body: Some(Body::Json(Schema::of::<NewPassword>())),
        answers: &[Answer::json(200, Schema::of::<SignedIn>(), "changed")],
        problems: &[Code::Refused, Code::Conflict, Code::NotFound],
        handler: Handler::Call(change_password),
        ..OWN
    },
    Route {
        id: "accept_licence",
        path: "/account/licence",
        limits: SMALL,
        doc: Doc {
            tag: "accounts",
            summary: "Accept the current licence",
            text: "Without it, only what a guest may do is allowed.",
        },
        body: Some(Body::Json(Schema::of::<Acceptance>())),
        answers: &[Answer::empty(204, "accepted")],
        problems: &[Code::Refused, Code::Conflict, Code::NotFound],
        handler: Handler::Call(accept_licence),
        ..OWN
    },
];

/// A name with its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The name.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// The password.
    #[schema(min_length = 1, max_length = 256)]
    password: String,
}

/// An account to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    /// The name to sign in with.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// The password.
    #[schema(min_length = 1, max_length = 256)]
    password: String,
    /// Version of the licence that is accepted with it; 0 for none.
    #[serde(default)]
    #[schema(required = false)]
    licence: u32,
}

/// An account that was made.
#[derive(Debug, Serialize, ToSchema)]
struct Registered {
    /// Number of the person.
    person: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Renewal {
    /// The token.
    #[schema(min_length = 1, max_length = 256)]
    refresh: String,
}

/// A password for another one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password until now.
    #[schema(min_length = 1, max_length = 256)]
    old: String,
    /// The one from now on.
    #[schema(min_length = 1, max_length = 256)]
    new: String,
}

/// An accepted licence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    /// Its version.
    version: u32,
}

/// Somebody is signed in.
#[derive(Serialize, ToSchema)]
struct SignedIn {
    /// Number of the person.
    person: String,
    /// What they may do.
    role: Role,
    /// The access token.
    access: String,
    /// When it ends, RFC 3339.
    access_expires: String,
    /// The refresh token, good once.
    refresh: String,
    /// When the sign-in ends at the latest, RFC 3339; earlier if it is not used.
    sign_in_expires: String,
    /// Whether the current licence is accepted.
    licence_accepted: bool,
}

impl From<Tokens> for SignedIn {
    fn from(tokens: Tokens) -> Self {
        Self {
            person: tokens.person.0.to_string(),
            role: tokens.role,
            access: tokens.access,
            access_expires: tokens.access_expires.to_string(),
            refresh: tokens.refresh,
            sign_in_expires: tokens.sign_in_expires.to_string(),
            licence_accepted: tokens.is_licence_accepted,
        }
    }
}

/// Sign-ins.
#[derive(Debug, Serialize, ToSchema)]
struct SignIns {
    /// All that stand.
    #[schema(max_items = 1000)]
    sign_ins: Vec<OneSignIn>,
}

/// One sign-in.
#[derive(Debug, Serialize, ToSchema)]
struct OneSignIn {
    /// Names it.
    #[schema(min_length = 32, max_length = 32)]
    sign_in: String,
    /// When it began, RFC 3339.
    created: String,
    /// When it was used last, RFC 3339.
    seen: String,
    /// When it ends at the latest, RFC 3339.
    expires: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// Who keeps the accounts.
pub(super) fn security(api: &Api) -> Result<Arc<Security>, Problem> {
    api.ports.security.clone().ok_or_else(|| Problem::logged(Code::Unavailable, "nobody keeps accounts"))
}

fn register(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Registration { name, password, licence } = request.json()?;
        let person = security(&api)?.register(&request.visit, &name, &password, licence).await?;
        Reply::json_as(201, &Registered { person: person.0.to_string() })
    })
}

fn sign_in(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Login { name, password } = request.json()?;
        let tokens = security(&api)?.sign_in(&request.visit, &name, &password).await?;
        Reply::json(&SignedIn::from(tokens))
    })
}

fn refresh(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Renewal { refresh } = request.json()?;
        Reply::json(&SignedIn::from(security(&api)?.refresh(&request.visit, &refresh).await?))
    })
}

fn sign_out(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        security(&api)?.sign_out(&request.visit, &request.caller()?).await?;
        Ok(Reply::empty(204))
    })
}

fn sign_ins(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let own = security(&api)?.own_sign_ins(&request.caller()?);
        let shown = own.into_iter().map(|one| OneSignIn {
            sign_in: one.id.to_string(),
            created: one.created.to_string(),
            seen: one.seen.to_string(),
            expires: one.expires.to_string(),
            current: one.is_current,
        });
        Reply::json(&SignIns { sign_ins: shown.collect() })
    })
}

fn end_sign_in(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let text = request.needed(request.text("sign_in"))?;
        let id = u128::from_str_radix(text, 16).map_err(|_| Problem::new(Code::NotFound))?;
        let id = SignInId(id.to_be_bytes());
        security(&api)?.revoke_sign_in(&request.visit, &request.caller()?, id).await?;
        Ok(Reply::empty(204))
    })
}

fn change_password(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let NewPassword { old, new } = request.json()?;
        let tokens = security(&api)?.change_password(&request.visit, &request.caller()?, &old, &new).await?;
        Reply::json(&SignedIn::from(tokens))
    })
}

fn accept_licence(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Acceptance { version } = request.json()?;
        security(&api)?.accept_licence(&request.visit, &request.caller()?, version).await?;
        Ok(Reply::empty(204))
    })
}
