//! The record of one ended handover, which can be checked again without a running shop.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::control::JournalEntry;
use crate::machine::{Base, Handover, State};
use crate::peel::OperationId;
use crate::sqlite::{self, TableDigest};

/// What a handover was and came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Of this format.
    pub version: u32,
    /// All that was written down about it.
    pub handover: Handover,
    /// The states that it reached.
    pub journal: Vec<JournalEntry>,
}

/// A receipt, byte for byte, and who vouches for it.
#[derive(Debug, Serialize, Deserialize)]
struct Signed {
    receipt: Box<RawValue>,
    /// HMAC-SHA256 (RFC 2104) of the receipt's bytes with the cluster's key, in hexadecimal.
    signature: String,
}

/// What was found when a receipt was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// What is wrong with it; `None` if nothing is.
    pub wrong: Option<String>,
}

/// A receipt cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("a receipt: {0}")]
pub struct InvalidReceipt(#[from] serde_json::Error);

// === impl Receipt ===

impl Receipt {
    /// Of an ended handover.
    pub fn of(handover: Handover, journal: Vec<JournalEntry>) -> Self {
        Self { version: 1, handover, journal }
    }

    /// Its bytes with a signature.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn sign(&self, key: &[u8; 32]) -> Result<String, InvalidReceipt> {
        let text = serde_json::to_string(self)?;
        let signature = hex(&mac(key, text.as_bytes()).finalize().into_bytes());
        Ok(serde_json::to_string(&Signed { receipt: RawValue::from_string(text)?, signature })?)
    }

    /// What `signed` says, whoever wrote it.
    ///
    /// # Errors
    /// When it is no receipt.
    pub fn read(signed: &str) -> Result<Self, InvalidReceipt> {
        let signed: Signed = serde_json::from_str(signed)?;
        Ok(serde_json::from_str(signed.receipt.get())?)
    }

    /// Checks everything that can be checked again: who vouches for it, that it contradicts itself nowhere, and that the store that
    /// was put aside still holds what it did.
    ///
    /// # Errors
    /// When it is no receipt.
    pub fn check(signed: &str, key: &[u8; 32]) -> Result<(Self, Vec<Finding>), InvalidReceipt> {
        let parsed: Signed = serde_json::from_str(signed)?;
        let receipt: Self = serde_json::from_str(parsed.receipt.get())?;
        let sound = mac(key, parsed.receipt.get().as_bytes()).verify_slice(&unhex(&parsed.signature)).is_ok();
        let mut findings =
            vec![finding("the signature", (!sound).then_some("it is not this shop's, or was changed"))];
        findings.push(finding("the journal", receipt.journal_contradiction().as_deref()));
        findings.push(finding("the positions", receipt.position_contradiction().as_deref()));
        findings.push(finding("the rows compared", receipt.row_contradiction().as_deref()));
        if let Some(name) = &receipt.handover.facts.put_aside {
            let wrong = store_contradiction(name, &receipt.handover.facts.put_aside_holds);
            findings.push(finding(&format!("the store put aside as {name}"), wrong.as_deref()));
        }
        Ok((receipt, findings))
    }

    /// The handover whose comparison this one relied on, if it made none of its own.
    pub fn relies_on(&self) -> Option<OperationId> {
        let facts = &self.handover.facts;
        facts.compared_by.filter(|_| facts.compared.is_none() && self.succeeded())
    }

    /// Checks that the handover whose comparison this one relied on made one, and was of the same module.
    pub fn check_comparison(&self, relied_on: OperationId, before: Option<&Self>) -> Finding {
        let what = format!("the comparison by {relied_on}");
        let holds = before.is_some_and(|before| {
            before.handover.facts.compared.is_some() && before.handover.module == self.handover.module
        });
        finding(&what, (!holds).then_some("there is no receipt of it, or it compared nothing"))
    }

    /// Whether the module is at the target.
    pub fn succeeded(&self) -> bool {
        self.journal.iter().any(|entry| entry.state == State::Committed.name())
    }

    fn journal_contradiction(&self) -> Option<String> {
        let mut last = None;
        for (index, entry) in self.journal.iter().enumerate() {
            if entry.number != i64::try_from(index).unwrap_or(-2) + 1 {
                return Some(format!("an entry is missing before number {}", entry.number));
            }
            let Some(state) = State::ALL.into_iter().find(|state| state.name() == entry.state) else {
                return Some(format!("there is no state {}", entry.state));
            };
            if let Some(last) = last
                && !may_follow(last, state)
            {
                return Some(format!("{} does not follow {}", state.name(), State::name(last)));
            }
            last = Some(state);
        }
        match last {
            Some(last) if last == self.handover.state && last.is_over() => None,
            _ => Some("it ends otherwise than the handover".to_owned()),
        }
    }

    fn position_contradiction(&self) -> Option<String> {
        let facts = &self.handover.facts;
        if !self.succeeded() {
            return None;
        }
        if facts.applied.is_none() || facts.applied < facts.position {
            return Some("the new store took over without the last changes".to_owned());
        }
        match (&facts.compared, facts.position) {
            (Some(compared), Some(position)) if compared.position > position => {
                Some("the stores were compared at a later change than the last one".to_owned())
            }
            (Some(_), Some(_)) => None,
            (None, Some(_)) if facts.compared_by.is_some() => None,
            // A driver that was killed after the commit cannot tell any more; one that was not, must.
            _ => Some("it went over without having been compared".to_owned()),
        }
    }

    fn row_contradiction(&self) -> Option<String> {
        let facts = &self.handover.facts;
        if facts.waits.iter().map(|waited| waited.requests).sum::<u64>() != facts.waited {
            return Some("the requests that waited are not as many as their waits".to_owned());
        }
        let compared = facts.compared.as_ref()?;
        let wrong = compared.tables.iter().find(|table| table.digest.len() != 64);
        wrong.map(|table| format!("the digest of {} is none", table.table))
    }
}

fn store_contradiction(name: &str, holds: &[TableDigest]) -> Option<String> {
    let path = std::path::Path::new(name);
    if !path.exists() {
        return Some("it is not there any more".to_owned());
    }
    match sqlite::held_by(path) {
        Err(error) => Some(error.to_string()),
        Ok(found) if found == holds => None,
        Ok(found) => {
            let changed = found.iter().find(|table| !holds.contains(table));
            Some(format!(
                "it holds something else: {}",
                changed.map_or("a table is gone", |table| &table.table)
            ))
        }
    }
}

/// Whether a handover can go from the one state to the other.
pub(crate) fn may_follow(before: State, after: State) -> bool {
    use State::{
        Aborted, Aborting, Activated, Begun, CatchingUp, Committed, Complete, Completing, Copying, Drained,
        Prepared, Reopening, Routed, Sealing, Standby, Superseded, Verified, Watched,
    };
    match before {
        Begun => matches!(after, Prepared | Aborting | Standby),
        Prepared => matches!(after, Copying | CatchingUp | Aborting | Standby),
        Copying => matches!(after, CatchingUp | Aborting),
        CatchingUp => matches!(after, Verified | Aborting | Standby),
        Verified => matches!(after, CatchingUp | Sealing | Aborting | Standby),
        Sealing => matches!(after, Drained | Reopening),
        Drained => matches!(after, Committed | Reopening),
        Committed => after == Activated,
        Activated => after == Routed,
        Routed => after == Watched,
        Watched => matches!(after, Completing | Superseded),
        Completing => after == Complete,
        Reopening => matches!(after, Aborting | Standby),
        Standby => matches!(after, Aborting | Superseded),
        Aborting => after == Aborted,
        Complete | Aborted | Superseded => false,
    }
}

fn finding(what: &str, wrong: Option<&str>) -> Finding {
    Finding { what: what.to_owned(), wrong: wrong.map(str::to_owned) }
}

fn mac(key: &[u8; 32], text: &[u8]) -> Hmac<Sha256> {
    // A key that is shorter than a block is filled up with zeros (RFC 2104, section 2).
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(text);
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect::<Option<Vec<u8>>>().unwrap_or_default()
}

impl Base {
    /// Whether the target was copied anew.
    pub fn is_copy(self) -> bool {
        self == Self::Copy
    }
}
