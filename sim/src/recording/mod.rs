//! Recordings: the input log on disk.
