use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Output;
use std::thread;

use super::*;

/// How a refused call fails here: as no call fails that the kernel refuses by itself.
const REFUSAL: libc::c_int = libc::EXFULL;
const MARK: &str = "XENLIGHT_TEST_CONFINED";
const REACHED_ITS_END: i32 = 42;

/// The test of this name, in a process of its own.
fn again(test: &str) -> Command {
    // By this name another user finds it, too, wherever it is.
    let mut command = Command::new("/proc/self/exe");
    let name = format!("confine::tests::{test}");
    command.args(["--exact", &name, "--ignored", "--nocapture"]);
    command.env(MARK, test);
    command
}

/// The status that a process ended with, and all that it said.
fn outcome(output: Output) -> (Option<i32>, String) {
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn is_the_child(test: &str) -> bool {
    std::env::var_os(MARK).is_some_and(|mark| mark == test)
}

#[test]
fn what_qemu_never_does_is_refused() {
    let mut child = again("a_confined_process");
    sys::filter(&mut child, filters(REFUSAL).expect("filters"));
    let (code, said) = outcome(child.output().expect("started"));
    assert_eq!(code, Some(REACHED_ITS_END), "{said}");
}

#[test]
#[ignore = "run by what_qemu_never_does_is_refused, behind the filter"]
fn a_confined_process() {
    assert!(is_the_child("a_confined_process"), "not behind the filter");
    let refused = |what: &str, error: std::io::Error| {
        assert_eq!(error.raw_os_error(), Some(REFUSAL), "{what}: {error}");
    };
    for call in REFUSED {
        refused(&format!("call {call}"), sys::senseless_call(*call));
    }
    let clone3 = sys::senseless_call(libc::SYS_clone3);
    assert_eq!(clone3.raw_os_error(), Some(libc::ENOSYS));
    let no_child = Command::new("true").spawn().expect_err("a child");
    refused("a child", no_child);
    refused("TCP", TcpListener::bind("127.0.0.1:0").expect_err("TCP"));
    refused("netlink", sys::kernel_events().expect_err("netlink"));

    // What QEMU does: threads, sockets of this machine, files, descriptors that it gives and takes.
    let (mut ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
    let other = thread::spawn(move || theirs.write_all(b"x"));
    other.join().expect("a thread").expect("written");
    let mut byte = [0];
    ours.read_exact(&mut byte).expect("read");
    let status = fs::read_to_string("/proc/self/status").expect("read");
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    let end = format!("exit {REACHED_ITS_END}");
    panic!("{}", Command::new("sh").args(["-c", &end]).exec());
}

#[test]
fn qemu_has_no_rights_of_roots() {
    let mut child = again("a_process_without_rights");
    confine(&mut child).expect("filters");
    match child.output() {
        // Who is not root cannot become another user.
        Err(error) => assert!(!rustix::process::geteuid().is_root(), "{error}"),
        Ok(output) => {
            let (code, said) = outcome(output);
            assert!(code == Some(0) && said.contains("1 passed"), "{said}");
        }
    }
}

#[test]
#[ignore = "run by qemu_has_no_rights_of_roots, as QEMU's user"]
fn a_process_without_rights() {
    assert!(is_the_child("a_process_without_rights"), "still root");
    let status = fs::read_to_string("/proc/self/status").expect("read");
    let values = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.expect(key)
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let all = vec![QEMU.to_string(); 4];
    assert_eq!((values("Uid:"), values("Gid:")), (all.clone(), all));
    assert_eq!(values("Groups:"), [""; 0]);
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(values(set), ["0000000000000000"], "{set}");
    }
    assert_eq!(values("NoNewPrivs:"), ["1"]);
    let root_again = sys::senseless_call(libc::SYS_setuid);
    assert_eq!(root_again.raw_os_error(), Some(libc::EPERM));
}

#[test]
fn only_what_is_there_and_needed_is_given() {
    let missing = give(Path::new("/nonexistent/xvda")).expect_err("no such disk");
    let words = missing.to_string();
    assert!(
        words.starts_with("cannot give /nonexistent/xvda to QEMU: "),
        "{words}"
    );
}
