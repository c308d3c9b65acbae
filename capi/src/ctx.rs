//! The context as C sees it: an opaque pointer.

use xenlight::engine::Ctx;
use xenlight::log::Logger;

/// What `libxl_ctx *` points to.
pub struct libxl_ctx {
    pub(crate) log: Logger,
    pub(crate) core: Ctx,
}
