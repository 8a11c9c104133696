//! Carries operations out: looks, asks what follows, writes it down, makes it so.
//!
//! There is one driver, in the home process. It keeps nothing of its own: after a crash another one reads the operations
//! that have not ended and goes on. A step that was written down but not made so is made so when the next driver starts
//! ([`Home::apply`]).

use std::time::Duration;

use handover::{Audit, ControlError, Kind, Move, Operation, Phase, Seen};
use kernel::Timestamp;

use super::Home;
use crate::host::ModuleName;

/// How often the world is looked at while an operation runs.
const EVERY: Duration = Duration::from_millis(50);
/// How often it is looked at for nodes that died, when none runs. Whatever begins or joins stirs the driver.
const IDLE: Duration = Duration::from_millis(500);
/// Pause after the control store failed. Requests may be waiting meanwhile.
const AGAIN: Duration = Duration::from_millis(100);

impl Home {
    /// Drives until the task is dropped.
    pub(crate) async fn drive(&self) {
        let mut complete = false;
        loop {
            let pause = match self.round().await {
                Ok(true) => EVERY,
                Ok(false) => IDLE,
                Err(error) => {
                    log::error!("placements could not be looked after, will try again: {error}");
                    AGAIN
                }
            };
            // Not before placements are as they were decided: requests may be waiting for that.
            if !std::mem::replace(&mut complete, true)
                && let Err(error) = self.complete_receipts().await
            {
                log::error!("receipts could not be completed: {error}");
            }
            let pause = tokio::time::sleep(pause);
            tokio::select! { () = pause => {}, () = self.inner.stir.notified() => {} }
        }
    }

    /// Whether an operation runs.
    async fn round(&self) -> Result<bool, ControlError> {
        self.inner.spawner.reap();
        self.apply().await?;
        self.look_after_nodes().await?;
        let (mut busy, mut failed) = (false, None);
        for handover in self.inner.control.placements().await?.handovers.into_values() {
            match self.step_handover(handover).await {
                Ok(more) => busy |= more,
                Err(ControlError::Stale) => busy = true,
                // The others do not wait for it.
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let running = self.inner.control.running().await?;
        busy |= !running.is_empty();
        for operation in running {
            match self.step(operation).await {
                Ok(()) | Err(ControlError::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(busy)
    }

    async fn step(&self, mut operation: Operation) -> Result<(), ControlError> {
        let Some(module) = ModuleName::find(&operation.module) else { return Ok(()) };
        let seen = self.look(&operation, module).await?;
        let from = operation.phase;
        match operation.next(&seen) {
            Move::Stay => return Ok(()),
            Move::To(phase) => operation.phase = phase,
            Move::Undo(reason) => {
                operation.phase = Phase::Undoing;
                operation.reason = Some(reason);
            }
        }
        operation.phase_at = Timestamp::now();
        operation.ended_at = operation.is_over().then(Timestamp::now);
        self.record(&operation, from).await?;
        self.inner.router.clear_stats(module.as_str());
        if operation.phase == Phase::Shadowing {
            self.inner.router.clear_shadow(module.as_str());
        }
        self.apply().await?;
        Ok(())
    }

    async fn record(&self, operation: &Operation, from: Phase) -> Result<(), ControlError> {
        let routing = operation.routing();
        let mut details = format!("{:?} at {} % of the traffic", operation.phase, routing.weight);
        if let (Phase::Undoing, Some(reason)) = (operation.phase, &operation.reason) {
            details = format!("{details}: {reason}");
        }
        let (id, module) = (operation.id, operation.module.as_str());
        log::info!(operation:% = id, module; "the {module} module: {details}");
        let audit = Audit {
            actor: "home".into(),
            action: "advance",
            module: Some(operation.module.clone()),
            details,
        };
        self.inner.control.advance(operation.clone(), from, audit).await?;
        Ok(())
    }

    async fn look(&self, operation: &Operation, module: ModuleName) -> Result<Seen, ControlError> {
        let ready = match operation.kind {
            Kind::Extract => self.nodes_are_ready(operation, module).await?,
            Kind::Absorb => match self.inner.host.module(module) {
                Some(here) => here.ready().await.is_ok(),
                None => false,
            },
        };
        Ok(Seen {
            lasted: Timestamp::now().since(operation.phase_at),
            ready,
            settled: self.is_settled(module).await,
            verdict: match operation.phase {
                Phase::Shadowing => self.compared(module),
                _ => self.verdict(module, operation.kind),
            },
        })
    }
}
