//! Takes a person in from an export of another deployment, under a new number. Must never trust what the file says: it is
//! read strictly, bounded and checked like any record.
//!
//! All of it is one batch, the entries of the audit chain with it: where that fails, nobody is here, and nothing that was
//! sealed meanwhile is anywhere.
//!
//! What has a place here gets it. Seats in the other deployment's worlds and its audit entries have none: they are carried
//! along as sealed entries of the audit chain here, so that the next export has them again, and go when those go.

use zeroize::Zeroizing;

use super::audit::Act;
use super::error::{ImportError, PeopleError};
use super::export::IMPORTED;
use super::form::{Carried, FORMAT, ItemForm, PersonExport, PlayerForm, ProfileForm};
use super::profile::Profile;
use super::{People, SOMEBODY_ELSE, VaultError};
use crate::batch::{Batch, CHANGES_MAX};
use crate::error::StoreError;
use crate::record::{
    Consent, Discovery, Hash, Inventory, Item, Key, Millis, Name, PersonId, Place, Player, Record, Rev, Text, Tick,
    Token, Trade,
};

/// Most bytes of an export that is read.
pub const EXPORT_BYTES_MAX: u64 = 64 << 20;

/// A sign-in that was taken in cannot be renewed: nothing has this hash.
const NO_TOKEN: Hash = Hash([0; 32]);

impl PersonExport {
    /// Reads one.
    ///
    /// # Errors
    /// [`ImportError::Form`], [`ImportError::Version`].
    pub fn from_json(text: &[u8]) -> Result<Self, ImportError> {
        #[derive(serde::Deserialize)]
        struct Version {
            format: String,
        }
        if text.len() as u64 > EXPORT_BYTES_MAX {
            return Err(ImportError::Invalid("it has more than 64 MiB"));
        }
        // Where and what kind of mistake, but not what stands there.
        let form = |e: serde_json::Error| {
            ImportError::Form(format!("line {}, column {}: {:?} error", e.line(), e.column(), e.classify()))
        };
        let version: Version = serde_json::from_slice(text).map_err(form)?;
        if version.format != FORMAT {
            return Err(ImportError::Version(version.format.chars().take(40).collect()));
        }
        serde_json::from_slice(text).map_err(form)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Where a number is none that JSON has, which no record holds.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

impl People {
    /// Takes somebody in, wholly or not at all. Gives their number here.
    ///
    /// # Errors
    /// [`ImportError`]; nobody was taken in then. After [`StoreError::Unknown`] that is so at the latest once the stores
    /// were opened again and [`People::reapply`] was called; where not even that can be prepared, as neither store
    /// answers, they may be here, whole and under a number as everybody.
    pub async fn import(&self, export: &PersonExport, now: Millis) -> Result<PersonId, ImportError> {
        let person = self.new_number().await?;
        match self.take_in(export, person, now).await {
            Ok(()) => Ok(person),
            Err(error) => {
                self.undo(person, error.is_unknown(), now).await;
                Err(error)
            }
        }
    }

    async fn take_in(&self, export: &PersonExport, person: PersonId, now: Millis) -> Result<(), ImportError> {
        if export.is_empty() {
            return Err(ImportError::Invalid("it says nothing of anybody"));
        }
        // Whoever is here has a key, also where nothing of them is sealed: by it they are known, and erased.
        self.vault.ensure_key(person).await?;
        let records = self.records(export, person).await?;
        let carried = carried(export)?;
        // One more for the note where the audit chain ends.
        if records.len() + carried.len() >= CHANGES_MAX {
            return Err(ImportError::Invalid("it has 20,000 entries or more"));
        }
        let checked = Batch::put(records.iter().cloned())?.check();
        checked.map_err(|_| ImportError::Invalid("an entry breaks a rule, or is there twice"))?;
        let acts: Vec<Act> = carried.into_iter().map(|details| act(person, details, now)).collect::<Result<_, _>>()?;
        match self.append(&acts, records).await {
            Ok(_) => Ok(()),
            Err(PeopleError::Store(StoreError::Conflict(conflict))) if matches!(conflict.key, Key::Credential(_)) => {
                Err(ImportError::LoginTaken)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn records(&self, export: &PersonExport, person: PersonId) -> Result<Vec<Record>, ImportError> {
        let mut records = Vec::new();
        match (&export.profile, &export.player) {
            (Some(profile), Some(player)) => {
                records.push(Record::Player(self.imported_player(profile, player, person).await?));
            }
            (None, None) => {}
            _ => return Err(ImportError::Invalid("a profile and a player come together")),
        }
        if !export.inventory.is_empty() {
            let items = items(&export.inventory)?;
            records.push(Record::Inventory(Inventory { person, rev: Rev::FIRST, items }));
        }
        for form in &export.credentials {
            let method = name(&form.method)?;
            records.push(Record::Credential(self.credential(person, &form.login, method, &form.secret).await?));
        }
        for form in &export.sign_ins {
            let (created, expires) = (Millis(form.created_ms), Millis(form.expires_ms));
            let mut sign_in = self.sign_in(person, created, expires, NO_TOKEN, &form.from).await?;
            (sign_in.seen, sign_in.revoked) = (Millis(form.seen_ms), form.revoked);
            records.push(Record::SignIn(sign_in));
        }
        for form in &export.consents {
            let (purpose, at, wording) = (name(&form.purpose)?, Millis(form.at_ms), Text(form.wording.clone()));
            let (given, version) = (form.given, form.version);
            records.push(Record::Consent(Consent { person, purpose, at, given, version, wording }));
        }
        for form in &export.discoveries {
            let (what, world) = (name(&form.what)?, name(&form.world)?);
            let (tick, at) = (Tick(form.tick), Millis(form.at_ms));
            records.push(Record::Discovery(Discovery { person, what, world, tick, at }));
        }
        for form in &export.trades {
            let mut id = [0; 16];
            getrandom::fill(&mut id).map_err(|_| VaultError::Random)?;
            let (gave, got) = (items(&form.gave)?, items(&form.got)?);
            let (from, to, gives, takes) =
                if form.began { (person, SOMEBODY_ELSE, gave, got) } else { (SOMEBODY_ELSE, person, got, gave) };
            records.push(Record::Trade(Trade { id: Token(id), at: Millis(form.at_ms), from, to, gives, takes }));
        }
        Ok(records)
    }

    async fn imported_player(
        &self,
        profile: &ProfileForm,
        player: &PlayerForm,
        person: PersonId,
    ) -> Result<Player, ImportError> {
        let plain = Zeroizing::new(Profile::from(profile.clone()).encode()?);
        let private = self.vault.seal(person, &Key::Player(person), &plain).await?;
        let place = player.place.as_ref().map(|form| {
            let (world, cell) = (name(&form.world)?, form.cell.map(|whole| whole.0));
            Ok::<_, ImportError>(Place { world, tick: Tick(form.tick), cell, offset_m: form.offset_m })
        });
        let (created, seen) = (Millis(player.created_ms), Millis(player.seen_ms));
        Ok(Player { person, rev: Rev::FIRST, created, seen, place: place.transpose()?, private })
    }
}

/// What has no place of its own here, as texts.
fn carried(export: &PersonExport) -> Result<Vec<String>, ImportError> {
    let seats = export.seats.iter().cloned().map(Carried::Seat);
    let entries = export.audit.iter().cloned().map(Carried::Audit);
    let text = |carried: Carried| serde_json::to_string(&carried).map_err(|e| ImportError::Form(e.to_string()));
    let texts: Vec<String> = seats.chain(entries).map(text).collect::<Result<_, _>>()?;
    if texts.len() > CHANGES_MAX || texts.iter().any(|text| text.len() > (60 << 10)) {
        return Err(ImportError::Invalid("an entry has more than 60 KiB, or there are more than 20,000"));
    }
    Ok(texts)
}

fn act(person: PersonId, details: String, at: Millis) -> Result<Act, ImportError> {
    let (action, outcome) = (name(IMPORTED)?, name("done")?);
    Ok(Act { at, actor: Some(person), action, subject: Text("history".to_owned()), outcome, details })
}

fn name(text: &str) -> Result<Name, ImportError> {
    Name::new(text).map_err(|_| ImportError::Invalid("a name is 1 to 64 letters, digits and . _ : - (ASCII)"))
}

fn items(forms: &[ItemForm]) -> Result<Vec<Item>, ImportError> {
    let item = |form: &ItemForm| Ok(Item { kind: name(&form.kind)?, count: form.count, data: form.data.clone() });
    forms.iter().map(item).collect()
}
