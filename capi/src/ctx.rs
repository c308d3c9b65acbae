//! The context as C sees it: an opaque pointer.

use std::ffi::{c_int, c_uint};

use xenlight::engine::{self, Ctx};
use xenlight::log::{Level, Logger};
use xenlight::sys::log::CLogger;
use xenlight::{Code, Error, Result};

use crate::args::{AoHow, AppLogger, LastUse, Out, Unused};
use crate::boundary::OK;
use crate::export::export;

/// The only interface version there has ever been.
const VERSION: c_int = 0;

/// What `libxl_ctx *` points to.
pub struct libxl_ctx {
    pub(crate) log: Logger,
    pub(crate) core: Ctx,
    pub(crate) version: crate::host::VersionCache,
}

export! {
    /// Makes a context. Neither the hypervisor nor xenstored is touched until something is asked of them.
    fn libxl_ctx_alloc(
        pctx: Out<*mut libxl_ctx>,
        version: c_int,
        _flags: c_uint,
        lg: AppLogger,
    ) -> c_int [else Code::Fail.raw()] {
        match alloc(pctx.called("the context's place"), version, lg) {
            Ok(()) => OK,
            Err(error) => {
                eprintln!("libxl: libxl_ctx_alloc: {error}");
                error.code().raw()
            }
        }
    }

    /// Frees a context; nothing may run on it. NULL is fine. In a forked child nothing of the parent's is touched.
    fn libxl_ctx_free(ctx: LastUse<libxl_ctx>) -> c_int [else Code::Fail.raw()] {
        if let Some(ctx) = ctx.take() {
            ctx.core.close();
        }
        OK
    }

    /// In a forked child that goes on without exec: closes what belongs to the parent's contexts, which are all dead then.
    fn libxl_postfork_child_noexec(_ctx: Unused<libxl_ctx>) -> () [else ()] {
        engine::postfork_child();
    }

    /// Aborts the operation that was started with the same `how`; NULL means a synchronous one in another thread.
    /// `ERROR_NOTFOUND`, or `ERROR_ABORTED` when it was aborted before.
    fn libxl_ao_abort(this, how: AoHow) {
        // An answer, not a failure to be logged.
        Ok(this
            .core
            .abort(how.key())
            .map_or_else(|error| error.code().raw(), |()| OK))
    }
}

fn alloc(pctx: Out<*mut libxl_ctx>, version: c_int, lg: AppLogger) -> Result<()> {
    pctx.set(std::ptr::null_mut())?;
    if version != VERSION {
        return Err(Error::new(
            Code::Version,
            format!("unknown interface version {version}"),
        ));
    }
    let logger = match lg.take() {
        Some(logger) => logger,
        None => CLogger::stderr(Level::Warn)?,
    };
    let core = Ctx::with_c_logger(logger)?;
    let ctx = Box::new(libxl_ctx {
        log: core.log().clone(),
        core,
        version: crate::host::VersionCache::default(),
    });
    pctx.set(Box::into_raw(ctx))
}
