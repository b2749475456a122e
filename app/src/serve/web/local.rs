//! What is done with accounts at the service's own socket, by whoever runs the service: how the first administrator comes
//! to be. Must never be reachable but through that socket.

use std::net::{IpAddr, Ipv4Addr};

use api::identity::{Correlation, Role, Visit};
use api::ports::Account;
use api::security::Security;
use serde_json::{Value, json};

/// Accounts that are listed together.
const PAGE: usize = 500;

/// What somebody asks about accounts: `add`, `list`, `role`, `password`; names and passwords in hexadecimal.
///
/// # Errors
/// A sentence.
pub async fn ask(security: &Security, words: &[&str]) -> Result<Value, String> {
    match words {
        ["list"] => list(security).await,
        ["add", name, role, password] => {
            let (name, role, password) = (text(name)?, role_of(role)?, text(password)?);
            let made = security.make_account(&visit()?, None, &name, &password, role, 0).await;
            let person = made.map_err(|e| e.to_string())?;
            Ok(json!({ "name": name, "role": role.name(), "person": person.0.to_string() }))
        }
        ["role", name, role] => {
            let (account, role) = (find(security, &text(name)?).await?, role_of(role)?);
            let set = security.set_role_here(&visit()?, account.person, role).await;
            set.map_err(|e| e.to_string())?;
            Ok(shown(&Account { role, ..account }))
        }
        ["password", name, password] => {
            let account = find(security, &text(name)?).await?;
            let set = security.set_password_here(&visit()?, account.person, &text(password)?).await;
            set.map_err(|e| e.to_string())?;
            Ok(shown(&account))
        }
        _ => Err("the service knows account list, account add, account role and account password".to_owned()),
    }
}

async fn list(security: &Security) -> Result<Value, String> {
    let (mut behind, mut all) = (None, Vec::new());
    loop {
        let (page, more) = security.accounts().list(behind, PAGE).await.map_err(|e| e.to_string())?;
        behind = page.last().map(|account| account.person);
        all.extend(page.iter().map(shown));
        if !more || behind.is_none() {
            return Ok(json!({ "accounts": all }));
        }
    }
}

async fn find(security: &Security, name: &str) -> Result<Account, String> {
    let found = security.accounts().by_name(name).await.map_err(|e| e.to_string())?;
    found.ok_or_else(|| format!("there is no account of the name {name}: `spacetime account list` lists them"))
}

fn shown(account: &Account) -> Value {
    json!({
        "name": account.name,
        "role": account.role.name(),
        "person": account.person.0.to_string(),
        "banned_until": account.banned_until.map(|until| until.to_string()),
    })
}

fn role_of(word: &str) -> Result<Role, String> {
    word.parse().map_err(|e: api::identity::NoSuchRole| e.to_string())
}

/// Text that was sent in hexadecimal, as a question is words.
fn text(hex: &str) -> Result<String, String> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| "that is no text in hexadecimal".to_owned())
}

/// Whoever is at the socket is on this machine.
fn visit() -> Result<Visit, String> {
    let mut correlation = Correlation([0; 12]);
    getrandom::fill(&mut correlation.0).map_err(|e| format!("there are no random numbers: {e}"))?;
    Ok(Visit { address: IpAddr::V4(Ipv4Addr::LOCALHOST), correlation })
}

#[cfg(test)]
mod tests {
    use netcode::transport::to_hex;

    use super::*;

    #[test]
    fn text_comes_back_from_hexadecimal_or_is_refused() {
        for sound in ["", "Ada", "pass word\n", "日本"] {
            assert_eq!(text(&to_hex(sound.as_bytes())), Ok(sound.to_owned()));
        }
        for wrong in ["0", "0g", "ff", "é0"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}
