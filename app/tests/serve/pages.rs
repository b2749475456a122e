//! What docs/OPERATING.md says is so: its list of keys, and every command line in it that needs neither root nor a host.
