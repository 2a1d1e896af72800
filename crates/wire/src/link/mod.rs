//! Links: bounded, ordered, typed by direction. They carry messages and know none of them.
//!
//! | module | idea |
//! | --- | --- |
//! | `memory` | a link inside one process |
//! | [`certificate`], `tls` | a channel between two machines, whose ends know each other's thumbprint |
//! | [`token`], `proof`, [`handshake`] | both ends prove the token, bound to that channel |
//! | [`calling`] | calling a control plane again and again |
//! | [`socket`] | a link over such a channel |

pub mod calling;
pub mod certificate;
pub mod handshake;
mod memory;
mod proof;
pub mod socket;
mod tls;
pub mod token;

pub use memory::{End, LinkClosed, memory};
pub use proof::Side;
pub use tls::Tls;
