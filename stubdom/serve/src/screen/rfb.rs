//! The beginning of a viewer's conversation, where a password is asked for: the library's QEMU has no DES and cannot. Both
//! sides are hostile, and each says a few bytes only: RFC 6143, §7.1 and §7.2.

use des::Des;
use des::cipher::{BlockEncrypt, KeyInit};

const VERSION_LENGTH: usize = 12;
const VERSION: &[u8; VERSION_LENGTH] = b"RFB 003.008\n";
const SECURITY_NONE: u8 = 1;
const SECURITY_VNC: u8 = 2;
const CHALLENGE: usize = 16;
const REFUSAL: &[u8] = b"Authentication failed";

/// What a conversation's beginning came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// More bytes of the other side are needed.
    Waiting,
    /// From here on bytes pass as they are. What came after the beginning is still there.
    Done,
    /// It is over.
    Failed,
}

/// Our part as the server of a viewer, who has to know the password.
#[derive(Debug)]
pub struct Viewer {
    key: [u8; 8],
    challenge: [u8; CHALLENGE],
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Version,
    Security { minor: u8 },
    Response { minor: u8 },
}

/// A password's first eight bytes as a key: each byte's bits in reverse.
fn key(password: &str) -> [u8; 8] {
    let mut key = [0; 8];
    for (to, from) in key.iter_mut().zip(password.bytes()) {
        *to = from.reverse_bits();
    }
    key
}

impl Viewer {
    /// A viewer who is asked for `password` with `challenge`, random bytes. The first bytes for it are appended to `out`.
    pub fn new(password: &str, challenge: [u8; CHALLENGE], out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(VERSION);
        Self {
            key: key(password),
            challenge,
            step: Step::Version,
        }
    }

    /// Goes on with what came of the viewer, taking what it understood from `input`, and appends answers to `out`.
    pub fn go_on(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> Outcome {
        loop {
            match self.step {
                Step::Version => {
                    let Some(version) = take(input, VERSION_LENGTH) else {
                        return Outcome::Waiting;
                    };
                    let Some(minor) = minor(&version) else {
                        return Outcome::Failed;
                    };
                    if minor < 7 {
                        out.extend_from_slice(&u32::from(SECURITY_VNC).to_be_bytes());
                        out.extend_from_slice(&self.challenge);
                        self.step = Step::Response { minor };
                    } else {
                        out.extend_from_slice(&[1, SECURITY_VNC]);
                        self.step = Step::Security { minor };
                    }
                }
                Step::Security { minor } => {
                    let Some(chosen) = take(input, 1) else {
                        return Outcome::Waiting;
                    };
                    if chosen != [SECURITY_VNC] {
                        return Outcome::Failed;
                    }
                    out.extend_from_slice(&self.challenge);
                    self.step = Step::Response { minor };
                }
                Step::Response { minor } => {
                    let Some(response) = take(input, CHALLENGE) else {
                        return Outcome::Waiting;
                    };
                    if same(&response, &self.expected()) {
                        out.extend_from_slice(&0u32.to_be_bytes());
                        return Outcome::Done;
                    }
                    out.extend_from_slice(&1u32.to_be_bytes());
                    if minor >= 8 {
                        out.extend_from_slice(
                            &u32::try_from(REFUSAL.len()).unwrap_or(0).to_be_bytes(),
                        );
                        out.extend_from_slice(REFUSAL);
                    }
                    return Outcome::Failed;
                }
            }
        }
    }

    fn expected(&self) -> [u8; CHALLENGE] {
        let cipher = Des::new(&self.key.into());
        let mut answer = self.challenge;
        for block in answer.chunks_exact_mut(8) {
            cipher.encrypt_block(block.into());
        }
        answer
    }
}

/// Takes as long for each wrong byte as for the right ones.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Our part as the viewer of the stub domain's QEMU, which asks for nothing.
#[derive(Debug, Default)]
pub struct Server {
    greeted: bool,
    chosen: bool,
}

impl Server {
    /// Like [`Viewer::go_on`].
    pub fn go_on(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> Outcome {
        if !self.greeted {
            let Some(version) = take(input, VERSION_LENGTH) else {
                return Outcome::Waiting;
            };
            if version != VERSION {
                return Outcome::Failed;
            }
            out.extend_from_slice(VERSION);
            self.greeted = true;
        }
        if !self.chosen {
            let Some(&count) = input.first() else {
                return Outcome::Waiting;
            };
            if count == 0 {
                return Outcome::Failed;
            }
            let Some(offered) = take(input, usize::from(count) + 1) else {
                return Outcome::Waiting;
            };
            if !offered[1..].contains(&SECURITY_NONE) {
                return Outcome::Failed;
            }
            out.push(SECURITY_NONE);
            self.chosen = true;
        }
        match take(input, 4) {
            None => Outcome::Waiting,
            Some(result) if result == [0; 4] => Outcome::Done,
            Some(_) => Outcome::Failed,
        }
    }
}

/// The first `count` bytes, once they are there.
fn take(input: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    (input.len() >= count).then(|| input.drain(..count).collect())
}

/// The minor version that a viewer speaks; others than 7 and 8 are taken for 3, as the RFC says.
fn minor(version: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(version).ok()?;
    let numbers = text.strip_prefix("RFB 003.")?.strip_suffix('\n')?;
    if numbers.len() != 3 || !numbers.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match numbers {
        "007" => 7,
        "003" | "004" | "005" | "006" => 3,
        "000" | "001" | "002" => return None,
        _ => 8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGED: [u8; 16] = *b"0123456789abcdef";

    /// The answer of a viewer who knows `password`, by the cipher alone.
    fn answer(password: &str) -> Vec<u8> {
        let cipher = Des::new(&key(password).into());
        let mut blocks = CHALLENGED;
        for block in blocks.chunks_exact_mut(8) {
            cipher.encrypt_block(block.into());
        }
        blocks.to_vec()
    }

    /// What a viewer that says `input`, in pieces of `step` bytes, is told, and how it ends.
    fn talk(password: &str, input: &[u8], step: usize) -> (Vec<u8>, Outcome, Vec<u8>) {
        let (mut out, mut buffer, mut outcome) = (Vec::new(), Vec::new(), Outcome::Waiting);
        let mut viewer = Viewer::new(password, CHALLENGED, &mut out);
        for piece in input.chunks(step) {
            buffer.extend_from_slice(piece);
            if outcome == Outcome::Waiting {
                outcome = viewer.go_on(&mut buffer, &mut out);
            }
        }
        (out, outcome, buffer)
    }

    #[test]
    fn the_key_is_the_one_that_viewers_make() {
        // What openssl's des-ecb makes of the challenge with that key.
        assert_eq!(
            key("4uvnmota"),
            [0x2c, 0xae, 0x6e, 0x76, 0xb6, 0xf6, 0x2e, 0x86]
        );
        let known = [
            0x65, 0x47, 0xf3, 0x94, 0x79, 0x82, 0x91, 0x99, 0xa2, 0xbf, 0xaa, 0x82, 0x62, 0x56,
            0xbf, 0xfb,
        ];
        assert_eq!(answer("4uvnmota"), known);
        assert_eq!(key("longer than eight")[..], key("longer t")[..]);
    }

    #[test]
    fn who_knows_the_password_comes_in() {
        for step in [1, 5, 100] {
            let input = [&b"RFB 003.008\n\x02"[..], &answer("secret"), b"\x01"].concat();
            let (out, outcome, rest) = talk("secret", &input, step);
            assert_eq!(outcome, Outcome::Done);
            assert_eq!(
                out,
                [&VERSION[..], b"\x01\x02", &CHALLENGED, &[0; 4]].concat()
            );
            // The viewer's next message is QEMU's.
            assert_eq!(rest, b"\x01");
        }
        let old = [&b"RFB 003.003\n"[..], &answer("secret")].concat();
        let (out, outcome, _) = talk("secret", &old, 100);
        assert_eq!(outcome, Outcome::Done);
        assert_eq!(
            out,
            [&VERSION[..], &[0, 0, 0, 2], &CHALLENGED, &[0; 4]].concat()
        );
    }

    #[test]
    fn nobody_else_does() {
        let wrong = [&b"RFB 003.008\n\x02"[..], &answer("Secret")].concat();
        let (out, outcome, _) = talk("secret", &wrong, 100);
        assert_eq!(outcome, Outcome::Failed);
        assert!(out.ends_with(REFUSAL));
        for input in [
            &b"RFB 003.008\n\x01"[..],
            b"RFB 003.00x\n\x02",
            b"RFB 004.008\n\x02",
            b"GET / HTTP/1.1\r\n",
            &[0; 64],
        ] {
            let (_, outcome, _) = talk("secret", input, 3);
            assert_eq!(outcome, Outcome::Failed, "{input:?}");
        }
        assert_eq!(talk("secret", b"RFB 003", 1).1, Outcome::Waiting);
    }

    #[test]
    fn qemu_is_told_that_nothing_is_asked() {
        let mut server = Server::default();
        let (mut out, mut input) = (Vec::new(), Vec::new());
        let said = b"RFB 003.008\n\x02\x13\x01\0\0\0\0pixels";
        let mut outcome = Outcome::Waiting;
        for byte in said {
            input.push(*byte);
            if outcome == Outcome::Waiting {
                outcome = server.go_on(&mut input, &mut out);
            }
        }
        assert_eq!(outcome, Outcome::Done);
        assert_eq!(out, b"RFB 003.008\n\x01");
        assert_eq!(input, b"pixels");
        for wrong in [
            &b"RFB 003.003\n\0\0\0\x02"[..],
            b"RFB 003.008\n\0\0\0\0\x01x",
            b"RFB 003.008\n\x01\x02",
            b"RFB 003.008\n\x01\x01\0\0\0\x01",
        ] {
            let outcome = Server::default().go_on(&mut wrong.to_vec(), &mut Vec::new());
            assert_eq!(outcome, Outcome::Failed, "{wrong:?}");
        }
    }
}
