//! C code for the compatibility tests: fills, writes, reads and copies a value of every type, and says where every
//! member lies. `compat-tests/types/driver.c` includes it and has the helpers that it calls.

use std::fmt::Write;

use crate::model::{Def, Enum, Field, FieldType, Idl, Struct, constant};

/// The code for all types.
pub fn source(idl: &Idl) -> String {
    let mut out = String::new();
    for ty in &idl.types {
        if let Def::Struct(_) = ty.def {
            let name = ty.c_name();
            let _ = writeln!(out, "static void fill_{name}({name} *p);");
        }
    }
    out.push('\n');
    for ty in &idl.types {
        match &ty.def {
            Def::Enum(_) => enum_check(&mut out, &ty.c_name()),
            Def::Struct(s) => fill(idl, &mut out, &ty.name, s),
        }
    }
    for ty in &idl.types {
        if let Def::Struct(s) = &ty.def {
            struct_check(&mut out, &ty.c_name(), s);
        }
    }
    out.push_str("static void check_all(void)\n{\n");
    for ty in &idl.types {
        let _ = writeln!(out, "    check_{}();", ty.c_name());
    }
    out.push_str("}\n\nstatic void reject_all(void)\n{\n");
    for ty in &idl.types {
        if let Def::Struct(_) = ty.def {
            let _ = writeln!(out, "    reject_{}();", ty.c_name());
        }
    }
    out.push_str("}\n\nstatic void layout_all(void)\n{\n");
    layout(idl, &mut out);
    out.push_str("}\n");
    out
}

fn enum_check(out: &mut String, name: &str) {
    let _ = write!(
        out,
        "static void check_{name}(void)\n{{\n    CHECK_ENUM({name});\n}}\n\n"
    );
}

/// A function that gives every member a value; `variant` and `arm` say which.
fn fill(idl: &Idl, out: &mut String, name: &str, s: &Struct) {
    let _ = write!(out, "static void fill_libxl_{name}(libxl_{name} *p)\n{{\n");
    let init = format!("libxl_{name}_init");
    members(idl, out, "    ", "p->", &init, &s.fields);
    out.push_str("}\n\n");
}

fn members(idl: &Idl, out: &mut String, pad: &str, at: &str, init: &str, fields: &[Field]) {
    for field in fields.iter().filter(|field| !field.private) {
        let place = format!("{at}{}", field.name);
        if field.unmanaged {
            let _ = writeln!(out, "{pad}{place} = POISON;");
            continue;
        }
        match &field.ty {
            FieldType::Named(ty) => value(idl, out, pad, &place, ty),
            FieldType::Array { element, length } => {
                let _ = writeln!(out, "{pad}{at}{length} = array_length();");
                let _ = writeln!(
                    out,
                    "{pad}{place} = calloc({at}{length} ? {at}{length} : 1, sizeof(*{place}));"
                );
                let _ = writeln!(out, "{pad}for (int i = 0; i < {at}{length}; i++) {{");
                if idl.find_struct(element).is_some() {
                    let _ = writeln!(out, "{pad}    libxl_{element}_init(&{place}[i]);");
                }
                value(
                    idl,
                    out,
                    &format!("{pad}    "),
                    &format!("{place}[i]"),
                    element,
                );
                let _ = writeln!(out, "{pad}}}");
            }
            FieldType::Nested(inner) => {
                members(idl, out, pad, &format!("{place}."), init, inner);
            }
            FieldType::Union {
                key,
                key_type,
                arms,
            } => {
                let e = idl.find_enum(key_type);
                for (index, (arm, fields)) in arms.iter().enumerate() {
                    let _ = writeln!(out, "{pad}if (arm % {} == {index}) {{", arms.len());
                    if let Some(number) = e.map(|e| constant(key_type, e, arm)) {
                        let _ = writeln!(out, "{pad}    {init}_{key}(p, {number});");
                    }
                    let inner = format!("{place}.{arm}.");
                    members(
                        idl,
                        out,
                        &format!("{pad}    "),
                        &inner,
                        init,
                        fields.as_deref().unwrap_or_default(),
                    );
                    let _ = writeln!(out, "{pad}}}");
                }
            }
        }
    }
}

fn value(idl: &Idl, out: &mut String, pad: &str, place: &str, ty: &str) {
    let _ = match ty {
        "int" | "devid" => writeln!(out, "{pad}{place} = (int)number(32, 1);"),
        "u8" => writeln!(out, "{pad}{place} = (uint8_t)number(8, 0);"),
        "u16" => writeln!(out, "{pad}{place} = (uint16_t)number(16, 0);"),
        "u32" | "domid" => writeln!(out, "{pad}{place} = (uint32_t)number(32, 0);"),
        "u64" | "memkb" | "ev_user" => writeln!(out, "{pad}{place} = (uint64_t)number(64, 0);"),
        "bool" => writeln!(out, "{pad}{place} = number(1, 0) != 0;"),
        "string" => writeln!(out, "{pad}{place} = string();"),
        _ => match (idl.find_enum(ty), idl.find_struct(ty)) {
            (Some(e), _) => writeln!(
                out,
                "{pad}{place} = libxl_{ty}_string_table[pick({})].v;",
                e.values.len()
            ),
            (_, Some(_)) => writeln!(out, "{pad}fill_libxl_{ty}(&{place});"),
            _ => writeln!(out, "{pad}fill_{ty}(&{place});"),
        },
    };
}

/// Functions that go through every variant and arm of a struct, and that feed it wrong text.
fn struct_check(out: &mut String, name: &str, s: &Struct) {
    let arms = s.fields.iter().map(|field| match &field.ty {
        FieldType::Union { arms, .. } => arms.len(),
        _ => 1,
    });
    let arms = arms.max().unwrap_or(1);
    let dispose = if s.dispose {
        format!("{name}_dispose")
    } else {
        "NO_DISPOSE".to_owned()
    };
    let _ = write!(
        out,
        "static void check_{name}(void)\n{{\n    CHECK_STRUCT({name}, {dispose}, {arms});\n}}\n\n"
    );
    let _ = write!(out, "static void reject_{name}(void)\n{{\n");
    let _ = writeln!(out, "    REJECT_COMMON({name}, {dispose}, {arms});");
    wrong_members(out, name, &dispose, "", "", &s.fields);
    out.push_str("}\n\n");
}

/// For each member, an object in which it is of a sort that it cannot be.
fn wrong_members(
    out: &mut String,
    name: &str,
    dispose: &str,
    open: &str,
    close: &str,
    fields: &[Field],
) {
    for field in fields
        .iter()
        .filter(|field| !field.private && !field.unmanaged)
    {
        let reject = |out: &mut String, key: &str, wrong: &[&str]| {
            for value in wrong {
                let text = format!("{{{open}\"{key}\": {value}{close}}}").replace('"', "\\\"");
                let _ = writeln!(out, "    REJECT({name}, {dispose}, \"{text}\");");
            }
        };
        match &field.ty {
            FieldType::Named(ty) => {
                let wrong: &[&str] = match ty.as_str() {
                    "int" | "devid" => &["\"1\"", "1.5", "[]", "2147483648", "null", "1e3"],
                    "u8" => &["\"1\"", "-1", "256", "{}", "true"],
                    "u16" => &["\"1\"", "-1", "65536", "{}", "true"],
                    "u32" | "domid" => &["\"1\"", "-1", "4294967296", "{}", "true"],
                    "u64" | "memkb" | "ev_user" => {
                        &["\"1\"", "-1", "18446744073709551616", "1.0", "[]"]
                    }
                    "bool" => &["0", "\"true\"", "null", "[]"],
                    "string" => &["0", "true", "[]", "{}", "[\"x\"]", "\"a\\\\u0000b\""],
                    "string_list" => &["\"x\"", "{}", "[1]", "[null]", "[[]]"],
                    "key_value_list" => &["\"x\"", "[]", "{\"a\": 1}", "{\"a\": []}"],
                    "bitmap" => &[
                        "\"x\"",
                        "{}",
                        "[\"1\"]",
                        "[-1]",
                        "[2147483647]",
                        "[1.5]",
                        "[3, 1]",
                    ],
                    "hwcap" => &["[1, 2, 3]", "[1, 2, 3, \"4\"]", "{}", "0"],
                    "ms_vm_genid" => &["[1, 2, 3]", "0", "\"x\"", "[]"],
                    "uuid" | "mac" => &["\"\"", "\"zz\"", "0", "[]"],
                    "cpuid_policy_list" => &[
                        "0",
                        "{}",
                        "{\"cpuid\": []}",
                        "[1]",
                        "[{\"leaf\": 1, \"eax\": \"01\"}]",
                    ],
                    "defbool" => &["true", "\"maybe\"", "0", "null"],
                    _ => &["[]", "0", "\"no such name\""],
                };
                reject(out, &field.name, wrong);
            }
            FieldType::Array { .. } => {
                reject(out, &field.name, &["{}", "\"x\"", "[0.5]", "1", "[[[]]]"])
            }
            FieldType::Nested(inner) => {
                reject(out, &field.name, &["[]", "1", "\"x\""]);
                let open = format!("{open}\"{}\": {{", field.name);
                wrong_members(out, name, dispose, &open, &format!("{close}}}"), inner);
            }
            FieldType::Union { key, arms, .. } => {
                for (arm, fields) in arms {
                    reject(out, &format!("{key}.{arm}"), &["[]", "1", "\"x\"", "null"]);
                    let open = format!("{open}\"{key}.{arm}\": {{");
                    let fields = fields.as_deref().unwrap_or_default();
                    wrong_members(out, name, dispose, &open, &format!("{close}}}"), fields);
                }
            }
        }
    }
}

/// Sizes, alignments and offsets of everything, and the numbers of all enumerators.
fn layout(idl: &Idl, out: &mut String) {
    for ty in &idl.types {
        let name = ty.c_name();
        match &ty.def {
            Def::Enum(e) => {
                let _ = writeln!(out, "    LAYOUT_TYPE({name});");
                enumerators(out, &ty.name, e);
            }
            Def::Struct(s) => {
                let _ = writeln!(out, "    LAYOUT_TYPE({name});");
                offsets(out, &name, "", &s.fields);
            }
        }
    }
}

fn enumerators(out: &mut String, name: &str, e: &Enum) {
    for value in &e.values {
        let _ = writeln!(
            out,
            "    LAYOUT_NUMBER({});",
            constant(name, e, &value.name)
        );
    }
}

fn offsets(out: &mut String, name: &str, at: &str, fields: &[Field]) {
    for field in fields {
        let place = format!("{at}{}", field.name);
        let member = |out: &mut String, place: &str| {
            let _ = writeln!(out, "    LAYOUT_MEMBER({name}, {place});");
        };
        member(out, &place);
        match &field.ty {
            FieldType::Named(_) => {}
            FieldType::Array { length, .. } => member(out, &format!("{at}{length}")),
            FieldType::Nested(inner) => offsets(out, name, &format!("{place}."), inner),
            FieldType::Union { key, arms, .. } => {
                member(out, &format!("{at}{key}"));
                for (arm, fields) in arms {
                    if let Some(fields) = fields {
                        member(out, &format!("{place}.{arm}"));
                        offsets(out, name, &format!("{place}.{arm}."), fields);
                    }
                }
            }
        }
    }
}
