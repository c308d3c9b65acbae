//! The settings of COLO's network proxy, which pass through a NIC's nodes untouched: each has a node of its own name.

use super::nodes::Entries;
use crate::types::DeviceNic;

/// Calls a macro with the members whose node has the member's name.
macro_rules! for_each_member {
    ($do:ident) => {
        $do! {
            colo_sock_mirror_id,
            colo_sock_mirror_ip,
            colo_sock_mirror_port,
            colo_sock_compare_pri_in_id,
            colo_sock_compare_pri_in_ip,
            colo_sock_compare_pri_in_port,
            colo_sock_compare_sec_in_id,
            colo_sock_compare_sec_in_ip,
            colo_sock_compare_sec_in_port,
            colo_sock_compare_notify_id,
            colo_sock_compare_notify_ip,
            colo_sock_compare_notify_port,
            colo_sock_redirector0_id,
            colo_sock_redirector0_ip,
            colo_sock_redirector0_port,
            colo_sock_redirector1_id,
            colo_sock_redirector1_ip,
            colo_sock_redirector1_port,
            colo_sock_redirector2_id,
            colo_sock_redirector2_ip,
            colo_sock_redirector2_port,
            colo_filter_mirror_queue,
            colo_filter_mirror_outdev,
            colo_filter_redirector0_queue,
            colo_filter_redirector0_indev,
            colo_filter_redirector0_outdev,
            colo_filter_redirector1_queue,
            colo_filter_redirector1_indev,
            colo_filter_redirector1_outdev,
            colo_compare_pri_in,
            colo_compare_sec_in,
            colo_compare_out,
            colo_compare_notify_dev,
            colo_sock_sec_redirector0_id,
            colo_sock_sec_redirector0_ip,
            colo_sock_sec_redirector0_port,
            colo_sock_sec_redirector1_id,
            colo_sock_sec_redirector1_ip,
            colo_sock_sec_redirector1_port,
            colo_filter_sec_redirector0_queue,
            colo_filter_sec_redirector0_indev,
            colo_filter_sec_redirector0_outdev,
            colo_filter_sec_redirector1_queue,
            colo_filter_sec_redirector1_indev,
            colo_filter_sec_redirector1_outdev,
            colo_filter_sec_rewriter0_queue,
            colo_checkpoint_host,
            colo_checkpoint_port,
        }
    };
}

/// Adds the nodes of the members that are set.
pub(super) fn write(nic: &DeviceNic, back: &mut Entries) {
    back.set_some("forwarddev", nic.coloft_forwarddev.as_deref());
    macro_rules! put {
        ($($member:ident,)*) => {
            $(back.set_some(stringify!($member), nic.$member.as_deref());)*
        };
    }
    for_each_member!(put);
}

/// Takes the members back from their nodes, which `node` looks up.
pub(super) fn read(nic: &mut DeviceNic, mut node: impl FnMut(&str) -> Option<String>) {
    nic.coloft_forwarddev = node("forwarddev");
    macro_rules! take {
        ($($member:ident,)*) => {
            $(nic.$member = node(stringify!($member));)*
        };
    }
    for_each_member!(take);
}
