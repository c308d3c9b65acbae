//! Where the host keeps what this library starts, reads and writes.
//!
//! The places are chosen when the library is built: `make QEMU=/opt/qemu` hands one on as `XENLIGHT_QEMU`, and `cargo`
//! takes the same variables from the environment. A place that nobody chose is that of the Debian which ships the release of
//! Xen that is built for; `RELEASE` stands for its number.

macro_rules! places {
    ($($(#[$doc:meta])+ $name:ident = $debian:literal $(RELEASE $rest:literal)?;)+) => {
        $(
            $(#[$doc])+
            pub const $name: &str = chosen(
                option_env!(concat!("XENLIGHT_", stringify!($name))),
                concat!($debian $(, env!("XENLIGHT_RELEASE"), $rest)?),
            );
        )+

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] =
            &[$((stringify!($name), $name, concat!($debian $(, env!("XENLIGHT_RELEASE"), $rest)?))),+];
    };
}

// The Makefile reads this table, too: one line for each place.
places! {
    /// Directory of the programs that only the toolstack starts, such as xenconsole.
    XEN_BINDIR = "/usr/lib/xen-" RELEASE "/bin";
    /// Directory of Xen's own firmware, of the PV shim and of the stub domain's images.
    XEN_BOOTDIR = "/usr/lib/xen-" RELEASE "/boot";
    /// Directory of the hotplug scripts.
    XEN_SCRIPTDIR = "/etc/xen/scripts";
    /// Directory of sockets, locks and the history of domain numbers, empty after a boot.
    XEN_RUNDIR = "/var/run/xen";
    /// Directory of the log files.
    XEN_LOGDIR = "/var/log/xen";
    /// Directory of the files that belong to domains.
    XEN_STATEDIR = "/var/lib/xen";
    /// QEMU with Xen's machines, for dom0.
    QEMU = "/usr/libexec/xen-qemu-system-i386";
    /// The device model before QEMU's support of Xen; Debian does not ship it.
    QEMU_TRADITIONAL = "/usr/lib/xen-" RELEASE "/bin/qemu-dm";
    /// What hvmloader starts for `bios="seabios"`.
    SEABIOS = "/usr/share/seabios/bios-256k.bin";
    /// What hvmloader starts for `bios="ovmf"`.
    OVMF = "/usr/share/ovmf/OVMF.fd";
    /// What serves a stub domain in dom0; this project's.
    STUBDOM_SERVER = "/usr/libexec/xenlight-serve";
    /// The proxy between QMP and a stub domain. Debian's hands over to the one of the running Xen.
    VCHAN_PROXY = "/usr/bin/vchan-socket-proxy";
}

/// The path that the build was told, or Debian's when it was told none. One that is not absolute ends the build.
const fn chosen(told: Option<&'static str>, debian: &'static str) -> &'static str {
    match told {
        Some(path) if !path.is_empty() => {
            assert!(path.as_bytes()[0] == b'/', "not an absolute path");
            path
        }
        _ => debian,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_is_told_comes_first() {
        assert_eq!(chosen(Some("/opt/qemu"), "/usr/qemu"), "/opt/qemu");
        assert_eq!(chosen(Some(""), "/usr/qemu"), "/usr/qemu");
        assert_eq!(chosen(None, "/usr/qemu"), "/usr/qemu");
    }

    #[test]
    #[should_panic(expected = "not an absolute path")]
    fn a_relative_path_is_refused() {
        chosen(Some("qemu"), "/usr/qemu");
    }

    #[test]
    fn every_place_is_debians_or_the_one_of_the_environment() {
        assert!(!ALL.is_empty());
        for &(name, place, debian) in ALL {
            let told = std::env::var(format!("XENLIGHT_{name}")).unwrap_or_default();
            let expected = if told.is_empty() { debian } else { &told };
            assert_eq!(place, expected, "{name}");
        }
    }
}
