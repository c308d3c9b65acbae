//! The client against a QEMU of our own on the other end of a socket pair: well-behaved, broken and hostile.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::Client;
use super::testing::{GREETING, Qemu};
use crate::engine::{Ctx, Op};
use crate::log::Logger;
use crate::{Code, Result};

/// Runs `client` against `qemu` in one context without Xen.
fn converse<T>(
    qemu: impl FnOnce(&mut Qemu) + Send + 'static,
    client: impl AsyncFnOnce(&mut Client) -> Result<T>,
) -> Result<T> {
    let (ours, server) = Qemu::start(qemu);
    let ctx = Ctx::new(Logger::silent()).expect("context");
    let result = ctx.block_on(async |op: &Op| {
        let talk = async {
            let mut connection = Client::converse(op, 7, ours).await?;
            client(&mut connection).await
        };
        op.timeout(Duration::from_secs(20), "QMP test", talk).await
    });
    server.join().expect("QEMU's side holds");
    result
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> Code {
    result.expect_err("must fail").code()
}

#[test]
fn commands_answers_and_events_in_between() {
    let (version, status, chardevs) = converse(
        |qemu| {
            qemu.negotiate();
            let command = qemu.hear();
            assert_eq!(command["execute"], "query-status");
            assert_eq!(command.get("arguments"), None);
            qemu.say(r#"{"timestamp": {"seconds": 1}, "event": "RESUME"}"#);
            qemu.answer(&command, json!({"status": "running", "running": true}));
            let command = qemu.hear();
            assert_eq!(command["execute"], "query-chardev");
            qemu.answer(
                &command,
                json!([{"label": "serial0", "filename": "pty:/dev/pts/3", "frontend-open": true}]),
            );
            let command = qemu.hear();
            assert_eq!(command["arguments"], json!({"password": "x y"}));
            qemu.answer(&command, json!({}));
        },
        async |client| {
            let status = client.query_status().await?;
            let chardevs = client.query_chardev().await?;
            client.change_vnc_password("x y").await?;
            Ok((client.version(), status, chardevs))
        },
    )
    .expect("all well");
    assert_eq!((version.major, version.minor, version.micro), (7, 2, 1));
    assert_eq!(status, "running");
    assert_eq!(chardevs[0].filename, "pty:/dev/pts/3");
}

#[test]
fn a_refused_command_leaves_the_connection_usable() {
    let (refused, vnc) = converse(
        |qemu| {
            qemu.negotiate();
            let command = qemu.hear();
            let error = json!({"class": "DeviceNotFound", "desc": "no such device"});
            qemu.say(&json!({"error": error, "id": command["id"]}).to_string());
            let command = qemu.hear();
            qemu.answer(
                &command,
                json!({"enabled": true, "host": "127.0.0.1", "service": "5900"}),
            );
        },
        async |client| {
            let refused = client.stop().await.expect_err("refused");
            Ok((refused, client.query_vnc().await?))
        },
    )
    .expect("goes on");
    assert_eq!(refused.code(), Code::QmpDeviceNotFound);
    assert_eq!(refused.domid(), Some(7));
    assert_eq!(vnc.expect("enabled").service, "5900");
}

#[test]
fn a_wrong_or_missing_id_is_a_protocol_error() {
    for id in [json!(1), json!(0x786c_7100), json!("x"), Value::Null] {
        let result = converse(
            move |qemu| {
                qemu.negotiate();
                qemu.hear();
                qemu.say(&json!({"return": {}, "id": id}).to_string());
            },
            async |client| client.cont().await,
        );
        assert_eq!(code(result), Code::ProtocolErrorQmp);
    }
}

#[test]
fn garbage_instead_of_a_greeting() {
    for text in [
        "SSH-2.0-OpenSSH_9.2",
        "{}",
        "{\"return\": {}, \"id\": 1}",
        "\u{0}\u{1}\u{2}",
    ] {
        let result = converse(move |qemu| qemu.say(text), async |_| Ok(()));
        assert_eq!(code(result), Code::ProtocolErrorQmp, "{text:?}");
    }
}

#[test]
fn what_the_last_client_left_in_a_vchan_is_passed_over() {
    for left in [
        // Whole lines, the end of one, one without an end; also a greeting that was never read.
        "{\"return\": {}, \"id\": 9}\r\n",
        "ype\": \"X\"}]}\r\n{\"event\": \"STOP\"}\r\n",
        "{\"return\": [{\"name\": \"a",
        "{\"QMP\": {}}\r\n{\"return\": {}, \"id\": 2020372736}\r\n{\"return\": [{",
    ] {
        let status = converse(
            move |qemu| {
                qemu.stream
                    .write_all(left.as_bytes())
                    .expect("client reads");
                qemu.negotiate();
                let command = qemu.hear();
                qemu.answer(&command, json!({"status": "running"}));
            },
            async |client| client.query_status().await,
        );
        assert_eq!(status.expect(left), "running");
    }
}

#[test]
fn more_than_a_client_can_leave_is_a_protocol_error() {
    for before in ["", GREETING] {
        let result = converse(
            move |qemu| {
                qemu.say(before);
                for _ in 0..100 {
                    qemu.say(&format!("[{:1000}]", ""));
                }
                let mut rest = Vec::new();
                let _ = qemu.stream.read_to_end(&mut rest);
            },
            async |_| Ok(()),
        );
        assert_eq!(code(result), Code::ProtocolErrorQmp);
    }
}

#[test]
fn refused_capabilities_are_a_protocol_error() {
    let result = converse(
        |qemu| {
            qemu.say(GREETING);
            let command = qemu.hear();
            let error = json!({"class": "CommandNotFound", "desc": "no"});
            qemu.say(&json!({"error": error, "id": command["id"]}).to_string());
        },
        async |_| Ok(()),
    );
    assert_eq!(code(result), Code::ProtocolErrorQmp);
}

#[test]
fn endless_data_is_cut_off() {
    let result = converse(
        |qemu| {
            qemu.negotiate();
            qemu.hear();
            let chunk = [b'x'; 65536];
            while qemu.stream.write_all(&chunk).is_ok() {}
        },
        async |client| client.query_status().await,
    );
    assert_eq!(code(result), Code::Bufferfull);
}

#[test]
fn endless_events_are_cut_off() {
    let result = converse(
        |qemu| {
            qemu.negotiate();
            qemu.hear();
            while qemu.stream.write_all(b"{\"event\": \"X\"}\r\n").is_ok() {}
        },
        async |client| client.query_status().await,
    );
    assert_eq!(code(result), Code::ProtocolErrorQmp);
}

#[test]
fn a_peer_that_never_pauses_cannot_outlast_the_limit() {
    let began = std::time::Instant::now();
    let result = converse(
        |qemu| {
            qemu.negotiate();
            qemu.hear();
            let event = format!("{{\"event\": \"{}\"}}\r\n", "x".repeat(500_000));
            while qemu.stream.write_all(event.as_bytes()).is_ok() {}
        },
        async |client| {
            let op = client.op().clone();
            let limit = Duration::from_millis(200);
            op.timeout(limit, "listening", client.cont()).await
        },
    );
    assert_eq!(code(result), Code::Timedout);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn deep_nesting_is_refused() {
    let result = converse(
        |qemu| {
            qemu.negotiate();
            qemu.hear();
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            qemu.say(&format!(
                "{{\"id\": 2020372737, \"return\": {open}{close}}}"
            ));
        },
        async |client| client.query_status().await,
    );
    assert_eq!(code(result), Code::ProtocolErrorQmp);
}

#[test]
fn a_closed_connection_is_a_protocol_error() {
    let result = converse(
        |qemu| {
            qemu.negotiate();
            qemu.hear();
        },
        async |client| client.query_status().await,
    );
    assert_eq!(code(result), Code::ProtocolErrorQmp);
}

#[test]
fn silence_ends_in_a_timeout() {
    let result = converse(
        |qemu| {
            qemu.negotiate();
            qemu.hear();
            let mut rest = Vec::new();
            let _ = qemu.stream.read_to_end(&mut rest);
        },
        async |client| {
            let op = client.op().clone();
            op.timeout(
                Duration::from_millis(200),
                "waiting for silence",
                client.cont(),
            )
            .await
        },
    );
    assert_eq!(code(result), Code::Timedout);
}

#[test]
fn answers_of_the_wrong_shape_are_an_api_error() {
    for answer in [
        json!({}),
        json!({"status": 1}),
        json!([]),
        json!({"status": "a".repeat(5000)}),
        json!({"status": "a\u{0}b"}),
    ] {
        let result = converse(
            move |qemu| {
                qemu.negotiate();
                let command = qemu.hear();
                qemu.answer(&command, answer);
            },
            async |client| client.query_status().await,
        );
        assert_eq!(code(result), Code::QemuApi);
    }
}

/// A QEMU that listens on `path` and answers one command of one client.
fn listening(path: &Path) -> thread::JoinHandle<()> {
    let listener = UnixListener::bind(path).expect("socket");
    thread::spawn(move || serve(&listener))
}

fn serve(listener: &UnixListener) {
    let (stream, _) = listener.accept().expect("client");
    let mut qemu = Qemu::over(stream);
    qemu.negotiate();
    let command = qemu.hear();
    qemu.answer(&command, json!({"status": "running", "running": true}));
}

/// The status that a QEMU on `path` tells, or why there is none; `revive` says whether there is a QEMU now.
fn ask(path: &Path, revive: impl FnOnce() -> bool) -> Result<String> {
    let ctx = Ctx::new(Logger::silent()).expect("context");
    ctx.block_on(async |op: &Op| {
        let talk = async {
            let revive = async { Ok(revive()) };
            let mut client = Client::reach_or(op, 7, path, revive).await?;
            client.query_status().await
        };
        op.timeout(Duration::from_secs(20), "QMP test", talk).await
    })
}

#[test]
fn who_does_not_listen_any_more_is_found_again() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("qmp");
    let mut servers = Vec::new();
    let revived = |servers: &mut Vec<_>| {
        let _ = std::fs::remove_file(&path);
        servers.push(listening(&path));
        true
    };
    // No socket; then one that nobody listens on; then one that takes the client and lets it stand.
    assert_eq!(
        ask(&path, || revived(&mut servers)).expect("revived"),
        "running"
    );
    assert!(path.exists());
    assert_eq!(
        ask(&path, || revived(&mut servers)).expect("revived"),
        "running"
    );
    std::fs::remove_file(&path).expect("old socket");
    let rude = UnixListener::bind(&path).expect("socket");
    servers.push(thread::spawn(move || drop(rude.accept())));
    assert_eq!(
        ask(&path, || revived(&mut servers)).expect("revived"),
        "running"
    );
    for server in servers {
        server.join().expect("QEMU's side holds");
    }
}

#[test]
fn who_does_not_greet_is_connected_to_again() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("qmp");
    let listener = UnixListener::bind(&path).expect("socket");
    let server = thread::spawn(move || {
        // The first client is not noticed until it has gone.
        let (mut first, _) = listener.accept().expect("client");
        first.read_to_end(&mut Vec::new()).expect("gives up");
        serve(&listener);
    });
    let status = ask(&path, || panic!("nothing to revive"));
    assert_eq!(status.expect("second client"), "running");
    server.join().expect("QEMU's side holds");
}

#[test]
fn where_nobody_can_be_revived_the_reason_stays() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("qmp");
    let error = ask(&path, || false).expect_err("nobody there");
    assert_eq!(error.errno(), Some(libc::ENOENT));
    // What answers nonsense is there, and stays as it is.
    let listener = UnixListener::bind(&path).expect("socket");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("client");
        stream.write_all(b"]\r\n").expect("client reads");
    });
    let refused = ask(&path, || panic!("nothing to revive"));
    assert_eq!(code(refused), Code::ProtocolErrorQmp);
    server.join().expect("the server's side holds");
}

#[test]
fn a_descriptor_goes_to_qemu_and_is_found_again() {
    let file = std::fs::File::open("/proc/self/cmdline").expect("a file");
    let (added, found, none) = converse(
        |qemu| {
            qemu.negotiate();
            let (command, fd) = qemu.hear_with_fd();
            assert_eq!(command["execute"], "add-fd");
            assert_eq!(command["arguments"], json!({"opaque": "raw:/a.iso"}));
            let mut content = Vec::new();
            std::fs::File::from(fd)
                .read_to_end(&mut content)
                .expect("readable");
            assert!(!content.is_empty());
            qemu.answer(&command, json!({"fdset-id": 4, "fd": 20}));
            for _ in 0..2 {
                let command = qemu.hear();
                assert_eq!(command["execute"], "query-fdsets");
                qemu.answer(
                    &command,
                    json!([{"fdset-id": 1, "fds": []},
                        {"fdset-id": 4, "fds": [{"fd": 9}, {"fd": 20, "opaque": "raw:/a.iso"}]},
                        {"fdset-id": 6, "fds": [{"fd": 21, "opaque": "raw:/a.iso"}]}]),
                );
            }
            let command = qemu.hear();
            assert_eq!(command["execute"], "remove-fd");
            assert_eq!(command["arguments"], json!({"fdset-id": 4}));
            qemu.answer(&command, json!({}));
        },
        async |client| {
            let added = client.add_fd(file.as_fd(), "raw:/a.iso").await?;
            let found = client.fdsets_of("raw:/a.iso").await?;
            let none = client.fdsets_of("raw:/").await?;
            client.remove_fdset(added).await?;
            Ok((added, found, none))
        },
    )
    .expect("all well");
    assert_eq!((added, found, none), (4, vec![4, 6], vec![]));
}

#[test]
fn a_list_of_descriptors_is_bounded_and_strict() {
    let set = |id: Value| json!({"fdset-id": id, "fds": [{"fd": 1, "opaque": "x"}]});
    for answer in [
        json!({}),
        json!([{"fds": []}]),
        json!([{"fdset-id": 1}]),
        json!([set(json!(-1))]),
        json!([set(json!(4_294_967_296u64))]),
        json!([set(json!("1"))]),
        json!(vec![set(json!(1)); 65]),
    ] {
        let result = converse(
            move |qemu| {
                qemu.negotiate();
                let command = qemu.hear();
                qemu.answer(&command, answer);
            },
            async |client| client.fdsets_of("x").await,
        );
        assert_eq!(code(result), Code::QemuApi);
    }
}

#[test]
fn the_devices_state_goes_into_a_file_of_a_guest_that_ends_here() {
    converse(
        |qemu| {
            qemu.negotiate();
            let command = qemu.hear();
            assert_eq!(command["execute"], "xen-save-devices-state");
            let arguments = json!({"filename": "/dev/fdset/3", "live": false});
            assert_eq!(command["arguments"], arguments);
            qemu.answer(&command, json!({}));
        },
        async |client| client.save_devices("/dev/fdset/3").await,
    )
    .expect("all well");
}

#[test]
fn a_device_is_unplugged_and_looked_for_on_all_buses() {
    let bus = |ids: &[&str]| {
        let devices: Vec<_> = ids.iter().map(|id| json!({"qdev_id": id})).collect();
        json!({"bus": 0, "devices": devices})
    };
    let (before, after) = converse(
        move |qemu| {
            qemu.negotiate();
            let command = qemu.hear();
            assert_eq!(command["execute"], "device_del");
            assert_eq!(command["arguments"], json!({"id": "pci-pt-03_00.0"}));
            qemu.answer(&command, json!({}));
            for buses in [
                json!([bus(&["", ""]), bus(&["", "pci-pt-03_00.0"])]),
                json!([bus(&["", "pci-pt-03_00.01"])]),
            ] {
                let command = qemu.hear();
                assert_eq!(command["execute"], "query-pci");
                qemu.answer(&command, buses);
            }
        },
        async |client| {
            let ids = ["pci-pt-02_00.0".to_owned(), "pci-pt-03_00.0".to_owned()];
            client.device_del(&ids[1]).await?;
            let before = client.has_pci_device(&ids).await?;
            Ok((before, client.has_pci_device(&ids).await?))
        },
    )
    .expect("all well");
    assert_eq!((before, after), (true, false));
}

#[test]
fn a_list_of_pci_devices_is_read_strictly() {
    for answer in [
        json!({}),
        json!([{"bus": 0}]),
        json!([{"devices": [{}]}]),
        json!([{"devices": [{"qdev_id": 1}]}]),
    ] {
        let result = converse(
            move |qemu| {
                qemu.negotiate();
                let command = qemu.hear();
                qemu.answer(&command, answer);
            },
            async |client| client.has_pci_device(&["x".to_owned()]).await,
        );
        assert_eq!(code(result), Code::QemuApi);
    }
}

#[test]
fn a_medium_is_changed_by_the_drives_id() {
    converse(
        |qemu| {
            qemu.negotiate();
            let command = qemu.hear();
            assert_eq!(command["execute"], "eject");
            assert_eq!(command["arguments"], json!({"id": "ide-5632"}));
            qemu.answer(&command, json!({}));
            let command = qemu.hear();
            assert_eq!(command["execute"], "blockdev-change-medium");
            assert_eq!(
                command["arguments"],
                json!({"id": "ide-5632", "filename": "/dev/fdset/2", "format": "raw"})
            );
            qemu.answer(&command, json!({}));
        },
        async |client| {
            client.eject("ide-5632").await?;
            client
                .change_medium("ide-5632", "/dev/fdset/2", "raw")
                .await
        },
    )
    .expect("all well");
}
