//! The service, called as a client calls it.

mod achievements;
mod app;
mod command_line;
mod database;
mod durability;
mod server;
