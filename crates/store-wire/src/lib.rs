//! What goes between xenstored and its clients: messages with their bounds, and the texts in them, read strictly. Nothing here
//! reads or writes a descriptor, so that a client may wait as it likes.
//!
//! Source: Xen's public header `io/xs_wire.h`, and `docs/misc/xenstore.txt`.
#![forbid(unsafe_code)]

mod message;
mod perms;
mod text;

pub use message::{HEADER, Header, Kind, Message, PAYLOAD_MAX, TooLong, decode, encode};
pub use perms::{Access, Perms};
pub use text::{PATH_MAX, errno, event, is_name, is_path, names, number, transaction};
