//! A new domain: its number from the hypervisor, its nodes in the store, its memory and image.

use std::io::Read;
use std::time::SystemTime;

use super::build::{self, Boot, BootFile, Built, Channels, Daemons};
use super::history::History;
use super::nodes;
use super::query::{self, is_guest_domid};
use super::rename;
use crate::engine::{Op, Work};
use crate::log::Level;
use crate::store::{Store, layout};
use crate::types::{DomainBuildInfoU, DomainConfig};
use crate::xen::CreateDomain;
use crate::{DOM0, Domid, Error, Result, log_line, sys};

/// As a wanted number: any that the hypervisor likes.
pub const INVALID_DOMID: Domid = Domid::MAX;
/// As a wanted number: any, picked at random.
pub const RANDOM_DOMID: Domid = INVALID_DOMID - 1;

/// Makes a domain without memory or image. The caller destroys it when a later step fails.
pub async fn hypervisor(op: &Op, config: &DomainConfig) -> Result<Domid> {
    let wanted = config.c_info.domid;
    let history = History::of_host();
    loop {
        let number = match wanted {
            RANDOM_DOMID => random_guest()?,
            given if given != INVALID_DOMID && u16::try_from(given).is_err() => {
                return Err(Error::inval(format!("{given} is no domain's number")));
            }
            given => given,
        };
        let create = CreateDomain {
            domid: number,
            ..build::create_config(config)?
        };
        let domid = match op.xen()?.create_domain(&create) {
            Ok(domid) => domid,
            Err(e) if e.errno() == Some(libc::EEXIST) && wanted == RANDOM_DOMID => continue,
            Err(e) if e.errno() == Some(libc::EEXIST) => {
                return Err(e.hint(format!("domain {wanted} is there already")));
            }
            Err(e) => return Err(e),
        };
        let recent = history.is_recent(domid, sys::clock::monotonic_seconds());
        if matches!(recent, Ok(false)) {
            return Ok(domid);
        }
        destroy_bare(op, domid)?;
        if recent? && is_guest_domid(wanted) {
            return Err(Error::fail("domain id recently used")
                .domain(domid)
                .hint("wait a minute, or leave the number to the hypervisor"));
        }
        log_line!(
            op.log(),
            Level::Debug,
            domid,
            "number used a moment ago, taking another"
        );
    }
}

/// Destroys a domain that has nothing yet but its number, so that only a second try can help when the first one failed.
fn destroy_bare(op: &Op, domid: Domid) -> Result<()> {
    let xen = op.xen()?;
    xen.destroy_domain(domid)
        .or_else(|_| xen.destroy_domain(domid))
        .map_err(|error| error.hint(format!("an empty domain is left; xl destroy {domid}")))
}

/// Writes what the store holds of every domain, all in one transaction. `ERROR_INVAL` when the name is taken.
pub async fn store(op: &Op, domid: Domid, config: &DomainConfig) -> Result<()> {
    let name = config.c_info.name.as_deref().ok_or_else(|| {
        Error::inval("the domain has no name")
            .domain(domid)
            .hint("set name=")
    })?;
    let batch = nodes::initial(domid, config);
    let domains = op.xen()?.domain_list()?;
    let others: Vec<Domid> = domains.iter().map(|info| info.domid).collect();
    let (batch, others) = (&batch, &others);
    op.store()?
        .transaction(|tx| async move {
            rename::ensure_free(&tx, domid, name, others).await?;
            tx.apply(batch).await
        })
        .await
        .map_err(|e| e.domain(domid))
}

/// Notes which device model the domain has, before anybody could ask its configuration.
pub async fn dm_version(op: &Op, domid: Domid, config: &DomainConfig) -> Result<()> {
    let version = config.b_info.device_model_version.name();
    op.store()?
        .write(&layout::dm_version(domid), version)
        .await
        .map_err(|e| e.domain(domid))
}

/// What a PV or PVH guest boots.
pub(super) fn boot_files(config: &DomainConfig) -> Boot {
    let info = &config.b_info;
    if matches!(info.u, DomainBuildInfoU::Hvm(_)) {
        return Boot::default();
    }
    let file = |path: &Option<String>| path.clone().map(BootFile::Path);
    Boot {
        kernel: file(&info.kernel),
        ramdisk: file(&info.ramdisk),
        cmdline: info.cmdline.clone(),
    }
}

/// Gives the domain memory and an image, beside the context, and tells xenstored of it. Without `boot` it has both, as a guest after
/// a soft reset.
pub(super) async fn populate(
    op: &Op,
    domid: Domid,
    config: &mut DomainConfig,
    boot: Option<&Boot>,
) -> Result<(Channels, Built)> {
    let store = op.store()?;
    let daemons = Daemons {
        store: server(&store, layout::XENSTORED_DOMID).await?,
        console: server(&store, layout::XENCONSOLED_DOMID).await?,
    };
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let building = {
        let (mut config, boot) = (config.clone(), boot.cloned());
        op.blocking("build-guest", move |work: &Work| {
            let (log, xen) = (work.log(), work.xen());
            let kept = boot.is_none();
            let channels = build::pre(log, xen, domid, &mut config, daemons, kept)?;
            let built = match boot {
                Some(boot) => build::image(log, xen, domid, &mut config, &boot, &channels)?,
                None => build::kept(xen, domid, &channels)?,
            };
            let more = build::post(log, xen, domid, &config)?;
            Ok((config, channels, built, more))
        })
    };
    let (noted, channels, built, more) = building.await?;
    *config = noted;
    let new = boot.is_some();
    let boot = boot.cloned().unwrap_or_default();
    let path = |file: &Option<BootFile>| file.as_ref().map(|file| file.path().to_owned());
    let mut batch = nodes::after_build(
        domid,
        &config.c_info.uuid,
        &config.b_info,
        &nodes::Image {
            store_port: channels.store_port,
            store_frame: built.store_frame,
            kernel: path(&boot.kernel),
            ramdisk: path(&boot.ramdisk),
            cmdline: boot.cmdline.clone(),
            new,
            start_time: started.unwrap_or_default(),
        },
    );
    for (key, value) in built.keys.iter().chain(&more) {
        batch.write(layout::domain_sub(domid, key), value);
    }
    store.apply(&batch).await.map_err(|e| e.domain(domid))?;
    store
        .introduce(domid, built.store_frame, channels.store_port)
        .await
        .map_err(|e| e.domain(domid))?;
    Ok((channels, built))
}

/// The domain that a daemon says it runs in; dom0 when it says nothing.
async fn server(store: &Store, path: &str) -> Result<Domid> {
    let text = store.read_str(path).await?;
    let domid = text.as_deref().and_then(layout::parse_domid);
    Ok(domid.unwrap_or(DOM0))
}

/// A guest's number without any order, from the kernel's random source.
fn random_guest() -> Result<Domid> {
    let failed = |e| Error::io("cannot read /dev/urandom", &e);
    let mut source = std::fs::File::open("/dev/urandom").map_err(failed)?;
    loop {
        let mut bytes = [0; 2];
        source.read_exact(&mut bytes).map_err(failed)?;
        let domid = Domid::from(u16::from_le_bytes(bytes) & 0x7fff);
        if query::is_guest_domid(domid) {
            return Ok(domid);
        }
    }
}
