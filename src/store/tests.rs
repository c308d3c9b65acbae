//! The client against a daemon that speaks the wire protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::fake::{Fake, Fault, drive};
use super::{Batch, Conn, Perms, Store, Tx};
use crate::gate::Gate;
use crate::{Code, Error, Result};

const READ: u32 = 2;
const WRITE: u32 = 11;
const TRANSACTION_END: u32 = 7;
const RM: u32 = 13;

fn start() -> (Fake, Arc<Conn>, Store) {
    let (fake, conn) = Fake::start();
    let store = Store::new(Arc::clone(&conn), None);
    (fake, conn, store)
}

#[test]
fn reads_and_writes() {
    let (fake, conn, store) = start();
    drive(&conn, async {
        assert_eq!(store.read("/a").await.unwrap(), None);
        store.write("/a/b", b"\xff\0x").await.unwrap();
        assert_eq!(store.read("/a/b").await.unwrap().unwrap(), b"\xff\0x");
        assert!(store.read_str("/a/b").await.is_err());
        store.write("/a/c", "text").await.unwrap();
        assert_eq!(store.read_str("/a/c").await.unwrap().unwrap(), "text");
        assert_eq!(store.list("/a").await.unwrap(), ["b", "c"]);
        assert!(store.list("/nowhere").await.unwrap().is_empty());
        store.rm("/a").await.unwrap();
        store.rm("/a").await.unwrap();
        store.mkdir("/d").await.unwrap();
        let perms = Perms::owner_read(0, 3);
        store.set_perms("/d", &perms).await.unwrap();
        assert_eq!(store.get_perms("/d").await.unwrap(), Some(perms));
        assert_eq!(store.get_perms("/e").await.unwrap(), None);
        store.introduce(5, 0xfeffc, 1).await.unwrap();
        store.set_target(6, 5).await.unwrap();
    });
    assert_eq!(fake.paths(), ["/d"]);
}

#[test]
fn batch_is_all_or_nothing() {
    let (fake, conn, store) = start();
    let mut batch = Batch::new();
    batch
        .mkdir_perms("/x", &Perms::owner_only(4))
        .write("/x/a", "1")
        .rm("/absent")
        .write("/x/b", "2");
    fake.fault(WRITE, Fault::Error("ENOSPC"));
    let error = drive(&conn, store.apply(&batch)).unwrap_err();
    assert_eq!(error.errno(), Some(libc::ENOSPC));
    assert!(error.to_string().contains("/x/a"), "{error}");
    drive(&conn, async { store.read("/").await }).unwrap();
    assert_eq!(fake.paths(), Vec::<String>::new());
    drive(&conn, store.apply(&batch)).unwrap();
    assert_eq!(fake.paths(), ["/x", "/x/a", "/x/b"]);
}

#[test]
fn transaction_runs_again_on_conflict() {
    let (fake, conn, store) = start();
    fake.set("/n", "1");
    let runs = AtomicU32::new(0);
    let value = drive(
        &conn,
        store.transaction(async |tx: Tx| {
            let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
            let text = tx.read_str("/n").await?.unwrap_or_default();
            if run < 4 {
                fake.set("/n", format!("{text}1"));
            }
            tx.write("/m", &text).await?;
            Ok(text)
        }),
    );
    assert_eq!(value.unwrap(), "1111");
    assert_eq!(runs.into_inner(), 4);
    assert_eq!(fake.get("/m").unwrap(), b"1111");
}

#[test]
fn endless_conflict_ends() {
    let (fake, conn, store) = start();
    let result: Result<()> = drive(
        &conn,
        store.transaction(async |tx: Tx| {
            fake.set("/n", "x");
            tx.write("/m", "x").await
        }),
    );
    assert_eq!(result.unwrap_err().code(), Code::Fail);
    assert_eq!(fake.get("/m"), None);
}

#[test]
fn failed_body_ends_the_transaction() {
    let (fake, conn, store) = start();
    let result: Result<()> = drive(
        &conn,
        store.transaction(async |tx: Tx| {
            tx.write("/m", "x").await?;
            Err(Error::inval("no"))
        }),
    );
    assert_eq!(result.unwrap_err().code(), Code::Inval);
    drive(&conn, store.read("/m")).unwrap();
    assert_eq!(fake.get("/m"), None);
    assert!(fake.log().contains(&(7, "F".into())));
}

#[test]
fn many_requests_at_once() {
    let (_fake, conn, store) = start();
    drive(&conn, async {
        let writes: Vec<_> = (0..500).map(|number| conn_request(&conn, number)).collect();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        assert_eq!(store.read_str("/n/499").await.unwrap().unwrap(), "499");
    });
}

fn conn_request(conn: &Arc<Conn>, number: u32) -> super::conn::Request {
    let text = format!("/n/{number}\0{number}");
    conn.request(store_wire::Kind::Write, 0, &[text.as_bytes()])
        .unwrap()
}

#[test]
fn the_device_gets_one_request_at_a_time() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let conn = Arc::new(Conn::new(ours.into(), super::conn::Transport::Device));
    let requests: Vec<_> = (1..=3).map(|number| conn_request(&conn, number)).collect();
    assert!(!conn.flush(), "nothing to wait for but the answer");
    for number in 1..=3_u32 {
        let mut buffer = [0; 256];
        let count = theirs.read(&mut buffer).unwrap();
        let text = format!("/n/{number}\0{number}");
        assert_eq!(&buffer[16..count], text.as_bytes());
        let answer = [WRITE, number, 0, 3].map(u32::to_ne_bytes).concat();
        theirs.write_all(&[&answer[..], b"OK\0"].concat()).unwrap();
        conn.service();
    }
    drive(&conn, async {
        for request in requests {
            request.await.unwrap().unwrap();
        }
    });
}

#[test]
fn long_directories_come_in_parts() {
    let (fake, conn, store) = start();
    for number in 0..1500 {
        fake.set(&format!("/big/child-{number}"), "");
    }
    let names = drive(&conn, store.list("/big")).unwrap();
    assert_eq!(names.len(), 1500);
    assert!(names.contains(&"child-1499".to_owned()));
}

#[test]
fn watch_fires_and_ends() {
    let (fake, conn, store) = start();
    drive(&conn, async {
        let watch = store.watch("/w").await.unwrap();
        assert_eq!(watch.changed().await.unwrap(), "/w");
        fake.set("/w/a", "1");
        fake.set("/other", "1");
        fake.set("/w/a", "2");
        assert_eq!(watch.changed().await.unwrap(), "/w/a");
        // Events come between the answers to requests.
        for number in 0..50 {
            fake.set(&format!("/w/{number}"), "");
            assert!(store.read("/other").await.unwrap().is_some());
        }
        for number in 0..50 {
            let want = format!("/w/{number}");
            while watch.changed().await.unwrap() != want {}
        }
        assert_eq!(fake.watches(), 1);
        drop(watch);
        store.read("/other").await.unwrap();
        assert_eq!(fake.watches(), 0);
    });
}

#[test]
fn flood_of_events_is_bounded() {
    let (fake, conn, store) = start();
    drive(&conn, async {
        let watch = store.watch("/w").await.unwrap();
        assert_eq!(watch.changed().await.unwrap(), "/w");
        for number in 0..2000 {
            fake.set(&format!("/w/{number}"), "");
            if number % 100 == 0 {
                store.read("/w").await.unwrap();
            }
        }
        store.read("/w").await.unwrap();
        let mut count = 0;
        let mut all = false;
        loop {
            let next = watch.changed();
            let mut next = std::pin::pin!(next);
            let path = std::future::poll_fn(|cx| match next.as_mut().poll(cx) {
                std::task::Poll::Ready(path) => std::task::Poll::Ready(Some(path)),
                std::task::Poll::Pending => std::task::Poll::Ready(None),
            });
            let Some(path) = path.await else { break };
            all |= path.unwrap() == "/w";
            count += 1;
        }
        assert!(all && count <= 256, "{count}");
    });
}

#[test]
fn refused_requests_say_what_and_whose() {
    let (fake, conn, store) = start();
    fake.fault(READ, Fault::Error("EACCES"));
    let error = drive(&conn, store.read("/local/domain/7/name")).unwrap_err();
    assert_eq!(error.domid(), Some(7));
    assert_eq!(error.errno(), Some(libc::EACCES));
    assert!(
        error.to_string().contains("/local/domain/7/name"),
        "{error}"
    );
    fake.fault(READ, Fault::Error("ENONSENSE"));
    let error = drive(&conn, store.read("/x")).unwrap_err();
    assert_eq!(error.errno(), Some(libc::EIO));
}

#[test]
fn a_transaction_that_met_a_removal_begins_anew() {
    for (request, errno, code) in [
        (READ, "EIO", libc::EIO),
        (RM, "EINVAL", libc::EINVAL),
        (TRANSACTION_END, "ENOMEM", libc::ENOMEM),
    ] {
        let (fake, conn, store) = start();
        let change = || {
            store.transaction(|tx| async move {
                tx.read("/x").await?;
                tx.rm("/x/y").await?;
                tx.write("/z", "1").await
            })
        };
        fake.fault(request, Fault::Error(errno));
        drive(&conn, change()).unwrap();
        assert_eq!(fake.get("/z").as_deref(), Some(&b"1"[..]), "{errno}");
        // A store that is broken is not asked for ever.
        (0..100).for_each(|_| fake.fault(request, Fault::Error(errno)));
        let error = drive(&conn, change()).unwrap_err();
        assert_eq!(error.errno(), Some(code));
    }
    // So does a batch, which is a transaction.
    let (fake, conn, store) = start();
    fake.fault(RM, Fault::Error("EINVAL"));
    let mut batch = Batch::new();
    batch.rm("/x/y").write("/z", "1");
    drive(&conn, store.apply(&batch)).unwrap();
    assert_eq!(fake.get("/z").as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_node_that_is_gone_is_removed() {
    let (fake, conn, store) = start();
    fake.fault(RM, Fault::Error("ENOENT"));
    drive(&conn, store.rm("/x/y")).unwrap();
    fake.fault(RM, Fault::Error("EACCES"));
    let error = drive(&conn, store.rm("/x/y")).unwrap_err();
    assert_eq!(error.errno(), Some(libc::EACCES));
}

#[test]
fn bad_arguments_are_not_sent() {
    let (fake, conn, store) = start();
    drive(&conn, async {
        assert_eq!(
            store.read("no/slash").await.unwrap_err().code(),
            Code::Inval
        );
        assert_eq!(
            store.write("/a\0/b", "").await.unwrap_err().code(),
            Code::Inval
        );
        let long = vec![b'x'; 4096];
        assert_eq!(
            store.write("/a", &long).await.unwrap_err().code(),
            Code::Inval
        );
    });
    assert!(fake.log().is_empty());
}

#[test]
fn garbage_ends_the_connection() {
    let oversize = [2_u32, 1, 0, 5000].map(u32::to_ne_bytes).concat();
    let unasked = [2_u32, 999, 0, 0].map(u32::to_ne_bytes).concat();
    let wrong_type = [11_u32, 1, 0, 0].map(u32::to_ne_bytes).concat();
    let bad_event = [
        &[15_u32, 0, 0, 2].map(u32::to_ne_bytes).concat()[..],
        b"\xff\xff",
    ]
    .concat();
    for garbage in [oversize, unasked, wrong_type, bad_event] {
        let (fake, conn, store) = start();
        fake.fault(READ, Fault::Raw(garbage));
        let error = drive(&conn, store.read("/a")).unwrap_err();
        assert!(error.to_string().contains("xenstored"), "{error}");
        assert!(!conn.is_alive());
        assert!(drive(&conn, store.read("/a")).is_err());
    }
}

#[test]
fn daemon_that_goes_away_wakes_all() {
    let (fake, conn, store) = start();
    drive(&conn, async {
        let watch = store.watch("/w").await.unwrap();
        watch.changed().await.unwrap();
        fake.fault(READ, Fault::Close);
        assert!(store.read("/a").await.is_err());
        assert!(watch.changed().await.is_err());
    });
}

#[test]
fn gate_stops_new_requests() {
    struct Shut;
    impl Gate for Shut {
        fn check(&self) -> Result<()> {
            Err(Error::new(Code::Aborted, "aborted"))
        }
    }
    let (fake, conn, _) = start();
    let store = Store::new(Arc::clone(&conn), Some(Arc::new(Shut)));
    let error = drive(&conn, store.read("/a")).unwrap_err();
    assert_eq!(error.code(), Code::Aborted);
    assert!(fake.log().is_empty());
}

#[test]
fn dropped_start_is_ended() {
    let (fake, conn, store) = start();
    {
        let body = store.transaction(async |_: Tx| Ok(()));
        let mut body = std::pin::pin!(body);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(body.as_mut().poll(&mut cx).is_pending());
    }
    drive(&conn, store.read("/a")).unwrap();
    drive(&conn, store.read("/a")).unwrap();
    assert!(fake.log().contains(&(7, "F".into())), "{:?}", fake.log());
}
