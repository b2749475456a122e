//! What changes the world: patches, tuning, waves, the rate of time. Must never do so but by orders of its log.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Number;
use utoipa::ToSchema;

use crate::http::route::{Body, Method};
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::identity::Role;
use crate::orders::{Applied, enter};
use crate::ports::{Field, FieldValue, Order};
use crate::security::kinds::Kind;

/// Most fields of one patch: what one command of the simulation takes.
const FIELDS_MAX: usize = 32;
/// Amplitudes of a pulse: from one unit of what a command takes up to the most.
const AMPLITUDES: std::ops::RangeInclusive<f64> = AMPLITUDE_MIN..=1024.0;
const AMPLITUDE_MIN: f64 = 1.0 / 65_536.0;
/// Highest factor of time.
const FACTOR_MAX: f64 = 100_000.0;
/// Problems of orders.
pub(super) const PROBLEMS: &[Code] = &[Code::NotFound, Code::Refused, Code::Late];
const APPLIED: &[Answer] = &[Answer::json(
    200,
    Schema::of::<Applied>(),
    "agreed: applied at that tick, or waiting for it in a world that is held",
)];
const OPERATOR: Access = Access::Role(Role::Operator);

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        id: "apply_changes",
        method: Method::Post,
        path: "/edit/applyChanges",
        access: OPERATOR,
        limits: Limits::WRITE,
        doc: Doc {
            tag: "world",
            summary: "Set fields of components",
            text: "All of them at one tick on every peer, or none. They are in the log of the world, so a replay has them too.",
        },
        params: &[],
        query: &[],
        body: Some(Body::Json(Schema::of::<Changes>())),
        answers: APPLIED,
        problems: PROBLEMS,
        handler: Handler::Call(apply_changes),
    },
    Route {
        id: "reload",
        method: Method::Post,
        path: "/execute/reload",
        access: OPERATOR,
        limits: Limits { body_bytes: 512 << 10, ..Limits::WRITE },
        doc: Doc {
            tag: "world",
            summary: "Replace tuning values",
            text: "The text of a tuning file, TOML with `[class.NAME]` and `[rules]`. All values are replaced at one tick on \
                   every peer; a file with a mistake is refused whole, with line and column of each.",
        },
        params: &[],
        query: &[],
        body: Some(Body::Json(Schema::of::<Reload>())),
        answers: APPLIED,
        problems: PROBLEMS,
        handler: Handler::Call(reload),
    },
    Route {
        id: "apply_interference",
        method: Method::Post,
        path: "/resonance/apply_interference",
        access: OPERATOR,
        limits: Limits::WRITE,
        doc: Doc {
            tag: "world",
            summary: "Add a wave to an entity's",
            text: "In phase it amplifies, in opposition it cancels: at zero the entity dissolves.",
        },
        params: &[],
        query: &[],
        body: Some(Body::Json(Schema::of::<Interference>())),
        answers: APPLIED,
        problems: PROBLEMS,
        handler: Handler::Call(interfere),
    },
    Route {
        id: "set_dilation",
        method: Method::Post,
        path: "/time/set_dilation",
        access: OPERATOR,
        limits: Limits::WRITE,
        doc: Doc {
            tag: "world",
            summary: "Set how much simulated time passes per tick",
            text: "0 stands still, 1 is real time at the scenario's rate. Ticks go on at their rate whatever it is.",
        },
        params: &[],
        query: &[],
        body: Some(Body::Json(Schema::of::<Dilation>())),
        answers: APPLIED,
        problems: PROBLEMS,
        handler: Handler::Call(set_dilation),
    },
];

/// Fields to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// All of them or none.
    #[schema(min_items = 1, max_items = 32)]
    pub changes: Vec<Change>,
}

/// A field to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The entity.
    pub entity: u64,
    /// Name of the component.
    #[schema(min_length = 1, max_length = 64)]
    pub component: String,
    /// Name of the field.
    #[schema(min_length = 1, max_length = 64)]
    pub field: String,
    /// Its new value: a number, or as many as the field has.
    #[schema(value_type = Written)]
    pub value: NewValue,
}

/// A new value: a number, or several. Kept as it was written, since a whole number may be larger than an f64 can tell.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum NewValue {
    /// A number.
    One(Number),
    /// Several, such as a vector (x, y, z) or a quaternion (x, y, z, w).
    Several(Vec<Number>),
}

/// The same for the documents.
#[derive(ToSchema)]
#[schema(as = NewValue)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of what is read as numbers")]
enum Written {
    /// A number.
    One(f64),
    /// Several, such as a vector (x, y, z) or a quaternion (x, y, z, w).
    Several(Vec<f64>),
}

/// Tuning values to replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reload {
    /// Text of the tuning file.
    #[schema(min_length = 1, max_length = 65536)]
    file: String,
}

/// A wave.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Interference {
    /// The entity.
    entity: u64,
    /// Amplitude of the wave, rounded to a multiple of 2^-16; an entity has 1 to begin with.
    #[schema(minimum = 0.0000152587890625, maximum = 1024)]
    amplitude: f64,
    /// Phase in turns: 0 in phase, 0.5 in opposition.
    #[schema(minimum = 0, maximum = 1)]
    phase_turns: f64,
}

/// A rate of time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Dilation {
    /// Simulated time per tick, in ticks: a multiple of a quarter.
    #[schema(minimum = 0, maximum = 100000, multiple_of = 0.25)]
    factor: f64,
}

impl Changes {
    /// As an order to the world.
    ///
    /// # Errors
    /// [`Problem`] where a number is none.
    pub fn order(self) -> Result<Order, Problem> {
        if !(1..=FIELDS_MAX).contains(&self.changes.len()) {
            return Err(Problem::input("/changes", format!("has to have 1 to {FIELDS_MAX} items")));
        }
        let field = |(at, change): (usize, Change)| {
            let wrong = || Problem::input(format!("/changes/{at}/value"), "has to be a number that can be kept");
            let value = change.value.read().ok_or_else(wrong)?;
            Ok(Field { entity: change.entity, component: change.component, field: change.field, value })
        };
        Ok(Order::Patch(self.changes.into_iter().enumerate().map(field).collect::<Result<_, Problem>>()?))
    }
}

impl NewValue {
    fn read(self) -> Option<FieldValue> {
        match self {
            Self::One(number) => match (number.as_i64(), number.as_u64()) {
                (Some(whole), _) => Some(FieldValue::Whole(whole)),
                (None, Some(large)) => Some(FieldValue::Large(large)),
                (None, None) => number.as_f64().filter(|n| n.is_finite()).map(FieldValue::Number),
            },
            Self::Several(numbers) => match numbers.iter().map(Number::as_i64).collect() {
                Some(wholes) => Some(FieldValue::Wholes(wholes)),
                None => {
                    let finite = |number: &Number| number.as_f64().filter(|n| n.is_finite());
                    numbers.iter().map(finite).collect::<Option<_>>().map(FieldValue::Numbers)
                }
            },
        }
    }
}

fn apply_changes(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let order = request.json::<Changes>()?.order()?;
        Reply::json(&enter(&api, &request.visit, &request.caller()?, Kind::Patch, vec![order]).await?)
    })
}

fn reload(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let order = Order::Tune(request.json::<Reload>()?.file);
        Reply::json(&enter(&api, &request.visit, &request.caller()?, Kind::Reload, vec![order]).await?)
    })
}

fn interfere(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Interference { entity, amplitude, phase_turns } = request.json()?;
        if !AMPLITUDES.contains(&amplitude) {
            return Err(Problem::input("/amplitude", "has to be from 2^-16 to 1024"));
        }
        if !(0.0..=1.0).contains(&phase_turns) {
            return Err(Problem::input("/phase_turns", "has to be from 0 to 1"));
        }
        let order = Order::Interfere { entity, amplitude, phase_turns };
        Reply::json(&enter(&api, &request.visit, &request.caller()?, Kind::Interfere, vec![order]).await?)
    })
}

fn set_dilation(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Dilation { factor } = request.json()?;
        let quarters = factor * 4.0;
        if !(0.0..=FACTOR_MAX).contains(&factor) || quarters.fract() != 0.0 {
            return Err(Problem::input("/factor", format!("has to be a multiple of 0.25 from 0 to {FACTOR_MAX}")));
        }
        // Exact: a whole number of at most 400,000.
        let order = Order::TimeFactor(quarters as u32);
        Reply::json(&enter(&api, &request.visit, &request.caller()?, Kind::TimeFactor, vec![order]).await?)
    })
}
