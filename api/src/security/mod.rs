//! Who somebody is, and whether they may: passwords, tokens, sign-in sessions, allowances, intrusion. Must never tell an
//! outsider which part of a secret was wrong.

pub mod allowance;
pub mod keys;
pub mod lockout;
pub mod password;
pub mod random;
mod table;
pub mod token;
