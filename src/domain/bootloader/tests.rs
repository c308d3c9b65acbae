//! Whole runs, with shell scripts for bootloaders.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::*;
use crate::domain::build::BootFile;
use crate::engine::testing::Bench;
use crate::types::DiskFormat;

const DOMID: Domid = 5;
/// The options by which a script finds where to put what it has found.
const OPTIONS: &str = r#"
for word; do
    case $word in
    --output=*) output=${word#*=} ;;
    --output-directory=*) dir=${word#*=} ;;
    esac
done
say() { printf '%s\0' "$@" >"$output"; }
"#;

/// A host of its own, with one bootloader.
struct Host {
    dir: tempfile::TempDir,
    bench: Bench,
    info: DomainBuildInfo,
    disk: DeviceDisk,
    environment: Option<String>,
    /// What the console's callback does, given the terminal's path.
    viewer: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Host {
    fn new(script: &str) -> Self {
        Self::with("loader", script)
    }

    /// One whose bootloader has that name.
    fn with(name: &str, script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(name);
        fs::write(&program, format!("#!/bin/bash\n{OPTIONS}\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let bench = Bench::new();
        bench.store.set(&layout::domain(DOMID), "");
        let info = DomainBuildInfo {
            bootloader: Some(name.into()),
            ..DomainBuildInfo::default()
        };
        let disk = DeviceDisk {
            pdev_path: Some(dir.path().join(name).to_str().unwrap().into()),
            format: DiskFormat::Raw,
            ..DeviceDisk::default()
        };
        Self {
            dir,
            bench,
            info,
            disk,
            environment: None,
            viewer: Arc::new(|_| {}),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap()).into_owned()
    }

    fn console(&self) -> ProgressHow {
        let (store, viewer) = (self.bench.store.clone(), Arc::clone(&self.viewer));
        ProgressHow::Callback(Arc::new(move |event| {
            assert_eq!(event.domid, DOMID);
            let tty = store.get(&layout::console_tty(DOMID, 0)).unwrap();
            viewer(&String::from_utf8(tty).unwrap());
        }))
    }

    /// Runs it, and looks whether it has left anything.
    fn run(&self) -> Result<Boot> {
        let console = self.console();
        let place = self.dir.path().to_str().unwrap();
        let order = Order {
            domid: DOMID,
            configured: self.info.bootloader.as_deref().unwrap(),
            info: &self.info,
            disk: &self.disk,
            console: &console,
            places: Places {
                programs: place,
                state: place,
                logs: place,
                devices: place,
            },
            environment: Environment {
                timeout: self.environment.clone(),
                ..Environment::default()
            },
        };
        let order = &order;
        let ran = self.bench.ctx.block_on(async |op: &Op| order.run(op).await);
        for left in ["bootloader.5.out", "bootloader.5.d"] {
            assert!(!self.path(left).exists(), "{left}");
        }
        // The daemon hears of a watch's end a moment later.
        let watched = || self.bench.store.watches() != 0;
        for _ in 0..2000 {
            if !watched() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!watched());
        assert_eq!(self.bench.children(), 0);
        ran
    }

    fn refused(&self, words: &[&str]) -> Error {
        let error = self.run().unwrap_err();
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "no {word:?} in {text:?}");
        }
        error
    }
}

/// What a file that was read holds.
fn held(file: &Option<BootFile>) -> Option<(&str, &[u8])> {
    match file {
        Some(BootFile::Bytes { path, bytes }) => Some((path, bytes)),
        Some(BootFile::Path(path)) => panic!("{path} was not read"),
        None => None,
    }
}

#[test]
fn a_kernel_is_found_and_read() {
    let mut host = Host::new(
        r#"printf '%s\n' "$@" "TERM=$TERM" "$(ps -o sid= -p $$)=$$" "$(tty)" >"${0%/*}/seen"
        stat -c '%a %s' "$dir" "$output" >>"${0%/*}/seen"
        echo looking
        printf K >"$dir/k"; printf RR >"$dir/r"
        say "kernel $dir/k" "ramdisk $dir/r" "args root=/dev/xvda ro" "nonsense"
        exec 2>&1; echo done >&2"#,
    );
    host.info.cmdline = Some("quiet".into());
    host.info.bootloader_args = vec!["--entry=1".into()];
    let boot = host.run().unwrap();
    let dir = host.path("bootloader.5.d");
    let (kernel, ramdisk) = (dir.join("k"), dir.join("r"));
    let kernel = kernel.to_str().map(|path| (path, &b"K"[..]));
    assert_eq!(held(&boot.kernel), kernel);
    assert_eq!(
        held(&boot.ramdisk),
        ramdisk.to_str().map(|path| (path, &b"RR"[..]))
    );
    assert_eq!(boot.cmdline.as_deref(), Some("root=/dev/xvda ro"));

    let seen = host.text("seen");
    let lines: Vec<_> = seen.lines().collect();
    assert_eq!(lines[0], "--args=quiet");
    assert_eq!(
        lines[1],
        format!("--output={}", host.path("bootloader.5.out").display())
    );
    assert_eq!(lines[2], "--output-format=simple0");
    assert_eq!(lines[3], format!("--output-directory={}", dir.display()));
    assert_eq!(lines[4], "--entry=1");
    assert_eq!(lines[5], host.disk.pdev_path.as_deref().unwrap());
    assert_eq!(lines[6], "TERM=vt100");
    let (session, process) = lines[7].trim().split_once('=').unwrap();
    assert_eq!(session, process, "no session of its own");
    assert!(
        lines[8].starts_with("/dev/pts/"),
        "no terminal: {}",
        lines[8]
    );
    // Mode of the directory, its size, mode of the file, nothing in it.
    assert!(lines[9].starts_with("700 "), "{}", lines[9]);
    assert_eq!(lines[10], "600 0");
    assert_eq!(host.text("bootloader.5.log"), "looking\ndone\n");
    let said = host.bench.lines.lock().unwrap().clone();
    let odd = said.iter().filter(|line| line.contains("\"nonsense\""));
    assert_eq!(odd.count(), 1, "{said:?}");
}

#[test]
fn its_menu_is_seen_and_takes_keys_while_it_runs() {
    let mut host = Host::new(
        r#"printf 'which? '; read -rn 1 key; printf K >"$dir/k"; say "kernel $dir/k" "args key=$key""#,
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::clone(&seen);
    host.viewer = Arc::new(move |tty| {
        let options = File::options()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .clone();
        let mut terminal = options.open(tty).unwrap();
        let shown = Arc::clone(&shown);
        // The run goes on only when this returns.
        std::thread::spawn(move || {
            let mut prompt = [0; 7];
            terminal.read_exact(&mut prompt).unwrap();
            shown.lock().unwrap().extend(prompt);
            terminal.write_all(b"2").unwrap();
        });
    });
    let boot = host.run().unwrap();
    assert_eq!(boot.cmdline.as_deref(), Some("key=2"));
    assert_eq!(*seen.lock().unwrap(), b"which? ");
}

#[test]
fn an_end_that_is_no_success_is_named_with_the_log() {
    let log = "bootloader.5.log";
    for (script, words) in [
        ("say 'kernel /k'; echo why; exit 1", "exited with status 1"),
        ("kill -9 $$", "signal 9 ended it"),
        ("exit 0", "found no kernel"),
        ("say 'ramdisk /r'", "found no kernel"),
        ("rm \"$output\"", "bootloader.5.out"),
        ("rm \"$output\"; mkfifo \"$output\"", "it is no file"),
        (
            "head -c 70000 /dev/zero >\"$output\"",
            "more than 65536 bytes",
        ),
        ("say \"kernel $dir/none\"", "No such file"),
        ("mkfifo \"$dir/k\"; say \"kernel $dir/k\"", "it is no file"),
        ("say 'kernel /dev/tty'", "cannot read /dev/tty"),
        ("say 'kernel k'", "the path is not absolute"),
    ] {
        let error = Host::new(script).refused(&[words, log]);
        assert_eq!(error.code(), Code::Fail, "{script}");
    }
    let host = Host::new("echo why; exit 3");
    host.refused(&["status 3"]);
    assert_eq!(host.text(log), "why\n");
}

#[test]
fn what_cannot_be_started_leaves_nothing() {
    let mut host = Host::new("");
    host.info.bootloader = Some("no such loader".into());
    host.refused(&["starting no such loader", "check bootloader="]);
    let mut host = Host::new("");
    host.disk.pdev_path = Some(String::new());
    host.refused(&["first disk is empty"]);
}

#[test]
fn a_flood_ends_in_a_log_that_is_bounded() {
    let host = Host::new(
        r#"head -c 3M /dev/zero | tr '\0' x; printf K >"$dir/k"; say "kernel $dir/k"; printf end"#,
    );
    host.run().unwrap();
    let log = host.text("bootloader.5.log");
    assert_eq!(log.len(), (1 << 20) + "\n[The rest is left out.]\n".len());
    assert!(log.ends_with("x\n[The rest is left out.]\n"));
}

#[test]
fn one_that_leaves_its_terminal_may_finish() {
    let host = Host::new(
        r#"exec </dev/null >/dev/null 2>&1; sleep 0.2; printf K >"$dir/k"; say "kernel $dir/k""#,
    );
    assert!(held(&host.run().unwrap().kernel).is_some());
}

#[test]
fn pygrub_names_no_file_outside_its_directory() {
    let precious = tempfile::NamedTempFile::new().unwrap();
    let path = precious.path().display();
    for name in [
        format!("{path}"),
        format!("$dir/../..{path}"),
        format!("$dir/../bootloader.5.d/../../..{path}"),
        "$dir/link".into(),
        "$dir".into(),
        "$dir/sub/k".into(),
    ] {
        let script = format!(
            "ln -s {path} \"$dir/link\"; mkdir \"$dir/sub\"; printf K >\"$dir/sub/k\"; say \"kernel {name}\""
        );
        Host::with("pygrub", &script).refused(&["cannot read"]);
        assert!(precious.path().exists(), "{name}");
    }
    // A program that nobody knows keeps its files where it likes, and leaves them to be removed.
    let script = format!("printf K >{path}; say 'kernel {path}'");
    let boot = Host::new(&script).run().unwrap();
    assert_eq!(held(&boot.kernel).map(|(_, bytes)| bytes), Some(&b"K"[..]));
    assert!(!precious.path().exists());
}

#[test]
fn all_files_that_it_named_are_removed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let dir = elsewhere.path().display();
    let host = Host::new(&format!(
        "for f in a b c; do printf $f >{dir}/$f; done
         say 'kernel {dir}/a' 'kernel {dir}/missing' 'kernel {dir}/b' 'ramdisk {dir}/none' 'ramdisk {dir}/c'"
    ));
    let boot = host.run().unwrap();
    assert_eq!(held(&boot.kernel).map(|(_, bytes)| bytes), Some(&b"b"[..]));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    // Also when one of them cannot be read.
    let host = Host::new(&format!(
        "printf a >{dir}/a; say 'kernel {dir}/none' 'ramdisk {dir}/a'"
    ));
    host.refused(&["none"]);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn what_an_interrupted_run_has_left_goes_first() {
    let host = Host::new(r#"ls "$dir" >"${0%/*}/seen"; exit 1"#);
    fs::create_dir_all(host.path("bootloader.5.d/old/older")).unwrap();
    fs::write(host.path("bootloader.5.d/old/kernel"), "x").unwrap();
    fs::write(host.path("bootloader.5.out"), "kernel /x").unwrap();
    host.refused(&["status 1"]);
    assert_eq!(host.text("seen"), "");
}

/// Waits in the viewer's callback, at most for some time, until the script has said that it runs, and in which process.
fn runs(pids: &std::path::Path) -> Vec<i32> {
    for _ in 0..2000 {
        let text = fs::read_to_string(pids).unwrap_or_default();
        let found: Vec<_> = text.lines().filter_map(|pid| pid.parse().ok()).collect();
        if found.len() == 2 {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it never ran");
}

/// A bootloader with another process, of which neither ends by itself.
const STAYS: &str = r#"sleep 1000 & echo $! >"${0%/*}/pids"; echo $$ >>"${0%/*}/pids"; wait; wait"#;

/// A process that was killed may need a moment to be gone.
fn gone(pids: &[i32]) {
    let runs = |pid: &i32| {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = state.rsplit_once(") ").map_or("X", |(_, rest)| rest);
        !state.starts_with(['X', 'Z'])
    };
    for _ in 0..2000 {
        if !pids.iter().any(runs) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("one of {pids:?} is there");
}

/// Lets `then` happen once the bootloader runs.
fn meanwhile(
    host: &mut Host,
    then: impl Fn() + Clone + Send + Sync + 'static,
) -> Arc<Mutex<Vec<i32>>> {
    let (file, pids) = (host.path("pids"), Arc::default());
    let noted: Arc<Mutex<Vec<i32>>> = Arc::clone(&pids);
    host.viewer = Arc::new(move |_| {
        let (file, noted, then) = (file.clone(), Arc::clone(&noted), then.clone());
        std::thread::spawn(move || {
            *noted.lock().unwrap() = runs(&file);
            then();
        });
    });
    pids
}

#[test]
fn it_ends_with_its_domain() {
    // One that follows a request to end, and one that does not.
    for trap in ["", "trap '' TERM HUP; "] {
        let mut host = Host::new(&format!("{trap}{STAYS}"));
        let store = host.bench.store.clone();
        let pids = meanwhile(&mut host, move || store.remove(&layout::domain(DOMID)));
        let error = host.refused(&["destroyed"]);
        assert_eq!(error.code(), Code::DomainDestroyed);
        gone(&pids.lock().unwrap());
    }
}

#[test]
fn an_abort_ends_it() {
    let mut host = Host::new(STAYS);
    let ctx = host.bench.ctx.clone();
    let pids = meanwhile(&mut host, move || ctx.abort(None).unwrap());
    assert_eq!(host.refused(&[]).code(), Code::Aborted);
    gone(&pids.lock().unwrap());
}

#[test]
fn a_confined_one_has_a_time_limit_and_is_told_its_user() {
    let mut host = Host::new(&format!(r#"printf '%s\n' "$@" >"${{0%/*}}/seen"; {STAYS}"#));
    host.info.bootloader_restrict = Some(true);
    host.info.bootloader_user = Some("nobody".into());
    host.environment = Some("1".into());
    let error = host.refused(&["took more than 1 s", "bootloader.5.log"]);
    assert_eq!(error.code(), Code::Timedout);
    let nobody = crate::sys::passwd::by_name("nobody").unwrap().unwrap();
    let seen = host.text("seen");
    assert!(
        seen.starts_with(&format!("--runas={}\n--quiet\n--output=", nobody.uid)),
        "{seen}"
    );
    gone(&runs(&host.path("pids")));
}
