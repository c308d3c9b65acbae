//! Carries QMP from the toolstack's vchan to a socket in here, as a good stub domain does.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use vchan::{Presence, Server};
use xenlight_stubdom_agent::error::{Error, Result};
use xenlight_stubdom_agent::sys::{self, Wish};

use crate::{qmp, rings};

const CHUNK: usize = 8192;

/// One connection to the socket for each client. What one side has waits here until the other takes it.
pub(crate) fn run(mut server: Server, socket: &str) -> Result<()> {
    let mut connection: Option<UnixStream> = None;
    let (mut inwards, mut outwards) = (Vec::new(), Vec::new());
    loop {
        let mut sources = vec![(server.as_fd(), Wish::Read)];
        if let Some(connection) = &connection
            && outwards.is_empty()
        {
            sources.push((connection.as_fd(), Wish::Read));
        }
        // What is written inwards is short and taken at once, or soon enough.
        sys::poll(&sources, Some(Duration::from_millis(100)))?;
        let failed = |source| Error::io("carry QMP", source);
        server.acknowledge().map_err(failed)?;
        let presence = server.look();
        match presence {
            Presence::Stays => {}
            Presence::Came => {
                connection = Some(UnixStream::connect(socket).map_err(failed)?);
                (inwards, outwards) = (Vec::new(), Vec::new());
            }
            Presence::Left | Presence::Absent => connection = None,
        }
        if qmp::LIES.swap(false, Relaxed) {
            rings::lie(&mut server, Duration::from_secs(3));
            connection = None;
            continue;
        }
        let alive = connection.as_ref().is_none_or(|connection| {
            pass(&mut server, connection, &mut inwards, &mut outwards).is_ok()
        });
        if !alive {
            connection = None;
        }
        if connection.is_none() && presence == Presence::Stays {
            // Nobody is there to take it.
            while server.read(&mut [0; CHUNK]) > 0 {}
        }
    }
}

/// Moves what can be moved at once; an error when the connection is over.
fn pass(
    server: &mut Server,
    mut connection: &UnixStream,
    inwards: &mut Vec<u8>,
    outwards: &mut Vec<u8>,
) -> std::io::Result<()> {
    connection.set_nonblocking(true)?;
    let mut buffer = [0; CHUNK];
    loop {
        if inwards.is_empty() {
            let count = server.read(&mut buffer);
            inwards.extend(&buffer[..count]);
        }
        if outwards.is_empty() {
            match unless_it_blocks(connection.read(&mut buffer))? {
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                count => outwards.extend(&buffer[..count.unwrap_or(0)]),
            }
        }
        let out = server.write(outwards);
        outwards.drain(..out);
        let mut into = 0;
        if !inwards.is_empty() {
            into = unless_it_blocks(connection.write(inwards))?.unwrap_or(0);
            inwards.drain(..into);
        }
        if out + into == 0 {
            return Ok(());
        }
    }
}

fn unless_it_blocks(result: std::io::Result<usize>) -> std::io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}
