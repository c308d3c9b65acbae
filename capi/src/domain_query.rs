//! Exports of the area "domain lifecycle" that only look: lists, names, userdata.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use xenlight::domain::{query, userdata};
use xenlight::{Code, Error, Result};

use crate::args::{Array, Out, Text};
use crate::boundary::OK;
use crate::ctx::libxl_ctx;
use crate::export::{export, list_free};
use crate::mem;
use crate::types::{CType, libxl_dominfo, libxl_vminfo};

list_free! {
    libxl_dominfo_list_free: libxl_dominfo;
    libxl_vminfo_list_free: libxl_vminfo;
}

/// The status of a failure that is no answer, which is another one than the error's own.
const FAILED: c_int = Code::Fail as c_int;

/// Finds a domain. That there is none is an answer, which callers ask for to find a free name.
fn by_text(this: &libxl_ctx, text: Text, domid: Out<u32>, or_number: bool) -> Result<c_int> {
    let text = text.required_bytes()?;
    let found = this.core.block_on(async |op| match or_number {
        true => query::by_qualifier(op, text).await,
        false => query::by_name(op, text).await,
    });
    match found {
        Err(error) if error.code() == Code::Inval => Ok(Code::Inval as c_int),
        Err(error) => Err(error),
        Ok(_) if domid.is_null() => Ok(Code::Inval as c_int),
        Ok(number) => domid.set(number).map(|()| OK),
    }
}

export! {
    /// What is known of one domain; `info_r` may be NULL to ask only whether there is one.
    fn libxl_domain_info(this, info_r: Out<libxl_dominfo>, domid: u32) -> c_int [else FAILED] {
        match query::info(this.core.xen()?, domid) {
            // An answer, not a failure to log.
            Err(error) if error.code() == Code::DomainNotfound => Ok(Code::DomainNotfound as c_int),
            Err(error) => Err(error),
            Ok(info) => {
                info_r.offer(|| libxl_dominfo::from_native(&info));
                Ok(OK)
            }
        }
    }

    /// All domains; NULL on failure.
    fn libxl_list_domain(this, nb_domain_out: Out<c_int>) -> *mut libxl_dominfo [else null_mut()] {
        nb_domain_out.list(&query::list(this.core.xen()?)?)
    }

    /// All virtual machines, which are the domains that serve no other; NULL on failure.
    fn libxl_list_vm(this, nb_vm_out: Out<c_int>) -> *mut libxl_vminfo [else null_mut()] {
        nb_vm_out.list(&this.core.block_on(async |op| query::list_vm(op).await)?)
    }

    /// Whether a guest can have this number: 1 or 0.
    fn libxl_domid_valid_guest(domid: u32) -> c_int [else 0] {
        c_int::from(query::is_guest_domid(domid))
    }

    /// The domain's name as it is in the store, malloc'd; NULL when it has none.
    fn libxl_domid_to_name(this, domid: u32) -> *mut c_char [else null_mut()] {
        let name = this
            .core
            .block_on(async |op| query::name(&op.store()?, domid).await)?;
        Ok(name.map_or(null_mut(), |name| mem::c_string(&name)))
    }

    /// Finds a domain by name.
    fn libxl_name_to_domid(this, name: Text, domid: Out<u32>) -> c_int [else FAILED] {
        by_text(this, name, domid, false)
    }

    /// Finds a domain by number or name.
    fn libxl_domain_qualifier_to_domid(this, name: Text, domid: Out<u32>) -> c_int [else FAILED] {
        by_text(this, name, domid, true)
    }

    /// Seconds since the epoch at which the domain was built; all ones when that is not known.
    fn libxl_vm_get_start_time(this, domid: u32) -> u32 [else u32::MAX] {
        this.core
            .block_on(async |op| query::start_time(op, domid).await)
    }

    /// Reads a file of the application's that belongs to the domain. What was never written has length 0 and no data.
    fn libxl_userdata_retrieve(
        this,
        domid: u32,
        name: Text,
        data_r: Out<*mut u8>,
        datalen_r: Out<c_int>,
    ) {
        let name = name.called("userdata_userid").required()?;
        let data = this
            .core
            .block_on(async |op| userdata::with(op, domid, |files| files.retrieve(name)).await)?;
        let data = data.unwrap_or_default();
        let length = c_int::try_from(data.len())
            .map_err(|_| Error::fail("the file is too large").domain(domid))?;
        data_r.offer(|| mem::slice(&data));
        datalen_r.offer(|| length);
        Ok(())
    }

    /// Stores a file of the application's that goes away with the domain.
    fn libxl_userdata_store(this, domid: u32, name: Text, data: Array<u8>[datalen], datalen: c_int) {
        let name = name.called("userdata_userid").required()?;
        let data = data.elements()?;
        this.core
            .block_on(async |op| userdata::with(op, domid, |files| files.store(name, data)).await)
    }

    /// Removes a file of the application's.
    fn libxl_userdata_unlink(this, domid: u32, name: Text) {
        let name = name.called("userdata_userid").required()?;
        this.core
            .block_on(async |op| userdata::with(op, domid, |files| files.unlink(name)).await)?;
        Ok(())
    }
}
