mod create;
mod delete;
mod list;
mod show;
mod update;
