//! How large a JSON text would become, told before anything is built from it: a few bytes of text may take hundreds of
//! bytes of memory.

/// What a text holds, counted outside of strings; of a text that is no JSON, at least what a parser gets to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The deepest nesting of arrays and objects.
    pub depth: usize,
    /// Values of any sort, names not counted; give or take the empty arrays and objects.
    pub values: usize,
    /// Objects.
    pub objects: usize,
}

impl Shape {
    /// Looks at the whole text.
    pub fn of(text: &[u8]) -> Self {
        let mut shape = Self {
            values: 1,
            ..Self::default()
        };
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        for byte in text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'[' | b'{' => {
                    depth += 1;
                    shape.depth = shape.depth.max(depth);
                    shape.values += 1;
                    shape.objects += usize::from(*byte == b'{');
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' => shape.values += 1,
                _ => {}
            }
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_outside_of_strings_counts() {
        let shape = Shape::of(br#"{"a,[{": [1, 2, "\"{,"], "b": {}}"#);
        assert_eq!((shape.depth, shape.objects, shape.values), (2, 2, 7));
        assert_eq!(Shape::of(b"]]]]").depth, 0);
    }
}
