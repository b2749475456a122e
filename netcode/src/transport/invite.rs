//! Invites: a member's signed word that whoever shows it may come into a session. Says nothing about who that is, and
//! never decides alone: whether the issuer is a member and the invite still unspent is the policy's to know.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer, SigningKey};

use super::text::{from_base64, from_hex, to_base64, to_hex};
use crate::protocol::evidence::{halves, verify};
use crate::protocol::{PeerKey, SessionId};

const DOMAIN: &[u8] = b"spacetime invite 1";
const SCHEME: &str = "spacetime://";
/// Format of the token; its first byte.
const FORMAT: u8 = 1;
/// Longest text that is looked at, bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Longest host name, as in RFC 1035.
const HOST_BYTES_MAX: usize = 255;

/// What an invite promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// To which session.
    pub session: SessionId,
    /// Drawn at random, to tell invites apart.
    pub id: [u8; 16],
    /// What the newcomer may do.
    pub role: u8,
    /// Seconds since 1970 at which it ends; 0: never.
    pub expires_unix_s: u64,
    /// Whether it is spent by the first who joins with it.
    pub one_time: bool,
}

/// A signed invite. Its signature is checked by [`Invite::is_genuine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// What it promises.
    pub terms: Terms,
    /// Who promises it.
    pub issuer: PeerKey,
    r: [u8; 32],
    s: [u8; 32],
}

impl Invite {
    /// Length of [`Invite::to_bytes`].
    pub const BYTES: usize = 122;

    /// Signs an invite.
    #[must_use]
    pub fn issue(terms: Terms, key: &SigningKey) -> Self {
        let issuer = PeerKey(key.verifying_key().to_bytes());
        let (r, s) = halves(&key.sign(&message(&terms, &issuer)));
        Self { terms, issuer, r, s }
    }

    /// Whether the issuer signed it.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        verify(&self.issuer, &message(&self.terms, &self.issuer), &self.r, &self.s)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now_unix_s: u64) -> bool {
        self.terms.expires_unix_s != 0 && now_unix_s >= self.terms.expires_unix_s
    }

    /// Issuer 32, id 16, role 1, one-time 1, expiry 8 (little-endian), signature 64. The session is not among them.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..32].copy_from_slice(&self.issuer.0);
        bytes[32..48].copy_from_slice(&self.terms.id);
        bytes[48] = self.terms.role;
        bytes[49] = u8::from(self.terms.one_time);
        bytes[50..58].copy_from_slice(&self.terms.expires_unix_s.to_le_bytes());
        bytes[58..90].copy_from_slice(&self.r);
        bytes[90..].copy_from_slice(&self.s);
        bytes
    }

    /// The invite of these bytes for a session. Any bytes may come; the signature is not checked here.
    #[must_use]
    pub fn from_bytes(session: SessionId, bytes: &[u8; Self::BYTES]) -> Option<Self> {
        // The ranges below lie within the array, so the conversions cannot fail.
        let part = |from: usize| <[u8; 32]>::try_from(&bytes[from..from + 32]).expect("32 bytes");
        let one_time = match bytes[49] {
            0 => false,
            1 => true,
            _ => return None,
        };
        let terms = Terms {
            session,
            id: bytes[32..48].try_into().expect("16 bytes"),
            role: bytes[48],
            expires_unix_s: u64::from_le_bytes(bytes[50..58].try_into().expect("8 bytes")),
            one_time,
        };
        Some(Self { terms, issuer: PeerKey(part(0)), r: part(58), s: part(90) })
    }
}

/// What is signed: a domain, then the fields at fixed places, numbers little-endian.
fn message(terms: &Terms, issuer: &PeerKey) -> Vec<u8> {
    let mut bytes = DOMAIN.to_vec();
    bytes.extend_from_slice(&terms.session.0);
    bytes.extend_from_slice(&issuer.0);
    bytes.extend_from_slice(&terms.id);
    bytes.extend_from_slice(&[terms.role, u8::from(terms.one_time)]);
    bytes.extend_from_slice(&terms.expires_unix_s.to_le_bytes());
    bytes
}

/// An invite with the place to go to, as people pass it on: `spacetime://host:port/session#token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteLink {
    /// A name or an address; an IPv6 address in brackets.
    pub host: String,
    /// UDP port.
    pub port: u16,
    /// The invite. Its issuer is whom to expect there.
    pub invite: Invite,
}

/// Why a text is no invite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// Wrong beginning.
    #[error("an invite starts with spacetime://")]
    Scheme,
    /// Absurdly long.
    #[error("longer than any invite")]
    TooLong,
    /// A part is missing.
    #[error("an invite has the form spacetime://host:port/session#token; {0} is missing")]
    Missing(&'static str),
    /// Not a host.
    #[error("{0:?} is no host name or address (write an IPv6 address in brackets)")]
    Host(String),
    /// Not a port.
    #[error("{0:?} is no port; a port is a number from 1 to 65535")]
    Port(String),
    /// Not a session.
    #[error("the session must be 32 lower-case hexadecimal digits")]
    Session,
    /// Not a token.
    #[error("the token after # is damaged or cut off")]
    Token,
    /// From a newer build.
    #[error("the token has format {0}, this build reads format {FORMAT}")]
    Format(u8),
    /// Changed after it was signed.
    #[error("the invite was changed after it was signed: its signature does not match")]
    Forged,
}

impl fmt::Display for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut token = vec![FORMAT];
        token.extend_from_slice(&self.invite.to_bytes());
        let session = to_hex(&self.invite.terms.session.0);
        write!(f, "{SCHEME}{}:{}/{session}#{}", self.host, self.port, to_base64(&token))
    }
}

impl FromStr for InviteLink {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let text = text.trim();
        if text.len() > TEXT_BYTES_MAX {
            return Err(InviteError::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(InviteError::Scheme)?;
        let (place, rest) = rest.split_once('/').ok_or(InviteError::Missing("/session"))?;
        let (session, token) = rest.split_once('#').ok_or(InviteError::Missing("#token"))?;
        let (host, port) = place.rsplit_once(':').ok_or(InviteError::Missing("the port"))?;
        if !is_host(host) {
            return Err(InviteError::Host(host.to_owned()));
        }
        // Digits only: `parse` alone would take a plus sign and leading zeros.
        let number = port.parse().ok().filter(|number| *number != 0 && format!("{number}") == port);
        let port = number.ok_or_else(|| InviteError::Port(port.to_owned()))?;
        let session = SessionId(from_hex(session).ok_or(InviteError::Session)?);
        let token = from_base64(token).ok_or(InviteError::Token)?;
        let (&format, token) = token.split_first().ok_or(InviteError::Token)?;
        if format != FORMAT {
            return Err(InviteError::Format(format));
        }
        let bytes = <&[u8; Invite::BYTES]>::try_from(token).map_err(|_| InviteError::Token)?;
        let invite = Invite::from_bytes(session, bytes).ok_or(InviteError::Token)?;
        if !invite.is_genuine() {
            return Err(InviteError::Forged);
        }
        Ok(Self { host: host.to_owned(), port, invite })
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    host.len() <= HOST_BYTES_MAX && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link() -> InviteLink {
        let terms = Terms { session: SessionId([3; 16]), id: [4; 16], role: 5, expires_unix_s: 1000, one_time: true };
        InviteLink {
            host: "example.org".into(),
            port: 4850,
            invite: Invite::issue(terms, &SigningKey::from_bytes(&[6; 32])),
        }
    }

    #[test]
    fn the_text_round_trips() {
        for host in ["example.org", "127.0.0.1", "[::1]", "a"] {
            let link = InviteLink { host: host.into(), ..link() };
            assert_eq!(link.to_string().parse(), Ok(link));
        }
        assert!(link().to_string().len() < 250, "it can be pasted: {}", link());
    }

    #[test]
    fn each_damage_has_its_message() {
        let good = link().to_string();
        let check = |text: String, expected: InviteError| assert_eq!(text.parse::<InviteLink>(), Err(expected));
        check(good.replace("spacetime", "http"), InviteError::Scheme);
        check(good.replace(":4850", ""), InviteError::Missing("the port"));
        check(good.replace("4850", "0"), InviteError::Port("0".into()));
        check(good.replace("4850", "+4850"), InviteError::Port("+4850".into()));
        check(good.replace("4850", "66000"), InviteError::Port("66000".into()));
        check(good.replace("example.org", "exa mple"), InviteError::Host("exa mple".into()));
        check(good.replace("example.org", "::1"), InviteError::Host("::1".into()));
        check(good.replace("0303", "03"), InviteError::Session);
        check(good[..good.len() - 1].into(), InviteError::Token);
        check(good.replace("#", ""), InviteError::Missing("#token"));
        check(good.replace("#AY", "#AZ"), InviteError::Forged);
        check(good.replace("#A", "#B"), InviteError::Format(5));
        check(good.replace("0303", "0304"), InviteError::Forged);
        check("x".repeat(2000), InviteError::TooLong);
    }

    #[test]
    fn expiry_is_judged_by_the_time_given() {
        let invite = link().invite;
        assert!(!invite.is_expired(999) && invite.is_expired(1000));
        let mut forever = invite;
        forever.terms.expires_unix_s = 0;
        assert!(!forever.is_expired(u64::MAX));
        assert!(!forever.is_genuine(), "the expiry is signed");
    }

    proptest! {
        #[test]
        fn any_change_of_a_character_is_noticed(at in 0usize..250, by in 1u8..127) {
            let good = link();
            let mut text = good.to_string().into_bytes();
            let at = at % text.len();
            text[at] = (text[at] + by) % 127;
            // A changed host or port is still an invite: they are not signed, as addresses change.
            if let Ok(parsed) = String::from_utf8(text).expect("ASCII").parse::<InviteLink>() {
                prop_assert_eq!(parsed.invite, good.invite);
            }
        }

        #[test]
        fn any_text_is_an_invite_or_refused(text in ".{0,64}") {
            let _ = text.parse::<InviteLink>();
            let _ = format!("spacetime://{text}").parse::<InviteLink>();
        }
    }
}
