//! The service, called as a client calls it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod acceptances;
mod achievements;
mod app;
mod avatar_corpus;
mod avatar_store;
mod cache;
mod command_line;
mod conditions;
mod cors;
mod database;
mod durability;
mod failures;
mod feature_flags;
mod fuzz;
mod idempotency;
mod limits;
mod log;
mod mail;
mod members;
mod namespaces;
mod oidc;
mod openapi;
mod pages;
mod paging;
mod personal_access_tokens;
mod problems;
mod provider;
mod released;
mod rights;
mod scopes;
mod server;
mod sessions;
mod settings;
mod slow_clients;
mod statements;
mod status_machine;
mod tokens;
mod tools;
mod traps;
mod user_achievements;
mod users;
mod visibility;
