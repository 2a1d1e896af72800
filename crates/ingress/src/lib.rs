//! The data plane: takes a visitor's request, looks its hostname up and answers with files or with what a service says.
//!
//! The way of a request is the order of the modules:
//!
//! | module | idea |
//! | --- | --- |
//! | [`options`], [`ingress`] | what it is given, how it is started and stopped |
//! | `listener`, `connections`, `client_io`, `head_guard` | accepting visitors, capping them, refusing the slow and the ambiguous |
//! | `tls` | certificates by hostname, and what is said on the way to them |
//! | `origin` | who a request comes from |
//! | `handler`, `host`, `route_table`, `target` | one request: which host, which route, what it shows |
//! | `guard`, `passwords`, `limiter` | hostnames that are not for everybody, or not as often as one likes |
//! | `waking` | holding requests for a service that sleeps |
//! | `service`, `forwarding`, `endpoint`, `pool`, `tunnel` | a reverse proxy with its own connection pools |
//! | `file_queue` | files that the kernel sends |
//! | `static_site` | files by path, with everything HTTP knows about files |
//! | `error_page` | what a visitor sees when there is nothing else to show |
//! | `control_link`, `deployments`, `drain`, `outbox` | the table's changes, and what leaves with them |
//! | `table_copy`, `certificate_copy` | what was told, on disk, for a start without the control plane |
//!
//! Rules:
//! - A request never waits for the control plane, and needs no container engine: the table is in memory, blobs come through
//!   a [`BlobChannel`](pierhead_wire::BlobChannel).
//! - A request picks its target once and is counted there, so a switch ends nothing that has begun.
//! - What arrives is parsed once and written anew: nothing is passed on that was not understood.

mod access_log;
mod body;
mod certificate_copy;
mod client_io;
mod connections;
mod context;
mod control_link;
mod counters;
mod deployments;
mod drain;
mod endpoint;
mod error;
mod error_page;
mod exchange;
mod file_queue;
mod forwarding;
mod guard;
mod handler;
mod head_guard;
mod host;
mod ingress;
mod limiter;
mod listener;
mod options;
mod origin;
mod outbox;
mod passwords;
mod pool;
mod request_body;
mod request_id;
mod response;
mod route_table;
mod service;
mod static_site;
mod table_copy;
mod target;
mod tls;
mod tunnel;
mod upstream;
mod waking;
mod windows;

pub use access_log::AccessRecord;
pub use counters::Counts;
pub use error::IngressError;
pub use ingress::{Certificates, Handle, Ingress};
pub use options::{Limits, Options};
