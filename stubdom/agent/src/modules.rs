//! Kernel modules. `build` writes one list per purpose, in loading order: a file name and, optionally,
//! parameters on each line.

use std::fs;

use crate::error::{Error, Result};
use crate::{open, sys};

/// All of them.
pub(crate) const DIR: &str = "/modules";

/// Loads the modules of `purpose` ("base", "disk", "network"); those already there are skipped.
pub fn load(purpose: &str) -> Result<()> {
    let list = format!("{DIR}/{purpose}");
    let list =
        fs::read_to_string(&list).map_err(|source| Error::io(format!("read {list}"), source))?;
    for line in list.lines() {
        let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
        let file = open(&format!("{DIR}/{name}.ko"))?;
        sys::load_module(&file, parameters).map_err(|source| {
            Error::new(format!(
                "cannot load kernel module {name} (for {purpose}): {source}; are kernel and ramdisk of one build?"
            ))
        })?;
    }
    Ok(())
}
