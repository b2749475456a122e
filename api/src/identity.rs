//! Who somebody is to the API: a role of four, one above the other, and a caller with a sign-in. Must never hold a name or
//! anything else that says who a person is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Moment;

/// What somebody may do; each may do all that those below may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks, and touches nothing.
    Guest,
    /// Plays, and keeps what is theirs.
    Player,
    /// Steers and debugs the world.
    Operator,
    /// Looks after users, roles, bans, audit and configuration.
    Admin,
}

impl Role {
    /// All, from the lowest on.
    pub const ALL: [Self; 4] = [Self::Guest, Self::Player, Self::Operator, Self::Admin];

    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Player => "player",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is guest, player, operator or admin")]
pub struct NoSuchRole;

impl FromStr for Role {
    type Err = NoSuchRole;

    fn from_str(text: &str) -> Result<Self, NoSuchRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(NoSuchRole)
    }
}

/// Number of a person, as the store gives them out; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(pub u64);

/// Names a sign-in: 128 random bits that the server has drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignInId(pub [u8; 16]);

impl fmt::Display for SignInId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for SignInId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignInId({self})")
    }
}

/// Two digits a byte, in lower case.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for half in bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]) {
        text.push(char::from(b"0123456789abcdef"[usize::from(half)]));
    }
    text
}

/// Who asks, as an access token said and the sign-in confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub person: Person,
    /// As what, now: not what the token says, if they differ.
    pub role: Role,
    /// By which sign-in.
    pub sign_in: SignInId,
    /// When the access token ends.
    pub expires: Moment,
}

/// One request, or one connection, as seen before anybody has said who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// From where, as the socket says; headers are not believed.
    pub address: IpAddr,
    /// Names this request in the log, in the audit chain and to the caller.
    pub correlation: Correlation,
}

/// Names a request: random, so it tells nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Correlation(pub [u8; 12]);

impl Correlation {
    /// 24 hex digits.
    #[must_use]
    pub fn text(self) -> String {
        hex(&self.0)
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Correlation({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_a_ladder_and_have_one_spelling() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            assert_eq!(serde_json::to_string(&role).ok(), Some(format!("\"{role}\"")));
        }
        for wrong in ["", "Admin", "admin ", "root", "guest,admin"] {
            assert_eq!(wrong.parse::<Role>(), Err(NoSuchRole), "{wrong}");
        }
    }
}
