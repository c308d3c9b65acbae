//! The engine without Xen: timers, children, aborts, undo, events, threads, application hooks.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::event::event;
use super::testing::Bench;
use super::wake::lock;
use super::*;
use crate::store::fake::Fault;
use crate::types::{EvUser, Event, EventOperationComplete, EventU};
use crate::{Code, Error, Result};

const MS: Duration = Duration::from_millis(1);
const ALL: u64 = u64::MAX;

mod blocking;
mod lost;

type Results = Arc<Mutex<Vec<(u64, i32)>>>;

fn complete(bench: &Bench) -> (u64, i32) {
    let event = bench.ctx.event_wait(1 << 4, |_| true).unwrap();
    match event.u {
        EventU::OperationComplete(EventOperationComplete { rc }) => (event.for_user.0, rc),
        other => panic!("{other:?}"),
    }
}

#[test]
fn timers_go_off_in_order() {
    let bench = Bench::new();
    let start = Instant::now();
    let order = Mutex::new(Vec::new());
    bench
        .ctx
        .block_on(async |op: &Op| {
            let wait = async |ms: u32| {
                op.sleep(MS * ms).await?;
                lock(&order).push(ms);
                Ok::<_, Error>(ms)
            };
            let all = op.join(vec![wait(300), wait(100), wait(200)]).await;
            assert_eq!(
                all.into_iter().collect::<Result<Vec<_>>>().unwrap(),
                [300, 100, 200]
            );
            Ok(())
        })
        .unwrap();
    assert_eq!(*lock(&order), [100, 200, 300]);
    assert!(start.elapsed() >= 300 * MS);
}

#[test]
fn timeout_says_what_and_runs_undos() {
    let bench = Bench::new();
    let undone = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&undone);
    let error = bench
        .ctx
        .block_on(async |op: &Op| {
            let slow = op.with_rollback(async |undo: Rollback| {
                undo.push("count", async move |op: Op| {
                    op.sleep(MS).await?;
                    seen.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
                op.sleep(60_000 * MS).await
            });
            let result = op.timeout(5 * MS, "waiting for the moon", slow).await;
            assert_eq!(undone.load(Ordering::SeqCst), 1);
            result
        })
        .unwrap_err();
    assert_eq!(error.code(), Code::Timedout);
    assert!(
        error.to_string().contains("waiting for the moon"),
        "{error}"
    );
}

#[test]
fn undos_run_in_reverse_and_failures_stop_none() {
    let bench = Bench::new();
    let order: Arc<Mutex<Vec<u32>>> = Arc::default();
    let result: Result<()> = bench.ctx.block_on(async |op: &Op| {
        op.with_rollback(async |undo: Rollback| {
            for number in 0..4 {
                let order = Arc::clone(&order);
                undo.push(format!("step {number}"), async move |op: Op| {
                    op.sleep(MS).await?;
                    lock(&order).push(number);
                    if number == 2 {
                        Err(Error::fail("stuck").domain(5))
                    } else {
                        Ok(())
                    }
                });
            }
            op.sleep(MS).await?;
            Err(Error::fail("no memory"))
        })
        .await
    });
    assert_eq!(result.unwrap_err().to_string(), "no memory");
    assert_eq!(*lock(&order), [3, 2, 1, 0]);
    let lines = lock(&bench.lines);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("Domain 5:") && line.contains("step 2")),
        "{lines:?}"
    );
}

#[test]
fn success_discards_undos() {
    let bench = Bench::new();
    let value = bench.ctx.block_on(async |op: &Op| {
        op.with_rollback(async |undo: Rollback| {
            undo.push("never", async |_: Op| panic!("undone"));
            op.sleep(MS).await?;
            Ok(5)
        })
        .await
    });
    assert_eq!(value.unwrap(), 5);
}

#[test]
fn abort_ends_waits_but_not_undos() {
    let bench = Bench::new();
    let undone = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&undone);
    bench
        .ctx
        .start(Bench::event(3), async move |op: Op| {
            op.with_rollback(async |undo: Rollback| {
                undo.push("count", async move |op: Op| {
                    op.sleep(MS).await?;
                    op.store()?.write("/undone", "1").await?;
                    seen.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
                op.sleep(60_000 * MS).await
            })
            .await
        })
        .unwrap();
    assert_eq!(
        bench.ctx.abort(Some((0, 99))).unwrap_err().code(),
        Code::Notfound
    );
    assert_eq!(bench.ctx.abort(None).unwrap_err().code(), Code::Notfound);
    bench.ctx.abort(Some((0, 3))).unwrap();
    assert_eq!(
        bench.ctx.abort(Some((0, 3))).unwrap_err().code(),
        Code::Aborted
    );
    assert_eq!(complete(&bench), (3, Code::Aborted as i32));
    assert_eq!(undone.load(Ordering::SeqCst), 1);
    assert!(bench.store.get("/undone").is_some());
    assert_eq!(
        bench.ctx.abort(Some((0, 3))).unwrap_err().code(),
        Code::Notfound
    );
}

#[test]
fn abort_wakes_a_synchronous_operation() {
    let bench = Bench::new();
    let ctx = bench.ctx.clone();
    let other = std::thread::spawn(move || {
        while ctx.abort(None).is_err() {
            std::thread::sleep(MS);
        }
    });
    let result = bench
        .ctx
        .block_on(async |op: &Op| op.sleep(60_000 * MS).await);
    assert_eq!(result.unwrap_err().code(), Code::Aborted);
    other.join().unwrap();
}

#[test]
fn early_failure_is_returned_and_not_announced() {
    let bench = Bench::new();
    let results: Results = Arc::default();
    let start = |key, body: Result<()>| {
        bench
            .ctx
            .start(Bench::how(key, &results), async move |_: Op| body)
    };
    assert_eq!(
        start(1, Err(Error::inval("no"))).unwrap_err().code(),
        Code::Inval
    );
    assert!(lock(&results).is_empty());
    start(2, Ok(())).unwrap();
    assert_eq!(*lock(&results), [(2, 0)]);
    let late = async |op: Op| {
        op.sleep(MS).await?;
        Err(Error::new(Code::Nomem, "none"))
    };
    bench.ctx.start(Bench::how(3, &results), late).unwrap();
    bench
        .ctx
        .block_on(async |op: &Op| op.sleep(20 * MS).await)
        .unwrap();
    assert_eq!(*lock(&results), [(2, 0), (3, -5)]);
}

#[test]
fn panic_is_a_failure() {
    let bench = Bench::new();
    let boom = async |op: Op| {
        op.sleep(MS).await?;
        panic!("boom")
    };
    bench.ctx.start(Bench::event(1), boom).unwrap();
    assert_eq!(complete(&bench), (1, Code::Fail as i32));
    bench
        .ctx
        .block_on(async |op: &Op| op.sleep(MS).await)
        .unwrap();
}

#[test]
fn children_end_and_are_reaped() {
    let bench = Bench::new();
    bench
        .ctx
        .block_on(async |op: &Op| {
            let mut child = op.spawn(Command::new("sh").args(["-c", "exit 7"]))?;
            assert_eq!(child.wait().await?, ExitStatus::Exited(7));
            let mut child = op.spawn(Command::new("sleep").arg("100"))?;
            child.kill(libc::SIGTERM)?;
            assert_eq!(child.wait().await?, ExitStatus::Signaled(libc::SIGTERM));
            child.kill(libc::SIGTERM)?;
            let missing = op.spawn(Command::new("/no/such/program")).unwrap_err();
            assert_eq!(missing.errno(), Some(libc::ENOENT));
            let mut double = Command::new("sleep").arg("0.01");
            double.double_fork = true;
            assert_eq!(op.spawn(double)?.wait().await?, ExitStatus::Gone);
            Ok(())
        })
        .unwrap();
    assert!(bench.ctx.shared.lock().borrow().children.is_empty());
}

#[test]
fn dropped_child_is_killed_before_the_end() {
    let bench = Bench::new();
    let pid = bench
        .ctx
        .block_on(async |op: &Op| {
            let child = op.spawn(Command::new("sleep").arg("100"))?;
            Ok(child.pid())
        })
        .unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let pid = bench
        .ctx
        .block_on(async |op: &Op| {
            let child = op.spawn(Command::new("sleep").arg("100"))?;
            let pid = child.pid();
            child.detach();
            Ok(pid)
        })
        .unwrap();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    bench
        .ctx
        .block_on(async |op: &Op| op.sleep(50 * MS).await)
        .unwrap();
    assert!(bench.ctx.shared.lock().borrow().children.is_empty());
}

#[test]
fn only_children_stand_in_the_way_of_another_child_mode() {
    let bench = Bench::new();
    let ctx = &bench.ctx;
    let detached = |double_fork| {
        ctx.block_on(async |op: &Op| {
            let mut command = Command::new("sleep").arg("100");
            command.double_fork = double_fork;
            let child = op.spawn(command)?;
            let pidfd = child.pidfd.clone().unwrap();
            child.detach();
            Ok(pidfd)
        })
        .unwrap()
    };
    let grandchild = detached(true);
    ctx.set_child_hooks(ChildHooks::default()).unwrap();
    let child = detached(false);
    let error = ctx.set_child_hooks(ChildHooks::default()).unwrap_err();
    assert_eq!(error.code(), Code::Inval);
    for pidfd in [grandchild, child] {
        crate::sys::pidfd::send_signal(&pidfd, rustix::process::Signal::KILL).unwrap();
    }
    ctx.block_on(async |op: &Op| {
        while ctx.set_child_hooks(ChildHooks::default()).is_err() {
            op.sleep(MS).await?;
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_held_child_starts_when_told_or_never() {
    let bench = Bench::new();
    bench
        .ctx
        .block_on(async |op: &Op| {
            let held = || {
                let mut command = Command::new("sh").args(["-c", "exit 7"]);
                command.held = true;
                op.spawn(command)
            };
            let mut child = held()?;
            child.go().unwrap();
            assert_eq!(child.wait().await?, ExitStatus::Exited(7));
            let never = held()?;
            let process = format!("/proc/{}", never.pid());
            drop(never);
            assert!(!std::path::Path::new(&process).exists());
            Ok(())
        })
        .unwrap();
    assert!(bench.ctx.shared.lock().borrow().children.is_empty());
}

/// An event loop that takes no descriptor once it has been told to refuse.
#[derive(Default)]
struct Refusing(std::sync::atomic::AtomicBool);

impl OsEvents for Refusing {
    fn fd_register(&self, _: i32, _: i16, _: u64) -> Result<usize> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(Error::fail("no more descriptors")),
            false => Ok(1),
        }
    }

    fn fd_modify(&self, _: i32, _: &mut usize, _: i16) -> Result<()> {
        Ok(())
    }

    fn fd_deregister(&self, _: i32, _: usize) {}

    fn timeout_register(&self, _: Duration, _: u64) -> Result<usize> {
        Ok(1)
    }

    fn timeout_modify(&self, _: &mut usize) -> Result<()> {
        Ok(())
    }
}

#[test]
fn an_operation_ends_when_the_application_refuses_to_watch_its_child() {
    for double_fork in [false, true] {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let bench = Bench::new();
            let hooks = Arc::new(Refusing::default());
            bench.ctx.set_os_events(Some(hooks.clone())).unwrap();
            let result = bench.ctx.block_on(async |op: &Op| {
                hooks.0.store(true, Ordering::SeqCst);
                let mut command = Command::new("sleep").arg("100");
                command.double_fork = double_fork;
                op.spawn(command).map(|child| child.pid())
            });
            let left = bench.ctx.shared.lock().borrow().children.len();
            sender.send((result, left)).unwrap();
        });
        let (result, left) = receiver
            .recv_timeout(Duration::from_secs(20))
            .expect("the operation ends");
        let error = result.unwrap_err();
        assert!(error.to_string().contains("no more descriptors"), "{error}");
        assert_eq!(left, 0);
    }
}

#[test]
fn mainloop_mode_leaves_reaping_to_the_application() {
    let bench = Bench::new();
    let ctx = &bench.ctx;
    assert_eq!(ctx.sigchld_occurred().unwrap_err().code(), Code::Inval);
    let hooks = ChildHooks {
        owner: ChildOwner::Mainloop,
        ..ChildHooks::default()
    };
    ctx.set_child_hooks(hooks.clone()).unwrap();
    ctx.start(Bench::event(1), async |op: Op| {
        let mut child = op.spawn(Command::new("sh").args(["-c", "exit 3"]))?;
        assert_eq!(child.wait().await?, ExitStatus::Exited(3));
        Ok(())
    })
    .unwrap();
    assert!(ctx.set_child_hooks(hooks).is_err());
    let child = || {
        let pid = *ctx.shared.lock().borrow().children.keys().next().unwrap();
        (pid, rustix::process::Pid::from_raw(pid).unwrap())
    };
    let (pid, raw) = child();
    let waited = rustix::process::waitpid(Some(raw), rustix::process::WaitOptions::empty());
    let (_, status) = waited.unwrap().unwrap();
    assert_eq!(
        ctx.child_reaped(999_999, 0).unwrap_err().code(),
        Code::UnknownChild
    );
    ctx.child_reaped(pid, status.as_raw()).unwrap();
    assert_eq!(complete(&bench), (1, 0));
    ctx.start(Bench::event(2), async |op: Op| {
        op.spawn(Command::new("true"))?.wait().await?;
        Ok(())
    })
    .unwrap();
    // The application's handler runs when the child has ended, however long that takes.
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(child().1), ended).unwrap();
    ctx.sigchld_occurred().unwrap();
    assert_eq!(complete(&bench), (2, 0));
}

#[test]
fn store_watch_and_descriptor_waits() {
    let bench = Bench::new();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let store = bench.store.clone();
    let other = std::thread::spawn(move || {
        std::thread::sleep(10 * MS);
        store.set("/local/domain/3/state", "running");
        std::io::Write::write_all(&mut &theirs, b"x").unwrap();
        theirs
    });
    bench
        .ctx
        .block_on(async |op: &Op| {
            let watch = op.watch("/local/domain/3/state").await?;
            let running = async {
                loop {
                    watch.changed().await?;
                    let state = op.store()?.read_str(watch.path()).await?;
                    if state.as_deref() == Some("running") {
                        return Ok::<_, Error>(());
                    }
                }
            };
            op.timeout(5000 * MS, "waiting for the state", running)
                .await?;
            op.readable(&ours).await?;
            op.writable(&ours).await
        })
        .unwrap();
    other.join().unwrap();
    bench
        .ctx
        .block_on(async |op: &Op| op.store()?.read("/").await)
        .unwrap();
    assert_eq!(bench.store.watches(), 0);
}

#[test]
fn many_operations_on_four_threads() {
    let bench = Bench::new();
    let done = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (ctx, done) = (bench.ctx.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                for round in 0..25_u32 {
                    let seen = Arc::clone(&done);
                    let path = format!("/{thread}/{round}");
                    ctx.start(Bench::event(u64::from(round)), async move |op: Op| {
                        op.sleep(MS * (round % 3)).await?;
                        op.store()?.write(&path, "x").await?;
                        op.spawn(Command::new("true"))?.wait().await?;
                        seen.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                    .unwrap();
                    ctx.block_on(async |op: &Op| {
                        let path = format!("/{thread}/sync");
                        op.store()?.write(&path, round.to_string()).await?;
                        let text = op.store()?.read_str(&path).await?;
                        assert_eq!(text.unwrap(), round.to_string());
                        op.sleep(MS).await
                    })
                    .unwrap();
                    ctx.event_wait(1 << 4, |_| true).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(done.load(Ordering::SeqCst), 100);
    assert_eq!(
        bench.ctx.event_check(ALL, |_| true).unwrap_err().code(),
        Code::NotReady
    );
    let guard = bench.ctx.shared.lock();
    let core = guard.borrow();
    assert!(core.ops.is_empty() && core.tasks.is_empty() && core.timers.is_empty());
    assert!(core.children.is_empty() && core.followers.is_empty() && core.fds.len() == 1);
}

#[test]
fn queue_filters_and_wakes_a_waiter_elsewhere() {
    let bench = Bench::new();
    let ctx = bench.ctx.clone();
    let waiter =
        std::thread::spawn(move || ctx.event_wait(1 << 2, |event| event.domid == 9).unwrap());
    std::thread::sleep(20 * MS);
    for domid in [8, 9, 10] {
        bench
            .ctx
            .event_occurred(event(domid, 0, EventU::DomainDeath));
    }
    bench
        .ctx
        .event_occurred(event(9, 0, EventU::DomainCreateConsoleAvailable));
    assert_eq!(waiter.join().unwrap().domid, 9);
    let order: Vec<_> = std::iter::from_fn(|| bench.ctx.event_check(ALL, |_| true).ok())
        .map(|event| event.domid)
        .collect();
    assert_eq!(order, [8, 10, 9]);
}

#[test]
fn sink_takes_its_types() {
    let bench = Bench::new();
    let seen: Arc<Mutex<Vec<Event>>> = Arc::default();
    let list = Arc::clone(&seen);
    let sink = EventSink {
        mask: 1 << 5,
        deliver: Arc::new(move |event| lock(&list).push(event)),
    };
    bench.ctx.set_event_sink(Some(sink), None);
    let how = ProgressHow::Queue(11);
    bench
        .ctx
        .block_on(async |op: &Op| {
            op.progress(&how, 4, EventU::DomainCreateConsoleAvailable);
            op.progress(&how, 4, EventU::DomainDeath);
            Ok(())
        })
        .unwrap();
    assert_eq!(lock(&seen).len(), 1);
    assert_eq!(lock(&seen)[0].for_user, EvUser(11));
    assert_eq!(
        bench.ctx.event_check(ALL, |_| true).unwrap().u,
        EventU::DomainDeath
    );
}

#[test]
fn completion_waits_for_progress_callbacks() {
    let bench = Bench::new();
    let order: Results = Arc::default();
    let list = Arc::clone(&order);
    let ctx = bench.ctx.clone();
    let progress = ProgressHow::Callback(Arc::new(move |_| {
        // A call from within a callback is allowed.
        ctx.block_on(async |op: &Op| op.sleep(10 * MS).await)
            .unwrap();
        lock(&list).push((1, 1));
    }));
    bench
        .ctx
        .start(Bench::how(2, &order), async move |op: Op| {
            op.progress(&progress, 1, EventU::DomainCreateConsoleAvailable);
            Ok(())
        })
        .unwrap();
    assert_eq!(*lock(&order), [(1, 1), (2, 0)]);
}

#[test]
fn silent_xenstored_can_be_timed_out() {
    let bench = Bench::new();
    bench.store.fault(2, Fault::Silence);
    let result = bench.ctx.block_on(async |op: &Op| {
        let store = op.store()?;
        op.timeout(10 * MS, "asking xenstored", store.read("/a"))
            .await
    });
    assert_eq!(result.unwrap_err().code(), Code::Timedout);
}

#[test]
fn before_and_after_poll_drive_everything() {
    let bench = Bench::new();
    let ctx = &bench.ctx;
    ctx.start(Bench::event(1), async |op: Op| {
        op.sleep(5 * MS).await?;
        op.store()?.write("/a", "1").await?;
        op.spawn(Command::new("true"))?.wait().await?;
        Ok(())
    })
    .unwrap();
    let mut rounds = 0;
    let event = loop {
        if let Ok(event) = ctx.event_check(ALL, |_| true) {
            break event;
        }
        let (mut fds, limit) = ctx.before_poll().unwrap();
        crate::sys::poll::poll(&mut fds, limit).unwrap();
        ctx.after_poll(&fds).unwrap();
        rounds += 1;
        assert!(rounds < 100);
    };
    assert_eq!((event.for_user, event.domid), (EvUser(1), 7));
}

#[test]
fn application_poll_is_woken_by_other_threads() {
    let bench = Bench::new();
    let (mut fds, _) = bench.ctx.before_poll().unwrap();
    let ctx = bench.ctx.clone();
    let other = std::thread::spawn(move || {
        std::thread::sleep(10 * MS);
        ctx.start(Bench::event(1), async |op: Op| op.sleep(2000 * MS).await)
            .unwrap();
    });
    assert_eq!(
        crate::sys::poll::poll(&mut fds, Some(5000 * MS)).unwrap(),
        1
    );
    bench.ctx.after_poll(&fds).unwrap();
    let (_, limit) = bench.ctx.before_poll().unwrap();
    assert!(limit.unwrap() <= 2000 * MS);
    other.join().unwrap();
}

#[test]
fn file_lock_excludes_and_leaves_nothing() {
    let bench = Bench::new();
    let dir = std::env::temp_dir().join(format!("xenlight-lock-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("lock");
    let inside = AtomicU32::new(0);
    bench
        .ctx
        .block_on(async |op: &Op| {
            let work = async |_: u32| {
                for _ in 0..5 {
                    let lock = FileLock::acquire(op, &path).await?;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    op.sleep(MS).await?;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(lock);
                }
                Ok::<_, Error>(())
            };
            for result in op.join((0..4).map(work).collect()).await {
                result?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    std::fs::remove_dir(&dir).unwrap();
}

#[test]
fn a_lasting_lock_excludes_those_who_do_not_look_at_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let ours = FileLock::try_acquire_as(&path, false).unwrap().unwrap();
    let (tell, hear) = std::sync::mpsc::channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn({
        let path = path.clone();
        move || {
            let file = std::fs::File::open(&path).unwrap();
            tell.send("opened").unwrap();
            rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
            tell.send("locked").unwrap();
            wait.recv().unwrap();
        }
    });
    assert_eq!(hear.recv().unwrap(), "opened");
    drop(ours);
    assert_eq!(hear.recv().unwrap(), "locked");
    assert!(FileLock::try_acquire_as(&path, false).unwrap().is_none());
    release.send(()).unwrap();
    other.join().unwrap();
    assert!(FileLock::try_acquire_as(&path, false).unwrap().is_some());
    assert!(path.exists());
}

#[test]
fn synchronous_call_inside_an_operation_is_refused() {
    let bench = Bench::new();
    let result = bench.ctx.block_on(async |op: &Op| {
        let ctx = op.ctx().clone();
        ctx.block_on(async |_: &Op| Ok(()))
    });
    assert_eq!(result.unwrap_err().code(), Code::Fail);
}

#[test]
fn close_drops_what_runs() {
    let bench = Bench::new();
    let results: Results = Arc::default();
    let endless = async |op: Op| op.sleep(60_000 * MS).await;
    bench.ctx.start(Bench::how(1, &results), endless).unwrap();
    bench.ctx.start_generator(
        None,
        |ctx| async move { ctx.generator_pause(60_000 * MS).await },
    );
    let shared = Arc::downgrade(&bench.ctx.shared);
    bench.ctx.close();
    assert!(lock(&results).is_empty());
    assert!(
        lock(&bench.lines)
            .iter()
            .any(|line| line.contains("1 operations under way"))
    );
    assert!(shared.upgrade().is_none());
}
