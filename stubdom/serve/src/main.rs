//! Serves one stub domain in dom0: its consoles, QEMU's QMP and the guest's screen, so that no QEMU has to run here for them.
//!
//! `xenlight-serve -xen-domid NUMBER`, started by the toolstack, which leaves what is to be done in xenstore. It says there when
//! it serves, leaves root, and ends with the stub domain, or with SIGHUP or SIGTERM. docs/stub-domain.md has the whole picture.

use std::process::ExitCode;

use xenlight_serve::{error, serve};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let number = match (args.next().as_deref(), args.next(), args.next()) {
        (Some("-xen-domid"), Some(number), None) => number.parse().ok(),
        _ => None,
    };
    let outcome: error::Result<()> = match number {
        Some(stubdom) => serve::run(stubdom),
        None => Err(error::Error::new("usage: xenlight-serve -xen-domid NUMBER")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xenlight-serve: {error}");
            ExitCode::FAILURE
        }
    }
}
