//! `libxl_defbool_*`, the lists of strings, and the copies of the flat types.

use std::ffi::{c_char, c_int};
use std::ptr::null;

use crate::args::{In, InOut, Out, Unused, Whole};
use crate::ctx::libxl_ctx;
use crate::export::export;
use crate::types::{
    CType, libxl_defbool, libxl_hwcap, libxl_key_value_list, libxl_mac, libxl_ms_vm_genid,
    libxl_string_list,
};

export! {
    /// Sets yes or no.
    fn libxl_defbool_set(db: Out<libxl_defbool>, b: bool) -> () [else ()] {
        db.offer(|| libxl_defbool::from_native(&Some(b)));
    }

    /// Leaves the choice to the library.
    fn libxl_defbool_unset(db: Out<libxl_defbool>) -> () [else ()] {
        db.offer(|| libxl_defbool::from_native(&None));
    }

    /// Sets yes or no where nobody has yet.
    fn libxl_defbool_setdefault(db: InOut<libxl_defbool>, b: bool) -> () [else ()] {
        db.change(|db| {
            if db.val == 0 {
                *db = libxl_defbool::from_native(&Some(b));
            }
        });
    }

    /// Whether the choice is left to the library.
    fn libxl_defbool_is_default(db: Whole<libxl_defbool>) -> bool [else false] {
        db.raw().val == 0
    }

    /// Yes or no; no where nobody has chosen.
    fn libxl_defbool_val(db: Whole<libxl_defbool>) -> bool [else false] {
        db.raw().val > 0
    }

    /// `True`, `False` or `<default>`.
    fn libxl_defbool_to_string(b: Whole<libxl_defbool>) -> *const c_char [else null()] {
        match b.raw().val {
            0 => c"<default>",
            1.. => c"True",
            _ => c"False",
        }
        .as_ptr()
    }

    /// How many strings a list has.
    fn libxl_string_list_length(psl: In<libxl_string_list>) -> c_int [else 0] {
        c_int::try_from(psl.len()).unwrap_or(c_int::MAX)
    }

    /// How many pairs a list has.
    fn libxl_key_value_list_length(pkvl: In<libxl_key_value_list>) -> c_int [else 0] {
        c_int::try_from(pkvl.len()).unwrap_or(c_int::MAX)
    }
}

/// Dispose and copy of a type whose functions do nothing else.
macro_rules! dispose_and_copy {
    ($ty:ty: $(dispose $dispose:ident,)? copy $copy:ident) => {
        export! {
            $(
                /// Frees the list and leaves an empty one.
                fn $dispose(p: InOut<$ty>) -> () [else ()] {
                    p.dispose();
                }
            )?

            /// Makes a copy; the old contents of `dst` are not freed.
            fn $copy(_ctx: Unused<libxl_ctx>, dst: Out<$ty>, src: In<$ty>) -> () [else ()] {
                dst.copy_of(&src);
            }
        }
    };
}

dispose_and_copy!(libxl_string_list: dispose libxl_string_list_dispose, copy libxl_string_list_copy);
dispose_and_copy!(libxl_key_value_list: dispose libxl_key_value_list_dispose, copy libxl_key_value_list_copy);
dispose_and_copy!(libxl_mac: copy libxl_mac_copy);
dispose_and_copy!(libxl_hwcap: copy libxl_hwcap_copy);
dispose_and_copy!(libxl_ms_vm_genid: copy libxl_ms_vm_genid_copy);
dispose_and_copy!(*mut c_char: copy libxl_string_copy);
