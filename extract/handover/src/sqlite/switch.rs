//! Seals the source, proves that the target can take over, and opens the one that is to be the owner.

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior};

use super::apply::applied_at;
use super::replica::{Present, counters, failed, open, ownership};
use super::verify::schema_difference;
use super::{MoveError, Pair, capture};
use crate::machine::Ownership;

// === impl Pair ===

impl Pair {
    /// Refuses writes in the source from now on. The lock that this takes is the writers' own: whoever holds it is waited for,
    /// so the number of the last change is exact. Gives it.
    ///
    /// # Errors
    /// When the source fails, or is not this handover's any more.
    pub fn seal(&mut self) -> Result<i64, MoveError> {
        let (operation, epoch) = (self.operation, self.epoch);
        let not_mine = self.source.not_mine("it is not the owner's store any more");
        self.source.change(operation, |source, path| {
            let wrong = |error| failed(path, error);
            let row = ownership(source).map_err(wrong)?;
            if row.operation != Some(operation) || row.epoch != epoch {
                return Err(not_mine);
            }
            if let (true, Some(position)) = (row.sealed, row.position) {
                return Ok(position);
            }
            let position = capture::last(source).map_err(wrong)?;
            // The log that goes the other way begins anew.
            let sealed =
                source.execute("UPDATE ownership SET sealed = TRUE, position = ?1, applied = 0", [position]);
            sealed.map_err(wrong)?;
            Ok(position)
        })
    }

    /// Brings what is left to the target, and proves that it can take over: every row that changed since the stores were
    /// compared is equal, definitions and counters are, the changes that follow are captured, and it can be written. Gives the
    /// number of the last change that it has.
    ///
    /// # Errors
    /// [`MoveError::Differs`] when it must not take over.
    pub fn drain(&mut self) -> Result<i64, MoveError> {
        self.check_spare_room()?;
        let position = self.seal()?;
        while self.apply()?.up_to < position {}
        if self.verified_up_to()? < position {
            return Err(MoveError::Differs("the last changes were not compared".to_owned()));
        }
        let (operation, source_path) = (self.operation, self.source.path.clone());
        let source = self.source.connect(operation)?;
        let kept = counters(source).map_err(|error| failed(&source_path, error))?;
        let target_path = self.target.path.clone();
        let target = self.target.connect(operation)?;
        let difference = schema_difference(source, target).map_err(|error| failed(&target_path, error))?;
        if let Some(difference) = difference {
            return Err(MoveError::Differs(format!("the definition of {difference}")));
        }
        let not_mine = self.target.not_mine("it was opened");
        self.target.change(operation, |target, path| {
            let wrong = |error| failed(path, error);
            if !is_follower(target, operation.as_str()).map_err(wrong)? {
                return Err(not_mine);
            }
            for (table, last) in kept {
                carry_counter(target, &table, last).map_err(wrong)?;
            }
            // It is, unless somebody has meddled.
            match capture::is_fresh(target).map_err(wrong)? {
                true => Ok(()),
                false => capture::arm(target).map_err(wrong),
            }
        })?;
        self.probe()?;
        self.begin_returning()?;
        applied_at(operation, &mut self.target)
    }

    /// Writes the target as its owner would, looks whether that is noted for the way back, and takes it back.
    fn probe(&self) -> Result<(), MoveError> {
        let epoch = self.epoch.saturating_add(1);
        let write = || {
            let mut owner = open(&self.target.path, Present::Epoch(epoch))?;
            owner.busy_timeout(self.target.patience)?;
            let probe = owner.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
            probe.execute("UPDATE ownership SET epoch = ?1, sealed = FALSE", [epoch])?;
            probe.execute("INSERT OR REPLACE INTO store_meta (name, value) VALUES ('probe', '')", [])?;
            let noted = capture::last(&probe)? > 0;
            probe.rollback()?;
            Ok(noted)
        };
        match write().map_err(|error| failed(&self.target.path, error))? {
            true => Ok(()),
            false => Err(self.target.not_mine("what is written there is not noted for the way back")),
        }
    }

    /// Opens the target to its owner. The caller has read that the handover is committed.
    ///
    /// # Errors
    /// When the target fails, or is not this handover's.
    pub fn activate(&mut self) -> Result<(), MoveError> {
        let (operation, epoch) = (self.operation, self.epoch.saturating_add(1));
        let not_mine = self.target.not_mine("it does not follow this handover");
        self.target.change(operation, |target, path| {
            let wrong = |error| failed(path, error);
            let row = ownership(target).map_err(wrong)?;
            match row {
                Ownership { sealed: false, epoch: found, .. } if found == epoch => Ok(()),
                Ownership { sealed: true, epoch: found, .. }
                    if row.operation == Some(operation) && found <= epoch =>
                {
                    let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
                    let opened = target
                        .execute("UPDATE ownership SET epoch = ?1, sealed = FALSE, position = NULL", [epoch]);
                    opened.map(drop).map_err(wrong)
                }
                _ => Err(not_mine),
            }
        })
    }

    /// Opens the source again, in an epoch that the target was never promised. The caller has read that the handover goes back.
    ///
    /// # Errors
    /// When the source fails, or is not this handover's.
    pub fn reopen(&mut self) -> Result<(), MoveError> {
        let (operation, before, epoch) = (self.operation, self.epoch, self.epoch.saturating_add(2));
        self.verified = None;
        self.returning = None;
        let not_mine = self.source.not_mine("it is not this handover's any more");
        self.source.change(operation, |source, path| {
            let wrong = |error| failed(path, error);
            match ownership(source).map_err(wrong)? {
                Ownership { sealed: false, epoch: found, .. } if found == epoch => Ok(()),
                Ownership { epoch: found, operation: Some(mine), .. }
                    if mine == operation && found == before =>
                {
                    let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
                    let opened = source.execute(
                        "UPDATE ownership SET epoch = ?1, sealed = FALSE, position = NULL, applied = NULL",
                        [epoch],
                    );
                    opened.map(drop).map_err(wrong)
                }
                _ => Err(not_mine),
            }
        })
    }
}

fn is_follower(target: &Transaction<'_>, operation: &str) -> Result<bool, rusqlite::Error> {
    let found: Option<i64> = target
        .query_row("SELECT 1 FROM ownership WHERE sealed AND operation = ?1", [operation], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

fn carry_counter(target: &Transaction<'_>, table: &str, last: i64) -> Result<(), rusqlite::Error> {
    let carried = target.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1",
        rusqlite::params![table, last],
    )?;
    if carried == 0 {
        target.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
            rusqlite::params![table, last],
        )?;
    }
    Ok(())
}
