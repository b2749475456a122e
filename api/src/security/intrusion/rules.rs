//! Fixed rules: so much of a kind, from one address, within a time. Must never count what an honest client does by
//! itself, such as a token that has run out.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::lockout::NameHash;
use super::super::table::Row;
use super::super::token;
use super::{Finding, Rule};
use crate::gate::Sign;
use crate::identity::Person;

/// Names that are remembered of an address.
const NAMES_MAX: usize = 32;

/// So much within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// So many raise an alert.
    pub count: usize,
    /// Within this time.
    pub within: Duration,
}

const fn threshold(count: usize, within_s: u64) -> Threshold {
    Threshold { count, within: Duration::from_secs(within_s) }
}

/// The rules' thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulePolicy {
    /// Failed sign-ins, whatever the names.
    pub failed_sign_ins: Threshold,
    /// Different names among them from which on it is stuffing.
    pub stuffing_names: usize,
    /// Different names that failed, over a long time.
    pub spray: Threshold,
    /// Routes that do not exist.
    pub route_scan: Threshold,
    /// Things that the role does not allow.
    pub enumeration: Threshold,
    /// Injections.
    pub injection: Threshold,
    /// Traversals.
    pub traversal: Threshold,
    /// Tokens that were never issued.
    pub forgery: Threshold,
}

impl Default for RulePolicy {
    fn default() -> Self {
        Self {
            failed_sign_ins: threshold(5, 60),
            stuffing_names: 4,
            spray: threshold(10, 3600),
            route_scan: threshold(20, 60),
            enumeration: threshold(20, 60),
            injection: threshold(3, 60),
            traversal: threshold(3, 60),
            forgery: threshold(10, 60),
        }
    }
}

/// The newest times at which something was seen.
#[derive(Default)]
struct Times(VecDeque<Duration>);

impl Times {
    /// Notes one more; since when, if that makes as many as raise an alert. Then it begins anew.
    fn reaches(&mut self, threshold: Threshold, passed: Duration) -> Option<Duration> {
        self.0.push_back(passed);
        while self.0.front().is_some_and(|first| *first + threshold.within < passed) || self.0.len() > threshold.count {
            self.0.pop_front();
        }
        let since = self.0.front().copied().filter(|_| self.0.len() >= threshold.count)?;
        self.0.clear();
        Some(since)
    }
}

/// What one address did.
#[derive(Default)]
pub(super) struct Watch {
    newest: Duration,
    failed: Times,
    names: Vec<(NameHash, Duration)>,
    no_route: Times,
    forbidden: Times,
    injections: Times,
    traversals: Times,
    forgeries: Times,
}

impl Row for Watch {
    fn is_over(&self, passed: Duration) -> bool {
        let all = [&self.no_route, &self.forbidden, &self.injections, &self.traversals, &self.forgeries, &self.failed];
        let is_empty = self.names.is_empty() && all.iter().all(|times| times.0.is_empty());
        is_empty || passed >= self.newest + Duration::from_secs(3600)
    }
}

impl Watch {
    pub(super) fn see(&mut self, policy: &RulePolicy, sign: &Sign, passed: Duration) -> Option<Finding> {
        self.newest = passed;
        let (rule, times, threshold, person) = match sign {
            Sign::FailedSignIn { name, person } => return self.failed_sign_in(policy, *name, *person, passed),
            Sign::ReusedRefresh(person) => {
                return Some(Finding { rule: Rule::RefreshReuse, since: passed, count: 1, person: Some(*person) });
            }
            Sign::NoSuchRoute => (Rule::RouteScan, &mut self.no_route, policy.route_scan, None),
            Sign::Forbidden(person) => (Rule::Enumeration, &mut self.forbidden, policy.enumeration, Some(*person)),
            Sign::Injection(_) => (Rule::Injection, &mut self.injections, policy.injection, None),
            Sign::Traversal => (Rule::Traversal, &mut self.traversals, policy.traversal, None),
            // A key that was forgotten, or a clock that was set back, make a good token bad: nobody has forged it.
            Sign::BadToken(token::EXPIRED | token::ENDED | token::MISSING | token::NOT_YET | token::NO_KEY) => {
                return None;
            }
            Sign::BadToken(_) => (Rule::TokenForgery, &mut self.forgeries, policy.forgery, None),
            Sign::BadInput | Sign::Served { .. } => return None,
        };
        let since = times.reaches(threshold, passed)?;
        Some(Finding { rule, since, count: threshold.count as u64, person })
    }

    fn failed_sign_in(
        &mut self,
        policy: &RulePolicy,
        name: NameHash,
        person: Option<Person>,
        passed: Duration,
    ) -> Option<Finding> {
        self.names.retain(|(other, at)| *other != name && *at + policy.spray.within >= passed);
        self.names.push((name, passed));
        if self.names.len() > NAMES_MAX {
            self.names.remove(0);
        }
        if let Some(since) = self.failed.reaches(policy.failed_sign_ins, passed) {
            let different = self.names.iter().filter(|(_, at)| *at >= since).count();
            let count = policy.failed_sign_ins.count as u64;
            if different < policy.stuffing_names {
                return Some(Finding { rule: Rule::FailedSignIns, since, count, person });
            }
            self.names.clear();
            return Some(Finding { rule: Rule::CredentialStuffing, since, count, person: None });
        }
        let since = self.names.first().map(|(_, at)| *at).filter(|_| self.names.len() >= policy.spray.count)?;
        let count = self.names.len() as u64;
        self.names.clear();
        Some(Finding { rule: Rule::PasswordSpray, since, count, person: None })
    }
}
