//! Emulated network cards, each with a tap device of the host behind it, and the COLO filters on them.

use super::{CommandLine, Input, Restore};
use crate::Domid;
use crate::types::{DeviceNic, NicType};

/// The host's name for the tap device behind an emulated card.
pub(super) fn tap_name(domid: Domid, devid: i32) -> String {
    format!("vif{domid}.{devid}-emu")
}

pub(super) fn is_emulated(nic: &DeviceNic) -> bool {
    nic.nictype == NicType::VifIoemu
}

pub(super) fn nics(input: &Input<'_>, line: &mut CommandLine) {
    let mut none = true;
    for nic in input.config.nics.iter().filter(|nic| is_emulated(nic)) {
        none = false;
        card(input.domid(), nic, line);
        if input.env.restore == Restore::No {
            colo_primary(nic, line);
        } else {
            colo_secondary(nic, line);
        }
    }
    if none {
        line.pair("-net", "none");
    }
}

fn card(domid: Domid, nic: &DeviceNic, line: &mut CommandLine) {
    let devid = nic.devid;
    let model = nic.model.as_deref().unwrap_or("rtl8139");
    line.pair(
        "-device",
        format!("{model},id=nic{devid},netdev=net{devid},mac={}", nic.mac),
    );
    // The hotplug script puts the device onto the bridge, not QEMU.
    line.pair(
        "-netdev",
        format!(
            "type=tap,id=net{devid},ifname={},br={},script=no,downscript=no",
            tap_name(domid, devid),
            nic.bridge.as_deref().unwrap_or("xenbr0")
        ),
    );
}

/// Unless all of the texts are there, COLO does without this part.
fn all<const N: usize>(texts: [&Option<String>; N]) -> Option<[&str; N]> {
    let mut found = [""; N];
    for (place, text) in found.iter_mut().zip(texts) {
        *place = text.as_deref()?;
    }
    Some(found)
}

fn socket(line: &mut CommandLine, parts: [&Option<String>; 3], server: bool) {
    if let Some([id, host, port]) = all(parts) {
        let tail = if server { ",server=on,wait=off" } else { "" };
        line.pair(
            "-chardev",
            format!("socket,id={id},host={host},port={port}{tail}"),
        );
    }
}

fn filter(line: &mut CommandLine, head: &str, devid: i32, queue: &str, tail: &str) {
    line.pair(
        "-object",
        format!("{head},netdev=net{devid},queue={queue}{tail}"),
    );
}

macro_rules! endpoint {
    ($nic:ident, $id:ident, $ip:ident, $port:ident) => {
        [&$nic.$id, &$nic.$ip, &$nic.$port]
    };
}

fn colo_secondary(nic: &DeviceNic, line: &mut CommandLine) {
    let devid = nic.devid;
    for parts in [
        endpoint!(
            nic,
            colo_sock_sec_redirector0_id,
            colo_sock_sec_redirector0_ip,
            colo_sock_sec_redirector0_port
        ),
        endpoint!(
            nic,
            colo_sock_sec_redirector1_id,
            colo_sock_sec_redirector1_ip,
            colo_sock_sec_redirector1_port
        ),
    ] {
        socket(line, parts, false);
    }
    if let Some([queue, from]) = all([
        &nic.colo_filter_sec_redirector0_queue,
        &nic.colo_filter_sec_redirector0_indev,
    ]) {
        let tail = format!(",indev={from}");
        filter(line, "filter-redirector,id=rs1", devid, queue, &tail);
    }
    if let Some([queue, to]) = all([
        &nic.colo_filter_sec_redirector1_queue,
        &nic.colo_filter_sec_redirector1_outdev,
    ]) {
        let tail = format!(",outdev={to}");
        filter(line, "filter-redirector,id=rs2", devid, queue, &tail);
    }
    if let Some(queue) = &nic.colo_filter_sec_rewriter0_queue {
        filter(line, "filter-rewriter,id=rs3", devid, queue, "");
    }
}

fn colo_primary(nic: &DeviceNic, line: &mut CommandLine) {
    let devid = nic.devid;
    for parts in [
        endpoint!(
            nic,
            colo_sock_mirror_id,
            colo_sock_mirror_ip,
            colo_sock_mirror_port
        ),
        endpoint!(
            nic,
            colo_sock_compare_pri_in_id,
            colo_sock_compare_pri_in_ip,
            colo_sock_compare_pri_in_port
        ),
        endpoint!(
            nic,
            colo_sock_compare_sec_in_id,
            colo_sock_compare_sec_in_ip,
            colo_sock_compare_sec_in_port
        ),
        endpoint!(
            nic,
            colo_sock_compare_notify_id,
            colo_sock_compare_notify_ip,
            colo_sock_compare_notify_port
        ),
        endpoint!(
            nic,
            colo_sock_redirector0_id,
            colo_sock_redirector0_ip,
            colo_sock_redirector0_port
        ),
    ] {
        socket(line, parts, true);
    }
    for parts in [
        endpoint!(
            nic,
            colo_sock_redirector1_id,
            colo_sock_redirector1_ip,
            colo_sock_redirector1_port
        ),
        endpoint!(
            nic,
            colo_sock_redirector2_id,
            colo_sock_redirector2_ip,
            colo_sock_redirector2_port
        ),
    ] {
        socket(line, parts, false);
    }
    if let Some([queue, to]) = all([
        &nic.colo_filter_mirror_queue,
        &nic.colo_filter_mirror_outdev,
    ]) {
        let tail = format!(",outdev={to}");
        filter(line, "filter-mirror,id=m1", devid, queue, &tail);
    }
    if let Some([queue, from]) = all([
        &nic.colo_filter_redirector0_queue,
        &nic.colo_filter_redirector0_indev,
    ]) {
        let tail = format!(",indev={from}");
        filter(line, "filter-redirector,id=r1", devid, queue, &tail);
    }
    if let Some([queue, to]) = all([
        &nic.colo_filter_redirector1_queue,
        &nic.colo_filter_redirector1_outdev,
    ]) {
        let tail = format!(",outdev={to}");
        filter(line, "filter-redirector,id=r2", devid, queue, &tail);
    }
    colo_compare(nic, line);
}

fn colo_compare(nic: &DeviceNic, line: &mut CommandLine) {
    let parts = [
        &nic.colo_compare_pri_in,
        &nic.colo_compare_sec_in,
        &nic.colo_compare_out,
        &nic.colo_compare_notify_dev,
    ];
    if let Some([primary, secondary, out, notify]) = all(parts) {
        let thread = "colo-compare-iothread-1";
        line.pair("-object", format!("iothread,id={thread}"));
        line.pair(
            "-object",
            format!(
                "colo-compare,id=c1,primary_in={primary},secondary_in={secondary},outdev={out},\
                 notify_dev={notify},iothread={thread}"
            ),
        );
    }
}
