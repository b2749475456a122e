//! Whether the inputs of a recording are those that its players signed: what each signed is compared with what was
//! recorded, tick by tick; where the world was held, turns and ticks do not go together, and it is the commands of the whole
//! stretch that are compared: those recorded have to be among those signed, in order. Must never count an input as signed that no signature holds for.

use std::collections::BTreeMap;

use netcode::protocol::signed::SignedEntries;
use netcode::protocol::{Player, Turn};
use netcode::transport::to_hex;
use serde::Serialize;
use sim::input::SentCommand;
use sim::{InputFrame, Membership, PlayerId};

use super::Recording;
use crate::exit::Failure;
use crate::output::grouped;
use crate::session::SessionInput;
use crate::session::near::frames_of;
use crate::session::ships::STEWARD;
use crate::session::signed::{self, Course, Origin, Signed};

/// What the signatures beside a recording say.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SignedVerdict {
    /// Every member, by number.
    pub players: Vec<SignedPlayer>,
    /// The first thing that is not as it was signed.
    pub contradiction: Option<String>,
    /// What of the file cannot be read.
    pub lost: Option<String>,
}

impl SignedVerdict {
    /// Ticks whose inputs are signed, and all, of all members together.
    #[must_use]
    pub fn ticks(&self) -> (u64, u64) {
        self.players.iter().fold((0, 0), |(signed, all), player| (signed + player.signed_ticks, all + player.ticks))
    }
}

/// A member's part.
#[derive(Clone, Debug, Serialize)]
pub struct SignedPlayer {
    /// Its number.
    pub player: u32,
    /// Who signed, hexadecimal; none if nobody did.
    pub key: Option<String>,
    /// Ticks of the recording in which it was a member.
    pub ticks: u64,
    /// Of these, those whose inputs are exactly what was signed.
    pub signed_ticks: u64,
}

/// Compares a recording with the signatures beside it; nothing where there are none.
///
/// # Errors
/// [`Failure::Unreadable`].
pub fn check(recording: &mut Recording) -> Result<Option<SignedVerdict>, Failure> {
    let Some(signed) = signed::read(&recording.path)? else { return Ok(None) };
    let mut check = Check::of(&signed);
    let first = recording.reader.ticks().start;
    if let Ok(simulation) = recording.keyframe(0) {
        let members = simulation.members().map(|(player, _)| player);
        members.for_each(|player| check.note(player, true));
    }
    for (tick, step) in (first..).zip(recording.reader.frames_from(first)) {
        // What is damaged, verification itself reports.
        let Ok(step) = step else { break };
        check.frame(tick, &step.frame, &signed);
    }
    Ok(Some(check.verdict(&signed)))
}

/// One player's signed stretches, by first turn, and what was counted.
struct Author<'a> {
    signed: Vec<&'a SignedEntries>,
    is_member: bool,
    ticks: u64,
    signed_ticks: u64,
    /// The turn that was decoded last, as frames.
    turn: Option<(u64, Vec<InputFrame>)>,
    stretch: Stretch,
}

struct Check<'a> {
    authors: BTreeMap<PlayerId, Author<'a>>,
    contradiction: Option<String>,
    /// The stretch that the last tick was in, if that is not a regular one.
    stretch: Option<usize>,
}

/// What was recorded of one player in a stretch in which turns and ticks do not go together.
#[derive(Default)]
struct Stretch {
    ticks: u64,
    commands: Vec<Vec<u8>>,
}

impl<'a> Check<'a> {
    fn of(signed: &'a Signed) -> Self {
        let mut check = Self { authors: BTreeMap::new(), contradiction: None, stretch: None };
        for entries in &signed.entries {
            let player = entries.player();
            if !entries.holds() {
                check.contradict(format!("a signature of {player} from {} on is false", entries.first()));
            } else if signed.entries[0].session() != entries.session() {
                check.contradict(format!("a signature of {player} is of another session"));
            } else {
                let author = check.author(PlayerId(player.0));
                if author.signed.first().is_some_and(|first| first.key() != entries.key()) {
                    check.contradict(format!("two keys signed as {player}"));
                } else {
                    author.signed.push(entries);
                }
            }
        }
        for author in check.authors.values_mut() {
            author.signed.sort_by_key(|entries| entries.first());
        }
        check
    }

    fn contradict(&mut self, sentence: String) {
        self.contradiction.get_or_insert(sentence);
    }

    fn author(&mut self, player: PlayerId) -> &mut Author<'a> {
        let new = || Author {
            signed: Vec::new(),
            is_member: false,
            ticks: 0,
            signed_ticks: 0,
            turn: None,
            stretch: Stretch::default(),
        };
        self.authors.entry(player).or_insert_with(new)
    }

    fn note(&mut self, player: PlayerId, is_member: bool) {
        if player != STEWARD {
            self.author(player).is_member = is_member;
        }
    }

    /// Compares one tick.
    fn frame(&mut self, tick: u64, frame: &InputFrame, signed: &Signed) {
        for change in &frame.membership {
            match *change {
                Membership::Join { player, .. } => self.note(player, true),
                Membership::Leave { player } => self.note(player, false),
            }
        }
        let course = signed.courses.partition_point(|course| course.tick <= tick).checked_sub(1);
        let irregular = course.filter(|at| !signed.courses[*at].is_regular);
        if self.stretch != irregular {
            self.end_stretch(signed);
            self.stretch = irregular;
        }
        if irregular.is_some() {
            for (player, author) in self.authors.iter_mut().filter(|(_, author)| author.is_member) {
                author.stretch.ticks += 1;
                let recorded = frame.commands.iter().filter(|sent| sent.player == *player);
                author.stretch.commands.extend(recorded.map(|sent| sent.bytes.clone()));
            }
            return;
        }
        let origin = course.map_or(signed.origin, |at| {
            let Course { turn, tick, .. } = signed.courses[at];
            Origin { turn, tick, ..signed.origin }
        });
        let Some((turn, place)) = origin.turn_of(tick) else { return };
        let mut wrong = None;
        for (player, author) in self.authors.iter_mut().filter(|(_, author)| author.is_member) {
            author.ticks += 1;
            let Some(expected) = author.commands(*player, turn.0, place, signed.origin.ticks_per_turn) else {
                continue;
            };
            let recorded = frame.commands.iter().filter(|sent| sent.player == *player);
            if recorded.eq(expected) {
                author.signed_ticks += 1;
            } else {
                wrong.get_or_insert(*player);
            }
        }
        if let Some(player) = wrong {
            self.contradict(format!("player {} signed other inputs for tick {tick} than were recorded", player.0));
        }
    }

    /// Compares the stretch in which the last tick was with what was signed for all its turns. Where not all of them are
    /// signed, none of it counts as signed.
    fn end_stretch(&mut self, signed: &Signed) {
        let Some(at) = self.stretch.take() else { return };
        let first = signed.courses[at];
        let end = signed.courses.get(at + 1).map(|next| next.turn);
        let mut wrong = None;
        for (player, author) in &mut self.authors {
            let Stretch { ticks, commands } = std::mem::take(&mut author.stretch);
            author.ticks += ticks;
            // What waited at the beginning of the recording was signed before it.
            let is_known = first.turn > signed.origin.turn && ticks > 0;
            let Some(expected) = end.filter(|_| is_known).and_then(|end| author.all_commands(first.turn..end)) else {
                continue;
            };
            let mut expected = expected.iter();
            if commands.iter().all(|recorded| expected.any(|signed| signed == recorded)) {
                author.signed_ticks += ticks;
            } else {
                wrong.get_or_insert(*player);
            }
        }
        if let Some(player) = wrong {
            let (player, tick) = (player.0, first.tick);
            self.contradict(format!(
                "player {player} signed other inputs for the hold at tick {tick} than were recorded"
            ));
        }
    }

    fn verdict(mut self, signed: &Signed) -> SignedVerdict {
        self.end_stretch(signed);
        let players = self.authors.iter().filter(|(_, author)| author.ticks > 0).map(|(player, author)| SignedPlayer {
            player: player.0,
            key: author.signed.first().map(|entries| to_hex(&entries.key().0)),
            ticks: author.ticks,
            signed_ticks: author.signed_ticks,
        });
        let lost = (signed.unreadable_bytes > 0).then(|| {
            format!("the last {} bytes of the signed inputs cannot be read", grouped(signed.unreadable_bytes as u64))
        });
        SignedVerdict { players: players.collect(), contradiction: self.contradiction, lost }
    }
}

impl Author<'_> {
    /// What was signed for a turn; none where nothing was.
    fn input(&self, turn: u64) -> Option<SessionInput> {
        let after = self.signed.partition_point(|entries| entries.first().0 <= turn);
        self.signed[..after].last()?.input(Turn(turn))
    }

    /// The commands that were signed for some turns; none where nothing was signed for one of them.
    fn all_commands(&self, turns: std::ops::Range<u64>) -> Option<Vec<Vec<u8>>> {
        let mut commands = Vec::new();
        for turn in turns {
            commands.extend(self.input(turn)?.commands().map(|(_, bytes)| bytes.to_vec()));
        }
        Some(commands)
    }

    /// The commands that were signed for one tick of a turn; none where nothing was signed for it.
    fn commands(&mut self, player: PlayerId, turn: u64, place: usize, ticks_per_turn: u32) -> Option<&[SentCommand]> {
        if self.turn.as_ref().is_none_or(|(decoded, _)| *decoded != turn) {
            let input = self.input(turn)?;
            let frames = frames_of([(Player(player.0), &input)].into_iter(), ticks_per_turn);
            self.turn = Some((turn, frames));
        }
        self.turn.as_ref().and_then(|(_, frames)| frames.get(place)).map(|frame| &frame.commands[..])
    }
}

/// The verdict as lines.
#[must_use]
pub fn describe(verdict: &SignedVerdict) -> String {
    let mut text = String::new();
    for player in &verdict.players {
        let share = player.signed_ticks as f64 / player.ticks as f64 * 100.0;
        let who = player.key.as_ref().map_or("nobody".to_owned(), |key| format!("key {}...", &key[..16]));
        text.push_str(&format!(
            "player {}: {} of {} ticks ({share:.1} %) signed by {who}\n",
            player.player,
            grouped(player.signed_ticks),
            grouped(player.ticks)
        ));
    }
    for sentence in verdict.contradiction.iter().chain(&verdict.lost) {
        text.push_str(&format!("{sentence}\n"));
    }
    text
}
