//! A QEMU in dom0, and what is refused wherever it runs.

use super::*;

#[test]
fn what_cannot_be_done_is_refused_with_the_c_librarys_codes() {
    let code = |bench: &Bench, type_, disk| find(bench, type_, disk).map(drop).unwrap_err().code();
    let hvm = DomainType::Hvm;
    let qemu = bench("qemu_xen", false);
    assert_eq!(code(&qemu, DomainType::Pv, medium("/a")), Code::Inval);
    assert_eq!(code(&qemu, DomainType::Pvh, medium("/a")), Code::Inval);
    for vdev in [Some("hdd"), Some("xvdc"), Some("hda"), Some("d0p"), None] {
        let disk = DeviceDisk {
            vdev: vdev.map(str::to_owned),
            ..medium("/a")
        };
        assert_eq!(code(&qemu, hvm, disk), Code::Fail, "{vdev:?}");
    }
    let unknown = DeviceDisk {
        format: DiskFormat::Unknown,
        ..medium("/a")
    };
    assert_eq!(code(&qemu, hvm, unknown), Code::Inval);
    let elsewhere = DeviceDisk {
        backend_domid: 3,
        ..medium("/a")
    };
    assert_eq!(code(&qemu, hvm, elsewhere.clone()), Code::Inval);
    let nonsense = bench("qemu_xen2", false);
    assert_eq!(code(&nonsense, hvm, medium("/a")), Code::Fail);
    let minios = bench("qemu_xen_traditional", true);
    assert_eq!(code(&minios, hvm, medium("/a")), Code::Inval);

    let traditional = bench("qemu_xen_traditional", false);
    assert!(!find(&traditional, hvm, medium("/a")).unwrap().0.speaks_qmp);
    // A stub domain gets what another domain serves.
    let linux = bench("qemu_xen", true);
    let (drive, disk) = find(&linux, hvm, elsewhere).unwrap();
    assert_eq!(
        (drive.stubdom, drive.format),
        (Some(STUBDOM), "host_device")
    );
    assert_eq!(disk.backend, DiskBackend::Qdisk);
    assert_eq!((drive.id.as_str(), drive.mark.as_str()), ("ide-5632", MARK));
}

#[test]
fn no_path_is_no_medium() {
    let bench = bench("qemu_xen", false);
    let disk = DeviceDisk {
        pdev_path: None,
        backend: DiskBackend::Tap,
        ..medium("/a")
    };
    let (_, disk) = find(&bench, DomainType::Hvm, disk).unwrap();
    assert_eq!(disk.format, DiskFormat::Empty);
    assert_eq!(disk.pdev_path.as_deref(), Some(""));
    assert_eq!(disk.backend, DiskBackend::Qdisk);
}

#[test]
fn qemu_in_dom0_gets_a_descriptor() {
    let bench = bench("qemu_xen", false);
    let (_dir, path) = image();
    let (machine, notes) = (Machine::default(), Notes::default());
    let found = find(&bench, DomainType::Hvm, medium(&path)).unwrap();
    change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap();
    assert_eq!(
        machine.told(),
        [
            "eject".to_owned(),
            format!("add-fd raw:{path}"),
            "blockdev-change-medium /dev/fdset/1 raw".to_owned(),
            "remove-fd".to_owned(),
        ]
    );
    assert_eq!(
        notes.taken(),
        ["emptied".to_owned(), format!("stored {path}")]
    );
    assert_eq!(
        params(&bench),
        [format!("aio:{path}"), format!("aio:{path}")]
    );
    let kind = bench.store.get(&format!("{RECORD}/type"));
    assert_eq!(kind.as_deref(), Some(&b"qdisk"[..]));
    let listed = bench
        .ctx
        .block_on(async |op| device::cd_drive(op, GUEST, "hdc").await);
    assert_eq!(listed.unwrap().pdev_path, Some(path));
}

#[test]
fn an_eject_is_a_change_to_nothing() {
    for version in ["qemu_xen", "qemu_xen_traditional"] {
        let bench = bench(version, false);
        let (machine, notes) = (Machine::default(), Notes::default());
        let found = find(&bench, DomainType::Hvm, medium("")).unwrap();
        let told: &[&str] = if found.0.speaks_qmp { &["eject"] } else { &[] };
        change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap();
        assert_eq!(machine.told(), told);
        assert_eq!(notes.taken(), ["emptied", "stored nothing"]);
        assert_eq!(params(&bench), ["", ""]);
    }
}

#[test]
fn the_old_medium_stays_where_the_new_one_is_not_there() {
    for stubdom in [false, true] {
        let bench = bench("qemu_xen", stubdom);
        let (machine, notes) = (Machine::default(), Notes::default());
        for path in ["/nowhere/at/all", "/dev/null", "/proc/self"] {
            let found = find(&bench, DomainType::Hvm, medium(path)).unwrap();
            let error = change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap_err();
            assert_eq!(error.code(), Code::Fail, "{error}");
            assert!(error.to_string().contains(path), "{error}");
        }
        assert_eq!(machine.told(), [""; 0]);
        assert_eq!(notes.taken(), [""; 0]);
        assert_eq!(params(&bench), ["aio:/old", "aio:/old"]);
    }
}

#[test]
fn a_drive_that_the_guest_has_locked_keeps_its_medium() {
    let bench = bench("qemu_xen", false);
    let (machine, notes) = (Machine::default(), Notes::default());
    let found = find(&bench, DomainType::Hvm, medium("")).unwrap();
    let error = change_within(&bench, &machine, "eject", found, &notes, ENOUGH).unwrap_err();
    assert_eq!(error.code(), Code::QmpGenericError);
    assert!(error.to_string().contains("unmount"), "{error}");
    assert_eq!(params(&bench), ["aio:/old", "aio:/old"]);
    assert_eq!(notes.taken(), [""; 0]);
}

#[test]
fn what_fails_after_the_eject_leaves_an_empty_drive() {
    let (_dir, path) = image();
    for refused in ["add-fd", "blockdev-change-medium"] {
        let bench = bench("qemu_xen", false);
        let (machine, notes) = (Machine::default(), Notes::default());
        let found = find(&bench, DomainType::Hvm, medium(&path)).unwrap();
        let error = change_within(&bench, &machine, refused, found, &notes, ENOUGH).unwrap_err();
        assert_eq!(error.code(), Code::QmpGenericError, "{refused}");
        assert_eq!(params(&bench), ["", ""], "{refused}");
        assert_eq!(notes.taken(), ["emptied"], "{refused}");
        assert!(!machine.has(&format!("raw:{path}")), "{refused}");
    }
}

#[test]
fn a_drive_that_is_gone_gets_nothing() {
    let bench = bench("qemu_xen", false);
    let (machine, notes) = (Machine::default(), Notes::default());
    let found = find(&bench, DomainType::Hvm, medium("")).unwrap();
    bench.store.remove(RECORD);
    let error = change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    assert_eq!(bench.store.get(RECORD), None);
}

#[test]
fn what_cannot_be_stored_is_not_noted_either() {
    let bench = bench("qemu_xen", false);
    let (drive, disk) = find(&bench, DomainType::Hvm, medium("/new")).unwrap();
    let full = || Err(Error::fail("no space"));
    let noted = bench
        .ctx
        .block_on(async |op| device::set_medium(op, &drive.device, Some(&disk), &full).await);
    assert_eq!(noted.unwrap_err().code(), Code::Fail);
    assert_eq!(params(&bench), ["aio:/old", "aio:/old"]);
}
