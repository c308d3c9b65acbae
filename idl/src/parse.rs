//! Reads the description. The grammar is at the top of `libxl.idl`.

use std::fmt;

use crate::model::{
    Arm, Def, Enum, Enumerator, Feature, Field, FieldType, Idl, Span, Struct, Type,
};
use xenlight_release::Version;

/// A mistake in the description, with the line it is on.
#[derive(Debug)]
pub struct ParseError {
    line: usize,
    text: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for ParseError {}

type Result<T> = std::result::Result<T, ParseError>;

/// Reads `text`, which may name any of the `releases`; [`crate::check`] says whether what it says can be expressed.
pub fn parse(text: &str, releases: &[Version]) -> Result<Idl> {
    let mut parser = Parser {
        lines: text
            .lines()
            .enumerate()
            .map(|(index, line)| {
                let line = line.split('#').next().unwrap_or_default();
                let line = line.replace(['[', ']', ';'], " ");
                let words = line.split_whitespace().map(str::to_owned).collect();
                (index + 1, words)
            })
            .filter(|(_, words): &(usize, Vec<String>)| !words.is_empty())
            .collect(),
        next: 0,
        releases: releases.to_vec(),
    };
    parser.file()
}

struct Parser {
    lines: Vec<(usize, Vec<String>)>,
    next: usize,
    releases: Vec<Version>,
}

impl Parser {
    fn line(&mut self) -> Option<(usize, Vec<String>)> {
        let line = self.lines.get(self.next).cloned();
        self.next += 1;
        line
    }

    fn file(&mut self) -> Result<Idl> {
        let mut idl = Idl::default();
        let mut area = None;
        while let Some((line, words)) = self.line() {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["features", "{"] => self.features(line, &mut idl.features)?,
                ["area", name] => area = Some((*name).to_owned()),
                [kind @ ("enum" | "struct"), name, attributes @ .., "{"] => {
                    let Some(area) = area.clone() else {
                        return fail(line, "a type before the first area");
                    };
                    let mut attributes = attributes.to_vec();
                    let span = self.span(line, &mut attributes)?;
                    let def = if *kind == "enum" {
                        Def::Enum(self.enumeration(line, &attributes)?)
                    } else {
                        Def::Struct(self.structure(line, &attributes)?)
                    };
                    idl.types.push(Type {
                        name: (*name).to_owned(),
                        area,
                        def,
                        span,
                    });
                }
                _ => return fail(line, "expected features, area, enum or struct"),
            }
        }
        Ok(idl)
    }

    fn features(&mut self, opened: usize, features: &mut Vec<Feature>) -> Result<()> {
        loop {
            let Some((line, words)) = self.line() else {
                return fail(opened, "the features do not end");
            };
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            let span = self.span(line, &mut words)?;
            let (name, empty) = match words.as_slice() {
                ["}"] => return Ok(()),
                [name] => (name, false),
                [name, "empty"] => (name, true),
                _ => return fail(line, "expected the name of a feature"),
            };
            features.push(Feature {
                name: (*name).to_owned(),
                empty,
                span,
            });
        }
    }

    /// Takes `since` and `until` out of the attributes.
    fn span(&self, line: usize, attributes: &mut Vec<&str>) -> Result<Span> {
        let span = Span {
            since: self.release("since", line, attributes)?,
            until: self.release("until", line, attributes)?,
        };
        if span
            .until
            .is_some_and(|until| span.since.is_some_and(|since| until <= since))
        {
            return fail(line, "gone before it came");
        }
        Ok(span)
    }

    fn release(
        &self,
        word: &str,
        line: usize,
        attributes: &mut Vec<&str>,
    ) -> Result<Option<Version>> {
        let Some(at) = attributes.iter().position(|&attribute| attribute == word) else {
            return Ok(None);
        };
        let Some(&name) = attributes.get(at + 1) else {
            return fail(line, format!("{word} needs a release"));
        };
        let known = self
            .releases
            .iter()
            .copied()
            .find(|known| known.to_string() == name);
        let Some(version) = known else {
            return fail(line, format!("unknown release {name}"));
        };
        if self.releases.first() == Some(&version) {
            return fail(
                line,
                format!("{name} is the oldest release: {word} says nothing"),
            );
        }
        attributes.drain(at..at + 2);
        Ok(Some(version))
    }

    fn enumeration(&mut self, line: usize, attributes: &[&str]) -> Result<Enum> {
        let (mut default, mut digits, mut unprefixed) = (None, None, false);
        let mut attributes = attributes.iter();
        while let Some(&attribute) = attributes.next() {
            match attribute {
                "unprefixed" => unprefixed = true,
                "default" => default = attributes.next().map(|&name| name.to_owned()),
                "digits" => digits = attributes.next().map(|&name| name.to_owned()),
                _ => return fail(line, "an enum takes default, digits or unprefixed"),
            }
        }
        let mut values = Vec::new();
        loop {
            let Some((line, words)) = self.line() else {
                return fail(line, "this enum does not end");
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["}"] => break,
                [name, value, attributes @ ..] => {
                    let mut attributes = attributes.to_vec();
                    let span = self.span(line, &mut attributes)?;
                    if !attributes.is_empty() {
                        return fail(line, format!("unknown attribute {}", attributes[0]));
                    }
                    values.push(Enumerator {
                        name: (*name).to_owned(),
                        value: number(line, value)?,
                        span,
                    });
                }
                _ => return fail(line, "expected an enumerator and its value"),
            }
        }
        if let Some(name) = &default
            && !values.iter().any(|known| known.name == *name)
        {
            return fail(line, format!("{name} is not an enumerator of this enum"));
        }
        Ok(Enum {
            default,
            unprefixed,
            digits,
            values,
        })
    }

    fn structure(&mut self, line: usize, attributes: &[&str]) -> Result<Struct> {
        for &attribute in attributes {
            if !["in", "out", "no_dispose", "moves_deprecated"].contains(&attribute) {
                return fail(line, format!("a struct cannot be {attribute}"));
            }
        }
        Ok(Struct {
            dispose: !attributes.contains(&"no_dispose"),
            moves_deprecated: attributes.contains(&"moves_deprecated"),
            fields: self.fields(line)?,
        })
    }

    /// Members up to the closing brace.
    fn fields(&mut self, opened: usize) -> Result<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            let Some((line, words)) = self.line() else {
                return fail(opened, "this brace is not closed");
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (name, ty, mut rest) = match words.as_slice() {
                ["}"] => return Ok(fields),
                [name, "union", key, key_type, rest @ .., "{"] => {
                    let arms = self.arms(line)?;
                    let ty = FieldType::Union {
                        key: key.trim_end_matches(':').to_owned(),
                        key_type: (*key_type).to_owned(),
                        arms,
                    };
                    (name, ty, rest.to_vec())
                }
                [name, rest @ .., "{"] => {
                    (name, FieldType::Nested(self.fields(line)?), rest.to_vec())
                }
                [name, element, length, rest @ ..] if length.starts_with("num_") => {
                    let ty = FieldType::Array {
                        element: (*element).to_owned(),
                        length: (*length).to_owned(),
                    };
                    (name, ty, rest.to_vec())
                }
                [name, ty, rest @ ..] => (name, FieldType::Named((*ty).to_owned()), rest.to_vec()),
                _ => return fail(line, "expected a member and its type"),
            };
            let span = self.span(line, &mut rest)?;
            let init_from = self.release("from", line, &mut rest)?;
            let mut field = Field {
                name: (*name).to_owned(),
                ty,
                init: None,
                init_from,
                deprecated_by: None,
                unmanaged: false,
                private: false,
                span,
            };
            let mut rest = rest.into_iter();
            while let Some(attribute) = rest.next() {
                match attribute {
                    "=" => field.init = rest.next().map(str::to_owned),
                    "deprecated_by" => field.deprecated_by = rest.next().map(str::to_owned),
                    "unmanaged" => field.unmanaged = true,
                    "private" => field.private = true,
                    _ => return fail(line, format!("unknown attribute {attribute}")),
                }
            }
            fields.push(field);
        }
    }

    fn arms(&mut self, opened: usize) -> Result<Vec<Arm>> {
        let mut arms = Vec::new();
        loop {
            let Some((line, words)) = self.line() else {
                return fail(opened, "this union is not closed");
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["}"] => return Ok(arms),
                [name] => arms.push(((*name).to_owned(), None)),
                [name, "{"] => {
                    let fields = self.fields(line)?;
                    arms.push(((*name).to_owned(), Some(fields)));
                }
                _ => return fail(line, "expected an arm of the union"),
            }
        }
    }
}

fn number(line: usize, text: &str) -> Result<i32> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.or_else(|_| fail(line, format!("{text} is not a number")))
}

fn fail<T>(line: usize, text: impl Into<String>) -> Result<T> {
    Err(ParseError {
        line,
        text: text.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
        area a
        enum colour default RED digits Number { # trailing
            NONE 0
            RED 0x10
            BLUE 2 since 4.18
            128 128
        }
        struct thing no_dispose {
            count int = -1
            new string since 4.18
            old string until 4.18
            short string since 4.18 until 4.19
            parts [thing; num_parts]
            u union kind: colour {
                red {
                    x u8
                    y u8 since 4.19
                }
            }
        }
        struct later since 4.19 {
            a u8
        }";

    fn releases() -> Vec<Version> {
        ["4.17", "4.18", "4.19"]
            .map(|name| name.parse().unwrap())
            .into()
    }

    fn release(number: usize) -> Idl {
        parse(TEXT, &releases()).unwrap().cut(releases()[number])
    }

    #[test]
    fn a_release_has_what_came_before_it() {
        let names = |idl: &Idl| -> Vec<String> {
            let fields = &idl.find_struct("thing").unwrap().fields;
            fields.iter().map(|field| field.name.clone()).collect()
        };
        assert_eq!(names(&release(0)), ["count", "old", "parts", "u"]);
        assert_eq!(names(&release(1)), ["count", "new", "short", "parts", "u"]);
        assert_eq!(names(&release(2)), ["count", "new", "parts", "u"]);
        assert_eq!(names(&parse(TEXT, &releases()).unwrap()).len(), 6);
        let colours = |number| release(number).find_enum("colour").unwrap().values.len();
        assert_eq!([colours(0), colours(1)], [3, 4]);
        let arm = |number| match &release(number)
            .find_struct("thing")
            .unwrap()
            .fields
            .last()
            .unwrap()
            .ty
        {
            FieldType::Union { arms, .. } => arms[0].1.as_ref().unwrap().len(),
            _ => 0,
        };
        assert_eq!([arm(1), arm(2)], [1, 2]);
        assert!(release(1).find_struct("later").is_none());
        assert!(release(2).find_struct("later").is_some());
    }

    #[test]
    fn enumerators_have_legal_names_in_rust() {
        let first = release(0);
        let colour = first.find_enum("colour").unwrap();
        let names: Vec<String> = colour
            .values
            .iter()
            .map(|value| colour.variant(value))
            .collect();
        assert_eq!(names, ["None", "Red", "Number128"]);
        assert_eq!(colour.initial().unwrap().value, 16);
    }

    #[test]
    fn spans_become_conditions() {
        let idl = parse(TEXT, &releases()).unwrap();
        let fields = &idl.find_struct("thing").unwrap().fields;
        let conditions: Vec<_> = fields.iter().map(|field| field.span.condition()).collect();
        let expected = [
            None,
            Some("since_4_18"),
            Some("not(since_4_18)"),
            Some("all(since_4_18, not(since_4_19))"),
        ];
        assert_eq!(
            conditions[..4],
            expected.map(|text| text.map(str::to_owned))
        );
    }

    #[test]
    fn mistakes_name_their_line() {
        let refused = |text: &str, why: &str| {
            assert_eq!(parse(text, &releases()).unwrap_err().to_string(), why);
        };
        refused(
            "area a\nstruct x {\n a\n}",
            "line 3: expected a member and its type",
        );
        refused("area a\nstruct x {", "line 2: this brace is not closed");
        refused(
            "area a\nenum x shiny {\n}",
            "line 2: an enum takes default, digits or unprefixed",
        );
        refused(
            "area a\nenum x {\n A 0 shiny\n}",
            "line 3: unknown attribute shiny",
        );
    }

    #[test]
    fn a_release_that_is_not_known_is_refused() {
        for place in [
            "enum x since 4.99 {\n}",
            "enum x {\n A 0 since 4.99\n}",
            "struct x {\n a u8 until 4.99\n}",
        ] {
            let error = parse(&format!("area a\n{place}"), &releases()).unwrap_err();
            assert!(
                error.to_string().ends_with(": unknown release 4.99"),
                "{error}"
            );
        }
        let error = parse("features {\n A since 4.99\n}", &releases()).unwrap_err();
        assert_eq!(error.to_string(), "line 2: unknown release 4.99");
    }

    #[test]
    fn what_says_nothing_or_the_impossible_is_refused() {
        for (attributes, why) in [
            (
                "since 4.17",
                "4.17 is the oldest release: since says nothing",
            ),
            ("since 4.18 until 4.18", "gone before it came"),
            ("since 4.19 until 4.18", "gone before it came"),
            ("since", "since needs a release"),
        ] {
            let error =
                parse(&format!("features {{\n A {attributes}\n}}"), &releases()).unwrap_err();
            assert_eq!(error.to_string(), format!("line 2: {why}"));
        }
    }
}
