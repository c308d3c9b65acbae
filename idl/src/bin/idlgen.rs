//! Writes everything that follows from `idl/libxl.idl`; with `--check` compares instead and fails on a difference.
//!
//! `idlgen --headers RELEASE FOLDER` writes the headers of any release that is described to a folder of its own.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use xenlight_idl::model::Idl;
use xenlight_idl::{abi, c, check, header, native, parse};
use xenlight_release::Version;

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

fn run() -> Result<bool, Box<dyn Error>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let idl = description(&top)?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => write(&top, files(&idl, &top)?),
        ["--check"] => compare(&top, &files(&idl, &top)?),
        ["--headers", release, folder] => {
            let headers = headers(&idl, &top, release.parse()?, Path::new(folder))?;
            std::fs::create_dir_all(folder)?;
            write(Path::new(""), headers)
        }
        _ => Err("usage: idlgen [--check | --headers RELEASE FOLDER]".into()),
    }
}

/// The description of all releases, if it and the tables of the ABI agree.
fn description(top: &Path) -> Result<Idl, Box<dyn Error>> {
    let text = std::fs::read_to_string(top.join("idl/libxl.idl"))?;
    let releases = xenlight_release::versions();
    let idl = parse::parse(&text, &releases).map_err(|error| format!("libxl.idl: {error}"))?;
    let exports = abi::exports(&top.join("capi/abi/exports.tsv"))
        .map_err(|error| format!("exports.tsv: {error}"))?;
    let mut prototypes = Vec::new();
    for &release in &releases {
        prototypes.push((release, abi::prototypes_of(top, release)?));
    }
    let of_release = |wanted: Version| {
        let found = prototypes.iter().find(|(release, _)| *release == wanted);
        found.map_or_else(Vec::new, |(_, prototypes)| prototypes.clone())
    };
    match check::check(&idl, &releases, &exports, &of_release) {
        wrong if wrong.is_empty() => Ok(idl),
        wrong => Err(wrong.join("\n").into()),
    }
}

/// All files, relative to the checkout, and what belongs into them.
fn files(idl: &Idl, top: &Path) -> Result<Vec<(PathBuf, String)>, Box<dyn Error>> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for (name, content) in native::files(idl) {
        files.push((Path::new("src/types").join(name), content));
    }
    for (name, content) in c::files(idl) {
        files.push((Path::new("capi/src/types").join(name), content));
    }
    for release in xenlight_release::built() {
        let folder = Path::new("include").join(release.version.to_string());
        files.extend(headers(idl, top, release.version, &folder)?);
    }
    Ok(files)
}

fn headers(
    idl: &Idl,
    top: &Path,
    release: Version,
    folder: &Path,
) -> Result<Vec<(PathBuf, String)>, Box<dyn Error>> {
    let headers = header::files(&idl.cut(release), top, release)?;
    Ok(headers
        .into_iter()
        .map(|(name, content)| (folder.join(name), content))
        .collect())
}

fn is_there(path: &Path, content: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|old| old == content)
}

fn compare(top: &Path, files: &[(PathBuf, String)]) -> Result<bool, Box<dyn Error>> {
    let differ = files
        .iter()
        .filter(|(name, content)| !is_there(&top.join(name), content));
    let mut clean = true;
    for (name, _) in differ {
        eprintln!(
            "idlgen: {} differs from the description; run idlgen",
            name.display()
        );
        clean = false;
    }
    Ok(clean)
}

fn write(top: &Path, files: Vec<(PathBuf, String)>) -> Result<bool, Box<dyn Error>> {
    for (name, content) in files {
        let path = top.join(&name);
        if !is_there(&path, &content) {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&path, content)?;
            println!("{}", name.display());
        }
    }
    Ok(true)
}
