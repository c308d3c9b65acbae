//! One function for each way in. Their inputs are what a domain could send, as it is sent.

use std::time::Duration;

use flate2::Crc;
use xenlight::device::vdev::{self, Vdev};
use xenlight::fuzzing;
use xenlight::qmp::message::{Framer, Message};
use xenlight::types::{
    CpuidPolicyList, DeviceDisk, DeviceNic, DomainConfig, Mac, Uuid, from_json_str, to_json_string,
};

use crate::{Cost, Target, agent, mux, serve, store, vchans};

/// All targets by name, each with the milliseconds and MiB that one input may cost. The times are for slow machines and
/// for builds that nothing is optimised in; what goes wrong here takes a hundred times as long.
pub const TARGETS: [Target; 28] = [
    target("agent_relay", agent::relay, 5000, 48),
    target("bootloader_output", fuzzing::bootloader_output, 1000, 1),
    target("console_ring", vchans::console_ring, 2000, 1),
    target("cpuid", cpuid, 1000, 1),
    target("guest_frames", fuzzing::guest_frames, 1000, 8),
    target("identifiers", identifiers, 1000, 1),
    target("ioreq", xenlight_ioreq::fuzzing::requests, 5000, 8),
    target("json_config", json_config, 5000, 64),
    target("kernel_bzimage", fuzzing::kernel_image, 2000, 24),
    target("kernel_elf", fuzzing::kernel_image, 2000, 24),
    target("kernel_notes", fuzzing::kernel_notes, 1000, 1),
    target("kernel_payload", kernel_payload, 2000, 24),
    target("log_line", fuzzing::log_line, 1000, 32),
    target("numbers", fuzzing::numbers, 1000, 8),
    target("qmp_conversation", fuzzing::qmp_conversation, 2000, 64),
    target("qmp_message", qmp_message, 5000, 64),
    target("rfb_viewer", serve::rfb_viewer, 1000, 1),
    target("serve_qmp", serve::qmp, 5000, 1),
    target("serve_screen", serve::screen, 5000, 4),
    target("serve_store", serve::store, 1000, 8),
    target("store_conversation", fuzzing::store_conversation, 1000, 8),
    target("store_nodes", fuzzing::store_nodes, 1000, 8),
    target("store_perms", store::permissions, 2000, 32),
    target("store_wire", store::messages, 1000, 8),
    target("vchan_client", vchans::client, 2000, 1),
    target("vchan_mux", mux::mux, 5000, 4),
    target("vchan_server", vchans::server, 2000, 1),
    target("vdev", vdev, 2000, 16),
];

const fn target(name: &'static str, run: fn(&[u8]), milliseconds: u64, mib: usize) -> Target {
    let limit = Cost {
        time: Duration::from_millis(milliseconds),
        memory: mib << 20,
    };
    Target { name, run, limit }
}

/// Lines of QMP in pieces of any size; the same messages come out of any pieces.
fn qmp_message(data: &[u8]) {
    let whole = lines(data, 4096);
    let size = data.first().map_or(1, |size| usize::from(*size) + 1);
    assert_eq!(lines(data, size), whole);
    for line in whole {
        if let Ok(Message::Error { desc, .. }) = Message::parse(&line) {
            assert!(desc.chars().count() <= 1000);
        }
    }
}

fn lines(data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::default();
    let mut lines = Vec::new();
    for piece in data.chunks(size) {
        if framer.push(piece).is_err() {
            break;
        }
        while let Some(line) = framer.next_line() {
            lines.push(line);
        }
    }
    lines
}

/// Stored configurations. What was understood is written and read again without a change.
fn json_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    drop(from_json_str::<DeviceDisk>(&text));
    drop(from_json_str::<DeviceNic>(&text));
    drop(from_json_str::<CpuidPolicyList>(&text));
    let Ok(config) = from_json_str::<DomainConfig>(&text) else {
        return;
    };
    let Ok(written) = to_json_string(&config) else {
        return;
    };
    let again = from_json_str::<DomainConfig>(&written).map(|config| to_json_string(&config));
    match again {
        Ok(Ok(again)) => assert_eq!(again, written),
        other => panic!("what was written is not read: {other:?}\n{written}"),
    }
}

/// Rules about CPUID and MSRs, one a line, in both languages.
fn cpuid(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut policy = CpuidPolicyList::default();
    for line in text.lines() {
        // What is no rule is refused and leaves no more than an empty leaf.
        let _ = policy.add_rule(line);
        let _ = policy.add_xend_rule(line);
    }
    assert!(policy.leaves.len() <= 2 * text.lines().count());
}

/// Names of virtual disks. A name and the number behind it mean the same disk.
fn vdev(data: &[u8]) {
    for name in String::from_utf8_lossy(data).lines() {
        let Some(found) = Vdev::parse(name) else {
            continue;
        };
        assert!(found.devid >= 0);
        if name.starts_with("xvd") {
            assert_eq!(vdev::name_of(found.devid), name);
        }
        vdev::name_of(found.devid);
    }
    for four in data.chunks_exact(4) {
        vdev::name_of(i32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    }
}

/// UUIDs and addresses of NICs.
fn identifiers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(uuid) = Uuid::parse(&text) {
        assert_eq!(uuid.to_string(), text.to_ascii_lowercase());
    }
    if let Some(mac) = Mac::parse(&text) {
        assert_eq!(mac.to_string(), text.to_ascii_lowercase());
    }
}

/// A packed kernel, as it is, and with the checksums of xz's headers set right, which no mutation gets past.
fn kernel_payload(data: &[u8]) {
    fuzzing::kernel_payload(data);
    let mut repaired = data.to_vec();
    let block = 12;
    let words = repaired.get(block).copied().map_or(0, usize::from);
    for header in [6..8, block..block + words * 4] {
        let checksum = header.end..header.end + 4;
        if !data.starts_with(b"\xfd7zXZ") || checksum.end > repaired.len() {
            return;
        }
        let mut crc = Crc::new();
        crc.update(&repaired[header]);
        repaired[checksum].copy_from_slice(&crc.sum().to_le_bytes());
    }
    fuzzing::kernel_payload(&repaired);
}
