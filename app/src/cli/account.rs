//! The command line of the accounts of the API. Must never take a password as an argument: others on the machine can read
//! those.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `spacetime account`.
#[derive(Debug, Args)]
#[command(
    after_help = "The service must run, as it has people's keys. A password is read from standard input, or from a file \
                        with --password-file. docs/API.md tells what each role may do."
)]
pub struct AccountArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AccountCommand,
    /// The service's configuration, which says where its socket is; the usual one unless given.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What can be done about accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account.
    Add {
        /// The name to sign in with.
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value = "player")]
        role: AccountRole,
        /// File with the password on its first line.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// List the accounts.
    List,
    /// Set what an account may do; whoever is signed in with it has to sign in again.
    Role {
        /// Its name.
        name: String,
        /// What it may do from now on.
        #[arg(value_enum)]
        role: AccountRole,
    },
    /// Give an account another password; whoever is signed in with it has to sign in again.
    Password {
        /// Its name.
        name: String,
        /// File with the password on its first line.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

/// The roles, each of which may do all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccountRole {
    /// Looks, and touches nothing.
    Guest,
    /// Plays, and keeps what is theirs.
    Player,
    /// Steers and debugs the world.
    Operator,
    /// Looks after users, roles, bans, audit and configuration.
    Admin,
}

impl AccountRole {
    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Player => "player",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
