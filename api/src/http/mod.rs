//! Connections: accept loop, TLS, limits, dispatch by the table of routes. Must never look into what a request is about.
