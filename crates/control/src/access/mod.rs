//! Who somebody is (passwords, tokens, the limit on guessing), and what they may do.

pub(crate) mod access_token;
pub(crate) mod address;
pub(crate) mod attempts;
pub(crate) mod password;
pub(crate) mod policy;
pub(crate) mod secret_token;
pub(crate) mod token_keys;
