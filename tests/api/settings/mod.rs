mod show;
mod update;
