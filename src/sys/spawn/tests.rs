//! Processes started for real, and parents that are killed.

use std::cell::Cell;
use std::io::Read;
use std::process::Stdio;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;

/// Starts a process at once; gives its number.
fn spawn(spec: &Spec, fork: Option<Fork<'_>>) -> io::Result<i32> {
    let held = hold(spec, fork)?;
    let pid = held.pid();
    held.go()?;
    Ok(pid)
}

fn spec(program: &str, args: &[&str]) -> Spec {
    let args: Vec<_> = args.iter().map(OsString::from).collect();
    Spec {
        work: Work::exec(OsStr::new(program), &args, &[]).unwrap(),
        fds: Vec::new(),
        setsid: false,
        terminal: false,
        double_fork: false,
        unshare: 0,
        limits: Vec::new(),
    }
}

fn status(pid: i32) -> i32 {
    let waited = waitpid(Pid::from_raw(pid), WaitOptions::empty());
    let (_, status) = waited.unwrap().unwrap();
    status.exit_status().unwrap()
}

#[test]
fn passes_descriptors_and_limits() {
    let (ours, theirs) = rustix::pipe::pipe().unwrap();
    let mut spec = spec(
        "sh",
        &["-c", "echo hello >&7; ulimit -n; exit $(ulimit -n)"],
    );
    spec.fds = vec![(theirs.try_clone().unwrap(), 7), (theirs, 1)];
    // More than this process has open: the limit counts while its copies are made.
    spec.limits = vec![(libc::RLIMIT_NOFILE, 250)];
    spec.setsid = true;
    let pid = spawn(&spec, None).unwrap();
    drop(spec);
    assert_eq!(status(pid), 250);
    let mut text = String::new();
    io::Read::read_to_string(&mut std::fs::File::from(ours), &mut text).unwrap();
    assert_eq!(text, "hello\n250\n");
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_no_signal() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let script = r#"exec dd if=/dev/zero of="$1" bs=3000 count=3 2>"$2""#;
    let path = file.path().to_str().unwrap();
    let words = tempfile::NamedTempFile::new().unwrap();
    let words_path = words.path().to_str().unwrap();
    let mut spec = spec("sh", &["-c", script, "sh", path, words_path]);
    spec.limits = vec![(libc::RLIMIT_FSIZE, 4096)];
    assert_eq!(status(spawn(&spec, None).unwrap()), 1);
    let words = std::fs::read_to_string(words.path()).unwrap();
    let too_large = io::Error::from_raw_os_error(libc::EFBIG).to_string();
    let too_large = too_large.split(" (os").next().unwrap();
    assert!(words.contains(too_large), "{words}");
    assert_eq!(file.as_file().metadata().unwrap().len(), 4096);
}

#[test]
fn failed_exec_is_told() {
    let mut missing = spec("sh", &[]);
    if let Work::Exec { file, .. } = &mut missing.work {
        *file = c"/nonexistent".into();
    }
    let error = spawn(&missing, None).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    missing.double_fork = true;
    let error = spawn(&missing, None).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    assert!(Work::exec(OsStr::new("no-such-program"), &[], &[]).is_err());
}

#[test]
fn grandchild_is_not_ours() {
    let mut spec = spec("sleep", &["0"]);
    spec.double_fork = true;
    let pid = spawn(&spec, None).unwrap();
    let waited = waitpid(Pid::from_raw(pid), WaitOptions::empty());
    assert_eq!(waited.unwrap_err(), rustix::io::Errno::CHILD);
}

#[test]
fn applications_fork_is_used() {
    let called = Cell::new(0);
    let fork = || {
        called.set(called.get() + 1);
        // SAFETY: plain fork; the child goes on in `child` only.
        unsafe { libc::fork() }
    };
    let pid = spawn(&spec("true", &[]), Some(&fork)).unwrap();
    assert_eq!(called.get(), 1);
    assert_eq!(status(pid), 0);
}

#[test]
fn environment_is_changed() {
    let env = [
        (OsString::from("XL_TEST"), Some(OsString::from("3"))),
        (OsString::from("HOME"), None),
    ];
    let args = ["-c".into(), "test -z \"$HOME\" && exit $XL_TEST".into()];
    let mut spec = spec("true", &[]);
    spec.work = Work::exec(OsStr::new("sh"), &args, &env).unwrap();
    assert_eq!(status(spawn(&spec, None).unwrap()), 3);
}

#[test]
fn a_held_process_has_a_number_and_works_when_told() {
    let (ours, theirs) = rustix::pipe::pipe().unwrap();
    let mut spec = spec("sh", &["-c", "echo $$ >&7"]);
    spec.fds = vec![(theirs, 7)];
    let held = hold(&spec, None).unwrap();
    let never = hold(&spec, None).unwrap();
    drop(spec);
    let (pid, other) = (held.pid(), never.pid());
    drop(never);
    assert_eq!(
        waitpid(Pid::from_raw(other), WaitOptions::empty()).unwrap_err(),
        rustix::io::Errno::CHILD
    );
    held.go().unwrap();
    assert_eq!(status(pid), 0);
    let mut text = String::new();
    Read::read_to_string(&mut std::fs::File::from(ours), &mut text).unwrap();
    assert_eq!(text, format!("{pid}\n"));
}

/// Runs a part of [`in_a_process_of_its_own`]; gives what it and its children printed, and its exit status. That they print
/// no more means that all of them have ended.
fn elsewhere(part: &str) -> (String, std::process::ExitStatus) {
    let mut child = super::super::elsewhere::command(module_path!(), part)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = output.read_to_string(&mut text).map(|_| text);
        sender.send(read).unwrap();
    });
    let status = child.wait().unwrap();
    let text = receiver.recv_timeout(Duration::from_secs(20));
    let text = text.unwrap_or_else(|_| panic!("{part}: a process has outlived its parent"));
    (text.unwrap(), status)
}

#[test]
fn a_process_ends_with_its_parent_until_it_executes() {
    use std::os::unix::process::ExitStatusExt;
    for part in [
        "forks",
        "forks twice",
        "holds",
        "holds twice",
        "two threads",
    ] {
        let (text, status) = elsewhere(part);
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{part}: {text}");
        assert!(!text.contains("executed"), "{part}: {text}");
    }
}

#[test]
fn no_process_is_left_after_a_failure() {
    for part in ["no descriptor", "no descriptor twice"] {
        let (text, status) = elsewhere(part);
        assert!(status.success(), "{part}: {text}");
        assert!(!text.contains("executed"), "{part}: {text}");
    }
}

#[test]
fn a_signal_before_the_start_ends_it_without_harm_to_the_parent() {
    for part in ["killed", "hung up"] {
        let (text, status) = elsewhere(part);
        assert!(status.success(), "{part}: {text}");
        assert!(!text.contains("executed"), "{part}: {text}");
        assert!(!text.contains("handled"), "{part}: {text}");
    }
}

extern "C" fn handled(_: c_int) {
    report_text(b"handled\n");
}

fn report_text(text: &[u8]) {
    // SAFETY: writes a slice to a descriptor.
    unsafe { libc::write(1, text.as_ptr().cast(), text.len()) };
}

fn kill_ourselves() {
    rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).unwrap();
}

/// What changes or ends the whole process.
#[test]
#[ignore = "other tests run it, part by part"]
fn in_a_process_of_its_own() {
    let part = super::super::elsewhere::part();
    let mut spec = spec("echo", &["executed"]);
    spec.double_fork = part.ends_with("twice");
    let parent = rustix::process::getpid();
    // SAFETY: plain fork; the child goes on in `child::main` only.
    let forks = || unsafe { libc::fork() };
    let in_parent = |then: &dyn Fn()| {
        let pid = forks();
        if pid > 0 && rustix::process::getpid() == parent {
            then();
        }
        pid
    };
    match part.trim_end_matches(" twice") {
        "forks" => {
            let _ = spawn(&spec, Some(&|| in_parent(&kill_ourselves)));
        }
        "holds" => {
            let _held = hold(&spec, None).unwrap();
            kill_ourselves();
        }
        "two threads" => {
            // Each child has copies of both parents' ends.
            let (made, forked) = (Barrier::new(2), Barrier::new(2));
            let fork = || {
                made.wait();
                in_parent(&|| {
                    forked.wait();
                    kill_ourselves();
                })
            };
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| spawn(&spec, Some(&fork)));
                }
            });
        }
        "no descriptor" => {
            let fork = || {
                in_parent(&|| {
                    let none = rustix::process::Rlimit {
                        current: Some(0),
                        maximum: Some(1024),
                    };
                    rustix::process::setrlimit(rustix::process::Resource::Nofile, none).unwrap();
                })
            };
            let error = spawn(&spec, Some(&fork)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            let none = rustix::process::wait(WaitOptions::NOHANG).unwrap_err();
            assert_eq!(none, rustix::io::Errno::CHILD);
        }
        "killed" => {
            // SAFETY: the default, which the Rust runtime of tests has changed; a library cannot count on that.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            let held = hold(&spec, None).unwrap();
            pidfd::send_signal(held.pidfd().unwrap(), Signal::KILL).unwrap();
            let options = rustix::process::WaitIdOptions::EXITED;
            let whom = rustix::process::WaitId::Pid(Pid::from_raw(held.pid()).unwrap());
            rustix::process::waitid(whom, options).unwrap();
            assert_eq!(held.go().unwrap_err().raw_os_error(), Some(libc::EPIPE));
        }
        "hung up" => {
            // SAFETY: the handler makes one async-signal-safe call.
            unsafe { libc::signal(libc::SIGHUP, handled as *const () as usize) };
            let held = hold(&spec, None).unwrap();
            let pid = held.pid();
            pidfd::send_signal(held.pidfd().unwrap(), Signal::HUP).unwrap();
            held.go().unwrap();
            let (_, status) = waitpid(Pid::from_raw(pid), WaitOptions::empty())
                .unwrap()
                .unwrap();
            assert_eq!(status.terminating_signal(), Some(libc::SIGHUP));
        }
        other => panic!("no part {other}"),
    }
}
