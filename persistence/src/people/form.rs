//! The form of an export: `persistence/schemas/person-export-1.schema.json` says the same. Must never change without a new
//! version; what is read is checked as strictly as what is written.
//!
//! Numbers that may exceed 2^53 are texts of decimal digits, as many programs read numbers as doubles; bytes are texts of
//! hexadecimal digits.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::profile::Profile;

/// The version of an export.
pub const FORMAT: &str = "spacetime-person-export-1";

/// Everything about a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonExport {
    /// [`FORMAT`].
    pub format: String,
    /// When it was made, milliseconds since 1970.
    pub exported_at_ms: u64,
    /// The person's number in the deployment that it is from.
    #[serde(with = "decimal")]
    pub person: u64,
    /// Who they are, if they ever said.
    #[serde(deserialize_with = "said")]
    pub profile: Option<ProfileForm>,
    /// As a player, if they are one: who has a profile.
    #[serde(deserialize_with = "said")]
    pub player: Option<PlayerForm>,
    /// What they own.
    pub inventory: Vec<ItemForm>,
    /// By what they sign in.
    pub credentials: Vec<CredentialForm>,
    /// Where they are or were signed in.
    pub sign_ins: Vec<SignInForm>,
    /// What they consented to.
    pub consents: Vec<ConsentForm>,
    /// What they discovered.
    pub discoveries: Vec<DiscoveryForm>,
    /// Their numbers in worlds.
    pub seats: Vec<SeatForm>,
    /// What they exchanged.
    pub trades: Vec<TradeForm>,
    /// What was written down of what they did, and of what was done to them.
    pub audit: Vec<AuditForm>,
}

impl PersonExport {
    /// Whether both say the same, but for when and where they were made.
    #[must_use]
    pub fn is_same_content(&self, other: &Self) -> bool {
        *self == Self { exported_at_ms: self.exported_at_ms, person: self.person, ..other.clone() }
    }

    /// Whether nothing is known of the person.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            profile, player, inventory, credentials, sign_ins, consents, discoveries, seats, trades, audit, ..
        } = self;
        let things = inventory.len() + credentials.len() + sign_ins.len() + consents.len() + discoveries.len();
        profile.is_none() && player.is_none() && things + seats.len() + trades.len() + audit.len() == 0
    }

    pub(super) fn sort(&mut self) {
        self.inventory.sort();
        self.credentials.sort();
        self.sign_ins.sort();
        self.consents.sort();
        self.discoveries.sort();
        self.seats.sort();
        self.trades.sort();
        self.audit.sort();
    }
}

/// See `Profile`.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the profile")]
pub struct ProfileForm {
    pub name: String,
    pub contact: String,
    pub locale: String,
    #[serde(with = "hex")]
    pub public_key: Vec<u8>,
    pub extra: BTreeMap<String, String>,
}

impl From<Profile> for ProfileForm {
    fn from(profile: Profile) -> Self {
        let Profile { name, contact, locale, public_key, extra } = profile;
        Self { name, contact, locale, public_key, extra }
    }
}

impl From<ProfileForm> for Profile {
    fn from(form: ProfileForm) -> Self {
        let ProfileForm { name, contact, locale, public_key, extra } = form;
        Self { name, contact, locale, public_key, extra }
    }
}

/// See `Player`.
#[derive(Clone, Default, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct PlayerForm {
    pub created_ms: u64,
    pub seen_ms: u64,
    #[serde(deserialize_with = "said")]
    pub place: Option<PlaceForm>,
}

/// See `Place`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct PlaceForm {
    pub world: String,
    #[serde(with = "decimal")]
    pub tick: u64,
    /// x, y, z.
    pub cell: [Whole; 3],
    pub offset_m: [f64; 3],
}

/// A whole number as a text of decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole(#[serde(with = "decimal")] pub i64);

/// See `Item`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct ItemForm {
    pub kind: String,
    #[serde(with = "decimal")]
    pub count: u64,
    #[serde(with = "hex")]
    pub data: Vec<u8>,
}

/// See `Credential`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct CredentialForm {
    pub method: String,
    pub login: String,
    #[serde(with = "hex")]
    pub secret: Vec<u8>,
}

/// See `SignIn`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct SignInForm {
    pub created_ms: u64,
    pub seen_ms: u64,
    pub expires_ms: u64,
    pub revoked: bool,
    pub from: String,
}

/// See `Consent`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct ConsentForm {
    pub purpose: String,
    pub at_ms: u64,
    pub given: bool,
    pub version: u32,
    pub wording: String,
}

/// See `Discovery`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct DiscoveryForm {
    pub what: String,
    pub world: String,
    #[serde(with = "decimal")]
    pub tick: u64,
    pub at_ms: u64,
}

/// See `Seat`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct SeatForm {
    pub world: String,
    pub number: u32,
    pub banned: bool,
    #[serde(with = "hex")]
    pub public_key: Vec<u8>,
}

/// A trade, from the person's side. Who the other one was is theirs to say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TradeForm {
    pub at_ms: u64,
    /// Whether the person began it.
    pub began: bool,
    pub gave: Vec<ItemForm>,
    pub got: Vec<ItemForm>,
}

/// See `Audit`. Other people are `person:another`, the person is `person:me`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct AuditForm {
    pub at_ms: u64,
    /// Whether the person did it; else it was done to them.
    pub acted: bool,
    pub action: String,
    pub subject: String,
    pub outcome: String,
    pub details: String,
}

/// What another deployment wrote down about a person, and has no place of its own here: carried in the audit chain, sealed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Carried {
    Seat(SeatForm),
    Audit(AuditForm),
}

/// Something that may be null, and has to be said nevertheless.
fn said<'d, T: Deserialize<'d>, D: Deserializer<'d>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

mod decimal {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<T: Display, S: Serializer>(number: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub fn deserialize<'d, T: FromStr + Display, D: Deserializer<'d>>(from: D) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        let number = text.parse::<T>().map_err(|_| D::Error::custom("a text of decimal digits is none"))?;
        // One way to write each number: no plus sign, no zeros in front.
        if number.to_string() == text { Ok(number) } else { Err(D::Error::custom("a number is not written plainly")) }
    }
}

mod hex {
    use std::fmt::Write as _;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            // Writing into a text does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        to.serialize_str(&text)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.ok_or_else(|| D::Error::custom("a text of hexadecimal digits is none"))
    }
}
