//! `banyan receipt`: works on the data directory, whether or not the shop runs.

use handover::{Control, Receipt, Stored};

use crate::cli::{Common, ReceiptCommand};
use crate::config::{self, Config};
use crate::exit::{Failure, say};
use crate::figures;
use crate::home::secrets;
use crate::logging;

/// Receipts that are listed.
const LISTED: u32 = 100;

/// Runs the command.
pub(super) fn run(command: ReceiptCommand) -> Result<(), Failure> {
    match command {
        ReceiptCommand::List { json, common } => list(json, &common),
        ReceiptCommand::Show { id, common } => show(&id, &common),
        ReceiptCommand::Verify { id, json, common } => verify(&id, json, &common),
    }
}

fn list(json: bool, common: &Common) -> Result<(), Failure> {
    let (_, control) = open(common)?;
    let listed = super::runtime()?.block_on(control.receipts(LISTED)).map_err(anyhow::Error::from)?;
    for stored in listed {
        if json {
            say(&stored.body);
            continue;
        }
        let receipt = Receipt::read(&stored.body).map_err(anyhow::Error::from)?;
        let handover = &receipt.handover;
        let came_to = if receipt.succeeded() { "moved" } else { "went back" };
        let pause = handover.facts.pause_us.map_or("-".to_owned(), figures::millis);
        say(&format!(
            "{} {} {:<8} {came_to:<9} epoch {:>3}  pause {pause:>9}  {}",
            stored.id, stored.at, stored.module, handover.epoch, handover.plan.target.store
        ));
    }
    Ok(())
}

fn show(id: &str, common: &Common) -> Result<(), Failure> {
    let (_, _, stored) = find(id, common)?;
    let receipt = Receipt::read(&stored.body).map_err(anyhow::Error::from)?;
    say(&serde_json::to_string_pretty(&receipt).map_err(anyhow::Error::from)?);
    Ok(())
}

fn verify(id: &str, json: bool, common: &Common) -> Result<(), Failure> {
    let (config, control, stored) = find(id, common)?;
    let key = secrets::read(&config.data.directory.join(secrets::CLUSTER_KEY))?;
    let checked = Receipt::check(&stored.body, &secrets::bytes(&key));
    let (receipt, mut findings) = checked.map_err(anyhow::Error::from)?;
    if let Some(before) = receipt.relies_on() {
        let stored = super::runtime()?.block_on(control.receipt(before)).map_err(anyhow::Error::from)?;
        let compared = stored.as_ref().and_then(|stored| Receipt::read(&stored.body).ok());
        findings.push(receipt.check_comparison(before, compared.as_ref()));
    }
    for finding in &findings {
        if json {
            say(&serde_json::to_string(finding).map_err(anyhow::Error::from)?);
        } else {
            let wrong = finding.wrong.as_deref().map_or("ok".to_owned(), |wrong| format!("WRONG: {wrong}"));
            say(&format!("{:<40} {wrong}", finding.what));
        }
    }
    match findings.iter().find(|finding| finding.wrong.is_some()) {
        None => Ok(()),
        Some(wrong) => Err(Failure::Refused(format!("the receipt does not hold: {}", wrong.what))),
    }
}

fn find(id: &str, common: &Common) -> Result<(Config, Control, Stored), Failure> {
    let (config, control) = open(common)?;
    let unknown =
        || Failure::Refused(format!("there is no receipt {id}; `banyan receipt list` says which there are"));
    let parsed = id.parse().map_err(|_error| unknown())?;
    let stored = super::runtime()?.block_on(control.receipt(parsed)).map_err(anyhow::Error::from)?;
    Ok((config, control, stored.ok_or_else(unknown)?))
}

fn open(common: &Common) -> Result<(Config, Control), Failure> {
    let config = config::load(common.config.as_deref())?;
    logging::install(&config.log);
    let path = config.data.directory.join("control.db");
    if !path.exists() {
        return Err(Failure::Refused(format!("there is no shop in {}", config.data.directory.display())));
    }
    let control = Control::open(&config.control_store())?;
    Ok((config, control))
}
