//! What xenstored sends, in parts: its messages, and the permissions in them.

use store_wire::{PATH_MAX, PAYLOAD_MAX, Perms};

/// Messages, one behind the other, until something is wrong or missing.
pub(crate) fn messages(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((message, used))) = store_wire::decode(rest) {
        let payload = &message.payload;
        assert!(payload.len() <= PAYLOAD_MAX && used <= rest.len());
        rest = &rest[used..];
        store_wire::errno(payload);
        store_wire::transaction(payload);
        if let Some((path, token)) = store_wire::event(payload) {
            assert!(path.len() + token.len() < payload.len());
        }
        for name in store_wire::names(payload).unwrap_or_default() {
            assert!(!name.is_empty() && !name.contains(['/', '\0', '\n', ' ']));
        }
        let path = String::from_utf8_lossy(payload);
        if store_wire::is_path(&path) {
            assert!(path.len() <= PATH_MAX && !path.contains(['\0', '\n', ' ']));
        }
    }
}

/// Permissions that were understood come out as they went in, without zeros in front of numbers.
pub(crate) fn permissions(data: &[u8]) {
    if let Some(perms) = Perms::from_wire(data) {
        let again = Perms::from_wire(&perms.to_wire()).expect("what was written is read");
        assert_eq!(again, perms);
        perms.owner();
    }
}
