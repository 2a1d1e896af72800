//! OCI registries: what an image is called, which tags there are, what is behind one.
//!
//! Pierhead never copies layers itself (the engine pulls them), so this is only the reading half of the distribution
//! protocol, made for what a person waits for: is this registry there, which tags fit the pattern, does this image exist for
//! the node's platform, when was it made.
//!
//! A registry's address and everything it answers come from outside, so the rules are strict:
//!
//! - Every address, the first and those of redirects and token servers, is judged by the [`AddressFilter`] that the caller
//!   hands in, and the connection is pinned to what was judged ([`address`]).
//! - Credentials go to the registry's own origin and to its own token server, to nobody else ([`auth`]). They are in no
//!   `Debug`, no error and no log.
//! - Every answer has a limit of size, every call one of time, every chain (redirects, pages, retries) one of length.
//! - Every way to fail is a [`RegistryError`] that says what happened and what to do about it.
//!
//! | module | holds |
//! | --- | --- |
//! | [`reference`] | `docker.io/library/postgres:16@sha256:…`, parsed once |
//! | [`address`], [`transport`] | one request, with its redirects, retries and limits |
//! | [`challenge`], [`auth`] | what a registry asks for, and what it gets |
//! | [`client`], [`manifest`] | ping, tags, manifests, configurations |
//! | [`order`], [`tags`] | the tags a person chooses from: filtered, newest first, cached |

pub mod address;
pub mod auth;
pub mod challenge;
pub mod client;
pub mod error;
pub mod manifest;
pub mod order;
mod page;
pub mod reference;
pub mod tags;
pub mod transport;

pub use address::AddressFilter;
pub use auth::Credentials;
pub use client::{Access, Registry};
pub use error::RegistryError;
pub use reference::{ImageDigest, Reference, RegistryName, Repository, Selector, Tag};
pub use tags::TagBrowser;
pub use transport::{Limits, Transport};
