//! Counters for Prometheus. Must never have a label whose values come from outside: routes by the table's ids, the rest by
//! words in the code.

use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::route::Route;

/// What a request is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    reason: &'static str,
}

/// What became of an alert that was to go to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It was taken.
    Sent,
    /// It was not, and will be tried again.
    Failed,
    /// It will not be sent any more.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    rule: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Became {
    outcome: &'static str,
}

/// All counters of the API.
pub struct Metrics {
    registry: Registry,
    served: Family<Served, Counter>,
    /// Time from the request's head to the reply's, by place in the table.
    times: Vec<Histogram>,
    refused: Family<Because, Counter>,
    alerts: Family<Became, Counter>,
    raised: Family<By, Counter>,
    in_flight: Gauge,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// WebSockets that are open.
    pub(crate) sockets: Gauge,
    /// Messages that came over WebSockets.
    pub(crate) messages_in: Counter,
    /// Messages that went out over WebSockets.
    pub(crate) messages_out: Counter,
}

/// Upper bounds of what times are counted in, s.
const BUCKETS_S: [f64; 8] = [0.000_25, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0];

/// What stands for a route where there is none.
const NO_ROUTE: &str = "none";

impl Metrics {
    /// For these routes.
    #[must_use]
    pub fn new(routes: &[&'static Route]) -> Self {
        let mut registry = Registry::with_prefix("spacetime_api");
        let served = Family::<Served, Counter>::default();
        registry.register("requests", "Requests that were answered", served.clone());
        let by_route = Family::<Of, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS_S));
        let help = "Time from a request's head to its reply's";
        registry.register_with_unit("request_time", help, Unit::Seconds, by_route.clone());
        let times = routes.iter().map(|route| by_route.get_or_create_owned(&Of { route: route.id })).collect();
        let refused = Family::<Because, Counter>::default();
        registry.register("refused", "Connections, requests and messages that were refused", refused.clone());
        let raised = Family::<By, Counter>::default();
        registry.register("alerts", "Alerts about attacks and unusual behaviour", raised.clone());
        let alerts = Family::<Became, Counter>::default();
        registry.register("webhook_alerts", "Alerts for the receiver, by what became of them", alerts.clone());
        let (in_flight, connections, sockets) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("in_flight", "Requests that are being answered", in_flight.clone());
        registry.register("connections", "Connections that are open", connections.clone());
        registry.register("sockets", "WebSockets that are open", sockets.clone());
        let (messages_in, messages_out) = (Counter::default(), Counter::default());
        registry.register("socket_messages_in", "Messages that came over WebSockets", messages_in.clone());
        registry.register("socket_messages_out", "Messages that went out over WebSockets", messages_out.clone());
        Self {
            registry,
            served,
            times,
            refused,
            alerts,
            raised,
            in_flight,
            connections,
            sockets,
            messages_in,
            messages_out,
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: Option<(usize, &'static Route)>, status: u16, time: Duration) {
        let (id, method) = route.map_or((NO_ROUTE, NO_ROUTE), |(_, route)| (route.id, route.method.name()));
        self.served.get_or_create(&Served { route: id, method, status }).inc();
        if let Some(histogram) = route.and_then(|(place, _)| self.times.get(place)) {
            histogram.observe(time.as_secs_f64());
        }
    }

    /// A request is being answered until what this gives is dropped.
    pub(crate) fn begin(&self) -> Counted {
        Counted::new(&self.in_flight)
    }

    /// Something was refused.
    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&Because { reason }).inc();
    }

    /// How many alerts each rule has raised so far.
    pub(crate) fn raised(&self, counts: impl Iterator<Item = (&'static str, u64)>) {
        for (rule, count) in counts {
            self.raised.get_or_create(&By { rule }).inner().store(count, Ordering::Relaxed);
        }
    }

    /// So many alerts were sent, or not.
    pub(crate) fn alerts(&self, became: Delivery, count: u64) {
        let outcome = match became {
            Delivery::Sent => "sent",
            Delivery::Failed => "failed",
            Delivery::Lost => "lost",
        };
        self.alerts.get_or_create(&Became { outcome }).inc_by(count);
    }

    /// As Prometheus reads them.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail; half a text would be cut off by the missing `# EOF`.
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}

/// Something is counted until this is dropped.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
