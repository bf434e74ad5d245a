//! The service, called as a client calls it.

mod achievements;
mod app;
