use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use vchan::local::{self, Place};
use vchan::{Client, Sizes};

use super::*;
use crate::words::Words;

/// A relay with a vchan of this process, and a process in QEMU's place that ends when its input does.
struct Bench {
    dir: tempfile::TempDir,
    place: Place,
    qemu: Option<std::process::ChildStdin>,
    relay: JoinHandle<Result<()>>,
}

impl Bench {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut qemu = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = qemu.stdin.take();
        let (server, place) = local::offer(Sizes::IN_PAGE).unwrap();
        let server = std::cell::Cell::new(Some(server));
        let socket = dir.path().join("qmp");
        let relay = thread::spawn(move || {
            run(socket.to_str().unwrap(), Watched::new(qemu, None), || {
                server.take().ok_or_else(|| Error::new("offered twice"))
            })
        });
        Self {
            dir,
            place,
            qemu: stdin,
            relay,
        }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("qmp")
    }

    fn end(mut self) {
        drop(self.qemu.take());
        self.relay.join().unwrap().unwrap();
    }
}

/// Waits for what the other threads do; far longer than they take.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn hear(client: &mut Client, text: &str) -> String {
    let mut heard = Vec::new();
    until(&format!("no {text}"), || {
        let mut bytes = [0; 4096];
        let count = client.read(&mut bytes);
        heard.extend(&bytes[..count]);
        String::from_utf8_lossy(&heard).contains(text)
    });
    String::from_utf8(heard).unwrap()
}

fn say_all(client: &mut Client, mut bytes: &[u8]) {
    until("nobody takes commands", || {
        bytes = &bytes[client.write(bytes)..];
        bytes.is_empty()
    });
}

/// Answers each line with `{"return": LINE}` until the connection ends.
fn converse(connection: &UnixStream) -> usize {
    let mut to = connection;
    to.write_all(b"{\"QMP\": {}}\r\n").unwrap();
    let mut count = 0;
    for line in BufReader::new(connection).lines() {
        let Ok(line) = line else { break };
        count += 1;
        if to
            .write_all(format!("{{\"return\": {line}}}\r\n").as_bytes())
            .is_err()
        {
            break;
        }
    }
    count
}

#[test]
fn clients_come_one_after_the_other_and_each_is_greeted() {
    let bench = Bench::start();
    let mut client = bench.place.connect().unwrap();
    // Before QEMU serves.
    thread::sleep(Duration::from_millis(50));
    let listener = UnixListener::bind(bench.socket()).unwrap();
    let qemu = thread::spawn(move || {
        let counts = (0..4).map(|_| converse(&listener.accept().unwrap().0));
        counts.collect::<Vec<_>>()
    });
    for round in 0..4 {
        hear(&mut client, "\"QMP\"");
        say_all(&mut client, format!("{{\"id\": {round}}}\r\n").as_bytes());
        let heard = hear(&mut client, "return");
        assert!(heard.contains(&format!("\"id\": {round}")), "{heard}");
        client.disconnect();
        // Some wait for the relay to notice, some come at once.
        if round % 2 == 0 {
            until("not awaited", || client.is_awaited());
        }
        if round < 3 {
            client.reconnect();
        }
    }
    assert_eq!(qemu.join().unwrap(), [1, 1, 1, 1]);
    bench.end();
}

#[test]
fn large_messages_pass_whole_both_ways() {
    let bench = Bench::start();
    let listener = UnixListener::bind(bench.socket()).unwrap();
    let qemu = thread::spawn(move || converse(&listener.accept().unwrap().0));
    let mut client = bench.place.connect().unwrap();
    hear(&mut client, "\"QMP\"");
    let long = "x".repeat(100_000);
    say_all(
        &mut client,
        format!("{{\"long\": \"{long}\"}}\r\n").as_bytes(),
    );
    let heard = hear(&mut client, "\r\n");
    assert!(heard.contains(&long) && heard.ends_with("}}\r\n"));
    drop(client);
    assert_eq!(qemu.join().unwrap(), 1);
    bench.end();
}

#[test]
fn a_connection_that_qemu_ends_is_made_again_for_the_same_client() {
    let bench = Bench::start();
    let listener = UnixListener::bind(bench.socket()).unwrap();
    let mut client = bench.place.connect().unwrap();
    for _ in 0..3 {
        let (connection, _) = listener.accept().unwrap();
        (&connection).write_all(b"{\"QMP\": {}}\r\n").unwrap();
        hear(&mut client, "\"QMP\"");
    }
    bench.end();
}

#[test]
fn who_takes_nothing_is_dropped_after_a_while_and_what_waits_is_bounded() {
    let (mut server, place) = local::offer(Sizes::IN_PAGE).unwrap();
    let _client = place.connect().unwrap();
    server.look();
    let (ours, mut qemu) = UnixStream::pair().unwrap();
    qemu.set_nonblocking(true).unwrap();
    let mut link = Link::new(ours).unwrap();
    let event = format!("{{\"event\": \"{}\"}}\r\n", "x".repeat(1000));
    let mut now = Duration::from_secs(100);
    let mut sent = 0;
    while let Ok(count) = qemu.write(event.as_bytes()) {
        sent += count;
        link.pass(&mut server, now);
        assert!(link.to_client.len() <= CHUNK + 2048);
    }
    assert!(sent > 2048 + CHUNK, "QEMU was not stopped");
    assert_eq!(link.wish().map(|_| ()), None, "woken for nothing");
    now += STUCK / 2;
    assert_eq!(link.pass(&mut server, now), Passed::Nothing);
    now += STUCK;
    assert_eq!(link.pass(&mut server, now), Passed::End);
}

#[test]
fn commands_wait_for_a_qemu_that_is_busy() {
    let (mut server, place) = local::offer(Sizes::IN_PAGE).unwrap();
    let mut client = place.connect().unwrap();
    server.look();
    let (ours, mut qemu) = UnixStream::pair().unwrap();
    let mut link = Link::new(ours).unwrap();
    let command = format!("{{\"execute\": \"{}\"}}\r\n", "y".repeat(500));
    let mut sent = 0;
    loop {
        let count = client.write(command.as_bytes());
        sent += count;
        if count == 0 && link.pass(&mut server, Duration::ZERO) == Passed::Nothing {
            break;
        }
        link.pass(&mut server, Duration::ZERO);
        assert!(link.to_qemu.len() <= CHUNK + 1024);
    }
    // It wakes up; everything arrives, and the client hears that there is room.
    client.acknowledge().unwrap();
    let mut came = 0;
    let mut buffer = vec![0; 1 << 20];
    qemu.set_nonblocking(true).unwrap();
    while let Ok(count) = qemu.read(&mut buffer) {
        came += count;
        link.pass(&mut server, Duration::ZERO);
    }
    let held = sent - came;
    assert!(held < 1024, "{held} bytes are still held");
    assert!(!client.acknowledge().unwrap().is_empty());
}

#[test]
fn only_qemus_end_is_the_end() {
    let count = std::cell::Cell::new(0);
    let mut qemu = Command::new("sh");
    qemu.args(["-c", "sleep 0.3; echo no such device; exit 3"]);
    let mut qemu = qemu.stdout(Stdio::piped()).spawn().unwrap();
    let words = Words::pass_on(qemu.stdout.take().unwrap(), std::io::sink()).unwrap();
    let ended = run("/nonexistent", Watched::new(qemu, Some(words)), || {
        count.set(count.get() + 1);
        Err(Error::new("no vchan"))
    });
    assert_eq!(
        ended.unwrap_err().to_string(),
        "QEMU ended with status 3; its last words: no such device"
    );
    assert!(count.get() > 1, "it was not tried again");
}

#[test]
fn how_qemu_ended_is_said() {
    let said = |raw, words| describe_exit(ExitStatus::from_raw(raw), words).err();
    let said = |raw, words| said(raw, words).map(|error| error.to_string());
    assert_eq!(said(0, "anything"), None);
    assert_eq!(
        said(1 << 8, "").as_deref(),
        Some("QEMU ended with status 1")
    );
    assert_eq!(
        said(libc::SIGABRT, "assertion failed").as_deref(),
        Some("QEMU crashed (signal 6); its last words: assertion failed")
    );
    let killed = said(libc::SIGKILL, "").expect("an error");
    assert!(killed.contains("stubdomain_memory"), "{killed}");
}
