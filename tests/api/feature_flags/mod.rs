mod list;
mod put;
