//! The table of routes, checked when the program starts, and the search for a path in it. Must never match a path in two
//! ways: spelling counts, so do slashes.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::ProblemBody;
use super::route::{Access, Body, Handler, Method, Route};
use super::schema::{Schema, SchemaError, Schemas};

/// All routes, and their schemas.
#[derive(Debug)]
pub struct Table {
    routes: Vec<&'static Route>,
    root: Node,
    schemas: Schemas,
}

/// One place in the tree of paths.
#[derive(Debug, Default)]
struct Node {
    exact: BTreeMap<&'static str, Node>,
    param: Option<Box<Node>>,
    methods: Vec<(Method, usize)>,
}

/// The table is not sound, so nothing starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Two routes have one id, or one method and path.
    #[error("the route {0} is there twice")]
    Twice(&'static str),
    /// The row contradicts itself.
    #[error("the route {0}: {1}")]
    Unsound(&'static str, &'static str),
    /// Its schemas cannot be used.
    #[error("{0}")]
    Schema(#[from] SchemaError),
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// To a route, with the segments of its parameters.
    Route(usize, Vec<&'a str>),
    /// To a path that has other methods.
    OtherMethods(Vec<Method>),
    /// Nowhere.
    Nothing,
}

/// A path has at most so many segments.
const SEGMENTS_MAX: usize = 8;

impl Table {
    /// A table of these routes.
    ///
    /// # Errors
    /// [`TableError`] where a row is not sound.
    pub fn new(routes: impl IntoIterator<Item = &'static Route>) -> Result<Self, TableError> {
        let routes: Vec<&'static Route> = routes.into_iter().collect();
        let (mut root, mut schemas, mut ids) = (Node::default(), Schemas::default(), BTreeSet::new());
        schemas.add(Schema::of::<ProblemBody>())?;
        for (place, route) in routes.iter().enumerate() {
            check(route)?;
            if !ids.insert(route.id) || !root.insert(route, place) {
                return Err(TableError::Twice(route.id));
            }
            let body = route.body.and_then(|body| if let Body::Json(schema) = body { Some(schema) } else { None });
            for schema in route.answers.iter().filter_map(|answer| answer.schema).chain(body) {
                schemas.add(schema)?;
            }
        }
        Ok(Self { routes, root, schemas })
    }

    /// All routes, in order.
    #[must_use]
    pub fn routes(&self) -> &[&'static Route] {
        &self.routes
    }

    /// Their schemas.
    #[must_use]
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// Where this method and path lead.
    #[must_use]
    pub fn find<'a>(&self, method: Option<Method>, path: &'a str) -> Found<'a> {
        let Some(segments) = path.strip_prefix('/') else { return Found::Nothing };
        let (mut node, mut params) = (&self.root, Vec::new());
        for (depth, segment) in segments.split('/').enumerate() {
            if depth >= SEGMENTS_MAX {
                return Found::Nothing;
            }
            node = match (node.exact.get(segment), &node.param) {
                (Some(next), _) => next,
                // A parameter is never empty.
                (None, Some(next)) if !segment.is_empty() => {
                    params.push(segment);
                    next
                }
                (None, _) => return Found::Nothing,
            };
        }
        match node.methods.iter().find(|(of, _)| Some(*of) == method) {
            Some((_, place)) => Found::Route(*place, params),
            None if node.methods.is_empty() => Found::Nothing,
            None => Found::OtherMethods(node.methods.iter().map(|(of, _)| *of).collect()),
        }
    }
}

impl Node {
    fn insert(&mut self, route: &'static Route, place: usize) -> bool {
        let mut node = self;
        for segment in segments(route.path) {
            node = if segment.starts_with('{') {
                node.param.get_or_insert_default()
            } else {
                node.exact.entry(segment).or_default()
            };
        }
        let is_new = !node.methods.iter().any(|(method, _)| *method == route.method);
        node.methods.push((route.method, place));
        node.methods.sort_unstable();
        is_new
    }
}

fn segments(path: &'static str) -> impl Iterator<Item = &'static str> + Clone {
    path.split('/').skip(1)
}

/// What a single row has to be like.
fn check(route: &'static Route) -> Result<(), TableError> {
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-.".contains(&c));
    let names: Vec<&str> =
        segments(route.path).filter_map(|s| s.strip_prefix('{').and_then(|s| s.strip_suffix('}'))).collect();
    let listed: Vec<&str> = route.params.iter().map(|param| param.name).collect();
    // Empty is the last one only, of a path that ends in a slash.
    let words = route.path.strip_suffix('/').unwrap_or(route.path);
    let plain = segments(words).filter(|segment| !segment.starts_with('{'));
    let is_socket = matches!(route.handler, Handler::Socket(_));
    let takes_body = route.body.is_some();
    let rules = [
        (route.id.bytes().all(|c| matches!(c, b'a'..=b'z' | b'_')), "its id has to be lower case and _"),
        (route.path.starts_with('/'), "its path has to begin with a slash"),
        (plain.clone().all(is_word), "its path has segments that are not plain words"),
        (plain.count() + names.len() <= SEGMENTS_MAX, "its path has too many segments"),
        (names == listed, "its parameters are not those of its path"),
        (route.params.iter().all(|param| param.required), "a parameter of a path is always there"),
        (route.limits.at_once > 0 && !route.limits.time.is_zero(), "a limit of nothing lets nothing through"),
        (takes_body == (route.limits.body_bytes > 0), "its body and the limit of its size do not go together"),
        (!takes_body || is_socket || route.method.changes(), "what reads takes no body"),
        (!is_socket || route.method == Method::Get, "a socket is opened by GET"),
        (!is_socket || matches!(route.body, Some(Body::Json(_))), "a socket has a schema of its messages"),
        (!is_socket || matches!(route.access, Access::Role(_)), "a socket has a role"),
        (!route.answers.is_empty(), "it lists no answer"),
        (route.answers.iter().all(|a| !(300..400).contains(&a.status)), "nothing here sends a caller elsewhere"),
        (!route.doc.summary.is_empty() && !route.doc.tag.is_empty(), "it is not documented"),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, why)) => Err(TableError::Unsound(route.id, why)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The slow way: each route in turn, segment by segment; a route with fewer parameters goes first.
    fn naive<'a>(routes: &[&'static Route], method: Method, path: &'a str) -> Option<(&'static str, Vec<&'a str>)> {
        let fits = |route: &&'static Route| {
            let (theirs, ours): (Vec<&str>, Vec<&str>) = (route.path.split('/').collect(), path.split('/').collect());
            let is_param = |segment: &str| segment.starts_with('{');
            let same = |(their, our): (&&str, &&str)| if is_param(their) { !our.is_empty() } else { their == our };
            if route.method != method || theirs.len() != ours.len() || !theirs.iter().zip(&ours).all(same) {
                return None;
            }
            let params = theirs.iter().zip(&ours).filter(|(their, _)| is_param(their)).map(|(_, our)| *our);
            Some((route.id, params.collect::<Vec<_>>()))
        };
        routes.iter().filter_map(fits).min_by_key(|(_, params)| params.len())
    }

    proptest! {
        #[test]
        fn paths_are_found_as_by_looking_at_each_route(
            words in prop::collection::vec(
                prop::sample::select(vec!["", "status", "Status", "health", "entities", "1", "..", "docs", "page.js", "{id}", "ws", "telemetry", "console"]),
                0..5,
            ),
            slash in prop::sample::select(vec!["", "/"]),
            method in prop::sample::select(vec![Method::Get, Method::Post, Method::Delete]),
        ) {
            let table = crate::routes::table().map_err(|error| TestCaseError::fail(error.to_string()))?;
            let path = format!("{slash}{}", words.join("/"));
            let found = match table.find(Some(method), &path) {
                Found::Route(place, params) => Some((table.routes()[place].id, params)),
                Found::OtherMethods(_) | Found::Nothing => None,
            };
            prop_assert_eq!(found, naive(table.routes(), method, &path), "{}", path);
        }
    }
}
