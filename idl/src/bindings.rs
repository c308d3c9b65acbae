//! Rust source for cbindgen: the description's types, their functions, and the types written by hand.

use std::fmt::Write;

use crate::model::{Arm, Def, Enum, Field, FieldType, Idl, Struct, Type, constant};
use crate::signatures::Signature;

/// Types of other headers, which Rust names differently.
pub const RENAMES: &[(&str, &str)] = &[
    ("timeval", "struct timeval"),
    ("pollfd", "struct pollfd"),
    ("YajlGenPtr", "yajl_gen"),
    ("libxl__cpu_policy", "struct libxl__cpu_policy"),
    ("libxl_sigchld_owner_raw", "libxl_sigchld_owner"),
    ("libxl_occurred_event", "LIBXL__OCCURRED_EVENT"),
];

/// The types written by hand, as C sees them, and the callbacks, which Rust and C have alike.
pub fn handwritten() -> String {
    let files = [
        include_str!("../headers/handwritten.rs"),
        include_str!("../../capi/src/types/hooks.rs"),
    ];
    let lines = files.iter().flat_map(|file| file.lines());
    // What is said about a file may only stand at its beginning.
    lines
        .filter(|line| !line.starts_with("//!"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// Functions around these signatures.
pub fn source(signatures: &[Signature]) -> String {
    let mut out = String::new();
    for Signature {
        name,
        parameters,
        returns,
    } in signatures
    {
        let _ = writeln!(
            out,
            "#[no_mangle] pub extern \"C\" fn {name}({}){} {{}}",
            to_c(parameters),
            to_c(returns)
        );
    }
    out
}

/// Newtypes and stand-ins of the C boundary, as the C types that they are.
fn to_c(text: &str) -> String {
    text.replace("* mut YajlGen", "YajlGenPtr")
        .replace("type_ :", "r#type :")
        .replace("type_:", "r#type:")
        .replace("& mut ", "* mut ")
}

/// The C names of all types of the description, in order.
pub fn type_names(idl: &Idl) -> Vec<String> {
    idl.types.iter().map(Type::c_name).collect()
}

/// All types of the description.
pub fn types(idl: &Idl) -> String {
    let mut out = String::new();
    for ty in &idl.types {
        match &ty.def {
            Def::Enum(e) => enumeration(&mut out, ty, e),
            Def::Struct(s) => members(&mut out, "struct", &ty.c_name(), &s.fields),
        }
    }
    out
}

fn enumeration(out: &mut String, ty: &Type, e: &Enum) {
    let _ = writeln!(out, "#[repr(C)] pub enum {} {{", ty.c_name());
    for value in &e.values {
        let name = constant(&ty.name, e, &value.name);
        let _ = writeln!(out, "    {name} = {},", value.value);
    }
    out.push_str("}\n");
}

fn members(out: &mut String, kind: &str, name: &str, fields: &[Field]) {
    let mut lines = String::new();
    for field in fields {
        let member = &field.name;
        let _ = match &field.ty {
            FieldType::Named(ty) => {
                let constant = if field.unmanaged { "*const" } else { "*mut" };
                let ty = c_type(ty).replace("*mut", constant);
                writeln!(lines, "    pub r#{member}: {ty},")
            }
            FieldType::Array { element, length } => writeln!(
                lines,
                "    pub {length}: c_int,\n    pub {member}: *mut {},",
                c_type(element)
            ),
            FieldType::Nested(inner) => {
                let inner_name = format!("{name}_{member}");
                members(out, "struct", &inner_name, inner);
                writeln!(lines, "    pub {member}: {inner_name},")
            }
            FieldType::Union {
                key,
                key_type,
                arms,
            } => {
                let union_name = format!("{name}_{member}");
                union(out, name, &union_name, arms);
                writeln!(
                    lines,
                    "    pub r#{key}: libxl_{key_type},\n    pub {member}: {union_name},"
                )
            }
        };
    }
    let _ = write!(out, "#[repr(C)] pub {kind} {name} {{\n{lines}}}\n");
}

fn union(out: &mut String, owner: &str, name: &str, arms: &[Arm]) {
    let mut lines = String::new();
    for (arm, fields) in arms {
        if let Some(fields) = fields {
            let arm_name = format!("{owner}_{arm}");
            members(out, "struct", &arm_name, fields);
            let _ = writeln!(lines, "    pub {arm}: {arm_name},");
        }
    }
    let _ = write!(out, "#[repr(C)] pub union {name} {{\n{lines}}}\n");
}

fn c_type(name: &str) -> String {
    match name {
        "int" => "c_int".to_owned(),
        "memkb" | "ev_user" => "u64".to_owned(),
        "bool" | "u8" | "u16" | "u32" | "u64" => name.to_owned(),
        "string" => "*mut c_char".to_owned(),
        _ => format!("libxl_{name}"),
    }
}

/// The signatures of the generated functions.
pub fn functions(idl: &Idl) -> Vec<Signature> {
    let mut all = Vec::new();
    for ty in &idl.types {
        match &ty.def {
            Def::Enum(_) => enum_functions(&mut all, &ty.c_name()),
            Def::Struct(s) => struct_functions(&mut all, ty, s),
        }
    }
    all
}

fn enum_functions(all: &mut Vec<Signature>, ty: &str) {
    let mut add = |suffix: &str, parameters: String, returns: &str| {
        all.push(Signature {
            name: format!("{ty}_{suffix}"),
            parameters,
            returns: returns.to_owned(),
        });
    };
    add(
        "to_json",
        format!("ctx: *mut libxl_ctx, p: {ty}"),
        " -> *mut c_char",
    );
    add(
        "from_json",
        format!("ctx: *mut libxl_ctx, p: *mut {ty}, s: *const c_char"),
        " -> c_int",
    );
    add("to_string", format!("p: {ty}"), " -> *const c_char");
    add(
        "from_string",
        format!("s: *const c_char, e: *mut {ty}"),
        " -> c_int",
    );
    add(
        "gen_json",
        format!("hand: YajlGenPtr, p: *mut {ty}"),
        " -> yajl_gen_status",
    );
}

fn struct_functions(all: &mut Vec<Signature>, ty: &Type, s: &Struct) {
    let name = ty.c_name();
    let mut add = |suffix: &str, parameters: String, returns: &str| {
        all.push(Signature {
            name: format!("{name}_{suffix}"),
            parameters,
            returns: returns.to_owned(),
        });
    };
    add("init", format!("p: *mut {name}"), "");
    for field in &s.fields {
        if let FieldType::Union { key, key_type, .. } = &field.ty {
            add(
                &format!("init_{key}"),
                format!("p: *mut {name}, r#{key}: libxl_{key_type}"),
                "",
            );
        }
    }
    if s.dispose {
        add("dispose", format!("p: *mut {name}"), "");
    }
    add(
        "copy",
        format!("ctx: *mut libxl_ctx, dst: *mut {name}, src: *const {name}"),
        "",
    );
    add(
        "to_json",
        format!("ctx: *mut libxl_ctx, p: *mut {name}"),
        " -> *mut c_char",
    );
    add(
        "from_json",
        format!("ctx: *mut libxl_ctx, p: *mut {name}, s: *const c_char"),
        " -> c_int",
    );
    add(
        "gen_json",
        format!("hand: YajlGenPtr, p: *mut {name}"),
        " -> yajl_gen_status",
    );
    if s.moves_deprecated {
        all.push(Signature {
            name: format!("libxl__{}_copy_deprecated", ty.name),
            parameters: format!("ctx: *mut libxl_ctx, p: *mut {name}"),
            returns: " -> c_int".to_owned(),
        });
    }
}

/// The declarations of the tables of names.
pub fn tables(idl: &Idl) -> String {
    let mut out = String::new();
    for ty in &idl.types {
        if matches!(ty.def, Def::Enum(_)) {
            let _ = writeln!(
                out,
                "extern libxl_enum_string_table {}_string_table[];",
                ty.c_name()
            );
        }
    }
    out
}
