//! What committed files say: digests of whole runs, and a recording byte for byte.

mod digests;
mod recording;
