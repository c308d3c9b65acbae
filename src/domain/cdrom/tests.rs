//! Changes of a medium against a QEMU of our own, in dom0 and in a stub domain whose kernel and agent are played as well.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::engine::testing::Bench;
use crate::qmp::testing::Qemu;

mod in_dom0;
mod in_stubdom;

const GUEST: Domid = 7;
const STUBDOM: Domid = 8;
const RECORD: &str = "/libxl/7/device/vbd/5632";
const BACKEND: &str = "/local/domain/0/backend/qdisk/7/5632";
const MARK: &str = "stub-devid:5632";

fn guest(domid: Domid, type_: DomainType) -> Guest {
    Guest {
        domid,
        type_,
        protocol: None,
    }
}

/// What xl makes of `cd-insert GUEST hdc PATH`.
fn medium(path: &str) -> DeviceDisk {
    DeviceDisk {
        vdev: Some("hdc".into()),
        pdev_path: Some(path.into()),
        format: match path {
            "" => DiskFormat::Empty,
            _ => DiskFormat::Raw,
        },
        is_cdrom: 1,
        removable: 1,
        ..DeviceDisk::default()
    }
}

/// A context with a guest that has a CD drive and a disk.
fn bench(version: &str, stubdom: bool) -> Bench {
    let bench = Bench::new();
    bench.store.set("/libxl/7/dm-version", version);
    if stubdom {
        bench
            .store
            .set("/local/domain/7/image/device-model-domid", "8");
    }
    let mut disk = DeviceDisk {
        vdev: Some("hda".into()),
        is_cdrom: 0,
        backend: DiskBackend::Qdisk,
        ..medium("/old")
    };
    let guest = guest(GUEST, DomainType::Hvm);
    bench
        .ctx
        .block_on(async |op| {
            let mut old = medium("/old");
            device::add(op, &guest, &mut old, When::Creation).await?;
            device::add(op, &guest, &mut disk, When::Creation).await
        })
        .expect("the guest's disks");
    bench
}

fn find(bench: &Bench, type_: DomainType, mut disk: DeviceDisk) -> Result<(Drive, DeviceDisk)> {
    let guest = guest(GUEST, type_);
    let drive = bench
        .ctx
        .block_on(async |op| Drive::find(op, &guest, &mut disk).await)?;
    Ok((drive, disk))
}

/// The store, and what would be stored elsewhere.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn add(&self, note: String) {
        self.0.lock().unwrap().push(note);
    }

    fn taken(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct Noting<'a> {
    drive: &'a Device,
    notes: &'a Notes,
}

impl Book for Noting<'_> {
    fn emptied<'a>(&'a self, op: &'a Op) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            self.notes.add("emptied".into());
            device::set_medium(op, self.drive, None, &|| Ok(())).await
        })
    }

    fn holds<'a>(&'a self, op: &'a Op, medium: Option<&'a DeviceDisk>) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            let path = medium.and_then(|medium| medium.pdev_path.clone());
            let save = || {
                self.notes
                    .add(format!("stored {}", path.as_deref().unwrap_or("nothing")));
                Ok(())
            };
            device::set_medium(op, self.drive, medium, &save).await
        })
    }
}

/// QEMU's sets of descriptors, and all that it was told.
#[derive(Clone, Default)]
struct Machine(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    sets: Vec<(u32, String)>,
    last: u32,
    told: Vec<Value>,
}

impl Machine {
    fn add(&self, opaque: &str) -> u32 {
        let mut inside = self.0.lock().unwrap();
        inside.last += 1;
        let set = (inside.last, opaque.to_owned());
        inside.sets.push(set);
        inside.last
    }

    fn has(&self, opaque: &str) -> bool {
        let inside = self.0.lock().unwrap();
        inside.sets.iter().any(|(_, text)| text == opaque)
    }

    /// The commands so far, in short.
    fn told(&self) -> Vec<String> {
        let inside = self.0.lock().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = inside
            .told
            .iter()
            .filter(|said| said["execute"] != "query-fdsets");
        told.map(|said| {
            let arguments = &said["arguments"];
            let with = [
                &arguments["filename"],
                &arguments["format"],
                &arguments["opaque"],
            ];
            let with: Vec<_> = with
                .into_iter()
                .map(text)
                .filter(|it| !it.is_empty())
                .collect();
            [vec![text(&said["execute"])], with].concat().join(" ")
        })
        .collect()
    }

    /// Serves one client; refuses the command called `refused`.
    fn serve(&self, qemu: &mut Qemu, refused: &str) {
        qemu.negotiate();
        loop {
            let command = qemu.hear_or_end();
            let Some(command) = command else { return };
            let name = command["execute"].as_str().unwrap_or_default().to_owned();
            self.0.lock().unwrap().told.push(command.clone());
            if name == refused {
                qemu.refuse(&command, "no");
                continue;
            }
            let answer = match name.as_str() {
                "add-fd" => {
                    let opaque = command["arguments"]["opaque"].as_str().unwrap_or_default();
                    json!({"fdset-id": self.add(opaque), "fd": 20})
                }
                "remove-fd" => {
                    let id = &command["arguments"]["fdset-id"];
                    self.0.lock().unwrap().sets.retain(|(set, _)| id != set);
                    json!({})
                }
                "query-fdsets" => {
                    let inside = self.0.lock().unwrap();
                    let set = |(id, opaque): &(u32, String)| json!({"fdset-id": id, "fds": [{"fd": 30, "opaque": opaque}]});
                    inside.sets.iter().map(set).collect()
                }
                _ => json!({}),
            };
            qemu.answer(&command, answer);
        }
    }
}

/// How a change ends, against `machine`, within `limit`.
fn change_within(
    bench: &Bench,
    machine: &Machine,
    refused: &'static str,
    (drive, disk): (Drive, DeviceDisk),
    notes: &Notes,
    limit: Duration,
) -> Result<()> {
    let serving = machine.clone();
    let (stream, server) = Qemu::start(move |qemu| serving.serve(qemu, refused));
    let stubdom = drive.stubdom.map(|domid| guest(domid, DomainType::Pv));
    let outcome = bench.ctx.block_on(async |op: &Op| {
        let work = async {
            let qemu = Client::converse(op, GUEST, stream).await?;
            let qemu = drive.speaks_qmp.then_some(qemu);
            let book = Noting {
                drive: &drive.device,
                notes,
            };
            change(op, &drive, stubdom.as_ref(), &disk, qemu, &book).await
        };
        op.timeout(limit, "the test", work).await
    });
    server.join().expect("QEMU's side holds");
    outcome
}

const ENOUGH: Duration = Duration::from_secs(30);

fn params(bench: &Bench) -> [String; 2] {
    [BACKEND, RECORD].map(|dir| {
        let value = bench.store.get(&format!("{dir}/params"));
        String::from_utf8(value.expect("params")).expect("text")
    })
}

/// A file to put into a drive.
fn image() -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("cd.iso");
    std::fs::write(&path, "data").expect("a file");
    let path = path.display().to_string();
    (dir, path)
}
