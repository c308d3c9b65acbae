use super::*;

/// One line of a record of a scenario with the domains that `names` says.
fn line(names: &str, text: &str) -> String {
    let lines = output(format!("{names}\n{text}\n").as_bytes()).expect("a record");
    assert_eq!(lines.len(), 1);
    String::from_utf8(lines.concat())
        .expect("text")
        .trim_end()
        .to_owned()
}

/// The same line of two runs, in which the guest has another number: equal. With another domain's number, or one that no
/// domain has: different.
fn differs_only_by_domid(text: &str) {
    let with = |domid: &str| text.replace('@', domid);
    let first = line("box=5 other=7 ", &with("5"));
    assert_eq!(first, line("other=9 box=31 ", &with("31")), "{text}");
    assert_eq!(first, with("<box>"), "{text}");
    assert_ne!(first, line("box=5 other=7 ", &with("7")), "{text}");
    assert_ne!(first, line("box=5 other=7 ", &with("0")), "{text}");
    assert_eq!(line("box=5 ", &with("55")), with("55"), "{text}");
    assert_eq!(line("box=5 ", &with("05")), with("05"), "{text}");
}

#[test]
fn domids_in_paths() {
    differs_only_by_domid(r#"/local/domain/@ = ""   (n0)"#);
    differs_only_by_domid("/libxl/@/device/vbd/5632");
    differs_only_by_domid("/local/domain/0/device-model/@/state");
    differs_only_by_domid("/local/domain/0/backend/vbd/@/5632");
    differs_only_by_domid("/local/domain/0/backend/9pfs_x/@/5");
    differs_only_by_domid(r#"/dm-argv/002 = "@""#);
    let both = line("box=5 box-dm=6 ", "/local/domain/6/backend/vif/5/0");
    assert_eq!(both, "/local/domain/<box-dm>/backend/vif/<box>/0");
}

#[test]
fn domids_in_permissions() {
    differs_only_by_domid("/x   (n@)");
    differs_only_by_domid("/x   (n0,r@)");
    differs_only_by_domid("/x   (w@)");
    differs_only_by_domid("/x   (b@)");
    assert_ne!(line("box=5 ", "/x (n0,r5)"), line("box=5 ", "/x (n0,w5)"));
}

#[test]
fn domids_of_interfaces() {
    differs_only_by_domid("vif@.0");
    differs_only_by_domid("bridge vif@-emu up");
    assert_eq!(line("box=5 ", "xvif5.0 vif5 vif5/0"), "xvif5.0 vif5 vif5/0");
    assert_ne!(line("box=5 ", "vif5.0"), line("box=5 ", "vif5.1"));
}

#[test]
fn domids_in_values() {
    differs_only_by_domid(r#""domid": @,"#);
    differs_only_by_domid(r#"/image/device-model-domid = "@""#);
    differs_only_by_domid(r#"/target = "@""#);
    differs_only_by_domid(r#"/frontend-id = "@""#);
    differs_only_by_domid("domid: @");
    assert_eq!(
        line("box=5 ", r#"/backend-id = "5""#),
        r#"/backend-id = "5""#
    );
}

#[test]
fn domids_in_arguments() {
    for text in [
        "-xen-domid @",
        "/var/lib/xen/qemu-save.@",
        "/var/run/xen/qmp-libxl-@",
        "/var/run/xen/qmp-libxenstat-@",
        "/var/lib/xen/qemu-resume.@",
        "XEN_DOMAIN_ID=@",
        "-d @",
        "qemu-dm -d @",
        "\"-d @",
    ] {
        differs_only_by_domid(text);
    }
    assert_eq!(line("box=5 ", "x-d 5"), "x-d 5");
    assert_eq!(line("box=5 ", "-smp 5"), "-smp 5");
}

/// Numbers of devices, sizes and counts are results, even where they are a domain's number.
#[test]
fn other_numbers_stay() {
    for text in [
        "/device/vbd/5",
        "vcpus 5",
        "\"max_vcpus\": 5,",
        "/state = \"5\"",
        "/memory/5",
    ] {
        assert_eq!(line("box=5 ", text), text);
    }
    assert_eq!(
        line("box=5 ", "/libxl/5/device/vbd/5"),
        "/libxl/<box>/device/vbd/5"
    );
}

#[test]
fn the_first_of_two_names_of_a_number_counts() {
    assert_eq!(line("a=5 b=5 ", "/libxl/5"), "/libxl/<a>");
    assert_eq!(line("b=5 a=5 ", "/libxl/5"), "/libxl/<b>");
}

#[test]
fn uuids() {
    let one = "01234567-89ab-cdef-0123-456789abcdef";
    let other = "fedcba98-7654-3210-fedc-ba9876543210";
    assert_eq!(
        line("", &format!("/vm/{one}/x")),
        line("", &format!("/vm/{other}/x"))
    );
    assert_eq!(line("", &format!("{one} {other}")), "<uuid> <uuid>");
    assert_ne!(
        line("", &format!("/vm/{one}/x")),
        line("", &format!("/vm/{other}/y"))
    );
    assert_ne!(line("", &format!("/vm/{one}")), line("", "/vm/"));
    let short = &one[..one.len() - 1];
    assert_eq!(line("", short), short);
    let capitals = one.to_uppercase();
    assert_eq!(line("", &capitals), capitals);
}

/// Ports, times, pids, devices of dom0, terminals, rings: any value is as good as another, but none is none, and
/// permissions count.
#[test]
fn values_of_nodes() {
    for node in [
        "port",
        "start_time",
        "device-model-pid",
        "qmp-proxy-pid",
        "physical-device",
        "tty",
        "event-channel",
        "event-channel-rx-0",
        "ring-ref",
        "ring-ref0",
        "tx-ring-ref",
        "rx-ring-ref",
    ] {
        let with = |value: &str| line("", &format!("/x/{node} = \"{value}\"   (n0)"));
        assert_eq!(with("17"), with("4:2"), "{node}");
        assert_eq!(with("17"), format!("/x/{node} = \"*\"   (n0)"));
        assert_ne!(with("17"), line("", &format!("/x/{node}")));
        assert_ne!(
            with("17"),
            line("", &format!("/x/{node} = \"17\"   (n0,r0)"))
        );
        assert_ne!(with("17"), line("", &format!("/y/{node} = \"17\"   (n0)")));
    }
    let told = |value: &str| line("", &format!("/x/tty = \"1\" /x/port = \"{value}\""));
    assert_ne!(told("4"), told("5"), "a line has one node");
    for node in [
        "state",
        "type",
        "port-path",
        "my_port",
        "physical-device-path",
        "ttys",
        "my-event-channel",
    ] {
        let with = |value: &str| line("", &format!("/x/{node} = \"{value}\""));
        assert_ne!(with("4"), with("5"), "{node}");
    }
}

#[test]
fn terminals_and_loop_devices() {
    assert_eq!(line("", "pty:/dev/pts/3"), line("", "pty:/dev/pts/14"));
    assert_eq!(line("", "phy:/dev/loop0"), line("", "phy:/dev/loop7"));
    assert_ne!(line("", "/dev/pts/3"), line("", "/dev/loop3"));
    assert_ne!(line("", "/dev/sda1"), line("", "/dev/sda2"));
    assert_ne!(line("", "/dev/loop-control"), line("", "/dev/loop1"));
}

#[test]
fn output_keeps_order_bytes_and_its_last_line() {
    let lines = output(b"\nb\n\xff\0a\nend").expect("a record");
    assert_eq!(lines, [&b"b\n"[..], b"\xff\0a\n", b"end"]);
    assert_eq!(output(b"\n").expect("a record"), Lines::new());
    // Bytes that are no text do not hide what stands beside them.
    let lines = output(b"box=5 \n\xff/libxl/5\xfe\n").expect("a record");
    assert_eq!(lines, [b"\xff/libxl/<box>\xfe\n"]);
    // A value that does not end leaves the next line alone.
    let lines = output(b"\n/x/port = \"3\n/y\n").expect("a record");
    assert_eq!(lines, [&b"/x/port = \"*\n"[..], b"/y\n"]);
}

#[test]
fn a_tree_is_what_the_scenario_added_in_any_order() {
    let before = b"## store\n/a = \"\"   (n0)\n";
    let one = tree(b"box=5 \n/a = \"\"   (n0)\n/libxl/5 = \"\"\n/b\n", before).expect("a tree");
    assert_eq!(one, [&b"/b\n"[..], b"/libxl/<box> = \"\"\n"]);
    let other = tree(b"box=6 \n/b\n/libxl/6 = \"\"\n", before).expect("a tree");
    assert_eq!(one, other);
    let twice = tree(b"box=6 \n/b\n/b\n/libxl/6 = \"\"\n", before).expect("a tree");
    assert_ne!(one, twice);
    // A node of before with another permission is new.
    let changed = tree(b"\n/a = \"\"   (n0,r5)\n", before).expect("a tree");
    assert_eq!(changed.len(), 1);
    // Nothing is no line, and what was cut off is one.
    assert_eq!(tree(b"\n", b"/a").expect("a tree"), Lines::new());
    assert_eq!(tree(b"\n/b", b"/a").expect("a tree"), [b"/b\n"]);
}

#[test]
fn a_first_line_is_strict() {
    let long = format!("{}=1 \n", "x".repeat(MAX_NAME + 1));
    let many = "x=1 ".repeat(MAX_NAMES + 1) + "\n";
    for wrong in [
        "",
        "box=5 ",
        "box\n",
        "box=\n",
        "=5\n",
        "box=5x\n",
        "box=123456\n",
        "box=-1\n",
        "<box>=5\n",
        "$0=5\n",
        "/libxl/5 = \"\"\n",
        &long,
        &many,
    ] {
        assert!(output(wrong.as_bytes()).is_err(), "{wrong}");
        assert!(tree(wrong.as_bytes(), b"").is_err(), "{wrong}");
    }
    assert!(output(("x=1 ".repeat(MAX_NAMES) + "\n").as_bytes()).is_ok());
}
