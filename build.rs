//! Finds the installed Xen and binds what the crate xenctrl-sys does not cover.
//!
//! xenctrl-sys covers xenctrl.h. libxendevicemodel, libxenevtchn, libxenforeignmemory, libxentoollog and libxenhypfs are
//! bound here, their enums as plain integers: values come from the C side, and a Rust enum must never hold one it does not
//! know. What of xenctrl.h is in libxenguest is not used, and that library not linked.
//! `XENLIGHT_XEN_PREFIX` points at a Xen that is not installed under /usr.

use std::env;
use std::path::{Path, PathBuf};

use xenlight_release::Release;

const LIBRARIES: [&str; 5] = [
    "xendevicemodel",
    "xenevtchn",
    "xentoollog",
    "xenhypfs",
    "xenforeignmemory",
];

const GUEST: &str = "
#include <stdbool.h>
#include <stdint.h>
#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xenhypfs.h>
";

/// What xenctrl-sys wraps, for the build without it.
const CONTROL: &str = "#include <xenctrl.h>\n";

fn main() {
    let release = xenlight_release::tell_cargo();
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=XENLIGHT_XEN_PREFIX");
    let include = find_headers(&release);
    println!(
        "cargo:rerun-if-changed={}",
        include.join("xenforeignmemory.h").display()
    );
    for library in LIBRARIES {
        println!("cargo:rustc-link-lib=dylib={library}");
    }

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    write(guest(&include), &out.join("guest.rs"));
    if env::var_os("CARGO_FEATURE_XENCTRL_SYS").is_none() {
        println!("cargo:rustc-link-lib=dylib=xenctrl");
        write(control(&include), &out.join("control.rs"));
    }
}

/// The directory with Xen's headers; ends the build with what to install when there is none.
fn find_headers(release: &Release) -> PathBuf {
    let prefixes = match env::var_os("XENLIGHT_XEN_PREFIX") {
        Some(prefix) => vec![PathBuf::from(prefix)],
        None => vec!["/usr".into(), "/usr/local".into()],
    };
    for prefix in &prefixes {
        let include = prefix.join("include");
        if include.join("xenctrl.h").exists() && include.join("xenforeignmemory.h").exists() {
            check_release(prefix, release);
            if prefix != Path::new("/usr") {
                let libraries = prefix.join("lib");
                println!("cargo:rustc-link-search={}", libraries.display());
                // Debian's place, where its packages are unpacked and not installed.
                let multiarch = libraries.join("x86_64-linux-gnu");
                if multiarch.exists() {
                    println!("cargo:rustc-link-search={}", multiarch.display());
                }
            }
            return include;
        }
    }
    eprintln!(
        "Xen's headers xenctrl.h and xenforeignmemory.h are not in {}.\n\
         Install Debian's package libxen-dev (and libclang-dev, for reading them), \
         or set XENLIGHT_XEN_PREFIX to where Xen {} is installed.",
        prefixes
            .iter()
            .map(|prefix| prefix.join("include").display().to_string())
            .collect::<Vec<_>>()
            .join(" or "),
        release.version
    );
    std::process::exit(1);
}

/// Ends the build where another release is installed than the one to build for: its structures have other sizes.
fn check_release(prefix: &Path, wanted: &Release) {
    let has = |release: &Release| {
        let places = ["lib", "lib64", "lib/x86_64-linux-gnu"].iter();
        let file = format!("libxenctrl.so.{}", release.version);
        places
            .map(|place| prefix.join(place).join(&file))
            .any(|path| path.exists())
    };
    let others: Vec<String> = xenlight_release::known()
        .iter()
        .filter(|known| has(known))
        .map(|known| known.version.to_string())
        .collect();
    if !others.is_empty() && !has(wanted) {
        eprintln!(
            "{} has Xen {}, and this is built for Xen {}.\n\
             {}={} builds for what is there.",
            prefix.display(),
            others.join(" and "),
            wanted.version,
            xenlight_release::VARIABLE,
            others[0]
        );
        std::process::exit(1);
    }
}

fn builder(include: &Path, text: &str) -> bindgen::Builder {
    bindgen::Builder::default()
        .header_contents("xen.h", text)
        .clang_arg(format!("-I{}", include.display()))
        .layout_tests(false)
        .derive_default(true)
        .generate_comments(false)
}

fn guest(include: &Path) -> bindgen::Builder {
    builder(include, GUEST)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .allowlist_function("xenevtchn_.*|xenhypfs_.*|xtl_.*|xenforeignmemory_(un)?map(_resource)?")
        .allowlist_function("xendevicemodel_(.*_ioreq_server.*|nr_vcpus)")
        .blocklist_file(".*/xenctrl\\.h")
        .blocklist_file(".*/xen/.*\\.h")
        .raw_line("use super::control::*;")
}

fn control(include: &Path) -> bindgen::Builder {
    builder(include, CONTROL).default_enum_style(bindgen::EnumVariation::Rust {
        non_exhaustive: false,
    })
}

fn write(builder: bindgen::Builder, to: &Path) {
    let bindings = builder.generate().unwrap_or_else(|error| {
        eprintln!("cannot read Xen's headers: {error}");
        std::process::exit(1);
    });
    if let Err(error) = bindings.write_to_file(to) {
        eprintln!("cannot write {}: {error}", to.display());
        std::process::exit(1);
    }
}
