//! Holds a name on a deployment's network for a service that runs on another node.
//!
//! It listens where the service would, and hands the listening sockets to the agent, through a socket that the agent mounts into
//! the container. The agent accepts what comes: no byte of the traffic passes through here, and nobody who is not on the
//! deployment's network can reach it, because the sockets belong to that network and to no other.
//!
//! Linked statically, without a dependency: it runs in images that hold nothing else.
//!
//! ```text
//! pierhead-relay SOCKET PORT …
//! ```

use std::ffi::{c_int, c_void};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Before the agent, which may be starting again, is looked for another time.
const PAUSE: Duration = Duration::from_millis(200);

/// The message that carries open files, as `sendmsg(2)` of Linux on 64-bit machines wants it.
mod ancillary {
    use std::ffi::{c_int, c_void};

    pub(super) const SOL_SOCKET: c_int = 1;
    pub(super) const SCM_RIGHTS: c_int = 1;
    /// A socket that was closed on the other side is an error, not a signal.
    pub(super) const MSG_NOSIGNAL: c_int = 0x4000;
    /// More than a service has ports.
    pub(super) const MOST: usize = 64;

    #[repr(C)]
    pub(super) struct Bytes {
        pub(super) base: *const c_void,
        pub(super) length: usize,
    }

    #[repr(C)]
    pub(super) struct Message {
        pub(super) name: *const c_void,
        pub(super) name_length: u32,
        pub(super) bytes: *const Bytes,
        pub(super) bytes_length: usize,
        pub(super) control: *const c_void,
        pub(super) control_length: usize,
        pub(super) flags: c_int,
    }

    #[repr(C)]
    pub(super) struct Control {
        pub(super) length: usize,
        pub(super) level: c_int,
        pub(super) kind: c_int,
        pub(super) files: [c_int; MOST],
    }

    unsafe extern "C" {
        pub(super) fn sendmsg(socket: c_int, message: *const Message, flags: c_int) -> isize;
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(socket) = arguments.next() else { fail("there is nobody to hand the sockets to") };
    let ports: Vec<u16> = arguments.filter_map(|port| port.parse().ok()).collect();
    if ports.is_empty() || ports.len() > ancillary::MOST {
        fail("there are no ports to listen on, or too many");
    }
    let listen = |port: &u16| {
        TcpListener::bind(("0.0.0.0", *port)).unwrap_or_else(|error| fail(&format!("port {port}: {error}")))
    };
    let listeners: Vec<TcpListener> = ports.iter().map(listen).collect();
    loop {
        if let Ok(mut agent) = UnixStream::connect(&socket)
            && hand_over(&agent, &listeners)
        {
            // It says nothing; the end of the connection is its end, and the next agent wants the sockets again.
            let _ = agent.read(&mut [0]);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether the sockets were sent, in the order of the ports.
fn hand_over(agent: &UnixStream, listeners: &[TcpListener]) -> bool {
    let mut files = [0; ancillary::MOST];
    for (file, listener) in files.iter_mut().zip(listeners) {
        *file = listener.as_raw_fd();
    }
    let header = std::mem::offset_of!(ancillary::Control, files);
    let control = ancillary::Control {
        length: header + listeners.len() * size_of::<c_int>(),
        level: ancillary::SOL_SOCKET,
        kind: ancillary::SCM_RIGHTS,
        files,
    };
    // Open files travel with at least one byte.
    let byte = [1_u8];
    let bytes = ancillary::Bytes { base: byte.as_ptr().cast(), length: byte.len() };
    let message = ancillary::Message {
        name: std::ptr::null(),
        name_length: 0,
        bytes: &raw const bytes,
        bytes_length: 1,
        control: (&raw const control).cast::<c_void>(),
        control_length: control.length,
        flags: 0,
    };
    // SAFETY: everything that the message points to outlives the call, and its lengths are those of what is there.
    unsafe { ancillary::sendmsg(agent.as_raw_fd(), &raw const message, ancillary::MSG_NOSIGNAL) == 1 }
}

fn fail(why: &str) -> ! {
    eprintln!("pierhead-relay: {why}");
    std::process::exit(125)
}
