//! `spacetime account`: has the running service make and change accounts of its API. Must never show a password, nor hand
//! one over but by the service's own socket.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;

use netcode::transport::to_hex;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cli::{AccountArgs, AccountCommand};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::serve::ask;
use crate::serve::config::Config;

/// Longest line with a password, bytes.
const LINE_BYTES_MAX: u64 = 1024;

/// Runs `spacetime account`.
///
/// # Errors
/// [`Failure`].
pub fn command(args: &AccountArgs) -> Result<Outcome, Failure> {
    let config = Config::load(args.config.as_deref())?;
    let question = match &args.command {
        AccountCommand::List => Zeroizing::new("account list".to_owned()),
        AccountCommand::Role { name, role } => Zeroizing::new(format!("account role {} {}", *hex(name), role.name())),
        AccountCommand::Add { name, role, password_file } => {
            let password = password(password_file.as_deref())?;
            Zeroizing::new(format!("account add {} {} {}", *hex(name), role.name(), *hex(&password)))
        }
        AccountCommand::Password { name, password_file } => {
            let password = password(password_file.as_deref())?;
            Zeroizing::new(format!("account password {} {}", *hex(name), *hex(&password)))
        }
    };
    let answer = ask::json(&config.socket, &question)?;
    if args.json {
        output::print_json(&answer)?;
    } else {
        output::print(&told(&answer))?;
    }
    Ok(Outcome::Fine)
}

fn hex(text: &str) -> Zeroizing<String> {
    Zeroizing::new(to_hex(text.as_bytes()))
}

fn told(answer: &Value) -> String {
    let Some(accounts) = answer["accounts"].as_array() else { return format!("{}\n", line(answer)) };
    if accounts.is_empty() {
        return "there is no account; `spacetime account add NAME --role admin` makes one\n".to_owned();
    }
    accounts.iter().map(|account| format!("{}\n", line(account))).collect()
}

fn line(account: &Value) -> String {
    let text = |key: &str| account[key].as_str().unwrap_or_default().to_owned();
    let banned = account["banned_until"].as_str().map(|until| format!(", banned until {until}")).unwrap_or_default();
    format!("{:<24} {:<9} person {}{banned}", text("name"), text("role"), text("person"))
}

/// The password: the first line of the file, or of standard input.
fn password(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::new());
    let read = match file {
        Some(path) => {
            let file = output::open(path)?.take(LINE_BYTES_MAX);
            std::io::BufReader::new(file).read_line(&mut line).map_err(|e| Failure::unreadable(path, output::plain(&e)))
        }
        None => {
            let input = std::io::stdin();
            let _silent = input.is_terminal().then(Silent::new).transpose()?;
            if input.is_terminal() {
                eprint!("password: ");
            }
            let read = std::io::BufReader::new(input.lock().take(LINE_BYTES_MAX)).read_line(&mut line);
            read.map_err(|e| Failure::Misused(format!("no password can be read from standard input: {e}")))
        }
    };
    read?;
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    if line.is_empty() {
        return Err(Failure::Misused("there is no password: it is the first line of what is read".to_owned()));
    }
    Ok(line)
}

/// A terminal that does not show what is typed, until it is dropped.
struct Silent {
    before: rustix::termios::Termios,
}

impl Silent {
    fn new() -> Result<Self, Failure> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let failed =
            |e: rustix::io::Errno| Failure::Machine(format!("the terminal cannot be told to hide what is typed: {e}"));
        let before = tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &hidden).map_err(failed)?;
        Ok(Self { before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // There is nobody to tell where even that fails.
        let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Flush, &self.before);
        eprintln!();
    }
}
