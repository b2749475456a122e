//! Alerts one after the other, for whoever passes them on. Must never make whoever raises one wait: what is kept no more
//! when it is asked for is told as missed.

use std::sync::Arc;

use tokio::sync::watch;

use super::Security;
use super::intrusion::Alert;

/// What there is to pass on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// So many were raised and are kept no more.
    Missed(u64),
    /// The next one.
    Alert(Box<Alert>),
}

/// A place among the alerts.
pub struct Alerts {
    security: Arc<Security>,
    newest: watch::Receiver<u64>,
    behind: u64,
}

impl Alerts {
    pub(super) fn new(security: Arc<Security>, newest: watch::Receiver<u64>, behind: u64) -> Self {
        // Numbers begin anew with the process: whoever asks for what comes behind one of before gets all.
        let behind = if behind > *newest.borrow() { 0 } else { behind };
        Self { security, newest, behind }
    }

    /// Where it begins.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.behind
    }

    /// Waits for the next one. Whoever drops what this gives loses nothing by that.
    pub async fn next(&mut self) -> Told {
        loop {
            self.newest.borrow_and_update();
            let next = self.security.recent_alerts(self.behind, 1).pop();
            if let Some(alert) = next {
                let missed = alert.seq - self.behind - 1;
                if missed > 0 {
                    self.behind += missed;
                    return Told::Missed(missed);
                }
                self.behind = alert.seq;
                return Told::Alert(Box::new(alert));
            }
            if self.newest.changed().await.is_err() {
                // It lives as long as what it is a part of, which is held here.
                std::future::pending::<()>().await;
            }
        }
    }
}
