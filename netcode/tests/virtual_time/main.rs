//! Tests of the core with a few peers around a table, in virtual time: that they agree, that liars are exposed, that
//! worlds which go wrong are found and replaced, that nobody is held up for long by one who cannot keep step, and that
//! whoever was cut off comes back.

mod coming_back;
mod desync;
mod equivocation;
mod forks;
mod keeping_step;
mod lockstep;
mod signed;
mod table;
