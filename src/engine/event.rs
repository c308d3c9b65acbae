//! Events: what happened to domains and operations, on their way to the application.

use std::fmt;
use std::sync::Arc;

use crate::Domid;
use crate::types::DiskBackend;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The domain shut down.
    DomainShutdown {
        /// The hypervisor's number, `LIBXL_SHUTDOWN_REASON_*`.
        reason: u8,
    },
    /// The domain is gone or going.
    DomainDeath,
    /// The guest ejected the medium of a drive.
    DiskEject {
        /// The drive's name, for instance "hdc".
        vdev: String,
        /// The domain that serves the drive.
        backend_domid: Domid,
        /// What serves it.
        backend: DiskBackend,
    },
    /// An operation that was started with an event as notification has ended.
    OperationComplete {
        /// 0 or `ERROR_*`.
        rc: i32,
    },
    /// The console of a domain in creation can be connected to.
    ConsoleAvailable,
}

/// The number of [`EventKind::DomainDeath`].
pub const DOMAIN_DEATH: u32 = 2;
/// The number of [`EventKind::DiskEject`].
pub const DISK_EJECT: u32 = 3;

impl EventKind {
    /// The number of the type (`LIBXL_EVENT_TYPE_*`); masks have bit `1 << type`.
    pub fn type_raw(&self) -> u32 {
        match self {
            EventKind::DomainShutdown { .. } => 1,
            EventKind::DomainDeath => DOMAIN_DEATH,
            EventKind::DiskEject { .. } => DISK_EJECT,
            EventKind::OperationComplete { .. } => 4,
            EventKind::ConsoleAvailable => 5,
        }
    }
}

/// One event as the application gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The domain it is about, 0 when not known yet.
    pub domid: Domid,
    /// The domain's UUID, all zeroes when nobody looked it up.
    pub domuuid: [u8; 16],
    /// The number that the application gave when it asked for the event.
    pub for_user: u64,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// An event about `domid`, or about no domain in particular (0).
    pub fn new(domid: Domid, kind: EventKind) -> Self {
        Self {
            domid,
            domuuid: [0; 16],
            for_user: 0,
            kind,
        }
    }

    /// The bit of its type in masks.
    pub(super) fn mask_bit(&self) -> u64 {
        1 << self.kind.type_raw()
    }
}

/// How an application wants progress reports of an operation.
#[derive(Clone, Default)]
pub enum ProgressHow {
    /// Not at all.
    #[default]
    Drop,
    /// By a call, made without any lock of the library; the event's `for_user` is 0.
    Callback(Arc<dyn Fn(Event) + Send + Sync>),
    /// Through the event queue, with this number as `for_user`.
    Queue(u64),
}

impl fmt::Debug for ProgressHow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgressHow::Drop => f.write_str("Drop"),
            ProgressHow::Callback(_) => f.write_str("Callback"),
            ProgressHow::Queue(user) => write!(f, "Queue({user})"),
        }
    }
}
