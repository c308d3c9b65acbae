//! Work that blocks for long, on a thread of its own beside the context: building a guest, destroying one, dumping its core.
//!
//! A thread and not a child, because the work shares the hypervisor's handle, gives back a value, and ends with the process.
//! Whoever waits for it sleeps on an eventfd like on any other descriptor, so the application's event loop serves it too.
//! Nothing of the context but the hypervisor is in its reach: it never takes the context's lock.

use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::{future::poll_fn, io, pin::pin};

use super::Ctx;
use super::beside::Beside;
use super::drive::panicked;
use super::life::aborted;
use super::op::Op;
use super::reactor::{READ, Readiness, Waiting};
use super::wake::lock;
use crate::gate::Gate;
use crate::log::{Level, Logger};
use crate::sys::held_log;
use crate::sys::thread;
use crate::xen::Xen;
use crate::{Error, Result, log_line};

/// What blocking work is given.
#[derive(Debug)]
pub struct Work {
    gate: Arc<WorkGate>,
    xen: Xen,
}

impl Work {
    /// The hypervisor; no hypercall begins once the operation was aborted.
    pub fn xen(&self) -> &Xen {
        &self.xen
    }

    /// Where to log. The lines reach the application in one of its own threads.
    pub fn log(&self) -> &Logger {
        self.gate.op.log()
    }

    /// An error once the operation was aborted. Hypercalls ask by themselves; other long work has to ask.
    pub fn check(&self) -> Result<()> {
        self.gate.check()
    }
}

/// The operation's own abort, or that nobody waits for the work any more.
#[derive(Debug)]
struct WorkGate {
    op: Op,
    beside: Arc<Beside>,
}

impl Gate for WorkGate {
    fn check(&self) -> Result<()> {
        let unwanted = self.beside.unwanted.load(Ordering::SeqCst);
        if unwanted || self.op.check().is_err() {
            self.beside.stopped.store(true, Ordering::SeqCst);
            return Err(aborted());
        }
        Ok(())
    }
}

/// Waits for the thread's end as an operation does that cannot be aborted.
async fn finish(beside: &Beside, ctx: &Ctx) {
    while !beside.has_ended() {
        let bell = Waiting::new(ctx, Readiness(beside.bell.as_raw_fd(), READ));
        if let Err(error) = bell.await {
            // An application that takes no more descriptors waits itself.
            ctx.log().failure(&error);
            break;
        }
        beside.hush();
        beside.deliver();
    }
    beside.join();
}

/// What runs beside the context, without its result: what surrounds it is there once for all of them.
type Body = Box<dyn FnOnce(&Work) -> Result<()> + Send>;

/// Leaves work that is dropped before its end to the operation, which waits for it before it undoes anything.
struct Attended<'a> {
    op: &'a Op,
    beside: &'a Arc<Beside>,
}

impl Drop for Attended<'_> {
    fn drop(&mut self) {
        if self.beside.has_ended() {
            self.op.ctx().forget_beside(self.beside);
            return;
        }
        self.beside.abandon();
        self.op.leave_running(Arc::clone(self.beside));
    }
}

impl Op {
    /// Runs `work` beside the context, which serves everybody else meanwhile; `name` is the thread's, 15 bytes at most.
    ///
    /// Aborted, it ends at its next hypercall or [`Work::check`], and that is waited for. A panic in it is an error. Dropped, it
    /// is told to end, and the operation waits for it before it runs undos or ends.
    pub async fn blocking<T, F>(&self, name: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Work) -> Result<T> + Send + 'static,
    {
        let given = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&given);
        let work: Body = Box::new(move |beside| {
            *lock(&slot) = Some(work(beside)?);
            Ok(())
        });
        self.blocking_boxed(name, work).await?;
        lock(&given).take().ok_or_else(panicked)
    }

    async fn blocking_boxed(&self, name: &'static str, work: Body) -> Result<()> {
        self.check()?;
        let ctx = self.ctx();
        let xen = ctx.xen()?;
        let failed = |error: io::Error| Error::io(format!("preparing to {name}"), &error);
        let beside = Arc::new(Beside::new().map_err(failed)?);
        // An application that refuses the descriptor refuses it before there is anything to wait for.
        let mut bell = pin!(Some(Waiting::new(
            ctx,
            Readiness(beside.bell.as_raw_fd(), READ)
        )));
        let registered = poll_fn(|cx| {
            Poll::Ready(match bell.as_mut().as_pin_mut() {
                Some(bell) => bell.poll(cx),
                None => Poll::Pending,
            })
        });
        if let Poll::Ready(Err(error)) = registered.await {
            return Err(error);
        }
        let slot = Arc::new(Mutex::new(None));
        ctx.remember_beside(&beside);
        let attended = Attended {
            op: self,
            beside: &beside,
        };
        self.run_beside(name, &beside, xen, Arc::clone(&slot), work);
        loop {
            if let Some(bell) = bell.as_mut().as_pin_mut() {
                bell.await?;
            }
            bell.set(None);
            beside.hush();
            beside.deliver();
            if beside.has_ended() {
                break;
            }
            bell.set(Some(Waiting::new(
                ctx,
                Readiness(beside.bell.as_raw_fd(), READ),
            )));
        }
        beside.join();
        drop(attended);
        let result = lock(&slot).take();
        match result {
            _ if beside.stopped.load(Ordering::SeqCst) => Err(aborted()),
            Some(result) => result,
            None => Err(panicked()),
        }
    }

    /// Waits for work that was dropped before its end.
    pub(super) async fn finish_left(&self) {
        // On the list until it has ended, in case this wait is dropped as well.
        while let Some(beside) = self.left_running() {
            finish(&beside, self.ctx()).await;
            self.ctx().forget_beside(&beside);
            self.forget_left(&beside);
        }
    }

    /// Starts the thread. Where there can be none the work runs here: late is better than half done, as for an undo.
    fn run_beside(
        &self,
        name: &'static str,
        beside: &Arc<Beside>,
        xen: &Xen,
        slot: Arc<Mutex<Option<Result<()>>>>,
        work: Body,
    ) {
        let gate = Arc::new(WorkGate {
            op: self.clone(),
            beside: Arc::clone(beside),
        });
        let seen = Arc::clone(&gate) as Arc<dyn Gate>;
        let given = Work {
            xen: xen.gated(seen),
            gate,
        };
        let body = {
            let beside = Arc::clone(beside);
            move || {
                let bell = Arc::clone(&beside);
                let notice = Box::new(move |matters| {
                    // Lines for those who work on the library wait for the next occasion.
                    if matters {
                        bell.ring();
                    }
                });
                let result = held_log::hold(&beside.held, notice, || {
                    catch_unwind(AssertUnwindSafe(|| work(&given)))
                });
                *lock(&slot) = Some(result.unwrap_or_else(|_| Err(panicked())));
                drop((given, slot));
                beside.ended.store(true, Ordering::SeqCst);
                beside.ring();
            }
        };
        // Either the thread takes it, or this function does.
        let body = Arc::new(Mutex::new(Some(body)));
        let theirs = Arc::clone(&body);
        let started = thread::start(name, move || {
            let body = lock(&theirs).take();
            if let Some(body) = body {
                body();
            }
        });
        match started {
            Ok(thread) => *lock(&beside.thread) = Some(thread),
            Err(error) => {
                let text = format_args!("{name}: no thread for it ({error}), so others wait");
                log_line!(self.log(), Level::Warn, None, "{text}");
                let body = lock(&body).take();
                if let Some(body) = body {
                    body();
                }
            }
        }
    }
}

impl Ctx {
    fn remember_beside(&self, beside: &Arc<Beside>) {
        let guard = self.shared.lock();
        guard.borrow_mut().beside.push(Arc::clone(beside));
    }

    fn forget_beside(&self, beside: &Arc<Beside>) {
        let guard = self.shared.lock();
        let mut core = guard.borrow_mut();
        core.beside.retain(|other| !Arc::ptr_eq(other, beside));
    }
}
