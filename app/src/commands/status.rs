//! `banyan status` and `banyan can-extract`.

use crate::cli::Remote;
use crate::exit::{Failure, say};
use crate::home::{CanExtract, Status, Traffic};
use crate::host::ModuleName;
use crate::operator::Operator;
use crate::{config, logging};

/// Says what is where, and how it does.
pub(super) fn run(remote: &Remote) -> Result<(), Failure> {
    let status: Status = ask(remote, "status")?;
    if remote.json {
        return show_json(&status);
    }
    say(&format!("{} (route table {})", status.url, status.generation));
    for module in &status.modules {
        let nodes: Vec<&str> = module.nodes.iter().map(|node| node.as_str()).collect();
        let nodes = if nodes.is_empty() { "-".to_owned() } else { nodes.join(", ") };
        say(&format!(
            "{:<8} {:<5} {:>3} %  epoch {}  {nodes}",
            module.name, module.placement, module.weight, module.epoch
        ));
        traffic("home", &module.home);
        traffic("node", &module.away);
        if let Some(seen) = &module.shadow {
            say(&format!(
                "         copied: {} compared, {} unanswered, {} left out; differences: {}",
                seen.compared,
                seen.unreachable,
                seen.dropped + seen.skipped,
                if seen.differences.is_empty() { "none".to_owned() } else { seen.differences.join(", ") }
            ));
        }
        if let Some(store) = &module.store {
            say(&format!("         its store is at {store}"));
        }
        if let Some(handover) = &module.handover {
            super::placement::handover::show(handover, false);
            if let Some(advice) = &handover.advice {
                say(&format!("         {advice}"));
            }
        }
        if let Some(reason) = module.operation.as_ref().and_then(|operation| operation.reason.as_ref()) {
            say(&format!("         last operation was undone: {reason}"));
        }
    }
    for node in &status.nodes {
        let alive = if node.alive { "alive" } else { "silent" };
        say(&format!("node {} at {} ({alive}): {}", node.id, node.url, node.modules.join(", ")));
    }
    for line in &status.audit {
        let module = line.module.as_deref().unwrap_or("-");
        say(&format!("{} {} {} {module}: {}", line.at, line.actor, line.action, line.details));
    }
    Ok(())
}

/// Says whether a module can be taken out, and why not.
pub(super) fn can_extract(module: ModuleName, remote: &Remote) -> Result<(), Failure> {
    let answer: CanExtract = ask(remote, &format!("can-extract/{module}"))?;
    if remote.json {
        show_json(&answer)?;
    }
    if answer.can {
        if !remote.json {
            say(&format!("{module} can be extracted"));
        }
        return Ok(());
    }
    Err(Failure::Refused(answer.reasons.join("; ")))
}

fn ask<T: serde::de::DeserializeOwned>(remote: &Remote, path: &str) -> Result<T, Failure> {
    let config = config::load(remote.common.config.as_deref())?;
    logging::install(&config.log);
    let operator = Operator::new(&config, remote.home.clone())?;
    super::runtime()?.block_on(operator.get(path))
}

fn show_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    say(&serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?);
    Ok(())
}

fn traffic(place: &str, traffic: &Traffic) {
    if traffic.requests > 0 {
        say(&format!(
            "         {place}: {} requests, {} failed, p50 {} µs, p99 {} µs",
            traffic.requests, traffic.errors, traffic.p50_us, traffic.p99_us
        ));
    }
}
