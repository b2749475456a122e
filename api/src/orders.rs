//! Orders to the world on behalf of a caller: looked at first, then written into the audit log, then entered into the log
//! of the world. Must never enter what was not written down.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::http::{Api, Problem};
use crate::identity::{Caller, Visit};
use crate::ports::{Act, Order, Outcome, Receipt};
use crate::security::kinds::Kind;

/// How long an order may take until it is agreed.
const WAIT: Duration = Duration::from_secs(4);
/// Most bytes of what is told about an order in the audit log, before JSON escapes what it has to: with that the whole
/// stays within the 8 KiB of an entry.
const DETAIL_BYTES_MAX: usize = 2 << 10;

/// What became of orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct Applied {
    /// The tick at which every peer applies them.
    pub tick: u64,
    /// The world is held: they are in the log and will be applied with that tick, once it goes on.
    pub queued: bool,
}

/// Enters orders, all for one tick.
///
/// # Errors
/// [`Problem`]; nothing was entered, unless it says that it was not agreed within the time.
pub async fn enter(
    api: &Api,
    visit: &Visit,
    caller: &Caller,
    kind: Kind,
    orders: Vec<Order>,
) -> Result<Applied, Problem> {
    api.ports.world.check(&orders).await?;
    let (about, detail) = (subject(&orders), format!("{orders:?}"));
    record(api, visit, caller, kind, about.clone(), &detail).await?;
    match api.ports.world.order(orders, WAIT).await {
        Ok(Receipt::Applied { tick, .. }) => Ok(Applied { tick, queued: false }),
        Ok(Receipt::Queued { tick }) => Ok(Applied { tick, queued: true }),
        Err(error) => {
            record_failure(api, visit, caller, kind, about, &error.to_string()).await;
            Err(error.into())
        }
    }
}

/// Writes down what is about to be done.
///
/// # Errors
/// [`Problem`]: it must not be done.
pub async fn record(
    api: &Api,
    visit: &Visit,
    caller: &Caller,
    kind: Kind,
    subject: String,
    detail: &str,
) -> Result<(), Problem> {
    api.ports.audit.record(act(api, visit, caller, kind, subject, detail)).await?;
    Ok(())
}

/// Writes down that what was written down before did not come about, or is not known to have.
pub async fn record_failure(api: &Api, visit: &Visit, caller: &Caller, kind: Kind, subject: String, detail: &str) {
    let failed = Act { outcome: Outcome::Failed, ..act(api, visit, caller, kind, subject, detail) };
    if let Err(error) = api.ports.audit.record(failed).await {
        tracing::error!(correlation = %visit.correlation, "the end of {} is not in the audit log: {error}", kind.name());
    }
}

fn act(api: &Api, visit: &Visit, caller: &Caller, kind: Kind, subject: String, detail: &str) -> Act {
    let cut = detail.char_indices().map(|(at, _)| at).take_while(|at| *at <= DETAIL_BYTES_MAX).last().unwrap_or(0);
    let detail = if detail.len() > DETAIL_BYTES_MAX { &detail[..cut] } else { detail };
    let details = json!({
        "address": visit.address.to_string(),
        "correlation": visit.correlation.to_string(),
        "what": detail,
    });
    Act {
        at: api.ports.clock.now(),
        actor: Some(caller.person),
        action: kind.name(),
        subject,
        outcome: Outcome::Done,
        details: details.to_string(),
    }
}

/// What orders are about, without what they say.
fn subject(orders: &[Order]) -> String {
    let one = |order: &Order| match order {
        Order::Patch(fields) => {
            fields.first().map_or_else(|| "world".to_owned(), |field| format!("entity:{}", field.entity))
        }
        Order::Interfere { entity, .. } => format!("entity:{entity}"),
        Order::Tune(_) => "tuning".to_owned(),
        Order::TimeFactor(_) => "time".to_owned(),
    };
    orders.first().map_or_else(|| "world".to_owned(), one)
}
