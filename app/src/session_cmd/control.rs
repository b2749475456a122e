//! What a person can say to a running session, a line each on standard input. Must only read: what is done is elsewhere.

/// What there is to say.
pub const HELP: &str = "\
status        who is here, and how the session goes
kick PLAYER   vote to remove a player for good, by number
fork          go on alone in a session of your own, when too few can be reached
invite        print another invite
leave         leave in good order, as Ctrl-C does
help          this list";

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Who is here, and how the session goes.
    Status,
    /// Vote to remove a player.
    Kick(u32),
    /// Go on alone.
    Fork,
    /// Print an invite.
    Invite,
    /// Leave.
    Leave,
    /// What there is to say.
    Help,
}

impl Command {
    /// The command of a line; nothing of an empty one.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(line: &str) -> Result<Option<Self>, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let command = match words[..] {
            [] => return Ok(None),
            ["status"] => Self::Status,
            ["kick", player] => Self::Kick(player_of(player)?),
            ["kick", ..] => return Err("kick whom? one player's number, as in: kick 3".to_owned()),
            ["fork"] => Self::Fork,
            ["invite"] => Self::Invite,
            ["leave"] => Self::Leave,
            ["help"] => Self::Help,
            [word @ ("status" | "fork" | "invite" | "leave" | "help"), ..] => {
                return Err(format!("nothing may follow `{word}`"));
            }
            [word, ..] => {
                let shown: String = word.chars().filter(|c| !c.is_control()).take(20).collect();
                return Err(format!("`{shown}` is no command; there are status, kick, fork, invite, leave and help"));
            }
        };
        Ok(Some(command))
    }
}

fn player_of(word: &str) -> Result<u32, String> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "a player is a number, as `status` shows it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_commands_or_get_a_sentence() {
        for (line, command) in [
            ("status", Command::Status),
            ("  kick  12 ", Command::Kick(12)),
            ("fork", Command::Fork),
            ("invite", Command::Invite),
            ("leave\r", Command::Leave),
            ("help", Command::Help),
        ] {
            assert_eq!(Command::parse(line), Ok(Some(command)), "{line}");
        }
        assert_eq!(Command::parse(" \t"), Ok(None));
        for (line, part) in [
            ("kick", "kick whom"),
            ("kick 1 2", "kick whom"),
            ("kick 0", "is a number"),
            ("kick -1", "is a number"),
            ("kick 99999999999", "is a number"),
            ("fork now", "nothing may follow `fork`"),
            ("dance", "`dance` is no command"),
            ("\u{1b}[2Jx", "`[2Jx` is no command"),
        ] {
            assert!(Command::parse(line).is_err_and(|told| told.contains(part)), "{line}");
        }
        for line in HELP.lines() {
            let word = line.split_whitespace().next().unwrap_or_default();
            assert!(Command::parse(&line[..14].replace("PLAYER", "1")).is_ok(), "{word}");
        }
    }
}
