//! The proxy's protocol: a real actix server that forwards everything, raw sockets on both sides of it.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod heads;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod large;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod placements;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod shadows;
#[cfg(test)]
mod smuggling;
#[cfg(test)]
mod upgrades;
