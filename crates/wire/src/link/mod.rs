//! Links: bounded, ordered, typed by direction. They carry messages and know none of them.

mod memory;

pub use memory::{End, LinkClosed, memory};
