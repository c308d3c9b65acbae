//! The exported functions that are written by hand, as C sees them. idlgen makes the headers' prototypes from this file, and a
//! test of each export compares the definition in capi/src with it; nothing compiles it.

unsafe extern "C" {
    fn libxl__uint64_gen_json(hand: *mut YajlGen, val: u64) -> yajl_gen_status;
    fn libxl_ao_abort(ctx: *mut libxl_ctx, how: *const libxl_asyncop_how) -> c_int;
    fn libxl_basename(name: *const c_char) -> *mut c_char;
    fn libxl_bitmap_alloc(ctx: *mut libxl_ctx, bitmap: *mut libxl_bitmap, n_bits: c_int) -> c_int;
    fn libxl_bitmap_and(
        ctx: *mut libxl_ctx,
        and_map: *mut libxl_bitmap,
        map1: *const libxl_bitmap,
        map2: *const libxl_bitmap,
    ) -> c_int;
    fn libxl_bitmap_copy(ctx: *mut libxl_ctx, dptr: *mut libxl_bitmap, sptr: *const libxl_bitmap);
    fn libxl_bitmap_copy_alloc(
        ctx: *mut libxl_ctx,
        dptr: *mut libxl_bitmap,
        sptr: *const libxl_bitmap,
    );
    fn libxl_bitmap_count_set(bitmap: *const libxl_bitmap) -> c_int;
    fn libxl_bitmap_dispose(map: *mut libxl_bitmap);
    fn libxl_bitmap_gen_json(hand: *mut YajlGen, p: *mut libxl_bitmap) -> yajl_gen_status;
    fn libxl_bitmap_init(map: *mut libxl_bitmap);
    fn libxl_bitmap_is_empty(bitmap: *const libxl_bitmap) -> c_int;
    fn libxl_bitmap_is_full(bitmap: *const libxl_bitmap) -> c_int;
    fn libxl_bitmap_or(
        ctx: *mut libxl_ctx,
        or_map: *mut libxl_bitmap,
        map1: *const libxl_bitmap,
        map2: *const libxl_bitmap,
    ) -> c_int;
    fn libxl_bitmap_reset(bitmap: *mut libxl_bitmap, bit: c_int);
    fn libxl_bitmap_set(bitmap: *mut libxl_bitmap, bit: c_int);
    fn libxl_bitmap_test(bitmap: *const libxl_bitmap, bit: c_int) -> c_int;
    fn libxl_bitmap_to_hex_string(ctx: *mut libxl_ctx, bitmap: *const libxl_bitmap) -> *mut c_char;
    fn libxl_cdrom_insert(
        ctx: *mut libxl_ctx,
        domid: u32,
        disk: *mut libxl_device_disk,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_childproc_reaped(ctx: *mut libxl_ctx, pid: pid_t, status: c_int) -> c_int;
    fn libxl_childproc_setmode(
        ctx: *mut libxl_ctx,
        hooks: *const libxl_childproc_hooks,
        user: *mut c_void,
    );
    fn libxl_childproc_sigchld_occurred(ctx: *mut libxl_ctx);
    fn libxl_clear_domid_history(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_console_add_xenstore(
        ctx: *mut libxl_ctx,
        domid: u32,
        backend: u32,
        evtch: c_uint,
        gfn: c_ulong,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    #[cfg(not(since_4_18))]
    fn libxl_console_exec(
        ctx: *mut libxl_ctx,
        domid: u32,
        cons_num: c_int,
        r#type: libxl_console_type,
        notify_fd: c_int,
    ) -> c_int;
    #[cfg(since_4_18)]
    fn libxl_console_exec(
        ctx: *mut libxl_ctx,
        domid: u32,
        cons_num: c_int,
        r#type: libxl_console_type,
        notify_fd: c_int,
        escape_character: *mut c_char,
    ) -> c_int;
    fn libxl_console_get_tty(
        ctx: *mut libxl_ctx,
        domid: u32,
        cons_num: c_int,
        r#type: libxl_console_type,
        path: *mut *mut c_char,
    ) -> c_int;
    fn libxl_cpu_bitmap_alloc(
        ctx: *mut libxl_ctx,
        cpumap: *mut libxl_bitmap,
        max_cpus: c_int,
    ) -> c_int;
    fn libxl_cpuid_dispose(cpuid_list: *mut libxl_cpuid_policy_list);
    fn libxl_cpuid_parse_config(policy: *mut libxl_cpuid_policy_list, text: *const c_char)
    -> c_int;
    fn libxl_cpuid_parse_config_xend(
        policy: *mut libxl_cpuid_policy_list,
        text: *const c_char,
    ) -> c_int;
    fn libxl_cpuid_policy_list_copy(
        ctx: *mut libxl_ctx,
        dst: *mut libxl_cpuid_policy_list,
        src: *const libxl_cpuid_policy_list,
    );
    fn libxl_cpuid_policy_list_gen_json(
        hand: *mut YajlGen,
        p: *mut libxl_cpuid_policy_list,
    ) -> yajl_gen_status;
    fn libxl_cpuid_policy_list_length(pl: *const libxl_cpuid_policy_list) -> c_int;
    fn libxl_cpumap_to_nodemap(
        ctx: *mut libxl_ctx,
        cpumap: *const libxl_bitmap,
        nodemap: *mut libxl_bitmap,
    ) -> c_int;
    fn libxl_cpupool_cpuadd(ctx: *mut libxl_ctx, poolid: u32, cpu: c_int) -> c_int;
    fn libxl_cpupool_cpuadd_cpumap(
        ctx: *mut libxl_ctx,
        poolid: u32,
        cpumap: *const libxl_bitmap,
    ) -> c_int;
    fn libxl_cpupool_cpuadd_node(
        ctx: *mut libxl_ctx,
        poolid: u32,
        node: c_int,
        cpus: *mut c_int,
    ) -> c_int;
    fn libxl_cpupool_cpuremove(ctx: *mut libxl_ctx, poolid: u32, cpu: c_int) -> c_int;
    fn libxl_cpupool_cpuremove_cpumap(
        ctx: *mut libxl_ctx,
        poolid: u32,
        cpumap: *const libxl_bitmap,
    ) -> c_int;
    fn libxl_cpupool_cpuremove_node(
        ctx: *mut libxl_ctx,
        poolid: u32,
        node: c_int,
        cpus: *mut c_int,
    ) -> c_int;
    fn libxl_cpupool_create(
        ctx: *mut libxl_ctx,
        name: *const c_char,
        sched: libxl_scheduler,
        cpumap: libxl_bitmap,
        uuid: *mut libxl_uuid,
        poolid: *mut u32,
    ) -> c_int;
    fn libxl_cpupool_destroy(ctx: *mut libxl_ctx, poolid: u32) -> c_int;
    fn libxl_cpupool_info(ctx: *mut libxl_ctx, info: *mut libxl_cpupoolinfo, poolid: u32) -> c_int;
    fn libxl_cpupool_movedomain(ctx: *mut libxl_ctx, poolid: u32, domid: u32) -> c_int;
    fn libxl_cpupool_qualifier_to_cpupoolid(
        ctx: *mut libxl_ctx,
        p: *const c_char,
        poolid_r: *mut u32,
        was_name_r: *mut c_int,
    ) -> c_int;
    fn libxl_cpupool_rename(ctx: *mut libxl_ctx, name: *const c_char, poolid: u32) -> c_int;
    fn libxl_cpupoolid_is_valid(ctx: *mut libxl_ctx, poolid: u32) -> c_int;
    fn libxl_cpupoolid_to_name(ctx: *mut libxl_ctx, poolid: u32) -> *mut c_char;
    fn libxl_cpupoolinfo_list_free(list: *mut libxl_cpupoolinfo, nb_pool: c_int);
    fn libxl_cputopology_list_free(list: *mut libxl_cputopology, nb_cpu: c_int);
    fn libxl_create_logfile(
        ctx: *mut libxl_ctx,
        name: *const c_char,
        full_name: *mut *mut c_char,
    ) -> c_int;
    fn libxl_ctrlport_to_device_usbdev(
        ctx: *mut libxl_ctx,
        domid: u32,
        ctrl: c_int,
        port: c_int,
        usbdev: *mut libxl_device_usbdev,
    ) -> c_int;
    fn libxl_ctx_alloc(
        pctx: *mut *mut libxl_ctx,
        version: c_int,
        flags: c_uint,
        lg: *mut xentoollog_logger,
    ) -> c_int;
    fn libxl_ctx_free(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_defbool_gen_json(hand: *mut YajlGen, p: *mut libxl_defbool) -> yajl_gen_status;
    fn libxl_defbool_is_default(db: libxl_defbool) -> bool;
    fn libxl_defbool_set(db: *mut libxl_defbool, b: bool);
    fn libxl_defbool_setdefault(db: *mut libxl_defbool, b: bool);
    fn libxl_defbool_to_string(b: libxl_defbool) -> *const c_char;
    fn libxl_defbool_unset(db: *mut libxl_defbool);
    fn libxl_defbool_val(db: libxl_defbool) -> bool;
    fn libxl_device_9pfs_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        p9: *mut libxl_device_p9,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_channel_getinfo(
        ctx: *mut libxl_ctx,
        domid: u32,
        channel: *const libxl_device_channel,
        channelinfo: *mut libxl_channelinfo,
    ) -> c_int;
    fn libxl_device_channel_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_channel;
    fn libxl_device_disk_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        disk: *mut libxl_device_disk,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_disk_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        disk: *mut libxl_device_disk,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_disk_getinfo(
        ctx: *mut libxl_ctx,
        domid: u32,
        disk: *const libxl_device_disk,
        diskinfo: *mut libxl_diskinfo,
    ) -> c_int;
    fn libxl_device_disk_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_disk;
    fn libxl_device_disk_list_free(list: *mut libxl_device_disk, num: c_int);
    fn libxl_device_disk_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        disk: *mut libxl_device_disk,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_disk_safe_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        disk: *mut libxl_device_disk,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_events_handler(ctx: *mut libxl_ctx, ao_how: *const libxl_asyncop_how) -> c_int;
    fn libxl_device_nic_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        nic: *mut libxl_device_nic,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_nic_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        nic: *mut libxl_device_nic,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_nic_getinfo(
        ctx: *mut libxl_ctx,
        domid: u32,
        nic: *const libxl_device_nic,
        nicinfo: *mut libxl_nicinfo,
    ) -> c_int;
    fn libxl_device_nic_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_nic;
    fn libxl_device_nic_list_free(list: *mut libxl_device_nic, num: c_int);
    fn libxl_device_nic_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        nic: *mut libxl_device_nic,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_p9_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        p9: *mut libxl_device_p9,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_p9_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        p9: *mut libxl_device_p9,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_pci_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        pci: *mut libxl_device_pci,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_pci_assignable_add(
        ctx: *mut libxl_ctx,
        pci: *mut libxl_device_pci,
        rebind: c_int,
    ) -> c_int;
    fn libxl_device_pci_assignable_list(
        ctx: *mut libxl_ctx,
        num: *mut c_int,
    ) -> *mut libxl_device_pci;
    fn libxl_device_pci_assignable_list_free(list: *mut libxl_device_pci, num: c_int);
    fn libxl_device_pci_assignable_remove(
        ctx: *mut libxl_ctx,
        pci: *mut libxl_device_pci,
        rebind: c_int,
    ) -> c_int;
    fn libxl_device_pci_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        pci: *mut libxl_device_pci,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_pci_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_pci;
    fn libxl_device_pci_list_free(list: *mut libxl_device_pci, num: c_int);
    fn libxl_device_pci_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        pci: *mut libxl_device_pci,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_pvcallsif_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        pvcallsif: *mut libxl_device_pvcallsif,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_pvcallsif_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        pvcallsif: *mut libxl_device_pvcallsif,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_usbctrl_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        usbctrl: *mut libxl_device_usbctrl,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_usbctrl_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        usbctrl: *mut libxl_device_usbctrl,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_usbctrl_getinfo(
        ctx: *mut libxl_ctx,
        domid: u32,
        usbctrl: *const libxl_device_usbctrl,
        usbctrlinfo: *mut libxl_usbctrlinfo,
    ) -> c_int;
    fn libxl_device_usbctrl_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_usbctrl;
    fn libxl_device_usbctrl_list_free(list: *mut libxl_device_usbctrl, nr: c_int);
    fn libxl_device_usbctrl_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        usbctrl: *mut libxl_device_usbctrl,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_usbdev_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        usbdev: *mut libxl_device_usbdev,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_usbdev_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_usbdev;
    fn libxl_device_usbdev_list_free(list: *mut libxl_device_usbdev, nr: c_int);
    fn libxl_device_usbdev_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        usbdev: *mut libxl_device_usbdev,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vdispl_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        displ: *mut libxl_device_vdispl,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vdispl_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        vdispl: *mut libxl_device_vdispl,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vdispl_getinfo(
        ctx: *mut libxl_ctx,
        domid: u32,
        vdispl: *const libxl_device_vdispl,
        vdisplinfo: *mut libxl_vdisplinfo,
    ) -> c_int;
    fn libxl_device_vdispl_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_vdispl;
    fn libxl_device_vdispl_list_free(list: *mut libxl_device_vdispl, num: c_int);
    fn libxl_device_vdispl_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        vdispl: *mut libxl_device_vdispl,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vfb_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        vfb: *mut libxl_device_vfb,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vfb_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        vfb: *mut libxl_device_vfb,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vfb_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        vfb: *mut libxl_device_vfb,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vkb_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        vkb: *mut libxl_device_vkb,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vkb_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        vkb: *mut libxl_device_vkb,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vkb_getinfo(
        ctx: *mut libxl_ctx,
        domid: u32,
        vkb: *const libxl_device_vkb,
        vkbinfo: *mut libxl_vkbinfo,
    ) -> c_int;
    fn libxl_device_vkb_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_vkb;
    fn libxl_device_vkb_list_free(list: *mut libxl_device_vkb, num: c_int);
    fn libxl_device_vkb_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        vkb: *mut libxl_device_vkb,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vsnd_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        vsnd: *mut libxl_device_vsnd,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vsnd_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        vsnd: *mut libxl_device_vsnd,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vsnd_getinfo(
        ctx: *mut libxl_ctx,
        domid: u32,
        vsnd: *const libxl_device_vsnd,
        vsndlinfo: *mut libxl_vsndinfo,
    ) -> c_int;
    fn libxl_device_vsnd_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_vsnd;
    fn libxl_device_vsnd_list_free(list: *mut libxl_device_vsnd, num: c_int);
    fn libxl_device_vsnd_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        vsnd: *mut libxl_device_vsnd,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vtpm_add(
        ctx: *mut libxl_ctx,
        domid: u32,
        vtpm: *mut libxl_device_vtpm,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vtpm_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        vtpm: *mut libxl_device_vtpm,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_device_vtpm_getinfo(
        ctx: *mut libxl_ctx,
        domid: u32,
        vtpm: *const libxl_device_vtpm,
        vtpminfo: *mut libxl_vtpminfo,
    ) -> c_int;
    fn libxl_device_vtpm_list(
        ctx: *mut libxl_ctx,
        domid: u32,
        num: *mut c_int,
    ) -> *mut libxl_device_vtpm;
    fn libxl_device_vtpm_list_free(list: *mut libxl_device_vtpm, num: c_int);
    fn libxl_device_vtpm_remove(
        ctx: *mut libxl_ctx,
        domid: u32,
        vtpm: *mut libxl_device_vtpm,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_devid_to_device_nic(
        ctx: *mut libxl_ctx,
        domid: u32,
        devid: c_int,
        nic: *mut libxl_device_nic,
    ) -> c_int;
    fn libxl_devid_to_device_usbctrl(
        ctx: *mut libxl_ctx,
        domid: u32,
        devid: c_int,
        usbctrl: *mut libxl_device_usbctrl,
    ) -> c_int;
    fn libxl_devid_to_device_vdispl(
        ctx: *mut libxl_ctx,
        domid: u32,
        devid: c_int,
        vdispl: *mut libxl_device_vdispl,
    ) -> c_int;
    fn libxl_devid_to_device_vkb(
        ctx: *mut libxl_ctx,
        domid: u32,
        devid: c_int,
        vkb: *mut libxl_device_vkb,
    ) -> c_int;
    fn libxl_devid_to_device_vsnd(
        ctx: *mut libxl_ctx,
        domid: u32,
        devid: c_int,
        vsnd: *mut libxl_device_vsnd,
    ) -> c_int;
    fn libxl_devid_to_device_vtpm(
        ctx: *mut libxl_ctx,
        domid: u32,
        devid: c_int,
        vtpm: *mut libxl_device_vtpm,
    ) -> c_int;
    fn libxl_domain_core_dump(
        ctx: *mut libxl_ctx,
        domid: u32,
        filename: *const c_char,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_create_new(
        ctx: *mut libxl_ctx,
        d_config: *mut libxl_domain_config,
        domid: *mut u32,
        how: *const libxl_asyncop_how,
        console: *const libxl_asyncprogress_how,
    ) -> c_int;
    fn libxl_domain_create_restore(
        ctx: *mut libxl_ctx,
        d_config: *mut libxl_domain_config,
        domid: *mut u32,
        restore_fd: c_int,
        send_back_fd: c_int,
        params: *const libxl_domain_restore_params,
        ao_how: *const libxl_asyncop_how,
        aop_console_how: *const libxl_asyncprogress_how,
    ) -> c_int;
    fn libxl_domain_destroy(
        ctx: *mut libxl_ctx,
        domid: u32,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_get_nodeaffinity(
        ctx: *mut libxl_ctx,
        domid: u32,
        nodemap: *mut libxl_bitmap,
    ) -> c_int;
    fn libxl_domain_info(ctx: *mut libxl_ctx, info_r: *mut libxl_dominfo, domid: u32) -> c_int;
    fn libxl_domain_need_memory(
        ctx: *mut libxl_ctx,
        config: *mut libxl_domain_config,
        domid_for_logging: u32,
        need_memkb: *mut u64,
    ) -> c_int;
    fn libxl_domain_need_memory_0x040700(
        ctx: *mut libxl_ctx,
        b_info: *const libxl_domain_build_info,
        need_memkb: *mut u32,
    ) -> c_int;
    fn libxl_domain_need_memory_0x041200(
        ctx: *mut libxl_ctx,
        b_info: *const libxl_domain_build_info,
        need_memkb: *mut u64,
    ) -> c_int;
    fn libxl_domain_pause(
        ctx: *mut libxl_ctx,
        domid: u32,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_preserve(
        ctx: *mut libxl_ctx,
        domid: u32,
        info: *mut libxl_domain_create_info,
        name_suffix: *const c_char,
        new_uuid: libxl_uuid,
    ) -> c_int;
    fn libxl_domain_qualifier_to_domid(
        ctx: *mut libxl_ctx,
        name: *const c_char,
        domid: *mut u32,
    ) -> c_int;
    fn libxl_domain_reboot(
        ctx: *mut libxl_ctx,
        domid: u32,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_remus_start(
        ctx: *mut libxl_ctx,
        info: *mut libxl_domain_remus_info,
        domid: u32,
        send_fd: c_int,
        recv_fd: c_int,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_rename(
        ctx: *mut libxl_ctx,
        domid: u32,
        old_name: *const c_char,
        new_name: *const c_char,
    ) -> c_int;
    fn libxl_domain_resume(
        ctx: *mut libxl_ctx,
        domid: u32,
        suspend_cancel: c_int,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_sched_params_get(
        ctx: *mut libxl_ctx,
        domid: u32,
        params: *mut libxl_domain_sched_params,
    ) -> c_int;
    fn libxl_domain_sched_params_set(
        ctx: *mut libxl_ctx,
        domid: u32,
        params: *const libxl_domain_sched_params,
    ) -> c_int;
    fn libxl_domain_set_nodeaffinity(
        ctx: *mut libxl_ctx,
        domid: u32,
        nodemap: *mut libxl_bitmap,
    ) -> c_int;
    fn libxl_domain_setmaxmem(ctx: *mut libxl_ctx, domid: u32, max_memkb: u64) -> c_int;
    fn libxl_domain_shutdown(
        ctx: *mut libxl_ctx,
        domid: u32,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_soft_reset(
        ctx: *mut libxl_ctx,
        d_config: *mut libxl_domain_config,
        domid: u32,
        ao_how: *const libxl_asyncop_how,
        aop_console_how: *const libxl_asyncprogress_how,
    ) -> c_int;
    fn libxl_domain_suspend(
        ctx: *mut libxl_ctx,
        domid: u32,
        fd: c_int,
        flags: c_int,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_suspend_only(
        ctx: *mut libxl_ctx,
        domid: u32,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domain_unpause(
        ctx: *mut libxl_ctx,
        domid: u32,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_domid_to_name(ctx: *mut libxl_ctx, domid: u32) -> *mut c_char;
    fn libxl_domid_valid_guest(domid: u32) -> c_int;
    fn libxl_dominfo_list_free(list: *mut libxl_dominfo, nb_domain: c_int);
    fn libxl_evdisable_disk_eject(ctx: *mut libxl_ctx, evgen: *mut libxl_evgen_disk_eject);
    fn libxl_evdisable_domain_death(ctx: *mut libxl_ctx, evgen: *mut libxl_evgen_domain_death);
    fn libxl_evenable_disk_eject(
        ctx: *mut libxl_ctx,
        domid: u32,
        vdev: *const c_char,
        for_user: libxl_ev_user,
        evgen_out: *mut *mut libxl_evgen_disk_eject,
    ) -> c_int;
    fn libxl_evenable_domain_death(
        ctx: *mut libxl_ctx,
        domid: u32,
        for_user: libxl_ev_user,
        evgen_out: *mut *mut libxl_evgen_domain_death,
    ) -> c_int;
    fn libxl_event_check(
        ctx: *mut libxl_ctx,
        event_r: *mut *mut libxl_event,
        typemask: u64,
        predicate: *mut libxl_event_predicate,
        predicate_user: *mut c_void,
    ) -> c_int;
    fn libxl_event_free(ctx: *mut libxl_ctx, event: *mut libxl_event);
    fn libxl_event_register_callbacks(
        ctx: *mut libxl_ctx,
        hooks: *const libxl_event_hooks,
        user: *mut c_void,
    );
    fn libxl_event_wait(
        ctx: *mut libxl_ctx,
        event_r: *mut *mut libxl_event,
        typemask: u64,
        predicate: *mut libxl_event_predicate,
        predicate_user: *mut c_void,
    ) -> c_int;
    fn libxl_fd_set_cloexec(ctx: *mut libxl_ctx, fd: c_int, cloexec: c_int) -> c_int;
    fn libxl_fd_set_nonblock(ctx: *mut libxl_ctx, fd: c_int, nonblock: c_int) -> c_int;
    fn libxl_flask_context_to_sid(
        ctx: *mut libxl_ctx,
        buf: *mut c_char,
        len: usize,
        ssidref: *mut u32,
    ) -> c_int;
    fn libxl_flask_getenforce(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_flask_loadpolicy(ctx: *mut libxl_ctx, policy: *mut c_void, size: u32) -> c_int;
    fn libxl_flask_setenforce(ctx: *mut libxl_ctx, mode: c_int) -> c_int;
    fn libxl_flask_sid_to_context(
        ctx: *mut libxl_ctx,
        ssidref: u32,
        buf: *mut *mut c_char,
        len: *mut usize,
    ) -> c_int;
    fn libxl_get_cpu_topology(
        ctx: *mut libxl_ctx,
        nb_cpu_out: *mut c_int,
    ) -> *mut libxl_cputopology;
    fn libxl_get_free_memory(ctx: *mut libxl_ctx, memkb: *mut u64) -> c_int;
    fn libxl_get_free_memory_0x040700(ctx: *mut libxl_ctx, memkb: *mut u32) -> c_int;
    fn libxl_get_freecpus(ctx: *mut libxl_ctx, cpumap: *mut libxl_bitmap) -> c_int;
    fn libxl_get_max_cpus(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_get_max_nodes(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_get_memory_target(ctx: *mut libxl_ctx, domid: u32, out_target: *mut u64) -> c_int;
    fn libxl_get_memory_target_0x040700(
        ctx: *mut libxl_ctx,
        domid: u32,
        out_target: *mut u32,
    ) -> c_int;
    fn libxl_get_numainfo(ctx: *mut libxl_ctx, nr: *mut c_int) -> *mut libxl_numainfo;
    fn libxl_get_online_cpus(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_get_online_socketmap(ctx: *mut libxl_ctx, socketmap: *mut libxl_bitmap) -> c_int;
    fn libxl_get_pci_topology(ctx: *mut libxl_ctx, num_devs: *mut c_int) -> *mut libxl_pcitopology;
    fn libxl_get_physinfo(ctx: *mut libxl_ctx, physinfo: *mut libxl_physinfo) -> c_int;
    fn libxl_get_required_shadow_memory(maxmem_kb: c_ulong, smp_cpus: c_uint) -> c_ulong;
    fn libxl_get_scheduler(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_get_stubdom_id(ctx: *mut libxl_ctx, guest_domid: c_int) -> c_int;
    fn libxl_get_version_info(ctx: *mut libxl_ctx) -> *const libxl_version_info;
    fn libxl_hwcap_copy(ctx: *mut libxl_ctx, dst: *mut libxl_hwcap, src: *const libxl_hwcap);
    fn libxl_hwcap_gen_json(hand: *mut YajlGen, p: *mut libxl_hwcap) -> yajl_gen_status;
    fn libxl_is_stubdom(ctx: *mut libxl_ctx, domid: u32, target_domid: *mut u32) -> c_int;
    fn libxl_key_value_list_copy(
        ctx: *mut libxl_ctx,
        dst: *mut libxl_key_value_list,
        src: *const libxl_key_value_list,
    );
    fn libxl_key_value_list_dispose(p: *mut libxl_key_value_list);
    fn libxl_key_value_list_gen_json(
        hand: *mut YajlGen,
        p: *mut libxl_key_value_list,
    ) -> yajl_gen_status;
    fn libxl_key_value_list_length(pkvl: *const libxl_key_value_list) -> c_int;
    fn libxl_list_cpupool(ctx: *mut libxl_ctx, nb_pool_out: *mut c_int) -> *mut libxl_cpupoolinfo;
    fn libxl_list_domain(ctx: *mut libxl_ctx, nb_domain_out: *mut c_int) -> *mut libxl_dominfo;
    fn libxl_list_vcpu(
        ctx: *mut libxl_ctx,
        domid: u32,
        nb_vcpu: *mut c_int,
        nr_cpus_out: *mut c_int,
    ) -> *mut libxl_vcpuinfo;
    fn libxl_list_vm(ctx: *mut libxl_ctx, nb_vm_out: *mut c_int) -> *mut libxl_vminfo;
    fn libxl_mac_copy(ctx: *mut libxl_ctx, dst: *mut libxl_mac, src: *const libxl_mac);
    fn libxl_mac_gen_json(hand: *mut YajlGen, p: *mut libxl_mac) -> yajl_gen_status;
    fn libxl_mac_to_device_nic(
        ctx: *mut libxl_ctx,
        domid: u32,
        mac: *const c_char,
        nic: *mut libxl_device_nic,
    ) -> c_int;
    fn libxl_ms_vm_genid_copy(
        ctx: *mut libxl_ctx,
        dst: *mut libxl_ms_vm_genid,
        src: *const libxl_ms_vm_genid,
    );
    fn libxl_ms_vm_genid_gen_json(hand: *mut YajlGen, p: *mut libxl_ms_vm_genid)
    -> yajl_gen_status;
    fn libxl_ms_vm_genid_generate(ctx: *mut libxl_ctx, id: *mut libxl_ms_vm_genid) -> c_int;
    fn libxl_ms_vm_genid_is_zero(id: *const libxl_ms_vm_genid) -> bool;
    fn libxl_name_to_cpupoolid(ctx: *mut libxl_ctx, name: *const c_char, poolid: *mut u32)
    -> c_int;
    fn libxl_name_to_domid(ctx: *mut libxl_ctx, name: *const c_char, domid: *mut u32) -> c_int;
    fn libxl_node_bitmap_alloc(
        ctx: *mut libxl_ctx,
        nodemap: *mut libxl_bitmap,
        max_nodes: c_int,
    ) -> c_int;
    fn libxl_node_to_cpumap(ctx: *mut libxl_ctx, node: c_int, cpumap: *mut libxl_bitmap) -> c_int;
    fn libxl_nodemap_to_cpumap(
        ctx: *mut libxl_ctx,
        nodemap: *const libxl_bitmap,
        cpumap: *mut libxl_bitmap,
    ) -> c_int;
    fn libxl_numainfo_list_free(list: *mut libxl_numainfo, nr: c_int);
    fn libxl_osevent_afterpoll(ctx: *mut libxl_ctx, nfds: c_int, fds: *const pollfd, now: timeval);
    fn libxl_osevent_beforepoll(
        ctx: *mut libxl_ctx,
        nfds_io: *mut c_int,
        fds: *mut pollfd,
        timeout_upd: *mut c_int,
        now: timeval,
    ) -> c_int;
    fn libxl_osevent_occurred_fd(
        ctx: *mut libxl_ctx,
        for_libxl: *mut c_void,
        fd: c_int,
        events: c_short,
        revents: c_short,
    );
    fn libxl_osevent_occurred_timeout(ctx: *mut libxl_ctx, for_libxl: *mut c_void);
    fn libxl_osevent_register_hooks(
        ctx: *mut libxl_ctx,
        hooks: *const libxl_osevent_hooks,
        user: *mut c_void,
    );
    fn libxl_pcitopology_list_free(list: *mut libxl_pcitopology, num_devs: c_int);
    fn libxl_pipe(ctx: *mut libxl_ctx, pipes: *mut c_int) -> c_int;
    fn libxl_postfork_child_noexec(ctx: *mut libxl_ctx);
    #[cfg(not(since_4_18))]
    fn libxl_primary_console_exec(ctx: *mut libxl_ctx, domid_vm: u32, notify_fd: c_int) -> c_int;
    #[cfg(since_4_18)]
    fn libxl_primary_console_exec(
        ctx: *mut libxl_ctx,
        domid_vm: u32,
        notify_fd: c_int,
        escape_character: *mut c_char,
    ) -> c_int;
    fn libxl_primary_console_get_tty(
        ctx: *mut libxl_ctx,
        domid_vm: u32,
        path: *mut *mut c_char,
    ) -> c_int;
    fn libxl_psr_cat_get_cbm(
        ctx: *mut libxl_ctx,
        domid: u32,
        r#type: libxl_psr_cbm_type,
        target: u32,
        cbm_r: *mut u64,
    ) -> c_int;
    fn libxl_psr_cat_get_info(
        ctx: *mut libxl_ctx,
        info: *mut *mut libxl_psr_cat_info,
        nr: *mut c_uint,
        lvl: c_uint,
    ) -> c_int;
    fn libxl_psr_cat_get_l3_info(
        ctx: *mut libxl_ctx,
        info: *mut *mut libxl_psr_cat_info,
        nr: *mut c_int,
    ) -> c_int;
    fn libxl_psr_cat_info_list_free(list: *mut libxl_psr_cat_info, nr: c_int);
    fn libxl_psr_cat_set_cbm(
        ctx: *mut libxl_ctx,
        domid: u32,
        r#type: libxl_psr_cbm_type,
        target_map: *mut libxl_bitmap,
        cbm: u64,
    ) -> c_int;
    fn libxl_psr_cmt_attach(ctx: *mut libxl_ctx, domid: u32) -> c_int;
    fn libxl_psr_cmt_detach(ctx: *mut libxl_ctx, domid: u32) -> c_int;
    fn libxl_psr_cmt_domain_attached(ctx: *mut libxl_ctx, domid: u32) -> c_int;
    fn libxl_psr_cmt_enabled(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_psr_cmt_get_cache_occupancy(
        ctx: *mut libxl_ctx,
        domid: u32,
        socketid: u32,
        l3_cache_occupancy: *mut u32,
    ) -> c_int;
    fn libxl_psr_cmt_get_l3_cache_size(
        ctx: *mut libxl_ctx,
        socketid: u32,
        l3_cache_size: *mut u32,
    ) -> c_int;
    fn libxl_psr_cmt_get_sample(
        ctx: *mut libxl_ctx,
        domid: u32,
        r#type: libxl_psr_cmt_type,
        scope: u64,
        sample_r: *mut u64,
        tsc_r: *mut u64,
    ) -> c_int;
    fn libxl_psr_cmt_get_total_rmid(ctx: *mut libxl_ctx, total_rmid: *mut u32) -> c_int;
    fn libxl_psr_cmt_type_supported(ctx: *mut libxl_ctx, r#type: libxl_psr_cmt_type) -> c_int;
    fn libxl_psr_get_hw_info(
        ctx: *mut libxl_ctx,
        r#type: libxl_psr_feat_type,
        lvl: c_uint,
        nr: *mut c_uint,
        info: *mut *mut libxl_psr_hw_info,
    ) -> c_int;
    fn libxl_psr_get_val(
        ctx: *mut libxl_ctx,
        domid: u32,
        r#type: libxl_psr_type,
        target: c_uint,
        val: *mut u64,
    ) -> c_int;
    fn libxl_psr_hw_info_list_free(list: *mut libxl_psr_hw_info, nr: c_uint);
    fn libxl_psr_set_val(
        ctx: *mut libxl_ctx,
        domid: u32,
        r#type: libxl_psr_type,
        target_map: *mut libxl_bitmap,
        val: u64,
    ) -> c_int;
    fn libxl_qemu_monitor_command(
        ctx: *mut libxl_ctx,
        domid: u32,
        command_line: *const c_char,
        output: *mut *mut c_char,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_read_exactly(
        ctx: *mut libxl_ctx,
        fd: c_int,
        data: *mut c_void,
        sz: ssize_t,
        source: *const c_char,
        what: *const c_char,
    ) -> c_int;
    fn libxl_read_file_contents(
        ctx: *mut libxl_ctx,
        filename: *const c_char,
        data_r: *mut *mut c_void,
        datalen_r: *mut c_int,
    ) -> c_int;
    fn libxl_report_child_exitstatus(
        ctx: *mut libxl_ctx,
        level: xentoollog_level,
        what: *const c_char,
        pid: pid_t,
        status: c_int,
    );
    fn libxl_retrieve_domain_configuration(
        ctx: *mut libxl_ctx,
        domid: u32,
        d_config: *mut libxl_domain_config,
        how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_sched_credit2_params_get(
        ctx: *mut libxl_ctx,
        poolid: u32,
        scinfo: *mut libxl_sched_credit2_params,
    ) -> c_int;
    fn libxl_sched_credit2_params_set(
        ctx: *mut libxl_ctx,
        poolid: u32,
        scinfo: *mut libxl_sched_credit2_params,
    ) -> c_int;
    fn libxl_sched_credit_params_get(
        ctx: *mut libxl_ctx,
        poolid: u32,
        scinfo: *mut libxl_sched_credit_params,
    ) -> c_int;
    fn libxl_sched_credit_params_set(
        ctx: *mut libxl_ctx,
        poolid: u32,
        scinfo: *mut libxl_sched_credit_params,
    ) -> c_int;
    fn libxl_send_debug_keys(ctx: *mut libxl_ctx, keys: *mut c_char) -> c_int;
    fn libxl_send_sysrq(ctx: *mut libxl_ctx, domid: u32, sysrq: c_char) -> c_int;
    fn libxl_send_trigger(
        ctx: *mut libxl_ctx,
        domid: u32,
        trigger: libxl_trigger,
        vcpuid: u32,
        how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_set_memory_target(
        ctx: *mut libxl_ctx,
        domid: u32,
        target_memkb: i64,
        relative: c_int,
        enforce: c_int,
    ) -> c_int;
    fn libxl_set_parameters(ctx: *mut libxl_ctx, params: *mut c_char) -> c_int;
    fn libxl_set_vcpuaffinity(
        ctx: *mut libxl_ctx,
        domid: u32,
        vcpuid: u32,
        cpumap_hard: *const libxl_bitmap,
        cpumap_soft: *const libxl_bitmap,
    ) -> c_int;
    fn libxl_set_vcpuaffinity_all(
        ctx: *mut libxl_ctx,
        domid: u32,
        max_vcpus: c_uint,
        cpumap_hard: *const libxl_bitmap,
        cpumap_soft: *const libxl_bitmap,
    ) -> c_int;
    fn libxl_set_vcpuaffinity_force(
        ctx: *mut libxl_ctx,
        domid: u32,
        vcpuid: u32,
        cpumap_hard: *const libxl_bitmap,
        cpumap_soft: *const libxl_bitmap,
    ) -> c_int;
    fn libxl_set_vcpuonline(
        ctx: *mut libxl_ctx,
        domid: u32,
        cpumap: *mut libxl_bitmap,
        ao_how: *const libxl_asyncop_how,
    ) -> c_int;
    fn libxl_socket_bitmap_alloc(
        ctx: *mut libxl_ctx,
        socketmap: *mut libxl_bitmap,
        max_sockets: c_int,
    ) -> c_int;
    fn libxl_string_copy(ctx: *mut libxl_ctx, dst: *mut *mut c_char, src: *const *mut c_char);
    fn libxl_string_list_copy(
        ctx: *mut libxl_ctx,
        dst: *mut libxl_string_list,
        src: *const libxl_string_list,
    );
    fn libxl_string_list_dispose(p: *mut libxl_string_list);
    fn libxl_string_list_gen_json(hand: *mut YajlGen, p: *mut libxl_string_list)
    -> yajl_gen_status;
    fn libxl_string_list_length(psl: *const libxl_string_list) -> c_int;
    fn libxl_string_to_backend(
        ctx: *mut libxl_ctx,
        s: *mut c_char,
        backend: *mut libxl_disk_backend,
    ) -> c_int;
    fn libxl_tmem_freeable(ctx: *mut libxl_ctx) -> c_int;
    fn libxl_tmem_freeze(ctx: *mut libxl_ctx, domid: u32) -> c_int;
    fn libxl_tmem_list(ctx: *mut libxl_ctx, domid: u32, use_long: c_int) -> *mut c_char;
    fn libxl_tmem_set(ctx: *mut libxl_ctx, domid: u32, name: *mut c_char, set: u32) -> c_int;
    fn libxl_tmem_shared_auth(
        ctx: *mut libxl_ctx,
        domid: u32,
        uuid: *mut c_char,
        auth: c_int,
    ) -> c_int;
    fn libxl_tmem_thaw(ctx: *mut libxl_ctx, domid: u32) -> c_int;
    fn libxl_userdata_retrieve(
        ctx: *mut libxl_ctx,
        domid: u32,
        name: *const c_char,
        data_r: *mut *mut u8,
        datalen_r: *mut c_int,
    ) -> c_int;
    fn libxl_userdata_store(
        ctx: *mut libxl_ctx,
        domid: u32,
        name: *const c_char,
        data: *const u8,
        datalen: c_int,
    ) -> c_int;
    fn libxl_userdata_unlink(ctx: *mut libxl_ctx, domid: u32, name: *const c_char) -> c_int;
    fn libxl_uuid_bytearray(uuid: *mut libxl_uuid) -> *mut u8;
    fn libxl_uuid_bytearray_const(uuid: *const libxl_uuid) -> *const u8;
    fn libxl_uuid_clear(uuid: *mut libxl_uuid);
    fn libxl_uuid_compare(uuid1: *const libxl_uuid, uuid2: *const libxl_uuid) -> c_int;
    fn libxl_uuid_copy(ctx_opt: *mut libxl_ctx, dst: *mut libxl_uuid, src: *const libxl_uuid);
    fn libxl_uuid_from_string(uuid: *mut libxl_uuid, text: *const c_char) -> c_int;
    fn libxl_uuid_gen_json(hand: *mut YajlGen, p: *mut libxl_uuid) -> yajl_gen_status;
    fn libxl_uuid_generate(uuid: *mut libxl_uuid);
    fn libxl_uuid_is_nil(uuid: *const libxl_uuid) -> c_int;
    fn libxl_uuid_to_device_vtpm(
        ctx: *mut libxl_ctx,
        domid: u32,
        uuid: *mut libxl_uuid,
        vtpm: *mut libxl_device_vtpm,
    ) -> c_int;
    fn libxl_vcpu_sched_params_get(
        ctx: *mut libxl_ctx,
        domid: u32,
        params: *mut libxl_vcpu_sched_params,
    ) -> c_int;
    fn libxl_vcpu_sched_params_get_all(
        ctx: *mut libxl_ctx,
        domid: u32,
        params: *mut libxl_vcpu_sched_params,
    ) -> c_int;
    fn libxl_vcpu_sched_params_set(
        ctx: *mut libxl_ctx,
        domid: u32,
        params: *const libxl_vcpu_sched_params,
    ) -> c_int;
    fn libxl_vcpu_sched_params_set_all(
        ctx: *mut libxl_ctx,
        domid: u32,
        params: *const libxl_vcpu_sched_params,
    ) -> c_int;
    fn libxl_vcpuinfo_list_free(list: *mut libxl_vcpuinfo, nr_vcpus: c_int);
    fn libxl_vdev_to_device_disk(
        ctx: *mut libxl_ctx,
        domid: u32,
        vdev: *const c_char,
        disk: *mut libxl_device_disk,
    ) -> c_int;
    fn libxl_vm_get_start_time(ctx: *mut libxl_ctx, domid: u32) -> u32;
    fn libxl_vminfo_list_free(list: *mut libxl_vminfo, nb_vm: c_int);
    fn libxl_vncviewer_exec(ctx: *mut libxl_ctx, domid: u32, autopass: c_int) -> c_int;
    fn libxl_wait_for_free_memory(
        ctx: *mut libxl_ctx,
        domid: u32,
        memory_kb: u64,
        wait_secs: c_int,
    ) -> c_int;
    fn libxl_wait_for_memory_target(ctx: *mut libxl_ctx, domid: u32, wait_secs: c_int) -> c_int;
    fn libxl_write_exactly(
        ctx: *mut libxl_ctx,
        fd: c_int,
        data: *const c_void,
        sz: ssize_t,
        source: *const c_char,
        what: *const c_char,
    ) -> c_int;
    fn libxl_xen_console_read_finish(ctx: *mut libxl_ctx, cr: *mut libxl_xen_console_reader);
    fn libxl_xen_console_read_line(
        ctx: *mut libxl_ctx,
        cr: *mut libxl_xen_console_reader,
        line_r: *mut *mut c_char,
    ) -> c_int;
    fn libxl_xen_console_read_start(
        ctx: *mut libxl_ctx,
        clear: c_int,
    ) -> *mut libxl_xen_console_reader;
    fn libxl_xs_quota_domain_get(ctx: *mut libxl_ctx, domid: u32, q_out: *mut libxl_xs_quota_list) -> c_int;
    fn libxl_xs_quota_domain_set(ctx: *mut libxl_ctx, domid: u32, q: *mut libxl_xs_quota_list) -> c_int;
    fn libxl_xs_quota_global_get(ctx: *mut libxl_ctx, q_out: *mut libxl_xs_quota_list) -> c_int;
    fn libxl_xs_quota_global_set(ctx: *mut libxl_ctx, q: *mut libxl_xs_quota_list) -> c_int;
}
