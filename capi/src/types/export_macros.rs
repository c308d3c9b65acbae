//! Names for the exported functions of a type. What they do is in `export`.

/// The functions of a struct: `libxl_name { init F; dispose F; copy F; to_json F; from_json F; gen_json F; … }`.
macro_rules! export_struct {
    ($name:ident { $($what:ident $function:ident $(($($with:tt)+))?;)* }) => {
        $(export_struct!(@ $what $name $function $($($with)+)?);)*
    };
    (@ init $name:ident $function:ident) => {
        $crate::export::export! {
            /// Sets every member to what stands for "not given".
            fn $function(p: Out<$name>) -> () [else ()] {
                export::init(&p);
            }
        }
    };
    (@ init_key $name:ident $function:ident $key:ident: $key_type:ident, $union:ident: $union_type:ident => $native:ident) => {
        $crate::export::export! {
            /// Sets the key of the union, once, and initialises its arm.
            fn $function(p: InOut<$name>, $key: Whole<$key_type>) -> () [else ()] {
                p.change(|p| {
                    let (initial, _) = $union_type::from_native(&types::$native::default());
                    if p.$key != initial {
                        return export::key_is_set(stringify!($function));
                    }
                    p.$key = $key.raw();
                    if let Ok(key) = $key.native() {
                        (_, p.$union) = $union_type::from_native(&types::$native::init(key));
                    }
                });
            }
        }
    };
    (@ dispose $name:ident $function:ident) => {
        $crate::export::export! {
            /// Frees what the value holds and leaves zeros.
            fn $function(p: InOut<$name>) -> () [else ()] {
                p.dispose();
            }
        }
    };
    (@ copy $name:ident $function:ident) => {
        $crate::export::export! {
            /// Makes a deep copy; the old contents of `dst` are not freed.
            fn $function(_ctx: Unused<libxl_ctx>, dst: Out<$name>, src: In<$name>) -> () [else ()] {
                dst.copy_of(&src);
            }
        }
    };
    (@ to_json $name:ident $function:ident) => {
        $crate::export::export! {
            /// The value as JSON, malloc'd; NULL on an error.
            fn $function(ctx: LogOf, p: InOut<$name>) -> *mut c_char [else std::ptr::null_mut()] {
                export::to_json(stringify!($function), ctx, &p)
            }
        }
    };
    (@ from_json $name:ident $function:ident) => {
        $crate::export::export! {
            /// Initialises the value and reads it from JSON; 0 or an error.
            fn $function(ctx: LogOf, p: Out<$name>, s: Text) -> c_int [else xenlight::Code::Fail.raw()] {
                export::from_json(stringify!($function), ctx, &p, s)
            }
        }
    };
    (@ gen_json $name:ident $function:ident) => {
        $crate::export::export! {
            /// Writes the value through a generator of libyajl; 0 or its status.
            fn $function(hand: Generator, p: InOut<$name>) -> c_int [else Status::IN_ERROR_STATE.0] {
                export::gen_json(hand, &p)
            }
        }
    };
    (@ move_deprecated $name:ident $function:ident) => {
        $crate::export::export! {
            /// Moves deprecated members to their successors; 0, or -EINVAL where both are set.
            fn $function(_ctx: Unused<libxl_ctx>, p: InOut<$name>) -> c_int [else -libc::EINVAL] {
                export::move_deprecated(&p, |native| native.move_deprecated())
            }
        }
    };
}

/// The functions and the table of an enumeration: `libxl_name { table T; to_string F; … } [ c"name" = 0, … ]`.
/// `#[cfg(since_4_18)]` stands before names that not all releases have.
macro_rules! export_enum {
    ($name:ident {
        table $table:ident;
        to_string $to_string:ident;
        from_string $from_string:ident;
        to_json $to_json:ident;
        from_json $from_json:ident;
        gen_json $gen_json:ident;
    } [$($(#[cfg($release:meta)])? $text:literal = $number:literal,)*]) => {
        /// Names and numbers, up to a NULL name.
        #[unsafe(no_mangle)]
        pub static $table: StringTable<{ [$($(#[cfg($release)])? $number,)* -1].len() }> = StringTable([
            $($(#[cfg($release)])? libxl_enum_string_table { s: $text.as_ptr(), v: $number },)*
            libxl_enum_string_table { s: std::ptr::null(), v: -1 },
        ]);

        $crate::export::export! {
            /// The enumerator's name, or NULL.
            fn $to_string(p: Whole<$name>) -> *const c_char [else std::ptr::null()] {
                export::enum_to_string(&$table.0, p.raw().0)
            }

            /// The enumerator with this name; 0 or an error.
            fn $from_string(s: Text, e: Out<$name>) -> c_int [else xenlight::Code::Fail.raw()] {
                export::enum_from_string(&$table.0, s, &e)
            }

            /// The enumerator's name as JSON, malloc'd.
            fn $to_json(_ctx: Unused<libxl_ctx>, p: Whole<$name>) -> *mut c_char [else std::ptr::null_mut()] {
                export::enum_to_json(&$table.0, p.raw().0)
            }

            /// Reads an enumerator's name from JSON; 0 or an error.
            fn $from_json(ctx: LogOf, p: Out<$name>, s: Text) -> c_int [else xenlight::Code::Fail.raw()] {
                export::enum_from_json(stringify!($from_json), ctx, &p, s)
            }

            /// Writes an enumerator's name through a generator of libyajl; 0 or its status.
            fn $gen_json(hand: Generator, p: InOut<$name>) -> c_int [else Status::IN_ERROR_STATE.0] {
                export::enum_gen_json(&$table.0, hand, &p)
            }
        }
    };
}

pub(crate) use {export_enum, export_struct};
