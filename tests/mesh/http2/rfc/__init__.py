"""RFC 9113 and RFC 7541 as cases: what a peer says, and what the rules make of it (see docs/http2.md)."""
