//! Exports of the area "vfb/vkb".

use crate::device::{additions, infos, lists, numbers, removals};
use crate::types::{libxl_device_vfb, libxl_device_vkb, libxl_vkbinfo};

lists! {
    /// The keyboards and pointers of a domain; NULL when it has none.
    fn libxl_device_vkb_list, libxl_device_vkb_list_free(libxl_device_vkb);
}

infos! {
    /// How a keyboard stands.
    fn libxl_device_vkb_getinfo(libxl_device_vkb -> libxl_vkbinfo);
}

additions! {
    /// Gives a domain a screen. What was left open is filled in.
    fn libxl_device_vfb_add(libxl_device_vfb);
    /// Gives a domain a keyboard or pointer. What was left open is filled in.
    fn libxl_device_vkb_add(libxl_device_vkb);
}

removals! {
    /// Takes a keyboard away, by force if the guest does not let go.
    fn libxl_device_vkb_remove(libxl_device_vkb, Auto);
    /// Takes a keyboard away without asking the guest.
    fn libxl_device_vkb_destroy(libxl_device_vkb, On);
    /// Takes a screen away, by force if the guest does not let go.
    fn libxl_device_vfb_remove(libxl_device_vfb, Auto);
    /// Takes a screen away without asking the guest.
    fn libxl_device_vfb_destroy(libxl_device_vfb, On);
}

numbers! {
    /// Keyboard `devid` of a domain; `ERROR_NOTFOUND` when there is none.
    fn libxl_devid_to_device_vkb(vkb: libxl_device_vkb);
}
