#![allow(dead_code)]
mod clock;
mod config;
mod event;
mod model;

fn main() {}
