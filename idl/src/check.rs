//! What a description says and no release could be: refused before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use xenlight_release::Version;

use crate::abi::Export;
use crate::bindings;
use crate::model::{Def, Enum, Field, FieldType, Idl, Type};
use crate::signatures::Signature;

/// Bytes of an entry of a table of names in C.
const TABLE_ENTRY: u64 = 16;

/// Types that are written by hand.
const BUILTIN: &[&str] = &[
    "int",
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "string",
    "defbool",
    "domid",
    "devid",
    "uuid",
    "mac",
    "bitmap",
    "cpuid_policy_list",
    "string_list",
    "key_value_list",
    "hwcap",
    "ms_vm_genid",
    "memkb",
    "ev_user",
    "ev_link",
];

/// All that is wrong with the description `idl` of `releases`; `exports` and `prototypes` (by release) are the ABI's tables.
pub fn check(
    idl: &Idl,
    releases: &[Version],
    exports: &[Export],
    prototypes: &dyn Fn(Version) -> Vec<Signature>,
) -> Vec<String> {
    let mut wrong: Vec<String> = idl.types.iter().flat_map(names).collect();
    let of_any_release = exports;
    for &release in releases {
        let cut = idl.cut(release);
        let exports: Vec<&Export> = exports
            .iter()
            .filter(|export| export.span.has(release))
            .collect();
        let mut of_release = unknown_types(&cut);
        of_release.extend(initials(&cut));
        of_release.extend(generated(&cut, &exports));
        of_release.extend(handwritten(of_any_release, &exports, &prototypes(release)));
        wrong.extend(
            of_release
                .into_iter()
                .map(|what| format!("Xen {release}: {what}")),
        );
    }
    wrong
}

/// Names that Rust cannot have, and names that stand twice.
fn names(ty: &Type) -> Vec<String> {
    let mut wrong = Vec::new();
    match &ty.def {
        Def::Enum(e) => {
            let mut seen = BTreeSet::new();
            for value in &e.values {
                let variant = e.variant(value);
                if !variant.starts_with(|letter: char| letter.is_alphabetic()) {
                    let name = &value.name;
                    wrong.push(format!(
                        "{}: {name} begins with a digit, and `digits` is missing",
                        ty.name
                    ));
                }
                if !seen.insert(variant) {
                    wrong.push(format!("{}: {} stands twice", ty.name, value.name));
                }
            }
        }
        Def::Struct(s) => fields(&ty.name, &s.fields, &mut wrong),
    }
    wrong
}

/// Native types have the members of all releases, so that none can have two forms.
fn fields(owner: &str, members: &[Field], wrong: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for field in members {
        if !seen.insert(&field.name) {
            wrong.push(format!("{owner}: {} stands twice", field.name));
        }
        match &field.ty {
            FieldType::Nested(inner) => fields(&format!("{owner}.{}", field.name), inner, wrong),
            FieldType::Union { arms, .. } => {
                for (arm, inner) in arms {
                    let inner = inner.as_deref().unwrap_or_default();
                    fields(&format!("{owner}.{}.{arm}", field.name), inner, wrong);
                }
            }
            FieldType::Named(_) | FieldType::Array { .. } => {}
        }
    }
}

/// Members of types that the release does not have.
fn unknown_types(idl: &Idl) -> Vec<String> {
    fn visit(idl: &Idl, owner: &str, fields: &[Field], wrong: &mut Vec<String>) {
        for field in fields {
            let ty = match &field.ty {
                FieldType::Named(ty) => ty,
                FieldType::Array { element, .. } => element,
                FieldType::Nested(inner) => {
                    visit(idl, owner, inner, wrong);
                    continue;
                }
                FieldType::Union { key_type, arms, .. } => {
                    for (arm, inner) in arms {
                        visit(idl, owner, inner.as_deref().unwrap_or_default(), wrong);
                        let keys = idl.find_enum(key_type).map(|e| e.values.iter());
                        let known = keys.is_some_and(|mut keys| {
                            keys.any(|key| key.name.to_lowercase() == *arm)
                        });
                        if !known {
                            wrong.push(format!("{owner}: {key_type} has no {arm}"));
                        }
                    }
                    key_type
                }
            };
            let described = idl.types.iter().any(|known| known.name == *ty);
            if !described && !BUILTIN.contains(&ty.as_str()) {
                wrong.push(format!(
                    "{owner}: {} is of the unknown type {ty}",
                    field.name
                ));
            }
        }
    }
    let mut wrong = Vec::new();
    for ty in &idl.types {
        if let Def::Struct(s) = &ty.def {
            visit(idl, &ty.name, &s.fields, &mut wrong);
        }
    }
    wrong
}

/// Enumerations whose initial enumerator the release does not have, or where two have one number.
fn initials(idl: &Idl) -> Vec<String> {
    let mut wrong = Vec::new();
    let enums = idl.types.iter().filter_map(|ty| match &ty.def {
        Def::Enum(e) => Some((&ty.name, e)),
        Def::Struct(_) => None,
    });
    for (name, e) in enums {
        if e.default.is_some() && e.initial().is_none() {
            wrong.push(format!("{name}: its default is not there"));
        }
        let numbers: BTreeSet<i32> = e.values.iter().map(|value| value.value).collect();
        if numbers.len() != e.values.len() {
            wrong.push(format!("{name}: two enumerators have one number"));
        }
    }
    wrong
}

/// Functions and tables of the described types that are not exported, or are and belong to none.
fn generated(idl: &Idl, exports: &[&Export]) -> Vec<String> {
    let mut expected: BTreeMap<String, Option<u64>> = BTreeMap::new();
    for function in bindings::functions(idl) {
        expected.insert(function.name, None);
    }
    for ty in &idl.types {
        if let Def::Enum(e) = &ty.def {
            expected.insert(format!("{}_string_table", ty.c_name()), Some(table_size(e)));
        }
    }
    let mut wrong = Vec::new();
    for (name, size) in &expected {
        match exports.iter().find(|export| export.name == *name) {
            None => wrong.push(format!("{name} is not among the exports")),
            Some(export) if export.size != *size => {
                let bytes = |size: Option<u64>| {
                    size.map_or("a function".to_owned(), |size| format!("{size} bytes"))
                };
                wrong.push(format!(
                    "{name} is {} among the exports, not {}",
                    bytes(export.size),
                    bytes(*size)
                ));
            }
            Some(_) => {}
        }
    }
    for export in exports.iter().filter(|export| export.is_generated()) {
        if !expected.contains_key(&export.name) {
            wrong.push(format!("{} is exported, but no type has it", export.name));
        }
    }
    wrong
}

fn table_size(e: &Enum) -> u64 {
    (e.values.len() as u64 + 1) * TABLE_ENTRY
}

/// Exports without one prototype, and prototypes without an export. Which releases have it stands with the export alone.
fn handwritten(
    of_any_release: &[Export],
    exports: &[&Export],
    prototypes: &[Signature],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let by_hand = exports
        .iter()
        .filter(|export| !export.is_generated() && export.size.is_none());
    for export in by_hand.clone() {
        match prototypes
            .iter()
            .filter(|prototype| prototype.name == export.name)
            .count()
        {
            1 => {}
            count => wrong.push(format!("{} has {count} prototypes", export.name)),
        }
    }
    for prototype in prototypes {
        if !of_any_release
            .iter()
            .any(|export| export.name == prototype.name)
        {
            wrong.push(format!(
                "{} has a prototype, but is not among the exports",
                prototype.name
            ));
        }
    }
    let mut seen = BTreeSet::new();
    let twice = exports.iter().filter(|export| !seen.insert(&export.name));
    wrong.extend(twice.map(|export| format!("{} is exported twice", export.name)));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{abi, parse};

    fn releases() -> Vec<Version> {
        ["4.17", "4.18"].map(|name| name.parse().unwrap()).into()
    }

    /// What is wrong with a description and the exports of its types, some of them left out or changed by `edit`.
    fn wrong(text: &str, edit: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let idl = parse::parse(text, &releases()).unwrap();
        let functions = bindings::functions(&idl).into_iter();
        let mut lines: Vec<String> = functions
            .map(|function| format!("{}\tfunction\t-\tgenerated types", function.name))
            .collect();
        for ty in &idl.types {
            if let Def::Enum(e) = &ty.def {
                lines.push(format!(
                    "{}_string_table\tdata\t{}\tstring tables",
                    ty.c_name(),
                    table_size(e)
                ));
            }
        }
        let lines: Vec<String> = lines.iter().filter_map(|line| edit(line)).collect();
        let exports = abi::read(&lines.join("\n")).unwrap();
        let mut wrong = check(&idl, &releases(), &exports, &|_| Vec::new());
        wrong.dedup_by(|a, b| {
            a.split_once(": ").map(|(_, a)| a) == b.split_once(": ").map(|(_, b)| b)
        });
        wrong
    }

    fn as_it_is(line: &str) -> Option<String> {
        Some(line.to_owned())
    }

    const TEXT: &str = "
        area a
        enum colour {
            red 0
            blue 1
        }
        struct thing {
            c colour
            u union kind: colour {
                red
                blue {
                    x u8
                }
            }
        }";

    #[test]
    fn a_description_that_can_be_is_taken() {
        assert_eq!(wrong(TEXT, as_it_is), Vec::<String>::new());
    }

    #[test]
    fn names_that_rust_cannot_have_are_refused() {
        let text = TEXT.replace("blue 1", "blue 1\n 128 128");
        assert_eq!(
            wrong(&text, as_it_is),
            ["colour: 128 begins with a digit, and `digits` is missing"]
        );
        let text = text.replace("enum colour", "enum colour digits Bits");
        assert_eq!(wrong(&text, as_it_is), Vec::<String>::new());
    }

    #[test]
    fn what_stands_twice_is_refused() {
        let text = TEXT.replace("c colour", "c colour\n c u8");
        assert_eq!(wrong(&text, as_it_is), ["thing: c stands twice"]);
        let text = TEXT.replace("x u8", "x u8\n x u16");
        assert_eq!(wrong(&text, as_it_is), ["thing.u.blue: x stands twice"]);
        let text = TEXT.replace("blue 1", "blue 0");
        assert_eq!(
            wrong(&text, as_it_is),
            ["Xen 4.17: colour: two enumerators have one number"]
        );
        let text = TEXT.replace("blue 1", "blue 1\n BLUE 2");
        assert_eq!(wrong(&text, as_it_is), ["colour: BLUE stands twice"]);
    }

    #[test]
    fn a_member_of_an_unknown_type_is_refused() {
        let text = TEXT.replace("c colour", "c color");
        assert_eq!(
            wrong(&text, as_it_is),
            ["Xen 4.17: thing: c is of the unknown type color"]
        );
        let text = TEXT.replace("x u8", "x [u7; num_x]");
        assert_eq!(
            wrong(&text, as_it_is),
            ["Xen 4.17: thing: x is of the unknown type u7"]
        );
        let text = TEXT.replace("                red\n", "                green\n");
        assert_eq!(
            wrong(&text, as_it_is),
            ["Xen 4.17: thing: colour has no green"]
        );
    }

    #[test]
    fn a_member_cannot_be_older_than_its_type() {
        let text = TEXT
            .replace("area a", "area a\nenum new since 4.18 {\n a 0\n}")
            .replace("x u8", "x new");
        let all = wrong(&text, as_it_is);
        assert!(
            all.contains(&"Xen 4.17: thing: x is of the unknown type new".to_owned()),
            "{all:?}"
        );
        let text = text.replace("x new", "x new since 4.18");
        let all = wrong(&text, as_it_is);
        assert!(
            !all.iter().any(|what| what.contains("unknown type")),
            "{all:?}"
        );
    }

    #[test]
    fn a_default_that_came_later_is_refused() {
        let text = TEXT
            .replace("enum colour", "enum colour default blue")
            .replace("blue 1", "blue 1 since 4.18");
        let all = wrong(&text, as_it_is);
        assert!(
            all.contains(&"Xen 4.17: colour: its default is not there".to_owned()),
            "{all:?}"
        );
    }

    #[test]
    fn a_type_whose_functions_are_not_exported_is_refused() {
        let all = wrong(TEXT, |line| {
            (!line.starts_with("libxl_thing_copy")).then(|| line.to_owned())
        });
        assert_eq!(all, ["Xen 4.17: libxl_thing_copy is not among the exports"]);
        let all = wrong(TEXT, |line| {
            Some(line.replace("libxl_thing_copy", "libxl_thong_copy"))
        });
        assert_eq!(
            all[1],
            "Xen 4.17: libxl_thong_copy is exported, but no type has it"
        );
    }

    #[test]
    fn a_table_of_the_wrong_size_is_refused() {
        let all = wrong(TEXT, |line| Some(line.replace("data\t48", "data\t64")));
        assert_eq!(
            all,
            ["Xen 4.17: libxl_colour_string_table is 64 bytes among the exports, not 48 bytes"]
        );
    }

    #[test]
    fn exports_and_prototypes_must_agree() {
        let release = releases()[0];
        let all = abi::read("libxl_a\tfunction\t-\tx\nlibxl_b\tfunction\t-\tx").unwrap();
        let exports: Vec<&Export> = all
            .iter()
            .filter(|export| export.span.has(release))
            .collect();
        let prototype = |name: &str| Signature {
            name: name.to_owned(),
            parameters: String::new(),
            returns: String::new(),
        };
        let agree = [prototype("libxl_a"), prototype("libxl_b")];
        assert_eq!(handwritten(&all, &exports, &agree), Vec::<String>::new());
        let differ = [
            prototype("libxl_a"),
            prototype("libxl_a"),
            prototype("libxl_c"),
        ];
        let expected = [
            "libxl_a has 2 prototypes",
            "libxl_b has 0 prototypes",
            "libxl_c has a prototype, but is not among the exports",
        ];
        assert_eq!(handwritten(&all, &exports, &differ), expected);
        let twice = [exports[0], exports[0]];
        assert_eq!(
            handwritten(&all, &twice, &agree[..1]),
            ["libxl_a is exported twice"]
        );
    }
}
