//! Writes everything that follows from `idl/libxl.idl`; with `--check` compares instead and fails on a difference.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use xenlight_idl::{c, header, native, parse};

/// The release that the tree is built for.
const RELEASE: &str = "4.17";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("idlgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            return Err(format!("unknown argument {other}; usage: idlgen [--check]").into());
        }
    };
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(top.join("idl/libxl.idl"))?;
    let idl = parse::parse(&text, RELEASE).map_err(|error| format!("libxl.idl: {error}"))?;

    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for (name, content) in native::files(&idl) {
        files.push((Path::new("src/types").join(name), content));
    }
    for (name, content) in c::files(&idl) {
        files.push((Path::new("capi/src/types").join(name), content));
    }
    for (name, content) in header::files(&idl, &top)? {
        files.push((Path::new("include").join(name), content));
    }

    let mut clean = true;
    for (name, content) in files {
        let path = top.join(&name);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == content) {
            continue;
        }
        if check {
            eprintln!(
                "idlgen: {} differs from the description; run idlgen",
                name.display()
            );
            clean = false;
        } else {
            std::fs::write(&path, content)?;
            println!("{}", name.display());
        }
    }
    Ok(clean)
}
