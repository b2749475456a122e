//! How a session's state reaches those that need it: the replica that steps, and the transfer to who joins late.

mod replica;
mod transfer;
