//! The service, called as a client calls it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod achievements;
mod app;
mod command_line;
mod database;
mod durability;
mod rights;
mod server;
mod visibility;
