//! Every export that is not built yet, a file per area. A function leaves this folder when it becomes real.

mod device_model;
mod domain;
mod pci;
mod pvdev;
mod save;
mod usb;
