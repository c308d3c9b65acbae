//! Children, and whose business their end is.

use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::*;

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
