//! A QMP server that breaks the protocol, in the way that the store node `part` names at each connection.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use xenlight_stubdom_agent::error::{Error, Result};
use xenlight_stubdom_agent::store::Store;

use crate::FOOL;

/// Whoever carries what is said here shall lie about the rings that it goes through.
pub(crate) static LIES: AtomicBool = AtomicBool::new(false);

const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}"#;

/// Serves one connection after the other, in a thread.
pub(crate) fn listen(path: &str) -> Result<()> {
    let listener = UnixListener::bind(path)
        .map_err(|source| Error::io(format!("listen on {path}"), source))?;
    let mut store = Store::open()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let part = store.read("part").unwrap_or_default();
            println!("hostile: QMP connection, part '{part}'");
            std::thread::spawn(move || drop(answer(&part, stream)));
        }
    });
    Ok(())
}

fn answer(part: &str, mut stream: UnixStream) -> std::io::Result<()> {
    let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes());
    match part {
        "garbage" => say("\u{1}\u{2}{]}hello\r\n\u{ff}\r\n")?,
        "endless" => {
            let piece = [b'x'; 65536];
            loop {
                stream.write_all(&piece)?;
            }
        }
        "silent" => {}
        // Takes nothing, as long as that is its part.
        "deaf" => {
            let store = Store::open();
            let mut store = store.map_err(|error| std::io::Error::other(error.to_string()))?;
            while store.read("part").is_ok_and(|part| part == "deaf") {
                std::thread::sleep(Duration::from_millis(200));
            }
            return Ok(());
        }
        "rings" => LIES.store(true, Relaxed),
        _ => {
            say(GREETING)?;
            negotiate(&mut stream)?;
            let id = hear(&mut stream)?;
            spoil(part, id, &mut stream)?;
        }
    }
    // The other side hangs up when it has had enough.
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn negotiate(stream: &mut UnixStream) -> std::io::Result<()> {
    let id = hear(stream)?;
    stream.write_all(format!("{{\"return\": {{}}, \"id\": {id}}}\r\n").as_bytes())
}

/// Reads one command; gives its id.
fn hear(stream: &mut UnixStream) -> std::io::Result<u32> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.last() != Some(&b'\n') {
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&line);
    let after = text
        .split("\"id\":")
        .nth(1)
        .unwrap_or_default()
        .trim_start();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse().unwrap_or(0))
}

fn spoil(part: &str, id: u32, stream: &mut UnixStream) -> std::io::Result<()> {
    let mut say = |text: String| stream.write_all(format!("{text}\r\n").as_bytes());
    let escaped: String = FOOL
        .chars()
        .map(|c| format!("\\u{:04x}", c as u32))
        .collect();
    match part {
        "deep" => {
            let (open, close) = ("[".repeat(50_000), "]".repeat(50_000));
            say(format!("{{\"id\": {id}, \"return\": {open}{close}}}"))
        }
        "wide" => {
            let objects = r#"{"":0},"#.repeat(100_000);
            say(format!("{{\"id\": {id}, \"return\": [{objects}0]}}"))
        }
        "wrong-id" => say(format!(
            "{{\"id\": {}, \"return\": \"x\"}}",
            id.wrapping_add(7)
        )),
        "error" => say(format!(
            "{{\"id\": {id}, \"error\": {{\"class\": \"GenericError\", \"desc\": \"{escaped} no {}\"}}}}",
            "y".repeat(100_000)
        )),
        "events" => loop {
            say(format!("{{\"event\": \"{}\"}}", "x".repeat(60_000)))?;
        },
        "text" => say(format!(
            "{{\"id\": {id}, \"return\": \"{escaped} line\\r\\n\\tnext\\u0000\"}}"
        )),
        "hang-up" => stream.shutdown(std::net::Shutdown::Both),
        _ => say(format!(
            "{{\"id\": {id}, \"return\": \"VM status: hostile\\r\\n\"}}"
        )),
    }
}
