//! `libxl_defbool_*`, the lists of strings, and the copies of the flat types.

use std::ffi::{c_char, c_int};

use crate::types::{
    CType, libxl_defbool, libxl_hwcap, libxl_key_value_list, libxl_mac, libxl_ms_vm_genid,
    libxl_string_list,
};
use crate::{boundary::plain, ctx::libxl_ctx};

/// Sets yes or no.
///
/// # Safety
/// `db` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_defbool_set(db: *mut libxl_defbool, b: bool) {
    // SAFETY: the same contract.
    unsafe { write_defbool(db, Some(b)) };
}

/// Leaves the choice to the library.
///
/// # Safety
/// `db` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_defbool_unset(db: *mut libxl_defbool) {
    // SAFETY: the same contract.
    unsafe { write_defbool(db, None) };
}

/// Sets yes or no where nobody has yet.
///
/// # Safety
/// `db` is NULL or an initialised value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_defbool_setdefault(db: *mut libxl_defbool, b: bool) {
    // SAFETY: NULL or an initialised value.
    if unsafe { db.as_ref() }.is_some_and(|db| db.val == 0) {
        // SAFETY: the same contract.
        unsafe { write_defbool(db, Some(b)) };
    }
}

/// Whether the choice is left to the library.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_defbool_is_default(db: libxl_defbool) -> bool {
    db.val == 0
}

/// Yes or no; no where nobody has chosen.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_defbool_val(db: libxl_defbool) -> bool {
    db.val > 0
}

/// `True`, `False` or `<default>`.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_defbool_to_string(b: libxl_defbool) -> *const c_char {
    match b.val {
        0 => c"<default>",
        1.. => c"True",
        _ => c"False",
    }
    .as_ptr()
}

/// # Safety
/// `db` is NULL or valid for writing.
unsafe fn write_defbool(db: *mut libxl_defbool, value: Option<bool>) {
    if !db.is_null() {
        // SAFETY: not NULL, so valid for writing by the caller's promise.
        unsafe { db.write(libxl_defbool::from_native(&value)) };
    }
}

/// Dispose and copy of a type whose functions do nothing else.
macro_rules! dispose_and_copy {
    ($ty:ident: $(dispose $dispose:ident,)? copy $copy:ident) => {
        $(
            /// Frees the list and leaves an empty one.
            ///
            /// # Safety
            /// `p` is NULL or an initialised list whose memory came from malloc.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $dispose(p: *mut $ty) {
                // SAFETY: NULL or an initialised list that the caller gives up.
                unsafe {
                    if let Some(list) = p.as_mut() {
                        list.dispose();
                    }
                }
            }
        )?

        /// Makes a copy; the old contents of `dst` are not freed.
        ///
        /// # Safety
        /// `src` is NULL or an initialised value; `dst` is NULL or valid for writing.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $copy(_ctx: *mut libxl_ctx, dst: *mut $ty, src: *const $ty) {
            // SAFETY: NULL or an initialised value, and valid for writing.
            plain(stringify!($copy), (), || unsafe {
                if let (Some(src), false) = (src.as_ref(), dst.is_null()) {
                    src.deep_copy(dst);
                }
            });
        }
    };
}

/// A string as a value of its own.
type CString = *mut c_char;

dispose_and_copy!(libxl_string_list: dispose libxl_string_list_dispose, copy libxl_string_list_copy);
dispose_and_copy!(libxl_key_value_list: dispose libxl_key_value_list_dispose, copy libxl_key_value_list_copy);
dispose_and_copy!(libxl_mac: copy libxl_mac_copy);
dispose_and_copy!(libxl_hwcap: copy libxl_hwcap_copy);
dispose_and_copy!(libxl_ms_vm_genid: copy libxl_ms_vm_genid_copy);
dispose_and_copy!(CString: copy libxl_string_copy);

/// How many strings a list has.
///
/// # Safety
/// `psl` is NULL or an initialised list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_string_list_length(psl: *const libxl_string_list) -> c_int {
    // SAFETY: NULL or an initialised list.
    let length = unsafe { psl.as_ref().map_or(0, |list| list.len()) };
    c_int::try_from(length).unwrap_or(c_int::MAX)
}

/// How many pairs a list has.
///
/// # Safety
/// `pkvl` is NULL or an initialised list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_key_value_list_length(pkvl: *const libxl_key_value_list) -> c_int {
    // SAFETY: NULL or an initialised list.
    let length = unsafe { pkvl.as_ref().map_or(0, |list| list.len()) };
    c_int::try_from(length).unwrap_or(c_int::MAX)
}
