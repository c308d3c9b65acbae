//! The context as C sees it: an opaque pointer.

use std::ffi::{c_int, c_uint};

use xenlight::engine::{self, Ctx};
use xenlight::log::{Level, Logger};
use xenlight::sys::log::CLogger;
use xenlight::{Code, Error, Result};

use crate::ao;
use crate::boundary::{self, OK};
use crate::handles::xentoollog_logger;
use crate::types::libxl_asyncop_how;

/// The only interface version there has ever been.
const VERSION: c_int = 0;

/// What `libxl_ctx *` points to.
pub struct libxl_ctx {
    pub(crate) log: Logger,
    pub(crate) core: Ctx,
    pub(crate) version: crate::host::VersionCache,
}

/// Makes a context. Neither the hypervisor nor xenstored is touched until something is asked of them.
///
/// # Safety
/// `pctx` is NULL or writable; `lg` is NULL or a logger that outlives the context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_ctx_alloc(
    pctx: *mut *mut libxl_ctx,
    version: c_int,
    _flags: c_uint,
    lg: *mut xentoollog_logger,
) -> c_int {
    const NAME: &str = "libxl_ctx_alloc";
    boundary::plain(NAME, Code::Fail as c_int, || {
        // SAFETY: `lg` and `pctx` are as this function requires.
        match unsafe { alloc(pctx, version, lg) } {
            Ok(()) => OK,
            Err(error) => {
                eprintln!("libxl: {NAME}: {error}");
                error.code() as c_int
            }
        }
    })
}

/// # Safety
/// As for [`libxl_ctx_alloc`].
unsafe fn alloc(
    pctx: *mut *mut libxl_ctx,
    version: c_int,
    lg: *mut xentoollog_logger,
) -> Result<()> {
    // SAFETY: `pctx` is NULL or writable.
    unsafe { boundary::store_out("the context's place", pctx, std::ptr::null_mut()) }?;
    if version != VERSION {
        return Err(Error::new(
            Code::Version,
            format!("unknown interface version {version}"),
        ));
    }
    // SAFETY: the caller's logger outlives the context.
    let logger = match unsafe { CLogger::from_application(lg.cast()) } {
        Some(logger) => logger,
        None => CLogger::stderr(Level::Warn)?,
    };
    let core = Ctx::with_c_logger(logger)?;
    let ctx = Box::new(libxl_ctx {
        log: core.log().clone(),
        core,
        version: crate::host::VersionCache::default(),
    });
    // SAFETY: as above.
    unsafe { boundary::store_out("the context's place", pctx, Box::into_raw(ctx)) }
}

/// Frees a context; nothing may run on it. NULL is fine. In a forked child nothing of the parent's is touched.
///
/// # Safety
/// `ctx` is NULL or came from `libxl_ctx_alloc`, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_ctx_free(ctx: *mut libxl_ctx) -> c_int {
    boundary::plain("libxl_ctx_free", Code::Fail as c_int, || {
        if !ctx.is_null() {
            // SAFETY: made by Box::into_raw in `alloc`, and given back once.
            let ctx = unsafe { Box::from_raw(ctx) };
            ctx.core.close();
        }
        OK
    })
}

/// In a forked child that goes on without exec: closes what belongs to the parent's contexts, which are all dead then.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_postfork_child_noexec(_ctx: *mut libxl_ctx) {
    boundary::plain("libxl_postfork_child_noexec", (), engine::postfork_child);
}

/// Aborts the operation that was started with the same `how`; NULL means a synchronous one in another thread.
/// `ERROR_NOTFOUND`, or `ERROR_ABORTED` when it was aborted before.
///
/// # Safety
/// `how` is NULL or valid for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_ao_abort(
    ctx: *mut libxl_ctx,
    how: *const libxl_asyncop_how,
) -> c_int {
    boundary::status(ctx, "libxl_ao_abort", |ctx| {
        // SAFETY: NULL or valid by this function's contract.
        let key = unsafe { ao::key(how) };
        // An answer, not a failure to be logged.
        Ok(ctx
            .core
            .abort(key)
            .map_or_else(|error| error.code() as c_int, |()| OK))
    })
}
