//! What the start took and nobody needs any more, and how much memory there is then.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::console::say;
use crate::error::{Error, Result};
use crate::store::Store;

/// Files of the ramdisk stay in memory until they are removed. QEMU reads these while it starts: option ROMs and keymaps.
const FOR_THE_START: &str = "/usr/share/qemu";
/// 1: every wish is granted, and what is touched counts.
const OVERCOMMIT: &str = "/proc/sys/vm/overcommit_memory";
/// Between looks at whether QEMU runs. There is no other sign of that in here, and it is a matter of seconds.
const LOOK: Duration = Duration::from_millis(500);

/// Lets a process ask for more memory than there is: QEMU since 9.1 reserves 384 MiB for a table of grants that it never maps.
pub(crate) fn promise_any() -> Result<()> {
    fs::write(OVERCOMMIT, "1").map_err(|source| Error::io(format!("write {OVERCOMMIT}"), source))
}

/// Once QEMU runs, removes what its start took and says how much memory there is. On a thread of its own, which then ends.
pub(crate) fn settle(target: &str, qemu: u32) {
    let state = format!("device-model/{target}/state");
    let started = std::thread::Builder::new()
        .name("memory".into())
        .spawn(move || {
            while !is_running(&state) {
                std::thread::sleep(LOOK);
            }
            remove(Path::new(FOR_THE_START));
            let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
            let process = read(&format!("/proc/{qemu}/status"));
            say(&describe(&read("/proc/meminfo"), &process));
        });
    if let Err(error) = started {
        say(&format!("no word about memory: {error}"));
    }
}

/// The state is QEMU's own node.
fn is_running(state: &str) -> bool {
    let state = Store::open().and_then(|mut store| store.read(state));
    state.is_ok_and(|state| state == "running")
}

/// Removes a directory. What is left of it only takes memory.
pub(crate) fn remove(dir: &Path) {
    if let Err(error) = fs::remove_dir_all(dir) {
        say(&format!("cannot remove {}: {error}", dir.display()));
    }
}

/// A line about what `/proc/meminfo` and QEMU's `/proc/PID/status` say.
fn describe(meminfo: &str, process: &str) -> String {
    let field = |text: &str, key: &str| {
        let mut values = text
            .lines()
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let value = values.next().unwrap_or_default().trim();
        value.strip_suffix(" kB").unwrap_or("?").to_owned()
    };
    format!(
        "memory in KiB: MemTotal {}, MemAvailable {}; files of the image {}; QEMU's own {}",
        field(meminfo, "MemTotal"),
        field(meminfo, "MemAvailable"),
        field(meminfo, "Shmem"),
        field(process, "RssAnon"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_what_the_kernel_says() {
        let meminfo = "MemTotal:         110912 kB\nMemFree:           40000 kB\n\
                       MemAvailable:      52344 kB\nShmem:             23500 kB\nShmemHugePages:        0 kB\n";
        let process = "Name:\tqemu\nVmRSS:\t   30000 kB\nRssAnon:\t   14004 kB\n";
        assert_eq!(
            describe(meminfo, process),
            "memory in KiB: MemTotal 110912, MemAvailable 52344; files of the image 23500; QEMU's own 14004"
        );
        assert_eq!(
            describe("MemTotal: x\n", ""),
            "memory in KiB: MemTotal ?, MemAvailable ?; files of the image ?; QEMU's own ?"
        );
        // The kernel here as well.
        let here = describe(
            &fs::read_to_string("/proc/meminfo").expect("meminfo"),
            &fs::read_to_string("/proc/self/status").expect("status"),
        );
        assert!(!here.contains('?'), "{here}");
    }

    #[test]
    fn a_directory_goes_with_what_is_in_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        fs::create_dir_all(data.join("keymaps")).expect("a directory");
        fs::write(data.join("keymaps/de"), "map").expect("a file");
        remove(&data);
        assert!(!data.exists());
        // No harm where there is none.
        remove(&data);
    }
}
