//! Everything about a person, opened. Must never leave out a record that speaks of them, nor say anything about another.

use super::People;
use super::audit::Act;
use super::error::PeopleError;
use super::form::{
    AuditForm, Carried, ConsentForm, CredentialForm, DiscoveryForm, FORMAT, ItemForm, PersonExport, PlaceForm,
    PlayerForm, SeatForm, SignInForm, TradeForm, Whole,
};
use super::page::Pages;
use super::profile::Profile;
use crate::record::{Audit, Item, Key, Kind, Millis, PersonId, Place, Player, Record, Scope, Seat, Trade};
use crate::store::Query;

/// What [`Carried`] entries of the audit chain have done.
pub(super) const IMPORTED: &str = "person.imported";

/// How a person is named in what they did themselves, and how another.
const ME: &str = "person:me";
const ANOTHER: &str = "person:another";

impl People {
    /// Everything about a person, in the open. Who only joined sessions has seats, and no profile.
    ///
    /// # Errors
    /// [`PeopleError::NoPerson`] also for who was erased.
    pub async fn export(&self, person: PersonId, now: Millis) -> Result<PersonExport, PeopleError> {
        let player = self.read(person).await?;
        if !self.vault.has_key(person).await? {
            return Err(PeopleError::NoPerson);
        }
        let mut out = begin(person, player, now);
        for kind in Kind::ALL {
            // Keys do not leave their store; entries may speak of the person and be another's.
            if Kind::OF_KEYS.contains(&kind) || kind == Kind::Audit {
                continue;
            }
            let mut pages = Pages::new(&*self.store, Query::of(kind).within(Scope::Person(person)));
            while let Some(page) = pages.next().await? {
                for record in page {
                    self.put(&mut out, person, record).await?;
                }
            }
        }
        let mut pages = Pages::new(&*self.store, Query::of(Kind::Audit));
        while let Some(page) = pages.next().await? {
            for record in page {
                self.put(&mut out, person, record).await?;
            }
        }
        // Erased meanwhile, or a key of whom nothing was ever written.
        if out.is_empty() || !self.vault.has_key(person).await? {
            return Err(PeopleError::NoPerson);
        }
        out.sort();
        Ok(out)
    }

    async fn put(&self, out: &mut PersonExport, person: PersonId, record: Record) -> Result<(), PeopleError> {
        match record {
            Record::Inventory(r) => out.inventory = items(&r.items),
            Record::Credential(r) => {
                let opened = self.open_credential(&r).await?.ok_or(PeopleError::NoPerson)?;
                let (login, secret) = (opened.login, opened.secret);
                out.credentials.push(CredentialForm { method: r.method.into(), login, secret });
            }
            Record::SignIn(r) => out.sign_ins.push(SignInForm {
                created_ms: r.created.0,
                seen_ms: r.seen.0,
                expires_ms: r.expires.0,
                revoked: r.revoked,
                from: self.open_sign_in(&r).await?.unwrap_or_default(),
            }),
            Record::Consent(r) => out.consents.push(ConsentForm {
                purpose: r.purpose.into(),
                at_ms: r.at.0,
                given: r.given,
                version: r.version,
                wording: r.wording.0,
            }),
            Record::Discovery(r) => out.discoveries.push(DiscoveryForm {
                what: r.what.into(),
                world: r.world.into(),
                tick: r.tick.0,
                at_ms: r.at.0,
            }),
            Record::Seat(r) => out.seats.push(self.seat_form(r).await?),
            Record::Trade(r) => out.trades.push(trade(&r, person)),
            Record::Audit(r) => self.put_entry(out, person, &r).await?,
            // The player was the beginning; the others are no person's, or keys.
            Record::Player(_)
            | Record::World(_)
            | Record::Snapshot(_)
            | Record::Segment(_)
            | Record::Setting(_)
            | Record::PersonKey(_)
            | Record::Erasure(_) => {}
        }
        Ok(())
    }

    async fn seat_form(&self, seat: Seat) -> Result<SeatForm, PeopleError> {
        let key = Key::Seat(seat.world.clone(), seat.number);
        let opened = self.vault.unseal(seat.person, &key, &seat.private).await?;
        let public_key = opened.map_or_else(Vec::new, |plain| plain.to_vec());
        Ok(SeatForm { world: seat.world.into(), number: seat.number, banned: seat.banned, public_key })
    }

    async fn put_entry(&self, out: &mut PersonExport, person: PersonId, entry: &Audit) -> Result<(), PeopleError> {
        let (acted, is_subject) = (entry.actor == Some(person), entry.subject == Act::on(person));
        if !acted && !is_subject {
            return Ok(());
        }
        // What is sealed is about who acted.
        let details = if acted { self.open_entry(entry).await?.unwrap_or_default() } else { String::new() };
        if acted && entry.action.as_str() == IMPORTED {
            match serde_json::from_str(&details).map_err(|_| PeopleError::Unreadable("audit"))? {
                Carried::Seat(seat) => out.seats.push(seat),
                Carried::Audit(entry) => out.audit.push(entry),
            }
            return Ok(());
        }
        let subject = match entry.subject.0.as_str() {
            _ if is_subject => ME.to_owned(),
            other if other.starts_with("person:") => ANOTHER.to_owned(),
            other => other.to_owned(),
        };
        let (action, outcome) = (entry.action.clone().into(), entry.outcome.clone().into());
        out.audit.push(AuditForm { at_ms: entry.at.0, acted, action, subject, outcome, details });
        Ok(())
    }
}

fn begin(person: PersonId, player: Option<(Player, Profile)>, now: Millis) -> PersonExport {
    let (player, profile) = player.map(|(player, profile)| (form_of(player), profile.into())).unzip();
    PersonExport {
        format: FORMAT.to_owned(),
        exported_at_ms: now.0,
        person: person.0,
        profile,
        player,
        inventory: Vec::new(),
        credentials: Vec::new(),
        sign_ins: Vec::new(),
        consents: Vec::new(),
        discoveries: Vec::new(),
        seats: Vec::new(),
        trades: Vec::new(),
        audit: Vec::new(),
    }
}

fn form_of(player: Player) -> PlayerForm {
    let place = player.place.map(|Place { world, tick, cell, offset_m }| PlaceForm {
        world: world.into(),
        tick: tick.0,
        cell: cell.map(Whole),
        offset_m,
    });
    PlayerForm { created_ms: player.created.0, seen_ms: player.seen.0, place }
}

fn trade(trade: &Trade, person: PersonId) -> TradeForm {
    let began = trade.from == person;
    let (gave, got) = if began { (&trade.gives, &trade.takes) } else { (&trade.takes, &trade.gives) };
    TradeForm { at_ms: trade.at.0, began, gave: items(gave), got: items(got) }
}

fn items(items: &[Item]) -> Vec<ItemForm> {
    let form =
        |item: &Item| ItemForm { kind: item.kind.as_str().to_owned(), count: item.count, data: item.data.clone() };
    items.iter().map(form).collect()
}
