//! The QMP relay of the stub domain's agent.

use xenlight_stubdom_agent::qmp::{Session, Splitter, failure};

/// Both directions of one connection, in pieces as the data says. What goes in must come out, except the command to
/// save.
pub(crate) fn relay(data: &[u8]) {
    // As large as the relay's own reads where the data is long: what is incomplete is parsed again with each piece.
    let size = match data.first() {
        Some(size) if data.len() < 8192 => usize::from(*size) + 1,
        _ => 8192,
    };
    let (mut commands, mut answers) = (Splitter::default(), Splitter::default());
    let mut session = Session::default();
    let (mut sent, mut passed, mut held) = (0, 0, 0);
    for piece in data.chunks(size) {
        for (bytes, value) in commands.push(piece) {
            session.command(bytes, value);
        }
        for (bytes, value) in answers.push(piece) {
            session.answer(value.as_ref());
            if let Some(value) = &value {
                failure(value, "because");
            }
            assert_eq!(bytes, data[passed..passed + bytes.len()]);
            passed += bytes.len();
        }
        sent += piece.len();
        held = held.max(sent - passed);
    }
    assert!(held <= (256 << 10) + size, "{held} bytes were held back");
}
