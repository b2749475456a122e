//! Tests of the core with a few peers around a table, in virtual time: that they agree, that liars are exposed, and that
//! worlds which go wrong are found and replaced.

mod desync;
mod equivocation;
mod lockstep;
mod signed;
mod table;
