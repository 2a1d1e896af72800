//! See the crate's line in docs/architecture.md.
