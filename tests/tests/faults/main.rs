//! What is left after things go wrong: crashes, stops, damaged stores, overload.

mod crash;
mod overload;
mod start;
mod stop;
