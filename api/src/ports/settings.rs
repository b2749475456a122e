//! What the program goes by. Must never show a secret.

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, such as `log.group_ms`.
    pub key: String,
    /// Its value as text; of a secret, whether it is set.
    pub value: String,
    /// Where it was said: `default`, the file with the line, or the variable.
    pub from: String,
}

/// The settings.
pub trait Settings: Send + Sync + 'static {
    /// All of them.
    fn all(&self) -> Vec<Setting>;
}
