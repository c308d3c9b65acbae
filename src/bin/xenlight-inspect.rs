//! `xenlight-inspect DOMAIN`: a domain's parameters, special pages, ioreq servers, event channels and device model, and
//! what of them does not fit together. Ends with 1 when something does not, with 2 when it could not look.

use std::process::ExitCode;

use xenlight::domain::{inspect, query};
use xenlight::engine::{Ctx, Op};
use xenlight::log::Level;
use xenlight::sys::log::CLogger;
use xenlight::{Error, Result};

const USAGE: &str = "usage: xenlight-inspect DOMAIN (a number or a name)";

fn run(domain: &str) -> Result<bool> {
    let ctx = Ctx::with_c_logger(CLogger::stderr(Level::Error)?)?;
    let picture = ctx.block_on(async |op: &Op| {
        let domid = query::by_qualifier(op, domain.as_bytes()).await?;
        inspect::look(op, domid).await
    })?;
    print!("{picture}");
    Ok(inspect::findings(&picture).is_empty())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match (arguments.next(), arguments.next()) {
        (Some(option), None) if option == "--help" || option == "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        (Some(domain), None) => run(&domain),
        _ => Err(Error::inval(USAGE)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let about = error
                .domid()
                .map_or(String::new(), |domid| format!("domain {domid}: "));
            eprintln!("xenlight-inspect: {about}{error}");
            ExitCode::from(2)
        }
    }
}
