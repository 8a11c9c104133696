//! Where this process sends calls to the modules now.

use std::collections::BTreeMap;
use std::sync::Arc;

use seam::http::HttpTransport;
use seam::tokens::ServiceTokens;
use seam::{Epoch, Parking, Retired, Spread};

use super::{Host, ModuleName};

/// Where a module's calls go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum To {
    /// Nowhere yet: they wait.
    Wait,
    /// To the module in this process, in this epoch.
    Here(u64),
    /// To the processes at these addresses, in this epoch.
    At(Vec<String>, u64),
}

/// How calls were sent last, by module.
#[derive(Default)]
pub(crate) struct Calls(BTreeMap<ModuleName, Sent>);

struct Sent {
    to: To,
    /// Those that wait.
    parking: Option<Parking>,
}

/// What calls to other processes are made with.
pub(crate) struct Wire<'a> {
    pub(crate) client: &'a reqwest::Client,
    pub(crate) tokens: &'a ServiceTokens,
}

// === impl Calls ===

impl Calls {
    /// Sends calls to `module` there from now on, and lets those go that waited. Calls that entered the place of before end
    /// there. `None` if nothing has changed.
    pub(crate) fn send(
        &mut self,
        host: &Host,
        wire: &Wire<'_>,
        module: ModuleName,
        to: To,
    ) -> Option<Retired> {
        if self.0.get(&module).is_some_and(|sent| sent.to == to) {
            return None;
        }
        let before = self.0.remove(&module);
        let (retired, parking) = match &to {
            To::Wait => {
                let (retired, parking) = host.park_calls(module);
                (Some(retired), Some(parking))
            }
            To::Here(_) => (host.call_here(module), None),
            To::At(urls, epoch) => {
                let transports =
                    urls.iter().map(|url| HttpTransport::new(wire.client.clone(), url, wire.tokens.clone()));
                let transport = Arc::new(Spread::new(transports));
                (Some(host.call_at(module, transport, Epoch::new(*epoch))), None)
            }
        };
        if let (To::Here(epoch) | To::At(_, epoch), Some(waiting)) =
            (&to, before.and_then(|before| before.parking))
        {
            host.release_calls(module, waiting, *epoch);
        }
        self.0.insert(module, Sent { to, parking });
        retired
    }
}
