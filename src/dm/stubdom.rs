//! A device model in a domain of its own: made, given its arguments and devices, started, and awaited.

use std::path::Path;

use rustix::fs::{Access, access};

use super::args::{self, CommandLine, Environment, Restore};
use super::console::{self, Ends};
use super::local::{self, Local};
use super::{
    MadeDomain, Request, STUBDOM_TIMEOUT, graphics, limit, logfile, process, proxy, serve,
};
use crate::device::{self, Console, ConsoleBackend, Guest, Ring, When};
use crate::engine::{Op, Rollback};
use crate::log::Level;
use crate::paths::XEN_LOGDIR;
use crate::store::{Batch, Perms, layout};
use crate::types::{
    DeviceDisk, DeviceModelVersion, DeviceNic, DeviceVfb, DeviceVkb, DiskBackend, DiskFormat,
    DomainBuildInfoPv, DomainBuildInfoU, DomainConfig, DomainType, NicType, Uuid,
};
use crate::{Boxed, DOM0, Domid, Error, Result, log_line};

/// Where QEMU serves its screen in the stub domain, for the agent there.
const SCREEN: &str = "/run/qemu.vnc";

/// How many characters of a stub domain's complaint are shown.
const MOST_WORDS: usize = 300;

/// Starts the guest's stub domain; returns when the QEMU in it runs. When a step fails, all before it are taken back.
pub(super) async fn spawn(
    op: &Op,
    request: Request<'_>,
    disks: Boxed<'_, Result<()>>,
) -> Result<()> {
    let outcome = op
        .with_rollback(|undo| async move { steps(op, &undo, request, disks).await })
        .await;
    outcome.map_err(|error| {
        error
            .context("starting the stub domain")
            .domain(request.domid)
    })
}

/// The steps in the order in which they happen.
async fn steps(
    op: &Op,
    undo: &Rollback,
    request: Request<'_>,
    disks: Boxed<'_, Result<()>>,
) -> Result<()> {
    let guest = request.domid;
    check_images(request)?;
    let server = way(op, request);
    let line = arguments(op, request, server)?;
    let name = stubdom_name(op, guest).await?;
    let uuid = Uuid::random().map_err(|error| Error::io("cannot make a UUID", &error))?;
    let mut config = config(request.config, name.clone(), uuid, server);

    let made = make(op, undo, request, &mut config, disks).await?;
    let stubdom = made.domid;
    log_line!(
        op.log(),
        Level::Detail,
        guest,
        "its stub domain is domain {stubdom}"
    );
    undo.push(format!("remove the devices of stub domain {stubdom}"), {
        move |op: Op| async move { device::remove_all(&op, stubdom, device::Force::On).await }
    });

    write_arguments(op, guest, stubdom, request.config, &line).await?;
    introduce(op, undo, guest, stubdom, request.config).await?;
    allow_control(op, guest, stubdom).await?;

    let serves = Guest {
        domid: stubdom,
        ..Guest::read(op, stubdom).await?
    };
    let disks = device::place_all(op, &serves, &mut config.disks).await?;
    device::number_nics(op, &serves, &mut config.nics).await?;
    screen(op, &serves, &mut config).await?;
    let consoles = consoles(op, undo, &serves, request, made, server).await?;
    side_by_side(
        op,
        [
            Box::pin(device::connect_all(op, &disks)),
            Box::pin(backends(
                op,
                undo,
                request,
                stubdom,
                &config,
                &name,
                server.then_some(&consoles),
            )),
        ],
    )
    .await?;
    device::add_all(op, &serves, &mut config.nics).await?;

    op.xen()?.unpause(stubdom)?;
    log_line!(
        op.log(),
        Level::Debug,
        guest,
        "stub domain {stubdom} starts, waiting for its QEMU"
    );
    wait_until_running(op, guest, stubdom).await
}

/// Makes the stub domain while the guest's disks are being connected.
async fn make(
    op: &Op,
    undo: &Rollback,
    request: Request<'_>,
    config: &mut DomainConfig,
    disks: Boxed<'_, Result<()>>,
) -> Result<MadeDomain> {
    let mut made = None;
    let making = async {
        made = Some(request.maker.make_pv(op, undo, config).await?);
        Ok(())
    };
    side_by_side(op, [disks, Box::pin(making)]).await?;
    made.ok_or_else(|| Error::fail("the stub domain was not made"))
}

/// Both to their end, whatever becomes of the other; then the first error.
async fn side_by_side(op: &Op, both: [Boxed<'_, Result<()>>; 2]) -> Result<()> {
    op.join(both.into()).await.into_iter().collect()
}

/// Whether the stub domain runs Linux with QEMU; otherwise it is MiniOS with qemu-xen-traditional.
pub(super) fn is_linux(guest: &DomainConfig) -> bool {
    guest.b_info.device_model_version == DeviceModelVersion::QemuXen
}

/// Says early, and in the user's terms, which image is missing.
fn check_images(request: Request<'_>) -> Result<()> {
    let build = &request.config.b_info;
    for (what, path) in [
        ("kernel", &build.stubdomain_kernel),
        ("ramdisk", &build.stubdomain_ramdisk),
    ] {
        let Some(path) = path else { continue };
        access(Path::new(path), Access::READ_OK).map_err(|error| {
            let what = format!("cannot read the stub domain's {what} {path}");
            Error::inval(format!("{what}: {error}"))
                .hint("install the stub domain image, or name another one with stubdomain_kernel and stubdomain_ramdisk")
                .domain(request.domid)
        })?;
    }
    Ok(())
}

/// Whether the stub domain has the server of this project in dom0, and not QEMU and a QMP proxy.
fn way(op: &Op, request: Request<'_>) -> bool {
    let Some(reason) = serve::why_not(request.config) else {
        return true;
    };
    // MiniOS has no other.
    let level = if is_linux(request.config) {
        Level::Warn
    } else {
        Level::Debug
    };
    let what = format!("QEMU in dom0 serves the stub domain: {reason}");
    log_line!(op.log(), level, request.domid, "{what}");
    false
}

fn arguments(op: &Op, request: Request<'_>, server: bool) -> Result<CommandLine> {
    let restore = match request.saved_state {
        None => Restore::No,
        Some(_) if is_linux(request.config) => Restore::Stubdom,
        Some(state) => Restore::File(state.display().to_string()),
    };
    let environment = Environment {
        domid: request.domid,
        restore,
        igd: graphics::has_igd(&request.config.pcidevs),
        screen: (server && args::vnc(request.config).is_some()).then_some(SCREEN),
        ..Environment::default()
    };
    let line = args::build("", request.config, &environment)?;
    for warning in &line.warnings {
        log_line!(op.log(), Level::Warn, request.domid, "{warning}");
    }
    Ok(line)
}

/// The name of a guest's stub domain.
pub(super) async fn stubdom_name(op: &Op, guest: Domid) -> Result<String> {
    let name = op.store()?.read_str(&layout::name(guest)).await?;
    let name =
        name.ok_or_else(|| Error::fail("the guest has no name in xenstore").domain(guest))?;
    Ok(format!("{name}-dm"))
}

/// The stub domain's own configuration, made from the guest's.
fn config(guest: &DomainConfig, name: String, uuid: Uuid, server: bool) -> DomainConfig {
    let mut config = DomainConfig::default();
    let from = &guest.b_info;

    let create = &mut config.c_info;
    create.type_ = DomainType::Pv;
    create.name = Some(name);
    create.uuid = uuid;
    create.ssidref = from.device_model_ssidref;
    create.run_hotplug_scripts = guest.c_info.run_hotplug_scripts;

    let build = &mut config.b_info;
    build.u = DomainBuildInfoU::Pv(DomainBuildInfoPv {
        features: Some(String::new()),
        ..DomainBuildInfoPv::default()
    });
    build.shadow_memkb = 0;
    build.max_vcpus = 1;
    // The emulated video memory is QEMU's, so it counts as the stub domain's.
    build.max_memkb = from.stubdomain_memkb + from.video_memkb;
    build.target_memkb = build.max_memkb;
    build.max_grant_frames = from.max_grant_frames;
    build.max_maptrack_frames = from.max_maptrack_frames;
    build.max_grant_version = from.max_grant_version;
    build.kernel = from.stubdomain_kernel.clone();
    build.ramdisk = from.stubdomain_ramdisk.clone();
    build.cmdline = from.stubdomain_cmdline.clone();
    build.device_model_version = from.device_model_version;
    build.device_model = from.device_model.clone();
    build.extra = from.extra.clone();
    build.extra_pv = from.extra_pv.clone();
    build.extra_hvm = from.extra_hvm.clone();

    config.disks = match is_linux(guest) {
        true => guest.disks.iter().filter_map(own_disk).collect(),
        false => guest.disks.clone(),
    };
    config.nics = guest.nics.iter().map(plain_nic).collect();
    if let Some(hvm) = args::hvm(from).filter(|_| !server) {
        let shown = [hvm.vnc.enable, hvm.spice.enable, hvm.sdl.enable];
        if shown.into_iter().any(args::is) {
            config.vfbs.push(DeviceVfb {
                devid: 0,
                vnc: hvm.vnc.clone(),
                sdl: hvm.sdl.clone(),
                keymap: hvm.keymap.clone(),
                ..DeviceVfb::default()
            });
            config.vkbs.push(DeviceVkb {
                devid: 0,
                ..DeviceVkb::default()
            });
        }
    }
    config
}

/// A Linux stub domain's side of a guest's disk; nothing for an empty CD drive, which its kernel would wait for. A medium
/// comes as a disk of its own, see domain/cdrom.rs, and is served by the kernel where that can.
pub(super) fn own_disk(disk: &DeviceDisk) -> Option<DeviceDisk> {
    if disk.is_cdrom == 0 {
        return Some(disk.clone());
    }
    (disk.format != DiskFormat::Empty).then(|| DeviceDisk {
        backend: DiskBackend::Unknown,
        readwrite: 0,
        ..disk.clone()
    })
}

/// The stub domain's side of a guest's NIC. QEMU in there emulates the guest's card on top of it.
fn plain_nic(nic: &DeviceNic) -> DeviceNic {
    DeviceNic {
        nictype: NicType::Vif,
        ifname: nic.ifname.as_ref().map(|name| format!("{name}-emu")),
        ..nic.clone()
    }
}

/// QEMU's arguments, where only the stub domain can read them: one node each for Linux, one string for MiniOS.
async fn write_arguments(
    op: &Op,
    guest: Domid,
    stubdom: Domid,
    config: &DomainConfig,
    line: &CommandLine,
) -> Result<()> {
    let store = op.store()?;
    let vm = store.read_str(&layout::vm_link(guest)).await?;
    let vm = vm.ok_or_else(|| Error::fail("the guest has no VM node in xenstore").domain(guest))?;
    let batch = if is_linux(config) {
        linux_arguments(&vm, stubdom, &line.args)
    } else {
        super::minios::arguments(&vm, stubdom, &line.args)
    };
    store
        .apply(&batch)
        .await
        .map_err(|error| error.domain(guest))
}

fn linux_arguments(vm: &str, stubdom: Domid, args: &[String]) -> Batch {
    let path = format!("{vm}/image/dm-argv");
    let mut batch = Batch::new();
    // What a former stub domain of this guest left must not be read as the tail of the new list.
    batch.rm(&path);
    batch.mkdir_perms(&path, &Perms::owner_read(DOM0, stubdom));
    for (number, arg) in (1..).zip(args) {
        batch.write(format!("{path}/{number:03}"), arg);
    }
    batch
}

/// Tells each of the two about the other, and hvmloader what to expect.
async fn introduce(
    op: &Op,
    undo: &Rollback,
    guest: Domid,
    stubdom: Domid,
    config: &DomainConfig,
) -> Result<()> {
    let build = &config.b_info;
    let mut batch = Batch::new();
    batch.write(layout::dm_version(guest), build.device_model_version.name());
    batch.write(layout::dm_domid(guest), stubdom.to_string());
    batch.write(layout::target(stubdom), guest.to_string());
    if let Some(hvm) = args::hvm(build).filter(|_| is_linux(config)) {
        let path = format!("{}/bios", layout::hvmloader(guest));
        batch.write(path, hvm.bios.name());
    }
    local::allow_memory_relocate(&mut batch, guest, config);
    // Otherwise the guest's destruction would go on to destroy whoever gets this number next.
    undo.push(format!("forget stub domain {stubdom}"), {
        move |op: Op| async move { op.store()?.rm(&layout::dm_domid(guest)).await }
    });
    op.store()?.apply(&batch).await
}

/// Gives the stub domain power over the guest, and a directory in which it reports about it.
async fn allow_control(op: &Op, guest: Domid, stubdom: Domid) -> Result<()> {
    op.xen()?.set_target(stubdom, guest)?;
    let store = op.store()?;
    store.set_target(stubdom, guest).await?;
    let mut batch = Batch::new();
    let reports = layout::dm(stubdom, guest);
    batch.mkdir_perms(reports, &Perms::owner_read(stubdom, guest));
    store.apply(&batch).await
}

/// A framebuffer and a keyboard, through which QEMU in dom0 shows the screen that QEMU in the stub domain draws.
async fn screen(op: &Op, stubdom: &Guest, config: &mut DomainConfig) -> Result<()> {
    for vfb in &mut config.vfbs {
        device::add(op, stubdom, vfb, When::Creation).await?;
    }
    for vkb in &mut config.vkbs {
        device::add(op, stubdom, vkb, When::Creation).await?;
    }
    Ok(())
}

async fn consoles(
    op: &Op,
    undo: &Rollback,
    stubdom: &Guest,
    request: Request<'_>,
    made: MadeDomain,
    server: bool,
) -> Result<Vec<Console>> {
    let guest = request.domid;
    let name = op.store()?.read_str(&layout::name(guest)).await?;
    let log = logfile::rotate(&format!("qemu-dm-{}", name.unwrap_or_default()))?;
    let save = console::save_file(guest);
    undo.push(format!("remove {save}"), {
        let save = save.clone();
        move |_: Op| async move { remove_if_there(&save) }
    });
    let ends = Ends {
        log: &log,
        save: &save,
        restore: request.saved_state,
        ring: Ring {
            port: made.console_port,
            frame: made.console_gfn,
            tty: None,
        },
    };
    let mut consoles = console::consoles(request.config, ends);
    for console in &mut consoles {
        if server {
            console.backend = ConsoleBackend::Server;
        }
        device::add(op, stubdom, console, When::Creation).await?;
    }
    Ok(consoles)
}

/// Starts the processes in dom0 that the stub domain needs, side by side: its server, and QEMU where that alone can serve a
/// disk; or QEMU and a QMP proxy.
async fn backends(
    op: &Op,
    undo: &Rollback,
    request: Request<'_>,
    stubdom: Domid,
    config: &DomainConfig,
    name: &str,
    served: Option<&Vec<Console>>,
) -> Result<()> {
    let pair = proxy::Pair {
        stubdom,
        guest: request.domid,
        name,
    };
    let mut starts: Vec<Boxed<'_, Result<()>>> = Vec::new();
    if let Some(consoles) = served {
        starts.push(Box::pin(serve::start(
            op,
            undo,
            pair,
            request.config,
            consoles,
        )));
        if !super::needed(config) {
            return op.join(starts).await.into_iter().collect();
        }
    } else if is_linux(request.config) {
        starts.push(Box::pin(proxy::start(op, undo, pair)));
    }
    undo.push(format!("take down the QEMU of stub domain {stubdom}"), {
        move |op: Op| async move { super::destroy::local(&op, stubdom).await }
    });
    let local = Local {
        domid: stubdom,
        config,
        saved_state: None,
        file_limit: limit::for_stubdom(op, request, &config.disks),
    };
    starts.push(Box::pin(local::spawn(op, local)));
    op.join(starts).await.into_iter().collect()
}

fn remove_if_there(path: &str) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format_args!("cannot remove {path}"), &error))
        }
        _ => Ok(()),
    }
}

/// Waits for the QEMU in the stub domain; ends at once when the stub domain goes down or reports an error.
async fn wait_until_running(op: &Op, guest: Domid, stubdom: Domid) -> Result<()> {
    let state = layout::dm_state(stubdom, guest);
    let running = process::wait_for_state(op, &state, "running");
    let waiting = format!("waiting for stub domain {stubdom} to run QEMU");
    let outcome = op
        .timeout(
            STUBDOM_TIMEOUT,
            &waiting,
            process::first(running, goes_down(op, stubdom)),
        )
        .await;
    let Err(error) = outcome else { return Ok(()) };
    let error = match complaint(op, guest, stubdom).await {
        Some(words) => Error::fail(format!("stub domain {stubdom} says: {words}")),
        None => error,
    };
    Err(error.hint(format!(
        "its console is in the log qemu-dm-NAME.log of the guest's name, in {XEN_LOGDIR}"
    )))
}

/// What the stub domain says of its failure. It may write anything there.
pub(super) async fn complaint(op: &Op, guest: Domid, stubdom: Domid) -> Option<String> {
    let path = format!("{}/error", layout::dm(stubdom, guest));
    let words = op.store().ok()?.read(&path).await.ok()??;
    let shown = printable(&words);
    (!shown.is_empty()).then_some(shown)
}

/// The beginning of a text from a domain, without what could fool a terminal.
fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .take(MOST_WORDS)
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// Returns, with an error, when the domain has shut down or is gone.
async fn goes_down(op: &Op, stubdom: Domid) -> Result<()> {
    let watch = op.watch(layout::RELEASE_DOMAIN).await?;
    loop {
        watch.changed().await?;
        if !is_up(op, stubdom)? {
            return Err(Error::fail(format!("stub domain {stubdom} went down")));
        }
    }
}

/// Whether the domain is there and has not shut down.
pub(super) fn is_up(op: &Op, stubdom: Domid) -> Result<bool> {
    let info = op.xen()?.domain_info(stubdom)?;
    Ok(info.is_some_and(|info| !info.flags.shutdown() && !info.flags.dying()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Change;
    use crate::types::{DomainBuildInfoHvm, MEMKB_DEFAULT};

    fn guest(hvm: DomainBuildInfoHvm) -> DomainConfig {
        let mut guest = DomainConfig::default();
        guest.b_info.u = DomainBuildInfoU::Hvm(hvm);
        guest.b_info.device_model_version = DeviceModelVersion::QemuXen;
        guest.b_info.stubdomain_memkb = 128 * 1024;
        guest.b_info.video_memkb = 8 * 1024;
        guest.b_info.stubdomain_kernel = Some("/k".into());
        guest
    }

    #[test]
    fn a_stub_domain_is_a_small_pv_domain() {
        let config = config(
            &guest(DomainBuildInfoHvm::default()),
            "g-dm".into(),
            Uuid([7; 16]),
            false,
        );
        assert_eq!(config.c_info.name.as_deref(), Some("g-dm"));
        assert_eq!(config.b_info.max_memkb, 136 * 1024);
        assert_eq!(config.b_info.target_memkb, 136 * 1024);
        assert_eq!(config.b_info.max_vcpus, 1);
        assert_eq!(config.b_info.kernel.as_deref(), Some("/k"));
        assert_eq!(config.c_info.uuid, Uuid([7; 16]));
        assert_ne!(config.b_info.video_memkb, 8 * 1024);
        assert_eq!(config.b_info.video_memkb, MEMKB_DEFAULT);
        assert!(config.vfbs.is_empty() && config.vkbs.is_empty());
    }

    #[test]
    fn a_screen_needs_a_framebuffer_where_qemu_shows_it() {
        let mut hvm = DomainBuildInfoHvm::default();
        hvm.vnc.enable = Some(true);
        let guest = guest(hvm);
        let shown = config(&guest, "g-dm".into(), Uuid([7; 16]), false);
        assert_eq!((shown.vfbs.len(), shown.vkbs.len()), (1, 1));
        assert_eq!(shown.vfbs[0].backend_domid, DOM0);
        let served = config(&guest, "g-dm".into(), Uuid([7; 16]), true);
        assert!(served.vfbs.is_empty() && served.vkbs.is_empty());
    }

    #[test]
    fn a_cd_is_a_disk_of_the_kernels_and_an_empty_drive_none() {
        let mut guest = guest(DomainBuildInfoHvm::default());
        let disk = |vdev: &str, is_cdrom, format| DeviceDisk {
            vdev: Some(vdev.into()),
            pdev_path: Some("/d".into()),
            backend: DiskBackend::Qdisk,
            readwrite: i32::from(is_cdrom == 0),
            is_cdrom,
            format,
            ..DeviceDisk::default()
        };
        guest.disks = vec![
            disk("hda", 0, DiskFormat::Qcow2),
            disk("hdb", 1, DiskFormat::Raw),
            disk("hdc", 1, DiskFormat::Empty),
        ];
        let disks = |guest: &DomainConfig| -> Vec<_> {
            let config = config(guest, "g-dm".into(), Uuid([7; 16]), true);
            let disks = config.disks.into_iter();
            disks
                .map(|disk| (disk.vdev.unwrap(), disk.backend))
                .collect()
        };
        let hda = ("hda".to_owned(), DiskBackend::Qdisk);
        assert_eq!(
            disks(&guest),
            [hda.clone(), ("hdb".to_owned(), DiskBackend::Unknown)]
        );
        // What MiniOS gets is as with the C library.
        guest.b_info.device_model_version = DeviceModelVersion::QemuXenTraditional;
        assert_eq!(disks(&guest).len(), 3);
        assert_eq!(disks(&guest)[0], hda);
    }

    #[test]
    fn nics_are_not_emulated_twice() {
        let mut guest = guest(DomainBuildInfoHvm::default());
        guest.nics.push(DeviceNic {
            devid: 0,
            nictype: NicType::VifIoemu,
            ifname: Some("web".into()),
            ..DeviceNic::default()
        });
        let config = config(&guest, "g-dm".into(), Uuid([7; 16]), true);
        assert_eq!(config.nics[0].nictype, NicType::Vif);
        assert_eq!(config.nics[0].ifname.as_deref(), Some("web-emu"));
    }

    #[test]
    fn a_complaint_cannot_fool_the_terminal() {
        assert_eq!(printable(b"no disk /dev/xvda"), "no disk /dev/xvda");
        assert_eq!(printable(b"\x1b[2J\n\xff\xc3\xa9"), "?[2J???");
        assert_eq!(printable(&[b'x'; 4096]).len(), MOST_WORDS);
    }

    #[test]
    fn linux_reads_one_node_per_argument() {
        let args = ["-xen-domid".to_owned(), "5".to_owned()];
        let batch = linux_arguments("/vm/u", 6, &args);
        let dir = "/vm/u/image/dm-argv".to_owned();
        let perms = Perms::owner_read(DOM0, 6);
        let write = |path: &str, value: &str| Change::Write {
            path: path.into(),
            value: value.into(),
        };
        assert_eq!(
            batch.changes(),
            [
                Change::Rm { path: dir.clone() },
                Change::Mkdir { path: dir.clone() },
                Change::Perms { path: dir, perms },
                write("/vm/u/image/dm-argv/001", "-xen-domid"),
                write("/vm/u/image/dm-argv/002", "5"),
            ]
        );
    }
}
