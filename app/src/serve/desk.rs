//! Where other threads hand in what the service is to enter into the session, and get a receipt: commands that are to go
//! into one tick together, and orders about the session's course. Nothing that was taken is lost without a word: a receipt
//! is kept by the turn being confirmed, or says why not. Must never make the session's thread wait, nor tell of a tick that
//! is not to be published yet.
//!
//! A receipt has two stages, as a world that is held takes no commands into its state until it goes on: first that the turn
//! is confirmed in which something was entered, then that it was applied, and how.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sim::{Command, Refusal};
use tokio::sync::{oneshot, watch};

use crate::session::control::{Breakpoint, Cause, Control, Pace};
use crate::session::input::InputError;
use crate::session::order::Disobeyed;
use crate::session::ships::STEWARD;
use crate::session::world::{HOST, Played, PlayedTick};
use crate::session::{Order, SessionInput};

/// Most things that wait to be entered.
const QUEUE_MAX: usize = 256;
/// Most things that are entered and not applied: as many as the commands that may wait in a world that is held, and some.
const ENTERED_MAX: usize = 1024;

/// What may be handed in.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Commands in the service's name, which all go into one tick.
    Commands(Vec<Command>),
    /// An order about the session's course.
    Order(Order),
}

/// Why something is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Too much waits already.
    #[error("too much waits to be entered into the session: try again later")]
    Full,
    /// There is no session to enter it into.
    #[error("the session is over")]
    Over,
    /// There is nothing to do.
    #[error("there is no command to enter")]
    Nothing,
    /// It would not fit into one turn, and so not into one tick.
    #[error("this does not fit into one tick: {0}")]
    TooMuch(#[from] InputError),
}

/// Why it is not known what became of something that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The session has ended.
    #[error("the session ended before this was confirmed")]
    Ended,
    /// The service was out of the session for a moment, and what it had entered may be in the log or not.
    #[error("the service lost its place in the session before this was confirmed")]
    Cut,
}

/// Something is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// In the inputs of this turn, which is confirmed.
    pub turn: u64,
    /// The tick that the world is held at, where it waits for the next one.
    pub waits: Option<u64>,
}

/// Something has taken effect, or was refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Of commands: the first tick whose state they are part of. Of an order: the tick that the world was at.
    pub tick: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Of each command, in order.
    Commands(Vec<Result<(), Refusal>>),
    /// Of an order.
    Order(Result<(), Disobeyed>),
}

/// What somebody gets who hands something in.
#[derive(Debug)]
pub struct Receipt {
    entered: oneshot::Receiver<Result<Entered, Lost>>,
    applied: oneshot::Receiver<Result<Applied, Lost>>,
}

impl Receipt {
    /// Waits until it is in the confirmed log. To be called once.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn entered(&mut self) -> Result<Entered, Lost> {
        (&mut self.entered).await.unwrap_or(Err(Lost::Ended))
    }

    /// Waits until it has taken effect: in a world that is held, until that goes on.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn applied(self) -> Result<Applied, Lost> {
        self.applied.await.unwrap_or(Err(Lost::Ended))
    }
}

/// How the session's course is controlled, as it is confirmed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// At which tick the world is held, and by what, if it is held.
    pub held: Option<(u64, Cause)>,
    /// How far the world may go.
    pub pace: Pace,
    /// The breakpoints in force, by number.
    pub breakpoints: Vec<Breakpoint>,
}

/// Something that was handed in.
struct Task {
    /// Encoded commands; none for an order.
    commands: Vec<Vec<u8>>,
    order: Option<Order>,
    /// The turn that it was entered for, once that is confirmed.
    turn: Option<u64>,
    entered: Option<oneshot::Sender<Result<Entered, Lost>>>,
    applied: oneshot::Sender<Result<Applied, Lost>>,
}

impl Task {
    fn is_in(&mut self, turn: u64, waits: Option<u64>) {
        self.turn = Some(turn);
        // Who does not wait any more need not know.
        let _ = self.entered.take().map(|entered| entered.send(Ok(Entered { turn, waits })));
    }

    fn lose(self, why: Lost) {
        let _ = self.entered.map(|entered| entered.send(Err(why)));
        let _ = self.applied.send(Err(why));
    }
}

#[derive(Default)]
struct State {
    /// What nobody has entered yet, in order.
    queue: VecDeque<Task>,
    /// What was entered and not applied, in order.
    entered: VecDeque<Task>,
    /// What was applied at a tick that is not published yet, in order.
    unpublished: VecDeque<(oneshot::Sender<Result<Applied, Lost>>, Applied)>,
    is_over: bool,
}

/// The desk.
#[derive(Default)]
pub struct Desk {
    state: Mutex<State>,
    standing: watch::Sender<Standing>,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes something that is to be entered into the session as soon as there is a turn with room for all of it.
    ///
    /// # Errors
    /// [`NotTaken`]; nothing will be entered.
    pub fn hand_in(&self, work: Work) -> Result<Receipt, NotTaken> {
        // That it fits into a turn of its own.
        let mut alone = SessionInput::default();
        let (commands, order) = match work {
            Work::Commands(commands) if commands.is_empty() => return Err(NotTaken::Nothing),
            Work::Commands(commands) => (commands, None),
            Work::Order(order) => (Vec::new(), Some(order)),
        };
        commands.iter().try_for_each(|command| alone.push(0, command))?;
        order.iter().try_for_each(|order| alone.push_order(order.clone()))?;
        let mut state = self.state();
        if state.is_over {
            return Err(NotTaken::Over);
        }
        if state.queue.len() >= QUEUE_MAX || state.entered.len() >= ENTERED_MAX {
            return Err(NotTaken::Full);
        }
        let ((tell_entered, entered), (applied, is_applied)) = (oneshot::channel(), oneshot::channel());
        let commands = commands.iter().map(Command::encode).collect();
        state.queue.push_back(Task { commands, order, turn: None, entered: Some(tell_entered), applied });
        Ok(Receipt { entered, applied: is_applied })
    }

    /// How the session's course is controlled, now and whenever it changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// What is to be entered for the turn that is open: orders or commands, as orders count before the commands of their
    /// turn, whichever was handed in first.
    pub fn enter(&self) -> SessionInput {
        let (mut input, mut state) = (SessionInput::default(), self.state());
        let are_orders = state.queue.front().is_some_and(|task| task.order.is_some());
        while let Some(task) = state.queue.front().filter(|task| task.order.is_some() == are_orders) {
            let mut more = input.clone();
            let fits = task.commands.iter().all(|command| more.push_encoded(0, command.clone()).is_ok())
                && task.order.iter().all(|order| more.push_order(order.clone()).is_ok());
            if !fits {
                break;
            }
            input = more;
            let task = state.queue.pop_front();
            state.entered.extend(task);
        }
        input
    }

    /// A turn is confirmed. `published` says of a tick up to which one others may be told of.
    pub fn played(&self, played: &Played, published: impl FnOnce(u64) -> u64) {
        let mut state = self.state();
        if let Some(input) = &played.of_host {
            state.confirm(input, played);
        }
        for tick in &played.ticks {
            state.apply(tick);
        }
        if !state.unpublished.is_empty() {
            let published = published(played.tick.0);
            while let Some((applied, answer)) = state.unpublished.pop_front_if(|(_, answer)| answer.tick <= published) {
                let _ = applied.send(Ok(answer));
            }
        }
        drop(state);
        self.tell(&played.control, played.tick.0);
    }

    /// The world is in this state.
    pub fn tell(&self, control: &Control, tick: u64) {
        self.standing.send_if_modified(|standing| {
            let held = control.held().map(|by| (tick, by));
            let is_same = standing.held == held
                && standing.pace == control.pace()
                && standing.breakpoints == control.breakpoints();
            if !is_same {
                let breakpoints = control.breakpoints().to_vec();
                *standing = Standing { held, pace: control.pace(), breakpoints };
            }
            !is_same
        });
    }

    /// The service has lost its place in the session: what it entered and is not confirmed may be in the log or not. What
    /// waits to be entered goes on waiting.
    pub fn cut(&self) {
        std::mem::take(&mut self.state().entered).into_iter().for_each(|task| task.lose(Lost::Cut));
    }

    /// There is nothing to enter anything into any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_over = true;
        let State { queue, entered, .. } = &mut *state;
        queue.drain(..).chain(entered.drain(..)).for_each(|task| task.lose(Lost::Ended));
        state.unpublished.clear();
    }
}

impl State {
    /// This was entered in the service's name for a turn.
    fn confirm(&mut self, input: &SessionInput, played: &Played) {
        let turn = played.turn.0;
        for given in played.orders.iter().filter(|given| given.player == HOST) {
            let is_it = |task: &Task| task.turn.is_none() && task.order.as_ref() == Some(&given.order);
            let Some(mut task) = self.entered.iter().position(is_it).and_then(|at| self.entered.remove(at)) else {
                continue;
            };
            task.is_in(turn, None);
            let outcome = Outcome::Order(given.result.clone());
            self.unpublished.push_back((task.applied, Applied { tick: given.tick.0, outcome }));
        }
        let commands: Vec<&[u8]> = input.commands().map(|(_, bytes)| bytes).collect();
        let mut rest = &commands[..];
        let waits = played.control.held().filter(|_| played.waits).map(|_| played.tick.0);
        while !rest.is_empty() {
            let begins = |task: &Task| !task.commands.is_empty() && rest.starts_with(&slices(&task.commands));
            let Some(task) = self.entered.iter_mut().find(|task| task.turn.is_none() && begins(task)) else { break };
            task.is_in(turn, waits);
            rest = &rest[task.commands.len()..];
        }
        let has_ticks = played.ticks.iter().any(|tick| tick.of_host.iter().any(|(of, _)| *of == played.turn));
        if !commands.is_empty() && !has_ticks && !played.waits {
            // Too many wait in the world that is held.
            let answer = |task: &Task| vec![Err(Refusal::Full); task.commands.len()];
            self.answer(turn, played.tick.0, answer);
        }
    }

    /// A tick was executed, with what was entered for some turns.
    fn apply(&mut self, tick: &PlayedTick) {
        let first = tick.frame.commands.partition_point(|command| command.player < STEWARD);
        let mut at = first;
        for (turn, count) in &tick.of_host {
            let mut next = at;
            let refusal = |at: usize| tick.report.refused.iter().find(|refused| refused.index as usize == at);
            self.answer(turn.0, tick.report.tick.0, |task| {
                let places = next..next + task.commands.len();
                next = places.end;
                places.map(|at| refusal(at).map_or(Ok(()), |refused| Err(refused.reason))).collect()
            });
            at += count;
        }
    }

    /// What was entered for a turn is done with, at this tick.
    fn answer(&mut self, turn: u64, tick: u64, mut outcomes: impl FnMut(&Task) -> Vec<Result<(), Refusal>>) {
        let (done, left) =
            std::mem::take(&mut self.entered).into_iter().partition(|task: &Task| task.turn == Some(turn));
        self.entered = left;
        let done: VecDeque<Task> = done;
        for task in done {
            let outcome = Outcome::Commands(outcomes(&task));
            self.unpublished.push_back((task.applied, Applied { tick, outcome }));
        }
    }
}

fn slices(commands: &[Vec<u8>]) -> Vec<&[u8]> {
    commands.iter().map(Vec::as_slice).collect()
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
