//! What is to be seen of the world: the scene, its bodies, its entities. Must never show what is not confirmed, nor more of it
//! at once than a page.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::params::{Kind, LIMIT, Param, TICK};
use crate::http::route::Method;
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::identity::Role;
use crate::ports;
use crate::ports::FieldValue;

const AFTER: Param =
    Param::optional("after", Kind::Signed { min: i64::MIN, max: i64::MAX }, "lists what comes behind this id");

const HIERARCHY: Route = Route {
    id: "scene_hierarchy",
    method: Method::Get,
    path: "/scene/hierarchy",
    access: Access::Role(Role::Guest),
    limits: Limits::READ,
    doc: Doc {
        tag: "scene",
        summary: "Nodes of the scene",
        text: "In ascending order of ids; bodies have theirs below zero. `next` is the `after` of the next page.",
    },
    params: &[],
    query: &[AFTER, LIMIT, TICK],
    body: None,
    answers: &[Answer::json(200, Schema::of::<Nodes>(), "a page of nodes")],
    problems: &[Code::NotFound],
    handler: Handler::Call(hierarchy),
};

/// The routes.
pub const ROUTES: &[Route] = &[
    HIERARCHY,
    Route {
        id: "physics_bodies",
        path: "/physics/bodies",
        doc: Doc {
            tag: "scene",
            summary: "Bodies of the physics",
            text: "In ICRF axes about the barycentre; a position is a cell of 2^20 m and an offset in it.",
        },
        answers: &[Answer::json(200, Schema::of::<Bodies>(), "a page of bodies")],
        handler: Handler::Call(bodies),
        ..HIERARCHY
    },
    Route {
        id: "entity",
        path: "/entities/{id}",
        doc: Doc { tag: "scene", summary: "One entity with its components", text: "" },
        params: &[Param::required("id", Kind::Whole { min: 0, max: u64::MAX }, "its stable id")],
        query: &[TICK],
        answers: &[Answer::json(200, Schema::of::<EntityNow>(), "the entity")],
        handler: Handler::Call(entity),
        ..HIERARCHY
    },
];

/// A page of nodes.
#[derive(Debug, Serialize, ToSchema)]
struct Nodes {
    /// After this tick.
    tick: u64,
    /// Digest of the state: 16 hex digits.
    #[schema(min_length = 16, max_length = 16)]
    digest: String,
    /// The nodes.
    #[schema(max_items = 1000)]
    nodes: Vec<Node>,
    /// `after` of the next page, where there is one.
    next: Option<i64>,
}

/// A node of the scene.
#[derive(Debug, Serialize, ToSchema)]
struct Node {
    /// Stable id; below zero for a body.
    id: i64,
    /// What it hangs on.
    parent: Option<i64>,
    /// `body`, `ship`, `asteroid`, ...
    kind: String,
    /// What it is called; may be empty.
    name: String,
    /// Names of its components.
    components: Vec<&'static str>,
}

fn hierarchy(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let view = api.ports.world.view(request.whole("tick")).await?;
        let page = request.signed_page();
        let (nodes, has_more) = view.nodes(page.after, page.limit);
        let next = nodes.last().filter(|_| has_more).map(|node| node.id);
        let nodes = nodes.into_iter().map(|ports::Node { id, parent, kind, name, components }| Node {
            id,
            parent,
            kind,
            name,
            components,
        });
        let (tick, digest) = (view.tick(), format!("{:016x}", view.digest()));
        Reply::json(&Nodes { tick, digest, nodes: nodes.collect(), next })
    })
}

/// A page of bodies.
#[derive(Debug, Serialize, ToSchema)]
struct Bodies {
    /// After this tick.
    tick: u64,
    /// Digest of the state: 16 hex digits.
    #[schema(min_length = 16, max_length = 16)]
    digest: String,
    /// The bodies.
    #[schema(max_items = 1000)]
    bodies: Vec<BodyNow>,
    /// `after` of the next page, where there is one.
    next: Option<i64>,
}

/// A body of the physics, in ICRF axes about the barycentre.
#[derive(Debug, Serialize, ToSchema)]
struct BodyNow {
    /// Stable id; below zero for a massive body.
    id: i64,
    /// What it is called; may be empty.
    name: String,
    /// `body`, `ship`, ...
    kind: String,
    /// Mass, kg.
    mass_kg: f64,
    /// Cell of the position: edge 2^20 m.
    cell: [i64; 3],
    /// Offset in it, m.
    offset_m: [f64; 3],
    /// Velocity, m/s: proper velocity for what has one.
    velocity_m_s: [f64; 3],
    /// Radius, m.
    radius_m: f64,
}

fn bodies(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let view = api.ports.world.view(request.whole("tick")).await?;
        let page = request.signed_page();
        let (bodies, has_more) = view.bodies(page.after, page.limit);
        let next = bodies.last().filter(|_| has_more).map(|body| body.id);
        let bodies = bodies.into_iter().map(|body| BodyNow {
            id: body.id,
            name: body.name,
            kind: body.kind,
            mass_kg: body.mass_kg,
            cell: body.cell,
            offset_m: body.offset_m,
            velocity_m_s: body.velocity_m_s,
            radius_m: body.radius_m,
        });
        let (tick, digest) = (view.tick(), format!("{:016x}", view.digest()));
        Reply::json(&Bodies { tick, digest, bodies: bodies.collect(), next })
    })
}

/// One entity.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntityNow {
    /// After this tick.
    tick: u64,
    /// Stable id.
    id: u64,
    /// What it is.
    kind: String,
    /// Fields by component and name.
    components: BTreeMap<&'static str, BTreeMap<&'static str, FieldValue>>,
}

impl EntityNow {
    /// An entity of this view.
    #[must_use]
    pub fn of(view: &dyn ports::View, entity: ports::Entity) -> Self {
        let fields = |component: ports::Component| (component.name, component.fields.into_iter().collect());
        let components = entity.components.into_iter().map(fields).collect();
        Self { tick: view.tick(), id: entity.id, kind: entity.kind, components }
    }
}

fn entity(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let id = request.needed(request.whole("id"))?;
        let view = api.ports.world.view(request.whole("tick")).await?;
        let entity = view.entity(id).ok_or_else(|| Problem::logged(Code::NotFound, format!("no entity {id}")))?;
        Reply::json(&EntityNow::of(&*view, entity))
    })
}
