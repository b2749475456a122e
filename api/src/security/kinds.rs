//! All kinds of acts that the audit log knows. Must never be left out where something of its kind happens: tests walk
//! the list.

/// A kind of act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Somebody signed in.
    SignIn,
    /// Somebody tried to sign in and did not come in.
    SignInFailed,
    /// Somebody signed out.
    SignOut,
    /// A refresh token was exchanged for the next one.
    Refresh,
    /// A refresh token came that was used before: its sign-in was ended.
    RefreshReused,
    /// An account was made.
    Register,
    /// A password was changed.
    PasswordChange,
    /// A version of the licence was accepted.
    LicenceAccept,
    /// A version of the licence was published.
    LicencePublish,
    /// A role was given.
    RoleChange,
    /// A person was banned.
    Ban,
    /// A person's ban was lifted.
    Unban,
    /// Sign-ins were ended by somebody who looks after users, or by their owner elsewhere.
    SignInRevoke,
    /// The key that signs tokens was changed.
    KeyRotate,
    /// A role did not allow what was asked.
    Denied,
    /// A token was not good.
    BadToken,
    /// Input broke the contract.
    BadInput,
    /// A route was asked for that does not exist.
    UnknownRoute,
    /// An allowance was spent; once a minute for each that was.
    RateLimit,
    /// Unusual or hostile behaviour was noticed.
    Alert,
    /// An address was banned for it.
    AddressBan,
    /// The ban of an address was lifted.
    AddressUnban,
    /// More happened at once than was written down; says how much.
    NotesLost,
    /// Settings were changed.
    SettingsChange,
    /// A debugger did something that holds the world or lets it go on.
    DebugCommand,
    /// Tuning data was reloaded.
    Reload,
    /// Fields of the world were set.
    Patch,
    /// Waves were added to an entity.
    Interfere,
    /// Time was made to run faster or slower.
    TimeFactor,
    /// A recording was begun, ended, brought in or taken away.
    Recording,
    /// What is kept of a person was handed out.
    PersonExport,
    /// What is kept of a person was erased.
    PersonErase,
    /// A person gave or withdrew a consent.
    Consent,
    /// Somebody looked at what is kept of somebody else.
    PersonRead,
    /// What is kept of a person was changed.
    PersonChange,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 35] = [
        Self::SignIn,
        Self::SignInFailed,
        Self::SignOut,
        Self::Refresh,
        Self::RefreshReused,
        Self::Register,
        Self::PasswordChange,
        Self::LicenceAccept,
        Self::LicencePublish,
        Self::RoleChange,
        Self::Ban,
        Self::Unban,
        Self::SignInRevoke,
        Self::KeyRotate,
        Self::Denied,
        Self::BadToken,
        Self::BadInput,
        Self::UnknownRoute,
        Self::RateLimit,
        Self::Alert,
        Self::AddressBan,
        Self::AddressUnban,
        Self::NotesLost,
        Self::SettingsChange,
        Self::DebugCommand,
        Self::Reload,
        Self::Patch,
        Self::Interfere,
        Self::TimeFactor,
        Self::Recording,
        Self::PersonExport,
        Self::PersonErase,
        Self::Consent,
        Self::PersonRead,
        Self::PersonChange,
    ];

    /// As it is written in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignInFailed => "sign_in.failed",
            Self::SignOut => "sign_out",
            Self::Refresh => "refresh",
            Self::RefreshReused => "refresh.reused",
            Self::Register => "register",
            Self::PasswordChange => "password.change",
            Self::LicenceAccept => "licence.accept",
            Self::LicencePublish => "licence.publish",
            Self::RoleChange => "role.change",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::SignInRevoke => "sign_in.revoke",
            Self::KeyRotate => "key.rotate",
            Self::Denied => "denied",
            Self::BadToken => "token.bad",
            Self::BadInput => "input.bad",
            Self::UnknownRoute => "route.unknown",
            Self::RateLimit => "rate_limit",
            Self::Alert => "alert",
            Self::AddressBan => "address.ban",
            Self::AddressUnban => "address.unban",
            Self::NotesLost => "notes.lost",
            Self::SettingsChange => "settings.change",
            Self::DebugCommand => "debug.command",
            Self::Reload => "world.reload",
            Self::Patch => "world.patch",
            Self::Interfere => "world.interfere",
            Self::TimeFactor => "world.time_factor",
            Self::Recording => "recording",
            Self::PersonExport => "person.export",
            Self::PersonErase => "person.erase",
            Self::Consent => "person.consent",
            Self::PersonRead => "person.read",
            Self::PersonChange => "person.change",
        }
    }

    /// Whether it is written down here; the others are by whoever serves the route.
    #[must_use]
    pub fn is_of_security(self) -> bool {
        self < Self::SettingsChange
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_different_and_as_the_log_wants_them() {
        let names: HashSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(Kind::ALL.is_sorted() && Kind::ALL.first() == Some(&Kind::SignIn));
        // The last one's place says that none is left out.
        assert_eq!(Kind::PersonChange as usize + 1, Kind::ALL.len());
        let fits = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b".-_".contains(&b));
        assert!(names.into_iter().all(fits));
    }
}
