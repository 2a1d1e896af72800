//! The real time and real chance.

use pierhead_control::Outside;
use pierhead_model::Timestamp;

/// This machine's clock and random numbers.
#[derive(Debug)]
pub(crate) struct Host;

impl Outside for Host {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn fill(&self, bytes: &mut [u8]) {
        // The generator reads the kernel's; when that fails nothing that needs a secret may go on.
        if aws_lc_rs::rand::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}
