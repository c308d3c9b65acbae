// A client in Go: it fills libxl's types, has them written as JSON, reads that back and compares. What it prints is the same
// on the C library and on ours.
package main

/*
#cgo LDFLAGS: -lxenlight
#include <stdlib.h>
#include <libxl.h>
#include <libxl_utils.h>

// cgo sees a union as bytes; C says where the arm begins.
typedef __typeof__(((libxl_domain_build_info *)0)->u.hvm) hvm_arm;
typedef __typeof__(((libxl_event *)0)->u.domain_shutdown) shutdown_arm;
static hvm_arm *hvm_of(libxl_domain_build_info *info) { return &info->u.hvm; }
static shutdown_arm *shutdown_of(libxl_event *event) { return &event->u.domain_shutdown; }

// With these the C library makes a context where there is no Xen; they are found before the real ones.
static long handle[64];
void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags) { return handle; }
int xc_interface_close(void *xch) { return 0; }
void *xs_open(unsigned long flags) { return handle; }
void xs_close(void *xsh) { }
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

var ctx *C.libxl_ctx

// Enumerators and their names, there and back.
type enumeration interface {
	~uint32 | ~int32
}

func names[E enumeration](what string, toString func(E) *C.char, fromString func(*C.char, *E) C.int, values ...E) {
	for _, value := range values {
		text := toString(value)
		var back E
		status := fromString(text, &back)
		fmt.Println(what, int32(value), C.GoString(text), status, back == value)
	}
}

func show(what string, json *C.char) *C.char {
	if json == nil {
		fmt.Println("no JSON of", what)
		os.Exit(1)
	}
	fmt.Println(what, C.GoString(json))
	return json
}

func createInfo(domainType C.libxl_domain_type, name string) {
	var info, back C.libxl_domain_create_info
	C.libxl_domain_create_info_init(&info)
	defer C.libxl_domain_create_info_dispose(&info)
	info._type = domainType
	info.passthrough = C.LIBXL_PASSTHROUGH_DISABLED
	info.name = C.CString(name)
	info.ssidref = 7
	C.libxl_defbool_set(&info.hap, true)

	json := show("create_info", C.libxl_domain_create_info_to_json(ctx, &info))
	defer C.free(unsafe.Pointer(json))
	status := C.libxl_domain_create_info_from_json(ctx, &back, json)
	defer C.libxl_domain_create_info_dispose(&back)
	fmt.Println("read back", status, back._type == domainType, back.passthrough == info.passthrough,
		C.GoString(back.name) == name, C.libxl_defbool_val(back.hap))
}

func buildInfo(tsc C.libxl_tsc_mode, bios C.libxl_bios_type, vga C.libxl_vga_interface_type) {
	var info, copied C.libxl_domain_build_info
	C.libxl_domain_build_info_init(&info)
	defer C.libxl_domain_build_info_dispose(&info)
	C.libxl_domain_build_info_init_type(&info, C.LIBXL_DOMAIN_TYPE_HVM)
	var domainType C.libxl_domain_type = info._type
	info.tsc_mode = tsc
	info.timer_mode = C.LIBXL_TIMER_MODE_ONE_MISSED_TICK_PENDING
	info.device_model_version = C.LIBXL_DEVICE_MODEL_VERSION_QEMU_XEN
	info.tee = C.LIBXL_TEE_TYPE_NONE
	info.altp2m = C.LIBXL_ALTP2M_MODE_EXTERNAL
	info.sched_params.sched = C.LIBXL_SCHEDULER_CREDIT2
	info.max_memkb = 64 << 10
	var gic C.libxl_gic_version = info.arch_arm.gic_version
	var vuart C.libxl_vuart_type = info.arch_arm.vuart

	hvm := C.hvm_of(&info)
	hvm.bios = bios
	hvm.vga.kind = vga
	hvm.hdtype = C.LIBXL_HDTYPE_AHCI
	hvm.gfx_passthru_kind = C.LIBXL_GFX_PASSTHRU_KIND_IGD
	hvm.vendor_device = C.LIBXL_VENDOR_DEVICE_XENSERVER
	hvm.rdm.strategy = C.LIBXL_RDM_RESERVE_STRATEGY_HOST
	hvm.rdm.policy = C.LIBXL_RDM_RESERVE_POLICY_STRICT
	hvm.keymap = C.CString("de")

	C.libxl_domain_build_info_copy(ctx, &copied, &info)
	defer C.libxl_domain_build_info_dispose(&copied)
	json := show("build_info", C.libxl_domain_build_info_to_json(ctx, &copied))
	defer C.free(unsafe.Pointer(json))
	arm := C.hvm_of(&copied)
	fmt.Println("copied", domainType == copied._type, gic, vuart, copied.tsc_mode == tsc, arm.bios == bios, arm.vga.kind == vga,
		C.GoString(arm.keymap))
}

func devices(backend C.libxl_disk_backend, format C.libxl_disk_format, nictype C.libxl_nic_type) {
	var config C.libxl_domain_config
	C.libxl_domain_config_init(&config)
	defer C.libxl_domain_config_dispose(&config)
	config.on_poweroff = C.LIBXL_ACTION_ON_SHUTDOWN_PRESERVE
	config.on_crash = C.LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART

	config.num_disks = 2
	config.disks = (*C.libxl_device_disk)(C.calloc(2, C.sizeof_libxl_device_disk))
	for i := range unsafe.Slice(config.disks, 2) {
		disk := &unsafe.Slice(config.disks, 2)[i]
		C.libxl_device_disk_init(disk)
		disk.backend = backend
		disk.format = format
		disk.vdev = C.CString(fmt.Sprintf("xvd%c", 'a'+i))
	}
	config.num_nics = 1
	config.nics = (*C.libxl_device_nic)(C.calloc(1, C.sizeof_libxl_device_nic))
	C.libxl_device_nic_init(config.nics)
	config.nics.nictype = nictype
	config.num_vkbs = 1
	config.vkbs = (*C.libxl_device_vkb)(C.calloc(1, C.sizeof_libxl_device_vkb))
	C.libxl_device_vkb_init(config.vkbs)
	config.vkbs.backend_type = C.LIBXL_VKB_BACKEND_LINUX
	config.num_usbctrls = 1
	config.usbctrls = (*C.libxl_device_usbctrl)(C.calloc(1, C.sizeof_libxl_device_usbctrl))
	C.libxl_device_usbctrl_init(config.usbctrls)
	config.usbctrls._type = C.LIBXL_USBCTRL_TYPE_QUSB

	json := show("config", C.libxl_domain_config_to_json(ctx, &config))
	defer C.free(unsafe.Pointer(json))
	var back C.libxl_domain_config
	status := C.libxl_domain_config_from_json(ctx, &back, json)
	defer C.libxl_domain_config_dispose(&back)
	disks := unsafe.Slice(back.disks, back.num_disks)
	fmt.Println("read back", status, len(disks), disks[1].backend == backend, disks[1].format == format,
		C.GoString(disks[1].vdev), back.nics.nictype == nictype, back.vkbs.backend_type, back.usbctrls._type,
		back.on_poweroff == config.on_poweroff, back.on_crash == config.on_crash)
}

func shutdownEvent(reason C.uint8_t) {
	var event C.libxl_event
	C.libxl_event_init(&event)
	C.libxl_event_init_type(&event, C.LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN)
	event.domid = 9
	event.for_user = 1 << 40
	C.shutdown_of(&event).shutdown_reason = reason
	var eventType C.libxl_event_type = event._type
	json := show("event", C.libxl_event_to_json(ctx, &event))
	C.free(unsafe.Pointer(json))
	fmt.Println("type", eventType)
}

func psr(kind C.libxl_psr_type) {
	fmt.Println("psr", kind, C.GoString(C.libxl_psr_cbm_type_to_string(C.libxl_psr_cbm_type(kind))))
	// That it compiles is the test: there is no hypervisor to ask.
	_ = func(ctx *C.libxl_ctx, value *C.uint64_t) C.int { return C.libxl_psr_get_val(ctx, 0, kind, 0, value) }
}

func main() {
	if C.libxl_ctx_alloc(&ctx, C.LIBXL_VERSION, 0, nil) != 0 {
		fmt.Println("no context")
		os.Exit(1)
	}
	defer C.libxl_ctx_free(ctx)
	names("domain_type",
		func(v C.libxl_domain_type) *C.char { return C.libxl_domain_type_to_string(v) },
		func(s *C.char, v *C.libxl_domain_type) C.int { return C.libxl_domain_type_from_string(s, v) },
		C.LIBXL_DOMAIN_TYPE_INVALID, C.LIBXL_DOMAIN_TYPE_HVM, C.LIBXL_DOMAIN_TYPE_PV, C.LIBXL_DOMAIN_TYPE_PVH)
	names("error",
		func(v C.libxl_error) *C.char { return C.libxl_error_to_string(v) },
		func(s *C.char, v *C.libxl_error) C.int { return C.libxl_error_from_string(s, v) },
		C.ERROR_NONSPECIFIC, C.ERROR_INVAL, C.ERROR_DOMAIN_NOTFOUND)
	createInfo(C.LIBXL_DOMAIN_TYPE_PVH, "guest")
	createInfo(C.LIBXL_DOMAIN_TYPE_HVM, "größe")
	buildInfo(C.LIBXL_TSC_MODE_NATIVE, C.LIBXL_BIOS_TYPE_OVMF, C.LIBXL_VGA_INTERFACE_TYPE_QXL)
	devices(C.LIBXL_DISK_BACKEND_QDISK, C.LIBXL_DISK_FORMAT_QCOW2, C.LIBXL_NIC_TYPE_VIF)
	shutdownEvent(3)
	psr(C.LIBXL_PSR_CBM_TYPE_L3_CBM_CODE)
}
