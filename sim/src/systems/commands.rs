//! Membership and commands: the only way in which anything from outside changes the state. Each command is
//! decoded, checked against the state, and either applied whole or refused with a reason.

mod operate;
mod patch;
mod pilot;

use crate::command::Command;
use crate::component::Controls;
use crate::input::{COMMAND_BYTES_MAX, FRAME_MEMBERSHIP_MAX, Gate, InputFrame, Membership, PlayerId, Role};
use crate::refusal::{Objection, Refusal};
use crate::report::{Event, RefusedCommand};
use crate::scenario::Scenario;
use crate::state::State;
use crate::time::TimeFactor;

/// Most entities a world may hold; commands that would add more are refused.
pub const ENTITIES_MAX: usize = 4_000_000;

/// Applies the membership entries, in order. Entries for player 0, and those beyond [`FRAME_MEMBERSHIP_MAX`], are
/// passed over.
pub(crate) fn apply_membership(state: &mut State, frame: &InputFrame) {
    for entry in frame.membership.iter().take(FRAME_MEMBERSHIP_MAX) {
        match *entry {
            // Player 0 is nobody, and whoever were it would own every ship without an owner.
            Membership::Join { player: PlayerId(0), .. } | Membership::Leave { player: PlayerId(0) } => {}
            Membership::Join { player, role } => {
                state.members.insert(player, role);
            }
            Membership::Leave { player } => {
                state.members.remove(&player);
                for ship in state.ships_of(player) {
                    state.world.set(ship, Controls::default());
                }
            }
        }
    }
}

/// Applies the commands, in order. Bodies are as at the start of the tick.
pub(crate) fn apply_commands(
    scenario: &Scenario,
    state: &mut State,
    frame: &InputFrame,
    refused: &mut Vec<RefusedCommand>,
    events: &mut Vec<Event>,
) {
    let mut gate = Gate::default();
    for (index, sent) in frame.commands.iter().enumerate() {
        let result = gate
            .admit(sent)
            .and_then(|()| Command::decode(&sent.bytes))
            .and_then(|command| apply(scenario, state, sent.player, command, events));
        if let Err(reason) = result {
            state.refused[reason as usize] += 1;
            refused.push(RefusedCommand { index: index as u32, player: sent.player, reason });
        }
    }
}

fn apply(
    scenario: &Scenario,
    state: &mut State,
    player: PlayerId,
    command: Command,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let role = *state.members.get(&player).ok_or(Refusal::NotAMember)?;
    if role < command.role_needed() {
        return Err(Refusal::NotAllowed);
    }
    match command {
        Command::Controls { ship, controls } => pilot::steer(state, player, ship, controls),
        Command::Fire { ship } => pilot::fire(state, player, ship, events),
        Command::Respawn { ship } => pilot::respawn(scenario, state, player, ship, events),
        Command::SetTimeFactor { quarters } => {
            state.time.factor = TimeFactor::from_quarters(quarters).ok_or(Refusal::OutOfRange)?;
            events.push(Event::TimeFactor { quarters });
            Ok(())
        }
        Command::Spawn(spawn) => operate::spawn(state, &spawn, events),
        Command::Despawn { entity } => operate::despawn(state, entity, events),
        Command::Patch { fields } => patch::patch(state, &fields),
        Command::Tune { values } => operate::tune(state, &values),
        Command::Interfere { entity, amplitude, phase } => {
            operate::interfere(state, entity, (amplitude, phase), events)
        }
    }
}

/// All that is wrong with a command of a player with this role, by the rules that [`apply`] goes by; the first reason is
/// the one for which it would be refused.
pub(crate) fn check(state: &State, player: PlayerId, role: Role, command: &Command) -> Result<(), Vec<Objection>> {
    let whole = |reason: Refusal| vec![Objection::from(reason)];
    if command.encode().len() > COMMAND_BYTES_MAX {
        return Err(whole(Refusal::TooLong));
    }
    if role < command.role_needed() {
        return Err(whole(Refusal::NotAllowed));
    }
    let one = |objection: Objection| vec![objection];
    match *command {
        Command::Controls { ship, controls } => pilot::may_steer(state, player, ship, controls).map_err(whole),
        Command::Fire { ship } => pilot::shot(state, player, ship).map(|_| ()).map_err(whole),
        Command::Respawn { ship } => pilot::may_respawn(state, player, ship).map(|_| ()).map_err(whole),
        Command::SetTimeFactor { quarters } => {
            TimeFactor::from_quarters(quarters).map(|_| ()).ok_or_else(|| one(Refusal::OutOfRange.of("quarters")))
        }
        Command::Spawn(ref spawn) => operate::place_of(state, spawn).map(|_| ()),
        Command::Despawn { entity } => operate::may_despawn(state, entity).map_err(one),
        Command::Patch { ref fields } => patch::changes(state, fields).map(|_| ()),
        Command::Tune { ref values } => operate::tuned(state, values).map(|_| ()),
        Command::Interfere { entity, amplitude, phase } => {
            operate::interfered(state, entity, amplitude, phase).map(|_| ()).map_err(one)
        }
    }
}
