#![allow(dead_code)]
mod auth;
mod clock;
mod config;
mod event;
mod model;
mod store;

fn main() {}
