//! The same tests against the C library and ours.

use std::path::{Path, PathBuf};

use xenlight_release::{Release, Support};

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
    let build = top().join("build");
    match release() {
        release if release.support == Support::Default => build,
        release => build.join(release.version.to_string()),
    }
}

/// The soname of libxenlight.
pub fn soname() -> String {
    format!("libxenlight.so.{}", release().version)
}

/// The name of its file.
pub fn file_name() -> String {
    format!("{}.0", soname())
}

/// Our headers.
pub fn include() -> PathBuf {
    top().join("include").join(release().version.to_string())
}
