//! The two languages in which configuration files change what CPUID and MSRs show to a guest.

mod names;

use names::{FEATURES, FEATURES_4_20, FIELDS, Field, Place};

use super::{CpuidLeaf, CpuidPolicyList, MsrPolicy};

/// Why a rule was not understood; the numbers are what C programs see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum RuleError {
    /// `name=value` without the equals sign.
    NoValue = 1,
    /// No feature has this name.
    UnknownName = 2,
    /// The value is neither a number nor one of the letters.
    BadValue = 3,
}

/// Why a rule in xend's language was not understood; the numbers are what C programs see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum XendRuleError {
    /// It does not start with a leaf's number.
    NoLeaf = 1,
    /// A comma after the leaf, but no subleaf's number.
    NoSubleaf = 2,
    /// No colon after leaf and subleaf.
    NoColon = 3,
    /// Not `eax=`, `ebx=`, `ecx=` or `edx=`.
    NoRegister = 4,
    /// Not 32 characters after the equals sign.
    NotABitEach = 5,
}

impl CpuidPolicyList {
    /// Adds a rule such as `sse3=0`, `family=6` or `tsc=k`; a later rule wins over an earlier one.
    pub fn add_rule(&mut self, rule: &str) -> Result<(), RuleError> {
        let (name, value) = rule.split_once('=').ok_or(RuleError::NoValue)?;
        if let Some(field) = FIELDS.iter().find(|field| field.name == name) {
            return self.add_field(field, value);
        }
        let newer: &[_] = if cfg!(since_4_20) { FEATURES_4_20 } else { &[] };
        let (place, bit) = FEATURES
            .iter()
            .chain(newer)
            .find_map(|(place, bits)| {
                let (bit, _) = bits.iter().find(|(_, known)| *known == name)?;
                Some((*place, *bit))
            })
            .ok_or(RuleError::UnknownName)?;
        match place {
            Place::Msr { index, low } => self.add_msr_bit(index, low + bit, value),
            Place::Leaf { .. } => self.add_field(
                &Field {
                    name: "",
                    place,
                    low: bit,
                    bits: 1,
                },
                value,
            ),
        }
    }

    fn add_field(&mut self, field: &Field, value: &str) -> Result<(), RuleError> {
        let Place::Leaf {
            leaf,
            subleaf,
            register,
        } = field.place
        else {
            return Err(RuleError::UnknownName);
        };
        let number = leading_number(value).map(|(number, _)| number);
        let letters = match number {
            Some(number) => binary(number, field.bits),
            None => match value.as_bytes().first() {
                Some(&letter @ (b'x' | b'k' | b's')) => vec![letter; field.bits],
                _ => return Err(RuleError::BadValue),
            },
        };
        let leaf = self.leaf(leaf, subleaf);
        let bits = leaf.registers[register as usize].get_or_insert([b'x'; 32]);
        match field.name {
            "family" => put_family(bits, &letters, number.unwrap_or(0)),
            "model" => {
                put(bits, 16, &letters[..4]);
                put(bits, 4, &letters[4..]);
            }
            _ => put(bits, field.low, &letters),
        }
        Ok(())
    }

    fn add_msr_bit(&mut self, index: u32, bit: usize, value: &str) -> Result<(), RuleError> {
        let letter = match value.as_bytes() {
            [letter @ (b'0' | b'1' | b'x' | b'k')] => *letter,
            // MSRs never knew the older letter, which means the same.
            [b's'] => b'k',
            _ => return Err(RuleError::BadValue),
        };
        let at = match self.msrs.iter().position(|msr| msr.index == index) {
            Some(at) => at,
            None => {
                self.msrs.push(MsrPolicy {
                    index,
                    bits: [b'x'; 64],
                });
                self.msrs.len() - 1
            }
        };
        self.msrs[at].bits[63 - bit] = letter;
        Ok(())
    }

    /// Adds a rule such as `1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0,edx=…`, with an optional `,subleaf` before the colon.
    pub fn add_xend_rule(&mut self, rule: &str) -> Result<(), XendRuleError> {
        use XendRuleError::{NoColon, NoLeaf, NoRegister, NoSubleaf, NotABitEach};
        let (leaf, mut rest) = leading_number(rule).ok_or(NoLeaf)?;
        let mut subleaf = None;
        if let Some(after) = rest.strip_prefix(',') {
            let (number, after) = leading_number(after).ok_or(NoSubleaf)?;
            // All ones stand for "none" wherever leaves are looked up.
            subleaf = Some(low_word(number)).filter(|&number| number != u32::MAX);
            rest = after;
        }
        let mut rest = rest.strip_prefix(':').ok_or(NoColon)?;
        let leaf = Some(low_word(leaf)).filter(|&leaf| leaf != u32::MAX);
        let leaf = self.leaf(leaf.ok_or(NoLeaf)?, subleaf);
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or(NoRegister)?;
            let &[b'e', letter @ b'a'..=b'd', b'x', ..] = name.as_bytes() else {
                return Err(NoRegister);
            };
            let (bits, after) = match after.split_once(',') {
                Some((bits, after)) => (bits, Some(after)),
                None => (after, None),
            };
            let bits = bits.as_bytes().try_into().map_err(|_| NotABitEach)?;
            leaf.registers[usize::from(letter - b'a')] = Some(bits);
            rest = after.unwrap_or_default().trim_start_matches([' ', '\n']);
        }
        Ok(())
    }

    /// The rules for a leaf; makes empty ones where there are none.
    fn leaf(&mut self, leaf: u32, subleaf: Option<u32>) -> &mut CpuidLeaf {
        let same = |known: &CpuidLeaf| known.leaf == leaf && known.subleaf == subleaf;
        let at = match self.leaves.iter().position(same) {
            Some(at) => at,
            None => {
                self.leaves.push(CpuidLeaf {
                    leaf,
                    subleaf,
                    registers: [None; 4],
                });
                self.leaves.len() - 1
            }
        };
        &mut self.leaves[at]
    }
}

/// Writes letters so that the last one is at bit `low`.
fn put(bits: &mut [u8; 32], low: usize, letters: &[u8]) {
    let start = 32 - low - letters.len();
    bits[start..start + letters.len()].copy_from_slice(letters);
}

/// Families above 15 go to the extended family field, as the difference to 15; below, that field is zero.
fn put_family(bits: &mut [u8; 32], letters: &[u8], number: u64) {
    if number < 16 {
        put(bits, 8, &letters[4..]);
        put(bits, 20, b"00000000");
    } else {
        put(bits, 8, b"1111");
        // The C library computes seven bits and leaves the eighth as it was in the number itself.
        let mut extended = binary(number - 15, 8);
        extended[0] = letters[0];
        put(bits, 20, &extended);
    }
}

/// The lowest bits of a number, highest first.
fn binary(number: u64, bits: usize) -> Vec<u8> {
    let digit = |bit| b'0' + u8::from(number >> bit & 1 == 1);
    (0..bits).rev().map(digit).collect()
}

fn low_word(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The number that the text starts with, as C's `strtoul` with base 0 reads it, and what comes after it.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let (base, digits) = match hex {
        Some(hex) if hex.starts_with(|c: char| c.is_ascii_hexdigit()) => (16, hex),
        _ if digits.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    let end = digits
        .find(|c: char| !c.is_digit(base))
        .unwrap_or(digits.len());
    if end == 0 {
        return None;
    }
    let number = match u64::from_str_radix(&digits[..end], base) {
        Ok(number) if negative => number.wrapping_neg(),
        Ok(number) => number,
        // All digits, so the only thing wrong can be that there are too many.
        Err(_) => u64::MAX,
    };
    Some((number, &digits[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(rules: &[&str]) -> CpuidLeaf {
        let mut policy = CpuidPolicyList::default();
        for rule in rules {
            policy.add_rule(rule).unwrap();
        }
        assert_eq!(policy.leaves.len(), 1);
        policy.leaves.remove(0)
    }

    #[test]
    fn every_name_is_one_word_and_stands_once() {
        let words = FEATURES
            .iter()
            .chain(FEATURES_4_20)
            .flat_map(|(_, bits)| bits.iter());
        let mut names: Vec<&str> = words.map(|(_, name)| *name).collect();
        let fits =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let odd: Vec<_> = names
            .iter()
            .filter(|name| !name.chars().all(fits))
            .collect();
        assert!(odd.is_empty(), "{odd:?}");
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn one_bit_of_a_register() {
        let leaf = registers(&["sse3=0", "est=k"]);
        assert_eq!((leaf.leaf, leaf.subleaf), (1, None));
        assert_eq!(
            &leaf.registers[2].unwrap(),
            b"xxxxxxxxxxxxxxxxxxxxxxxxkxxxxxx0"
        );
        assert_eq!(leaf.registers[3], None);
    }

    #[test]
    fn family_and_model_are_split() {
        let leaf = registers(&["family=21", "model=0x3c"]);
        assert_eq!(
            &leaf.registers[0].unwrap(),
            b"xxxx000001100011xxxx11111100xxxx"
        );
    }

    #[test]
    fn msr_bits() {
        let mut policy = CpuidPolicyList::default();
        policy.add_rule("rdcl-no=s").unwrap();
        assert_eq!(policy.msrs[0].index, 0x10a);
        assert_eq!(policy.msrs[0].bits[63], b'k');
        assert_eq!(policy.add_rule("rdcl-no=12"), Err(RuleError::BadValue));
    }

    #[test]
    fn mistakes_have_numbers() {
        let mut policy = CpuidPolicyList::default();
        assert_eq!(policy.add_rule("sse3"), Err(RuleError::NoValue));
        assert_eq!(policy.add_rule("sse33=1"), Err(RuleError::UnknownName));
        assert_eq!(policy.add_rule("sse3=y"), Err(RuleError::BadValue));
        let bits = "x".repeat(32);
        for (rule, error) in [
            ("eax", XendRuleError::NoLeaf),
            ("1,:", XendRuleError::NoSubleaf),
            ("1,0;", XendRuleError::NoColon),
            ("1:efx=0", XendRuleError::NoRegister),
            ("1:eax", XendRuleError::NoRegister),
            ("1:eax=01", XendRuleError::NotABitEach),
        ] {
            assert_eq!(policy.add_xend_rule(rule), Err(error), "{rule}");
        }
        policy
            .add_xend_rule(&format!("0xd,1:eax={bits}, edx={bits}"))
            .unwrap();
        let leaf = policy.leaves.last().unwrap();
        assert_eq!((leaf.leaf, leaf.subleaf), (0xd, Some(1)));
        assert!(leaf.registers[3].is_some());
    }

    #[test]
    fn numbers_as_in_c() {
        assert_eq!(leading_number("0x1fg"), Some((0x1f, "g")));
        assert_eq!(leading_number("010"), Some((8, "")));
        assert_eq!(leading_number("0xg"), Some((0, "xg")));
        assert_eq!(leading_number(" 42,"), Some((42, ",")));
        assert_eq!(leading_number("x"), None);
        assert_eq!(leading_number("-1"), Some((u64::MAX, "")));
    }
}
