//! Names for the exported functions of a type. What they do is in `export`.

/// The functions of a struct: `libxl_name { init F; dispose F; copy F; to_json F; from_json F; gen_json F; … }`.
macro_rules! export_struct {
    ($name:ident { $($what:ident $function:ident $(($($with:tt)+))?;)* }) => {
        $(export_struct!(@ $what $name $function $($($with)+)?);)*
    };
    (@ init $name:ident $function:ident) => {
        /// Sets every member to what stands for "not given".
        ///
        /// # Safety
        /// `p` is NULL or valid for writing.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(p: *mut $name) {
            // SAFETY: the same contract.
            unsafe { export::init(stringify!($function), p) }
        }
    };
    (@ init_key $name:ident $function:ident $key:ident: $key_type:ident, $union:ident: $union_type:ident => $native:ident) => {
        /// Sets the key of the union, once, and initialises its arm.
        ///
        /// # Safety
        /// `p` is NULL or an initialised value.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(p: *mut $name, $key: $key_type) {
            // SAFETY: NULL or an initialised value.
            let Some(p) = (unsafe { p.as_mut() }) else {
                return;
            };
            let (initial, _) = $union_type::from_native(&types::$native::default());
            if p.$key != initial {
                return export::key_is_set(stringify!($function));
            }
            p.$key = $key;
            // SAFETY: an enumeration has no pointers.
            if let Ok(key) = unsafe { $key.to_native() } {
                (_, p.$union) = $union_type::from_native(&types::$native::init(key));
            }
        }
    };
    (@ dispose $name:ident $function:ident) => {
        /// Frees what the value holds and leaves zeros.
        ///
        /// # Safety
        /// `p` is NULL or an initialised value whose memory came from malloc.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(p: *mut $name) {
            // SAFETY: the same contract.
            unsafe { export::dispose(stringify!($function), p) }
        }
    };
    (@ copy $name:ident $function:ident) => {
        /// Makes a deep copy; the old contents of `dst` are not freed.
        ///
        /// # Safety
        /// `src` is NULL or an initialised value; `dst` is NULL or valid for writing.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(_ctx: *mut libxl_ctx, dst: *mut $name, src: *const $name) {
            // SAFETY: the same contract.
            unsafe { export::copy(stringify!($function), dst, src) }
        }
    };
    (@ to_json $name:ident $function:ident) => {
        /// The value as JSON, malloc'd; NULL on an error.
        ///
        /// # Safety
        /// `ctx` is NULL or a live context; `p` is NULL or an initialised value.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(ctx: *mut libxl_ctx, p: *mut $name) -> *mut c_char {
            // SAFETY: the same contract.
            unsafe { export::to_json(stringify!($function), ctx, p) }
        }
    };
    (@ from_json $name:ident $function:ident) => {
        /// Initialises the value and reads it from JSON; 0 or an error.
        ///
        /// # Safety
        /// `ctx` is NULL or a live context; `p` is NULL or valid for writing; `s` is NULL or a C string.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(ctx: *mut libxl_ctx, p: *mut $name, s: *const c_char) -> c_int {
            // SAFETY: the same contract.
            unsafe { export::from_json(stringify!($function), ctx, p, s) }
        }
    };
    (@ gen_json $name:ident $function:ident) => {
        /// Writes the value through a generator of libyajl; 0 or its status.
        ///
        /// # Safety
        /// `hand` is NULL or a generator; `p` is NULL or an initialised value.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(hand: *mut YajlGen, p: *mut $name) -> c_int {
            // SAFETY: the same contract.
            unsafe { export::gen_json(stringify!($function), hand, p) }
        }
    };
    (@ move_deprecated $name:ident $function:ident) => {
        /// Moves deprecated members to their successors; 0, or -EINVAL where both are set.
        ///
        /// # Safety
        /// `p` is NULL or an initialised value whose memory came from malloc.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(_ctx: *mut libxl_ctx, p: *mut $name) -> c_int {
            // SAFETY: NULL or an initialised value.
            let Some(p) = (unsafe { p.as_mut() }) else {
                return -libc::EINVAL;
            };
            // SAFETY: an initialised value.
            let moved = unsafe { p.to_native() }.and_then(|mut native| {
                native.move_deprecated()?;
                Ok(native)
            });
            match moved {
                Ok(moved) => {
                    // SAFETY: the caller's value, which is replaced as a whole.
                    unsafe { $crate::ao::replace(p, &moved) };
                    0
                }
                Err(_) => -libc::EINVAL,
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

        /// The enumerator's name, or NULL.
        #[unsafe(no_mangle)]
        pub extern "C" fn $to_string(p: $name) -> *const c_char {
            export::enum_to_string(&$table.0, p.0)
        }

        /// The enumerator with this name; 0 or an error.
        ///
        /// # Safety
        /// `s` is NULL or a C string; `e` is NULL or valid for writing.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $from_string(s: *const c_char, e: *mut $name) -> c_int {
            // SAFETY: the same contract; the enumeration is an int.
            unsafe { export::enum_from_string(&$table.0, s, e.cast()) }
        }

        /// The enumerator's name as JSON, malloc'd.
        #[unsafe(no_mangle)]
        pub extern "C" fn $to_json(_ctx: *mut libxl_ctx, p: $name) -> *mut c_char {
            plain(stringify!($to_json), std::ptr::null_mut(), || export::enum_to_json(&$table.0, p.0))
        }

        /// Reads an enumerator's name from JSON; 0 or an error.
        ///
        /// # Safety
        /// `ctx` is NULL or a live context; `p` is NULL or valid for writing; `s` is NULL or a C string.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $from_json(ctx: *mut libxl_ctx, p: *mut $name, s: *const c_char) -> c_int {
            // SAFETY: the same contract.
            unsafe { export::enum_from_json(stringify!($from_json), ctx, p, s) }
        }

        /// Writes an enumerator's name through a generator of libyajl; 0 or its status.
        ///
        /// # Safety
        /// `hand` is NULL or a generator; `p` is NULL or points to an enumerator.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gen_json(hand: *mut YajlGen, p: *mut $name) -> c_int {
            // SAFETY: the same contract.
            unsafe { export::enum_gen_json(&$table.0, hand, p.as_ref().map(|e| e.0)) }
        }
    };
}

pub(crate) use {export_enum, export_struct};
