//! Arguments → settings → role or command → exit status.
fn main() {}
