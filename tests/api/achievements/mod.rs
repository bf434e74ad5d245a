mod avatar;
mod award;
mod create;
mod delete;
mod list;
mod show;
mod unique_users;
mod update;
