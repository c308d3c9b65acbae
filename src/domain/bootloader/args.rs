//! The bootloader's program and its arguments.

use std::fs;
use std::path::Path;

use crate::types::DomainBuildInfo;

/// The bootloader that comes with Xen.
const PYGRUB: &str = "pygrub";
/// Where older configurations name it.
const PYGRUB_OF_OLD: &str = "/usr/bin/pygrub";

/// What is executed for a configured name: a path is taken as it is, a name in the directory of Xen's programs before PATH.
pub(super) fn program(configured: &str, programs: &Path) -> String {
    if configured.starts_with('/') {
        return configured.to_owned();
    }
    let ours = programs.join(configured);
    match fs::symlink_metadata(&ours) {
        Ok(_) => ours.to_string_lossy().into_owned(),
        Err(_) => configured.to_owned(),
    }
}

/// What a user should change about the configured name.
pub(super) fn outdated(configured: &str) -> Option<String> {
    (configured == PYGRUB_OF_OLD)
        .then(|| format!("bootloader={configured:?} is deprecated; bootloader={PYGRUB:?} finds it"))
}

/// Whether the program is pygrub, of which is known what it does with its arguments and where it puts its files.
pub(super) fn is_pygrub(program: &str) -> bool {
    Path::new(program)
        .file_name()
        .is_some_and(|name| name == PYGRUB)
}

/// The arguments, without the program: what the guest's configuration says, the user that the bootloader shall become, where it
/// puts what it found, and the disk.
pub(super) fn arguments(
    info: &DomainBuildInfo,
    run_as: Option<u32>,
    output: &Path,
    directory: &Path,
    disk: &str,
) -> Vec<String> {
    let mut args = Vec::new();
    let given = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("--{name}={value}"))
    };
    args.extend(given("kernel", &info.kernel));
    args.extend(given("ramdisk", &info.ramdisk));
    let cmdline = info.cmdline.clone().filter(|words| !words.is_empty());
    args.extend(given("args", &cmdline));
    if let Some(uid) = run_as {
        args.push(format!("--runas={uid}"));
        args.push("--quiet".into());
    }
    args.push(format!("--output={}", output.display()));
    args.push("--output-format=simple0".into());
    args.push(format!("--output-directory={}", directory.display()));
    args.extend(info.bootloader_args.iter().cloned());
    args.push(disk.to_owned());
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_among_xens_programs_first() {
        let dir = tempfile::tempdir().unwrap();
        let program = |name: &str| super::program(name, dir.path());
        assert_eq!(program("pygrub"), "pygrub");
        let ours = dir.path().join("pygrub");
        // Even one that leads nowhere counts.
        std::os::unix::fs::symlink("/nowhere", &ours).unwrap();
        assert_eq!(program("pygrub"), ours.to_str().unwrap());
        assert_eq!(program("/usr/bin/pygrub"), "/usr/bin/pygrub");
        assert!(outdated("/usr/bin/pygrub").is_some());
        assert!(outdated("pygrub").is_none() && outdated("/opt/pygrub").is_none());
        assert!(is_pygrub("/somewhere/bin/pygrub") && is_pygrub("pygrub"));
        assert!(!is_pygrub("/opt/pygrub/bin/other") && !is_pygrub("pygrub2"));
    }

    fn words(info: &DomainBuildInfo, run_as: Option<u32>) -> Vec<String> {
        let (output, directory) = (Path::new("/l/b.3.out"), Path::new("/l/b.3.d"));
        arguments(info, run_as, output, directory, "/dev/vg/guest")
    }

    #[test]
    fn arguments_come_in_the_order_of_the_c_library() {
        let mut info = DomainBuildInfo::default();
        let output = [
            "--output=/l/b.3.out",
            "--output-format=simple0",
            "--output-directory=/l/b.3.d",
        ];
        let expected = [&output[..], &["/dev/vg/guest"]].concat();
        assert_eq!(words(&info, None), expected);
        info.cmdline = Some(String::new());
        assert_eq!(words(&info, None), expected);
        info.kernel = Some("/boot/k".into());
        info.ramdisk = Some("/boot/r".into());
        info.cmdline = Some("a b".into());
        info.bootloader_args = vec!["--entry=1".into(), "-x y".into()];
        let all = [
            &["--kernel=/boot/k", "--ramdisk=/boot/r", "--args=a b"][..],
            &["--runas=70003", "--quiet"],
            &output,
            &["--entry=1", "-x y", "/dev/vg/guest"],
        ];
        assert_eq!(words(&info, Some(70003)), all.concat());
    }
}
