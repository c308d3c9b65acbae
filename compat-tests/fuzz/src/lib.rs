//! Every parser that guests, stub domains and device models reach, against hostile data.
//!
//! A target takes any bytes and returns; a panic is a finding, and so is an input that costs more time or memory than the
//! target's limit. `cargo test` replays the corpus and a bounded number of mutations of it; `make fuzz` looks for new
//! inputs. An input that found something is kept in `corpus/TARGET/`.

mod agent;
mod cost;
mod mutate;
mod mux;
mod script;
mod serve;
mod store;
mod sys;
mod targets;
mod vchans;

use std::path::{Path, PathBuf};

pub use cost::{Cost, measured};
pub use mutate::Mutator;
pub use targets::TARGETS;

/// A way in.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Takes any bytes and returns.
    pub run: fn(&[u8]),
    /// What one input may cost.
    pub limit: Cost,
}

impl Target {
    /// Runs it and gives what `input` cost, or says how much too much that was.
    pub fn check(&self, input: &[u8]) -> Result<Cost, String> {
        let ((), cost) = measured(|| (self.run)(input));
        cost.within(self.limit)
    }
}

/// The target called `name`.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
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
