//! Who somebody is: passwords, tokens, and the limit on guessing.

pub(crate) mod access_token;
pub(crate) mod attempts;
pub(crate) mod password;
pub(crate) mod secret_token;
