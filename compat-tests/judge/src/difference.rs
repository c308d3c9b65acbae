//! Which lines differ.

use std::borrow::Cow;

use crate::normalise::Lines;

/// Longer stretches of differing lines are not searched for what they have in common: all of them count as different. That
/// never hides a difference.
const MAX_CELLS: usize = 4 << 20;

/// The lines that only `c` ("< ...") or only `ours` ("> ...") has, as text that cannot fool a terminal.
pub(crate) fn lines(c: &Lines, ours: &Lines) -> Vec<String> {
    let head = c.iter().zip(ours).take_while(|(a, b)| a == b).count();
    let (c, ours) = (&c[head..], &ours[head..]);
    let tail = c.iter().rev().zip(ours.iter().rev());
    let tail = tail.take_while(|(a, b)| a == b).count();
    let (c, ours) = (&c[..c.len() - tail], &ours[..ours.len() - tail]);
    let mut common = in_common(c, ours).into_iter();
    let (mut found, mut at) = (Vec::new(), (0, 0));
    loop {
        let next = common.next().unwrap_or((c.len(), ours.len()));
        found.extend(c[at.0..next.0].iter().map(|line| shown('<', line)));
        found.extend(ours[at.1..next.1].iter().map(|line| shown('>', line)));
        if next == (c.len(), ours.len()) {
            return found;
        }
        at = (next.0 + 1, next.1 + 1);
    }
}

/// Where the longest common subsequence of lines stands in both.
fn in_common(c: &[Vec<u8>], ours: &[Vec<u8>]) -> Vec<(usize, usize)> {
    let width = ours.len() + 1;
    let cells = (c.len() + 1).saturating_mul(width);
    if cells > MAX_CELLS {
        return Vec::new();
    }
    // lengths[i * width + j]: of what c[i..] and ours[j..] have in common.
    let mut lengths = vec![0_u32; cells];
    for i in (0..c.len()).rev() {
        for j in (0..ours.len()).rev() {
            lengths[i * width + j] = if c[i] == ours[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut common) = (0, 0, Vec::new());
    while i < c.len() && j < ours.len() {
        if c[i] == ours[j] {
            common.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    common
}

fn shown(side: char, line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
    format!("{side} {}", printable(&text))
}

/// With escapes for what is not printed: a guest may have written it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| c.is_control() && c != '\t';
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            printed.extend(c.escape_default());
        } else {
            printed.push(c);
        }
    }
    Cow::Owned(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Lines {
        let lines = text.split_inclusive(' ');
        lines
            .map(|line| line.trim().as_bytes().to_owned())
            .collect()
    }

    fn between(c: &str, ours: &str) -> String {
        lines(&of(c), &of(ours)).join(" ")
    }

    #[test]
    fn equal_is_nothing() {
        assert_eq!(between("a b c", "a b c"), "");
        assert_eq!(between("", ""), "");
    }

    #[test]
    fn each_side_is_seen() {
        assert_eq!(between("a b c", "a c"), "< b");
        assert_eq!(between("a c", "a b c"), "> b");
        assert_eq!(between("a b c", "a x c"), "< b > x");
        assert_eq!(between("", "a"), "> a");
        assert_eq!(between("a", ""), "< a");
        assert_eq!(between("a a", "a"), "< a");
        assert_eq!(between("a b", "b a"), "< a > a");
        assert_eq!(between("x a b c y d", "a q b c d z"), "< x > q < y > z");
    }

    #[test]
    fn a_missing_newline_is_a_difference() {
        let (with, without) = (vec![b"a\n".to_vec()], vec![b"a".to_vec()]);
        assert_eq!(lines(&with, &without), ["< a", "> a"]);
    }

    #[test]
    fn what_is_too_long_differs_whole() {
        let many = |odd: &str| -> Lines {
            let line = |n: usize| match n % 2 {
                0 => format!("{n}"),
                _ => format!("{odd}{n}"),
            };
            (0..3001).map(|n| line(n).into_bytes()).collect()
        };
        let found = lines(&many("c"), &many("o"));
        assert_eq!(found.len(), 2 * 2999);
        assert!(found.contains(&"< c2999".to_owned()) && found.contains(&"> o2999".to_owned()));
        assert!(lines(&many("c"), &many("c")).is_empty());
    }

    #[test]
    fn a_terminal_is_not_fooled() {
        let hostile = vec![b"\x1b[2Jall is well\r\x07\xff\ttab".to_vec()];
        assert_eq!(
            lines(&Lines::new(), &hostile),
            ["> \\u{1b}[2Jall is well\\r\\u{7}\u{fffd}\ttab"]
        );
    }
}
