//! What every operation runs on: the context, its reactor, operations as futures with built-in undo, child processes,
//! the event queue and the application's hooks. docs/engine.md tells who wakes whom.

mod child;
mod ctx;
mod event;
mod lock;
mod op;
mod rollback;

pub use child::{Child, Command, ExitStatus};
pub use ctx::{Ctx, How, Notify};
pub use event::{Event, EventKind, ProgressHow};
pub use lock::FileLock;
pub use op::Op;
pub use rollback::Rollback;
