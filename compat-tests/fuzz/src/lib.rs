//! Every parser that guests, stub domains and device models reach, against hostile data.
//!
//! A target takes any bytes and returns; a panic, or more memory than [`MEMORY`], is a finding. `cargo test` replays the
//! corpus and a bounded number of mutations of it; `make fuzz` looks for new inputs. An input that found something is
//! kept in `corpus/TARGET/`.

mod agent;
mod mutate;
/// What the agent's relay knows of the agent's other half.
mod save {
    /// As in the agent.
    pub(crate) const STATE_FILE: &str = "/run/qemu.state";
}
mod targets;

use std::path::{Path, PathBuf};

pub use mutate::Mutator;
pub use targets::TARGETS;

/// What one input may make the process hold at its peak, in KiB.
pub const MEMORY: u64 = 64 << 10;

/// Takes any bytes and returns.
pub type Target = fn(&[u8]);

/// The target called `name`.
pub fn target(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}

/// Where the kept inputs of a target are.
pub fn corpus_dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name)
}

/// The kept inputs of a target, in the order of their names.
pub fn corpus(name: &str) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus_dir(name))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let read = |path: PathBuf| std::fs::read(&path).map(|bytes| (path, bytes));
    files.into_iter().map(read).collect()
}

/// The process's memory, present or at its peak since [`forget_peak`], in KiB; `None` where the kernel does not tell.
fn memory(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim_start_matches(':')
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()
}

fn forget_peak() {
    // Where the kernel does not allow it the peak is that of the whole process, which only makes the limit stricter.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Runs `target` and gives the memory that it needed at its peak, in KiB; 0 where the kernel does not tell.
pub fn measured(target: Target, input: &[u8]) -> u64 {
    forget_peak();
    let before = memory("VmRSS").unwrap_or(0);
    target(input);
    memory("VmHWM").unwrap_or(0).saturating_sub(before)
}
