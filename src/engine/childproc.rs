//! Whose business ended children are: the four modes of `libxl_childproc_setmode`.
//!
//! Our own children are found by their pidfds, so a SIGCHLD handler is only needed where the application wants its
//! children collected by the library, or where the process ignores SIGCHLD and statuses would be lost.

use std::io;
use std::os::fd::AsRawFd;

use super::Ctx;
use super::core::Target;
use super::exit::ExitStatus;
use super::hooks::{ChildHooks, ChildOwner, Reaped};
use super::reactor::READ;
use crate::log::Level;
use crate::sys::sigchld::{self, Handler};
use crate::{Code, Error, Result};

impl Ctx {
    /// Sets who collects children and how they are started. Not while there are any.
    pub fn set_child_hooks(&self, hooks: ChildHooks) -> Result<()> {
        let guard = self.shared.lock();
        if !guard.borrow().children.is_empty() {
            return Err(Error::inval(
                "the child mode cannot be changed while children run",
            ));
        }
        if hooks.owner == ChildOwner::Mainloop && hooks.reaped.is_some() {
            return Err(Error::inval(
                "an application that collects children itself cannot have a reaped callback",
            ));
        }
        let before = guard.borrow_mut().sigchld.take();
        self.drop_handler(before);
        let always = hooks.owner == ChildOwner::LibxlAlways;
        guard.borrow_mut().child_hooks = hooks;
        if always {
            self.install_handler()
                .map_err(|error| Error::io("installing the SIGCHLD handler", &error))?;
        }
        Ok(())
    }

    /// The application collected a child (wait status `status`). [`Code::UnknownChild`] when it is not ours,
    /// [`Code::Inval`] when the library collects by itself.
    pub fn child_reaped(&self, pid: i32, status: i32) -> Result<()> {
        self.mainloop_only()?;
        let ours = self.child_ended(pid, ExitStatus::from_raw(status));
        self.settle();
        if ours {
            return Ok(());
        }
        Err(Error::new(
            Code::UnknownChild,
            format!("process {pid} is not one of the library's"),
        ))
    }

    /// The application saw SIGCHLD and wants us to look after our children.
    pub fn sigchld_occurred(&self) -> Result<()> {
        self.mainloop_only()?;
        self.collect_own();
        self.settle();
        Ok(())
    }

    fn mainloop_only(&self) -> Result<()> {
        let guard = self.shared.lock();
        if guard.borrow().child_hooks.owner != ChildOwner::Mainloop {
            return Err(Error::inval(
                "only an application that owns SIGCHLD may tell the library about children",
            ));
        }
        Ok(())
    }

    /// Called before a child is started.
    pub(super) fn prepare_sigchld(&self) -> io::Result<()> {
        let guard = self.shared.lock();
        let (installed, owner, collects) = {
            let core = guard.borrow();
            let hooks = &core.child_hooks;
            (core.sigchld.is_some(), hooks.owner, hooks.reaped.is_some())
        };
        let needed = match owner {
            ChildOwner::Mainloop => false,
            ChildOwner::Libxl | ChildOwner::LibxlAlways => collects || sigchld::is_ignored(),
            ChildOwner::LibxlAlwaysSelective => sigchld::is_ignored(),
        };
        if installed || !needed {
            return Ok(());
        }
        self.install_handler()
    }

    /// Called after a child was forgotten.
    pub(super) fn release_sigchld(&self) {
        let guard = self.shared.lock();
        let before = {
            let mut core = guard.borrow_mut();
            let idle = core.children.is_empty();
            if !idle || core.child_hooks.owner == ChildOwner::LibxlAlways {
                return;
            }
            core.sigchld.take()
        };
        self.drop_handler(before);
    }

    fn install_handler(&self) -> io::Result<()> {
        let handler = Handler::install()?;
        let guard = self.shared.lock();
        let raw = handler.fd().map_or(-1, |fd| fd.as_raw_fd());
        let row = self
            .add_fd(raw, READ, Target::Sigchld)
            .map_err(io::Error::other)?;
        guard.borrow_mut().sigchld = Some((handler, row));
        Ok(())
    }

    fn drop_handler(&self, handler: Option<(Handler, u64)>) {
        if let Some((handler, row)) = handler {
            self.remove_fd(row);
            drop(handler);
        }
    }

    /// Some child of the process ended.
    pub(super) fn sigchld_ready(&self) {
        let guard = self.shared.lock();
        if let Some((handler, _)) = &guard.borrow().sigchld {
            handler.clear();
        }
        let hooks = guard.borrow().child_hooks.clone();
        if hooks.owner == ChildOwner::LibxlAlwaysSelective {
            self.collect_own();
            return;
        }
        let nohang = rustix::process::WaitOptions::NOHANG;
        while let Ok(Some((pid, status))) = rustix::process::wait(nohang) {
            let (pid, status) = (pid.as_raw_nonzero().get(), status.as_raw());
            if !self.child_ended(pid, ExitStatus::from_raw(status)) {
                self.unknown_child(&hooks, pid, status);
            }
        }
    }

    fn unknown_child(&self, hooks: &ChildHooks, pid: i32, status: i32) {
        let reaped = hooks.reaped.clone();
        let ctx = self.clone();
        self.call_back(Box::new(move || {
            match reaped.map_or(Reaped::Unknown, |reaped| reaped(pid, status)) {
                Reaped::Known => {}
                Reaped::Unknown => {
                    let text =
                        format_args!("process {pid}, which nobody knows, ended: {status:#x}");
                    ctx.shared.log.line(Level::Warn, None, text);
                }
                Reaped::Failed(rc) => {
                    let what = format!("the application's reaped callback failed: {rc}");
                    ctx.disaster(None, &Error::fail(what));
                    ctx.settle();
                }
            }
        }));
    }
}
