//! Attacks and unusual behaviour, seen in what each address does: fixed rules and a learned baseline raise alerts, and
//! some ban the address for a time. Must never ban an address for what others did, nor wait for anybody.

mod baseline;
mod rules;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use super::allowance::household;
use super::table::{Table, lock};
use crate::clock::Moment;
use crate::gate::Sign;
use crate::identity::{Correlation, Person, Visit};
use baseline::{Activity, Baseline};
use rules::Watch;

pub use baseline::BaselinePolicy;
pub use rules::{RulePolicy, Threshold};

/// What raised an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Failed sign-ins as few names, one after the other.
    FailedSignIns,
    /// Failed sign-ins as many names, one after the other.
    CredentialStuffing,
    /// Failed sign-ins as many names, slowly.
    PasswordSpray,
    /// Routes that do not exist.
    RouteScan,
    /// Things that the role does not allow.
    Enumeration,
    /// Text that looks like an attempt on a database, a shell or a page.
    Injection,
    /// Paths that try to leave their folder.
    Traversal,
    /// Tokens that were never issued.
    TokenForgery,
    /// A sign-in that is used from a second place.
    TokenReplay,
    /// A refresh token that was used before.
    RefreshReuse,
    /// More requests than anybody makes.
    UnusualRequests,
    /// More misses than anybody has: a scan that is slow enough for the rules.
    UnusualMisses,
    /// More different routes than anybody uses.
    UnusualRoutes,
    /// More bytes than anybody takes away.
    UnusualExport,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::FailedSignIns,
        Self::CredentialStuffing,
        Self::PasswordSpray,
        Self::RouteScan,
        Self::Enumeration,
        Self::Injection,
        Self::Traversal,
        Self::TokenForgery,
        Self::TokenReplay,
        Self::RefreshReuse,
        Self::UnusualRequests,
        Self::UnusualMisses,
        Self::UnusualRoutes,
        Self::UnusualExport,
    ];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FailedSignIns => "failed_sign_ins",
            Self::CredentialStuffing => "credential_stuffing",
            Self::PasswordSpray => "password_spray",
            Self::RouteScan => "route_scan",
            Self::Enumeration => "enumeration",
            Self::Injection => "injection",
            Self::Traversal => "traversal",
            Self::TokenForgery => "token_forgery",
            Self::TokenReplay => "token_replay",
            Self::RefreshReuse => "refresh_reuse",
            Self::UnusualRequests => "unusual_requests",
            Self::UnusualMisses => "unusual_misses",
            Self::UnusualRoutes => "unusual_routes",
            Self::UnusualExport => "unusual_export",
        }
    }

    /// Whether the address is banned for it: where one address alone did it, and hardly by mistake.
    #[must_use]
    pub const fn bans(self) -> bool {
        matches!(
            self,
            Self::FailedSignIns
                | Self::CredentialStuffing
                | Self::PasswordSpray
                | Self::RouteScan
                | Self::Enumeration
                | Self::Injection
                | Self::Traversal
                | Self::TokenForgery
        )
    }
}

/// Somebody should look at this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Counts alerts since the start, from 1.
    pub seq: u64,
    /// What raised it.
    pub rule: Rule,
    /// When.
    pub at: Moment,
    /// When what raised it began.
    pub since: Moment,
    /// From where, up to the part that a household has.
    pub address: IpAddr,
    /// Whose account it is about, where that is known.
    pub person: Option<Person>,
    /// How much of it there was: requests, names, or bytes.
    pub count: u64,
    /// Names the request that was the last straw.
    pub correlation: Correlation,
    /// The address is banned until then.
    pub banned_until: Option<Moment>,
}

/// When alerts are raised, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrusionPolicy {
    /// Fixed rules.
    pub rules: RulePolicy,
    /// What is unusual.
    pub baseline: BaselinePolicy,
    /// How long an address is banned.
    pub ban: Duration,
    /// Addresses that are never banned, such as that of a proxy through which everybody comes.
    pub never_banned: Vec<IpAddr>,
    /// Addresses that are watched, and that are banned, at one time.
    pub addresses_max: usize,
    /// Alerts that are kept to be looked at.
    pub alerts_max: usize,
}

impl Default for IntrusionPolicy {
    fn default() -> Self {
        Self {
            rules: RulePolicy::default(),
            baseline: BaselinePolicy::default(),
            ban: Duration::from_secs(900),
            never_banned: Vec::new(),
            addresses_max: 32_768,
            alerts_max: 256,
        }
    }
}

/// What a rule has found.
pub(super) struct Finding {
    rule: Rule,
    since: Duration,
    count: u64,
    person: Option<Person>,
}

/// Watches addresses.
pub(super) struct Intrusion {
    policy: IntrusionPolicy,
    watches: Table<IpAddr, Watch>,
    activities: Table<IpAddr, Activity>,
    baseline: Baseline,
    bans: RwLock<HashMap<IpAddr, Moment>>,
    /// How many bans there are: most of the time none, and then nothing is locked.
    banned: AtomicUsize,
    recent: Mutex<VecDeque<Alert>>,
    /// How many alerts each rule has raised, in the order of [`Rule::ALL`].
    counts: [AtomicU64; Rule::ALL.len()],
    /// Number of the newest alert: whoever wants them waits for it to change.
    newest: watch::Sender<u64>,
}

impl Intrusion {
    pub(super) fn new(policy: IntrusionPolicy) -> Self {
        Self {
            watches: Table::new(policy.addresses_max),
            activities: Table::new(policy.addresses_max),
            baseline: Baseline::new(policy.baseline),
            bans: RwLock::default(),
            banned: AtomicUsize::new(0),
            recent: Mutex::default(),
            counts: Default::default(),
            newest: watch::Sender::new(0),
            policy,
        }
    }

    /// Until when an address is banned, if it is.
    pub(super) fn banned_until(&self, address: IpAddr, now: Moment) -> Option<Moment> {
        if self.banned.load(Ordering::Acquire) == 0 {
            return None;
        }
        let bans = self.bans.read().unwrap_or_else(PoisonError::into_inner);
        bans.get(&household(address)).copied().filter(|until| now < *until)
    }

    /// Addresses that are banned.
    pub(super) fn banned(&self, now: Moment) -> Vec<(IpAddr, Moment)> {
        let bans = self.bans.read().unwrap_or_else(PoisonError::into_inner);
        bans.iter().map(|(address, until)| (*address, *until)).filter(|(_, until)| now < *until).collect()
    }

    /// Lifts a ban; whether there was one.
    pub(super) fn unban(&self, address: IpAddr) -> bool {
        let mut bans = self.bans.write().unwrap_or_else(PoisonError::into_inner);
        let was = bans.remove(&household(address)).is_some();
        self.banned.store(bans.len(), Ordering::Release);
        was
    }

    fn ban(&self, address: IpAddr, now: Moment) -> Option<Moment> {
        if self.policy.never_banned.iter().any(|never| household(*never) == address) {
            return None;
        }
        let until = now.plus(self.policy.ban);
        let mut bans = self.bans.write().unwrap_or_else(PoisonError::into_inner);
        if bans.len() >= self.policy.addresses_max {
            bans.retain(|_, until| now < *until);
        }
        if bans.len() >= self.policy.addresses_max {
            // All bans last equally long, so this is the oldest.
            if let Some(first) = bans.iter().min_by_key(|(_, until)| **until).map(|(address, _)| *address) {
                bans.remove(&first);
            }
        }
        bans.insert(address, until);
        self.banned.store(bans.len(), Ordering::Release);
        Some(until)
    }

    /// Looks at what was seen; gives the alerts that it raises.
    pub(super) fn observe(&self, visit: &Visit, sign: &Sign, now: Moment, passed: Duration) -> Vec<Alert> {
        let address = household(visit.address);
        let mut findings = Vec::new();
        if !matches!(sign, Sign::Served { .. }) {
            let ruled = self.watches.with_own(&address, passed, |watch| watch.see(&self.policy.rules, sign, passed));
            findings.extend(ruled.flatten());
        }
        let baseline = &self.baseline;
        let unusual = self.activities.with_own(&address, passed, |activity| activity.see(baseline, sign, passed));
        findings.extend(unusual.flatten());
        findings.into_iter().map(|finding| self.raise(visit, finding, now, passed)).collect()
    }

    /// A sign-in is used from a second place.
    pub(super) fn moved(&self, visit: &Visit, person: Person, now: Moment, passed: Duration) -> Alert {
        let finding = Finding { rule: Rule::TokenReplay, since: passed, count: 2, person: Some(person) };
        self.raise(visit, finding, now, passed)
    }

    fn raise(&self, visit: &Visit, finding: Finding, now: Moment, passed: Duration) -> Alert {
        let address = household(visit.address);
        let banned_until = if finding.rule.bans() { self.ban(address, now) } else { None };
        let ago = passed.saturating_sub(finding.since).as_millis();
        // Numbered and kept in one go: whoever has seen a number has had the chance to see all before it.
        let mut recent = lock(&self.recent);
        let alert = Alert {
            seq: self.raised() + 1,
            rule: finding.rule,
            at: now,
            since: Moment(now.0.saturating_sub(u64::try_from(ago).unwrap_or(u64::MAX))),
            address,
            person: finding.person,
            count: finding.count,
            correlation: visit.correlation,
            banned_until,
        };
        if recent.len() >= self.policy.alerts_max {
            recent.pop_front();
        }
        recent.push_back(alert.clone());
        self.newest.send_replace(alert.seq);
        if let Some(count) = self.counts.get(finding.rule as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        drop(recent);
        let person = alert.person.map(|person| person.0);
        tracing::warn!(
            target: "security", rule = alert.rule.name(), %address, ?person, count = alert.count,
            correlation = %alert.correlation, banned = banned_until.is_some(), "intrusion alert"
        );
        alert
    }

    /// Changes with each alert.
    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The newest alerts behind this one, oldest first.
    pub(super) fn recent(&self, behind: u64, limit: usize) -> Vec<Alert> {
        lock(&self.recent).iter().filter(|alert| alert.seq > behind).take(limit).cloned().collect()
    }

    /// How many alerts each rule has raised.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Rule, u64)> {
        Rule::ALL.into_iter().zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// How many alerts were raised.
    pub(super) fn raised(&self) -> u64 {
        *self.newest.borrow()
    }

    /// Forgets what is over, and learns from whoever has gone.
    pub(super) fn sweep(&self, now: Moment, passed: Duration) {
        self.activities.for_each(|_, activity| activity.close(&self.baseline, passed));
        self.activities.sweep(passed);
        self.watches.sweep(passed);
        if self.banned.load(Ordering::Acquire) > 0 {
            let mut bans = self.bans.write().unwrap_or_else(PoisonError::into_inner);
            bans.retain(|_, until| now < *until);
            self.banned.store(bans.len(), Ordering::Release);
        }
    }

    /// Addresses that are watched.
    pub(super) fn remembered(&self) -> usize {
        self.watches.len() + self.activities.len()
    }
}

#[cfg(test)]
mod tests;
