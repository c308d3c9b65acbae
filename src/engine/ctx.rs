//! The context: one connection to the host's services, one reactor, any number of operations.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::op::Op;
use crate::log::Logger;
use crate::store::Store;
use crate::xen::Xen;
use crate::{Code, Error, Result};

/// How the end of an asynchronous operation is announced.
pub enum Notify {
    /// By a call with 0 or `ERROR_*`, made without any lock of the library.
    Callback(Box<dyn FnOnce(i32) + Send>),
    /// By an OPERATION_COMPLETE event with this number as `for_user`.
    Event(u64),
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notify::Callback(_) => f.write_str("Callback"),
            Notify::Event(user) => write!(f, "Event({user})"),
        }
    }
}

/// A C caller's `libxl_asyncop_how`, taken apart.
#[derive(Debug)]
pub struct How {
    /// What to do at the end.
    pub notify: Notify,
    /// Which operation [`Ctx::abort`] means: the callback's address and its `for_*` word.
    pub key: (usize, u64),
}

/// A context, cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    log: Logger,
    xen: Arc<Xen>,
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ctx")
    }
}

impl Ctx {
    /// A context that logs to `log`. Opens nothing that needs Xen.
    pub fn new(log: Logger) -> Result<Self> {
        Ok(Self {
            log,
            xen: Arc::new(Xen::new(None)),
        })
    }

    /// Where this context logs.
    pub fn log(&self) -> &Logger {
        &self.log
    }

    /// The hypervisor, opened at the first call that needs it.
    pub fn xen(&self) -> Result<&Xen> {
        Ok(&self.xen)
    }

    /// The connection to xenstored, opened at the first call.
    pub fn store(&self) -> Result<Store> {
        Err(Error::new(Code::Ni, "the engine is not wired up"))
    }

    /// Runs an operation to its end in this thread, which meanwhile serves the context's other operations too.
    /// An error is returned, not logged.
    pub fn block_on<T>(&self, _body: impl AsyncFnOnce(&Op) -> Result<T>) -> Result<T> {
        Err(Error::new(Code::Ni, "the engine is not wired up"))
    }

    /// Starts an operation; `how` announces its end. `None` runs it to its end like [`Ctx::block_on`].
    /// A failure before the first wait is returned here and not announced.
    pub fn start<F, Fut>(&self, _how: Option<How>, _body: F) -> Result<()>
    where
        F: FnOnce(Op) -> Fut,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Err(Error::new(Code::Ni, "the engine is not wired up"))
    }
}
