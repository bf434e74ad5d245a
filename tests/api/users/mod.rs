mod create;
mod delete;
mod list;
mod show;
mod show_current;
mod update;
mod update_current;
