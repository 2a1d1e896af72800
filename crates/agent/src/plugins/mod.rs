//! Plugins that come with Pierhead: their manifests, and their images, made on this node without any registry.
//!
//! | module | holds |
//! | --- | --- |
//! | [`manifest`] | `plugin.yaml`: what a plugin is called, takes, gives and may use |
//! | `sources` | the files of the first-party plugins, which are part of this program |
//! | `builder` | an image from those files |
//! | `compile` | the ones in Rust, which need a compiler first |

mod builder;
mod compile;
pub mod manifest;
mod sources;

pub use builder::{PluginBuilder, PluginError};
pub use manifest::{Manifest, ManifestError};

/// The manifests of the plugins that come with Pierhead, by name.
pub fn first_party() -> Result<Vec<Manifest>, ManifestError> {
    sources::ALL.iter().map(|source| Manifest::parse(source.manifest)).collect()
}
