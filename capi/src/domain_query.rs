//! Exports of the area "domain lifecycle" that only look: lists, names, userdata.

use std::ffi::{c_char, c_int};

use xenlight::domain::{query, userdata};
use xenlight::{Code, Error, Result};

use crate::boundary::{OK, optional_bytes, plain, required_str, status, store_out, value};
use crate::ctx::libxl_ctx;
use crate::mem;
use crate::types::{CType, dispose_array, libxl_dominfo, libxl_vminfo};

/// What is known of one domain; `info_r` may be NULL to ask only whether there is one.
///
/// # Safety
/// `info_r` is NULL or valid for writing; what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_info(
    ctx: *mut libxl_ctx,
    info_r: *mut libxl_dominfo,
    domid: u32,
) -> c_int {
    // Asking for a domain that is not there is an answer, not a failure to log.
    let found = value(
        ctx,
        "libxl_domain_info",
        Err(Code::Fail),
        |this| match query::info(this.core.xen()?, domid) {
            Err(error) if error.code() == Code::DomainNotfound => Ok(Err(Code::DomainNotfound)),
            other => other.map(Ok),
        },
    );
    match found {
        Ok(info) => {
            if !info_r.is_null() {
                // SAFETY: not NULL, and writable by the caller's promise.
                unsafe { info_r.write(libxl_dominfo::from_native(&info)) };
            }
            OK
        }
        Err(code) => code as c_int,
    }
}

/// All domains; NULL on failure.
///
/// # Safety
/// `nb_domain_out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_list_domain(
    ctx: *mut libxl_ctx,
    nb_domain_out: *mut c_int,
) -> *mut libxl_dominfo {
    value(ctx, "libxl_list_domain", std::ptr::null_mut(), |this| {
        let list = query::list(this.core.xen()?)?;
        // SAFETY: the same contract.
        unsafe { hand_over(&list, "nb_domain_out", nb_domain_out) }
    })
}

/// All virtual machines, which are the domains that serve no other; NULL on failure.
///
/// # Safety
/// `nb_vm_out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_list_vm(
    ctx: *mut libxl_ctx,
    nb_vm_out: *mut c_int,
) -> *mut libxl_vminfo {
    value(ctx, "libxl_list_vm", std::ptr::null_mut(), |this| {
        let list = this.core.block_on(async |op| query::list_vm(op).await)?;
        // SAFETY: the same contract.
        unsafe { hand_over(&list, "nb_vm_out", nb_vm_out) }
    })
}

/// A malloc'd array, never NULL, with its length stored through `count`.
///
/// # Safety
/// `count` is NULL or valid for writing.
unsafe fn hand_over<T: CType>(list: &[T::Native], what: &str, count: *mut c_int) -> Result<*mut T> {
    let length = c_int::try_from(list.len()).unwrap_or(c_int::MAX);
    // SAFETY: the same contract.
    unsafe { store_out(what, count, length) }?;
    let array = mem::zeroed_array::<T>(list.len());
    for (index, item) in list.iter().enumerate() {
        // SAFETY: `index` is below the allocation's element count.
        unsafe { array.add(index).write(T::from_native(item)) };
    }
    Ok(array)
}

/// Frees what [`libxl_list_domain`] returned.
///
/// # Safety
/// `list` is NULL or such an array of `nb_domain` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_dominfo_list_free(list: *mut libxl_dominfo, nb_domain: c_int) {
    // SAFETY: the same contract.
    plain("libxl_dominfo_list_free", (), || unsafe {
        dispose_array(list, nb_domain);
    });
}

/// Frees what [`libxl_list_vm`] returned.
///
/// # Safety
/// `list` is NULL or such an array of `nb_vm` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_vminfo_list_free(list: *mut libxl_vminfo, nb_vm: c_int) {
    // SAFETY: the same contract.
    plain("libxl_vminfo_list_free", (), || unsafe {
        dispose_array(list, nb_vm);
    });
}

/// Whether a guest can have this number: 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domid_valid_guest(domid: u32) -> c_int {
    c_int::from(query::is_guest_domid(domid))
}

/// The domain's name as it is in the store, malloc'd; NULL when it has none.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domid_to_name(ctx: *mut libxl_ctx, domid: u32) -> *mut c_char {
    value(ctx, "libxl_domid_to_name", std::ptr::null_mut(), |this| {
        let name = this
            .core
            .block_on(async |op| query::name(&op.store()?, domid).await)?;
        Ok(name.map_or(std::ptr::null_mut(), |name| mem::c_string(&name)))
    })
}

/// Finds a domain by name.
///
/// # Safety
/// `name` is NULL or a C string, `domid` NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_name_to_domid(
    ctx: *mut libxl_ctx,
    name: *const c_char,
    domid: *mut u32,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { by_text(ctx, "libxl_name_to_domid", name, domid, false) }
}

/// Finds a domain by number or name.
///
/// # Safety
/// `name` is NULL or a C string, `domid` NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_qualifier_to_domid(
    ctx: *mut libxl_ctx,
    name: *const c_char,
    domid: *mut u32,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { by_text(ctx, "libxl_domain_qualifier_to_domid", name, domid, true) }
}

/// # Safety
/// `text` is NULL or a C string, `domid` NULL or valid for writing.
unsafe fn by_text(
    ctx: *mut libxl_ctx,
    function: &str,
    text: *const c_char,
    domid: *mut u32,
    or_number: bool,
) -> c_int {
    // That there is no such domain is an answer, which callers ask for to find a free name.
    let found = value(ctx, function, Err(Code::Fail), |this| {
        // SAFETY: the same contract.
        let text = unsafe { optional_bytes(text) };
        let text = text.ok_or_else(|| Error::inval("name is NULL"))?;
        let found = this.core.block_on(async |op| match or_number {
            true => query::by_qualifier(op, text).await,
            false => query::by_name(op, text).await,
        });
        match found {
            Err(error) if error.code() == Code::Inval => Ok(Err(Code::Inval)),
            other => other.map(Ok),
        }
    });
    match found {
        Ok(_) if domid.is_null() => Code::Inval as c_int,
        Ok(number) => {
            // SAFETY: not NULL, and writable by the caller's promise.
            unsafe { domid.write(number) };
            OK
        }
        Err(code) => code as c_int,
    }
}

/// Seconds since the epoch at which the domain was built; all ones when that is not known.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vm_get_start_time(ctx: *mut libxl_ctx, domid: u32) -> u32 {
    value(ctx, "libxl_vm_get_start_time", u32::MAX, |this| {
        this.core
            .block_on(async |op| query::start_time(op, domid).await)
    })
}

/// Reads a file of the application's that belongs to the domain. What was never written has length 0 and no data.
///
/// # Safety
/// `name` is NULL or a C string; `data_r` and `datalen_r` are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_userdata_retrieve(
    ctx: *mut libxl_ctx,
    domid: u32,
    name: *const c_char,
    data_r: *mut *mut u8,
    datalen_r: *mut c_int,
) -> c_int {
    status(ctx, "libxl_userdata_retrieve", |this| {
        // SAFETY: the same contract.
        let name = unsafe { required_str("userdata_userid", name) }?;
        let data = this
            .core
            .block_on(async |op| userdata::with(op, domid, |files| files.retrieve(name)).await)?;
        let data = data.unwrap_or_default();
        let length = c_int::try_from(data.len())
            .map_err(|_| Error::fail("the file is too large").domain(domid))?;
        if !data_r.is_null() {
            // SAFETY: not NULL, and writable by the caller's promise.
            unsafe { data_r.write(mem::slice(&data)) };
        }
        if !datalen_r.is_null() {
            // SAFETY: not NULL, and writable by the caller's promise.
            unsafe { datalen_r.write(length) };
        }
        Ok(OK)
    })
}

/// Stores a file of the application's that goes away with the domain.
///
/// # Safety
/// `name` is NULL or a C string; `data` has `datalen` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_userdata_store(
    ctx: *mut libxl_ctx,
    domid: u32,
    name: *const c_char,
    data: *const u8,
    datalen: c_int,
) -> c_int {
    status(ctx, "libxl_userdata_store", |this| {
        // SAFETY: the same contract.
        let name = unsafe { required_str("userdata_userid", name) }?;
        // SAFETY: the same contract.
        let data = unsafe { crate::types::elements(data, datalen) }?;
        this.core.block_on(async |op| {
            userdata::with(op, domid, |files| files.store(name, data)).await
        })?;
        Ok(OK)
    })
}

/// Removes a file of the application's.
///
/// # Safety
/// `name` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_userdata_unlink(
    ctx: *mut libxl_ctx,
    domid: u32,
    name: *const c_char,
) -> c_int {
    status(ctx, "libxl_userdata_unlink", |this| {
        // SAFETY: the same contract.
        let name = unsafe { required_str("userdata_userid", name) }?;
        this.core
            .block_on(async |op| userdata::with(op, domid, |files| files.unlink(name)).await)?;
        Ok(OK)
    })
}
