//! Does what a person says to a running peer, and answers. Must never do what is not said, and never fail for a bad line.

use netcode::protocol::{Player, SessionId, Time};
use netcode::transport::to_hex;
use serde_json::json;

use super::account::held_sentence;
use super::control::{self, Command};
use super::peer::Peer;
use crate::exit::Failure;

/// How long nothing must have been confirmed before a person may fork, microseconds: by then the others have either been
/// removed, or too few can be reached.
const STANDS_US: u64 = 3_000_000;

/// Lines that are obeyed between two looks at the network: whoever types too fast holds nobody up.
const LINES_AT_ONCE: usize = 16;

impl Peer {
    /// Does what was said since the last time.
    pub(super) fn obey(&mut self, now: Time) -> Result<(), Failure> {
        let confirmed = self.driver.status().unconfirmed;
        if self.moved.is_none_or(|(turn, _)| turn != confirmed) {
            self.moved = Some((confirmed, now));
        }
        self.go_on_alone(now)?;
        for _ in 0..LINES_AT_ONCE {
            let Some(line) = self.stop.line() else { break };
            let answer = match Command::parse(&line) {
                Ok(None) => continue,
                Ok(Some(command)) => self.order(now, command)?,
                Err(sentence) => Err(sentence),
            };
            self.report.answer(line.trim(), &answer)?;
        }
        Ok(())
    }

    /// Forks where that was planned and nothing was confirmed for long enough.
    fn go_on_alone(&mut self, now: Time) -> Result<(), Failure> {
        let stood_us = self.moved.map_or(0, |(_, at)| now.since(at));
        let Some(alone) = self.plan.alone else { return Ok(()) };
        if u128::from(stood_us) < alone.after.as_micros() || stood_us < STANDS_US || self.driver.progress().is_none() {
            return Ok(());
        }
        let answer = self.fork(now)?;
        // Not again and again, where it could not.
        self.moved = Some((self.driver.status().unconfirmed, now));
        self.report.answer("fork", &answer)
    }

    fn order(&mut self, now: Time, command: Command) -> Result<Result<String, String>, Failure> {
        Ok(match command {
            Command::Help => Ok(control::HELP.to_owned()),
            Command::Status => Ok(self.status_text(now)),
            Command::Kick(player) => self.vote(Player(player)),
            Command::Fork => return self.fork(now),
            Command::Invite => return self.invite(),
            Command::Leave => {
                self.stop.ask();
                Ok("leaving".to_owned())
            }
        })
    }

    fn vote(&mut self, about: Player) -> Result<String, String> {
        let status = self.driver.status();
        let Some(me) = status.player else { return Err("only a member can vote, and you are none".to_owned()) };
        if about == me {
            return Err("that is you; to go, say leave".to_owned());
        }
        if !status.members.contains(&about) {
            return Err(format!("{about} is no member; `status` shows who is"));
        }
        let count = status.members.len();
        if count == 2 && me > about {
            return Err(format!(
                "of two, only the one with the lower number can remove the other: you cannot remove {about}"
            ));
        }
        self.driver.core().kick(about);
        let votes = count / 2 + 1;
        let half = if count.is_multiple_of(2) {
            format!(", or {} with the lowest number's", count / 2)
        } else {
            String::new()
        };
        Ok(format!("you vote to remove {about}; it takes {votes} votes of {count}{half}"))
    }

    fn invite(&mut self) -> Result<Result<String, String>, Failure> {
        let Some(genesis) = self.driver.core().genesis() else { return Ok(Err("there is no session yet".to_owned())) };
        let session = genesis.rules.session;
        if self.driver.status().player.is_none() {
            return Ok(Err("only a member's invites count, and you are none".to_owned()));
        }
        self.inviter.print(&self.report, 1, session)?;
        Ok(Ok("anybody who has it can join".to_owned()))
    }

    /// Goes on alone.
    fn fork(&mut self, now: Time) -> Result<Result<String, String>, Failure> {
        let stands = self.moved.is_some_and(|(_, at)| now.since(at) >= STANDS_US);
        if self.driver.progress().is_none() {
            return Ok(Err("there is no session yet".to_owned()));
        }
        if !stands {
            let sentence = "the session goes on: a fork is for when it stands still because too few can be reached";
            return Ok(Err(sentence.to_owned()));
        }
        if self.leaving.is_some() || self.stop.is_asked() {
            return Ok(Err("you are leaving: to go on alone, come back with `host --resume`".to_owned()));
        }
        let session = SessionId(super::random()?);
        let forked = self.driver.fork(now, session).map_err(|e| Failure::Machine(format!("cannot fork: {e}")))?;
        let Some(tick) = forked else {
            return Ok(Err(
                "whoever only watched has nothing to go on with: `host --resume` of a recording has".to_owned()
            ));
        };
        self.driver.link().found(session);
        (self.leaving, self.gone, self.farewell, self.moved) = (None, None, false, None);
        (self.plan.sponsor, self.plan.spectator) = (None, false);
        let tick = self.driver.told().map_or(tick, |told| told.tick.min(tick));
        let sentence = format!("you go on alone from tick {tick}, in a session of your own");
        self.report.say(&sentence, "forked", json!({ "tick": tick, "session": to_hex(&session.0) }))?;
        self.inviter.print(&self.report, self.plan.alone.map_or(1, |alone| alone.invites), session)?;
        if let Some(seat) = &mut self.seated.seat {
            seat.forked(session);
        }
        Ok(Ok("whoever joins with the new invite and was there before keeps number and ship".to_owned()))
    }

    fn status_text(&mut self, now: Time) -> String {
        let status = self.driver.status();
        let Some(genesis) = self.driver.core().genesis().cloned() else {
            return "no session yet: the sponsor has not answered".to_owned();
        };
        let turn_us = genesis.rules.turn_us();
        let me = status.player.map_or("you are watching".to_owned(), |player| format!("you are {player}"));
        let mut lines = vec![format!("{me}; the session is {}", to_hex(&genesis.rules.session.0))];
        for member in status.members.iter().filter(|member| Some(**member) != status.player) {
            let link = status.links.iter().find(|link| link.player == Some(*member));
            let way = link.map_or("not connected".to_owned(), |link| {
                let relayed = if link.relayed { ", through others" } else { "" };
                format!("round trip {:.0} ms, {:.1} % lost{relayed}", link.rtt_us as f64 / 1e3, link.loss * 100.0)
            });
            lines.push(format!("{member}: {way}"));
        }
        let tick = self.driver.progress().map_or(0, |progress| progress.tick);
        lines.push(format!(
            "tick {tick} is confirmed; input delay {:.0} ms; a turn costs {:.1} % of its time here",
            f64::from(status.delay_turns) * turn_us as f64 / 1e3,
            status.cost_us as f64 * 100.0 / turn_us as f64,
        ));
        lines.extend(self.held().map(held_sentence));
        let stood_us = self.moved.map_or(0, |(_, at)| now.since(at));
        if stood_us > 1_000_000 {
            lines.push(format!("nothing was confirmed for {:.0} s", stood_us as f64 / 1e6));
        }
        lines.join("\n")
    }
}
