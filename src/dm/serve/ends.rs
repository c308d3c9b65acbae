//! Where the consoles of a stub domain end, in the words of QEMU's `-serial`, as its server in dom0 understands them.

use serde_json::{Value, json};

/// A log, or what a guest writes to a serial port that is a file: of more only the newest is kept, twice this.
const LARGEST_LOG: u64 = 16 << 20;

/// The end that `word` names; nothing when only QEMU knows it.
pub(super) fn of_word(word: &str) -> Option<Value> {
    match word.split_once(':') {
        None if word == "pty" => Some(json!({ "kind": "pty" })),
        None if ["null", "none"].contains(&word) => Some(null()),
        None if word.starts_with("/dev/") => Some(json!({ "kind": "device", "path": word })),
        Some(("file", path)) => Some(log(path, true)),
        Some(("pipe", path)) => Some(json!({ "kind": "device", "path": path })),
        Some(("tcp", rest)) => tcp(rest),
        Some(("unix", rest)) => unix(rest),
        _ => None,
    }
}

/// Nowhere.
pub(super) fn null() -> Value {
    json!({ "kind": "null" })
}

/// A file of bounded size; when it is full, its contents go to `PATH.1`.
pub(super) fn log(path: &str, truncate: bool) -> Value {
    json!({ "kind": "file", "path": path, "truncate": truncate, "limit": LARGEST_LOG, "rotate": true })
}

/// A file for a state of at most `limit` bytes.
pub(super) fn state(path: &str, limit: u64) -> Value {
    json!({ "kind": "file", "path": path, "truncate": true, "limit": limit, "rotate": false })
}

/// A file that the stub domain reads.
pub(super) fn source(path: &str) -> Value {
    json!({ "kind": "source", "path": path })
}

/// `HOST:PORT` with options; an address of IPv6 is in brackets, and no host at all is every address.
fn tcp(rest: &str) -> Option<Value> {
    let (address, options) = rest.split_once(',').unwrap_or((rest, ""));
    let (host, port) = address.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .map_or(Some(host), |host| host.strip_suffix(']'))?;
    let host = if host.is_empty() { "::" } else { host };
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    let server = is_server(options)?;
    Some(json!({ "kind": "tcp", "host": host, "port": port, "server": server }))
}

fn unix(rest: &str) -> Option<Value> {
    let (path, options) = rest.split_once(',').unwrap_or((rest, ""));
    let server = is_server(options)?;
    path.starts_with('/')
        .then(|| json!({ "kind": "unix", "path": path, "server": server }))
}

/// Whether the options ask for a listener. Nothing for those that are not known: one that waits for its first client would
/// hold up the stub domain.
fn is_server(options: &str) -> Option<bool> {
    let (mut server, mut waits) = (false, true);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "server" | "server=on" => server = true,
            "server=off" => server = false,
            "nowait" | "wait=off" => waits = false,
            "nodelay" | "nodelay=on" | "delay=off" => {}
            _ => return None,
        }
    }
    (!server || !waits).then_some(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemus_words_that_the_server_knows() {
        let kind = |word: &str| of_word(word).map(|end| end["kind"].as_str().unwrap().to_owned());
        for (word, expected) in [
            ("pty", "pty"),
            ("null", "null"),
            ("none", "null"),
            ("/dev/ttyS1", "device"),
            ("file:/tmp/a:b", "file"),
            ("pipe:/tmp/a", "device"),
            ("unix:/tmp/a,server,nowait", "unix"),
        ] {
            assert_eq!(kind(word).as_deref(), Some(expected), "{word}");
        }
        for word in [
            "stdio",
            "vc",
            "telnet::5,server",
            "mon:pty",
            "udp::1",
            "chardev:x",
            "",
            "unix:a",
            "unix:/a,server",
        ] {
            assert_eq!(kind(word), None, "{word}");
        }
    }

    #[test]
    fn connections() {
        let tcp = |host: &str, port: u16, server: bool| {
            Some(json!({ "kind": "tcp", "host": host, "port": port, "server": server }))
        };
        assert_eq!(of_word("tcp:host:4555"), tcp("host", 4555, false));
        assert_eq!(
            of_word("tcp::4555,server=on,wait=off"),
            tcp("::", 4555, true)
        );
        assert_eq!(
            of_word("tcp:[::1]:4555,server,nowait,nodelay"),
            tcp("::1", 4555, true)
        );
        for word in [
            "tcp:host",
            "tcp:host:0",
            "tcp:host:70000",
            "tcp::1,server",
            "tcp::1,reconnect=5",
            "tcp:[::1:4",
        ] {
            assert_eq!(of_word(word), None, "{word}");
        }
    }
}
