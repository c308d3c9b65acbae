//! The same tests against the C library and ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use xenlight_release::Release;

/// The checkout.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The release of Xen that is tested.
///
/// # Panics
/// When the environment asks for one that cannot be built.
pub fn release() -> Release {
    xenlight_release::chosen().unwrap_or_else(|error| panic!("{error}"))
}

/// Where `make` puts what it builds for that release.
pub fn build() -> PathBuf {
    let told = std::env::var_os("XENLIGHT_BUILD").filter(|told| !told.is_empty());
    told.map_or_else(|| top().join("build"), PathBuf::from)
}

/// The soname of libxenlight.
pub fn soname() -> String {
    format!("libxenlight.so.{}", release().version)
}

/// The name of its file.
pub fn file_name() -> String {
    format!("{}.0", soname())
}

/// Where the Xen of that release is, if this host has it not in its own places.
pub fn foreign_prefix() -> Option<PathBuf> {
    let prefix = std::env::var_os("XENLIGHT_XEN_PREFIX").filter(|prefix| !prefix.is_empty());
    prefix.map(PathBuf::from)
}

/// Debian's headers.
pub fn debian_include() -> PathBuf {
    foreign_prefix()
        .unwrap_or_else(|| "/usr".into())
        .join("include")
}

/// Debian's libraries.
pub fn debian_libraries() -> PathBuf {
    foreign_prefix()
        .unwrap_or_else(|| "/usr".into())
        .join("lib/x86_64-linux-gnu")
}

/// What tells a C compiler of a foreign Xen: nothing where the host has it. The warnings of Debian's headers are Debian's.
pub fn compiler_flags() -> Vec<String> {
    let Some(prefix) = foreign_prefix() else {
        return Vec::new();
    };
    vec![
        format!("-isystem{}", prefix.join("include").display()),
        format!("-L{}", debian_libraries().display()),
        // Its libc may be newer than this host's.
        "-Wl,--allow-shlib-undefined".to_owned(),
    ]
}

/// A command that runs `program` on Debian's library, or on the one in `ours`; a foreign Xen brings its libc along.
pub fn on_library(program: &Path, ours: Option<&Path>) -> Command {
    let mut command = match foreign_prefix() {
        None => {
            let mut command = Command::new(program);
            command.env_remove("LD_LIBRARY_PATH");
            if let Some(ours) = ours {
                command.env("LD_LIBRARY_PATH", ours);
            }
            command
        }
        Some(prefix) => {
            let run = prefix.join("lib/run");
            let mut places: Vec<PathBuf> = ours.iter().map(|&ours| ours.to_owned()).collect();
            places.extend([debian_libraries(), run.clone()]);
            let places: Vec<String> = places
                .iter()
                .map(|place| place.display().to_string())
                .collect();
            let mut command = Command::new(run.join("ld-linux-x86-64.so.2"));
            command
                .arg("--library-path")
                .arg(places.join(":"))
                .arg(program);
            command.env_remove("LD_LIBRARY_PATH");
            command
        }
    };
    command.env_remove("LD_PRELOAD");
    command
}

/// Our headers.
pub fn include() -> PathBuf {
    top().join("include").join(release().version.to_string())
}
