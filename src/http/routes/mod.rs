//! The routes of the API: one file per resource, each with its handlers and its router.

pub(super) mod admin;
pub(super) mod auth;
pub(super) mod conversations;
pub(super) mod health;
pub(super) mod keys;
pub(super) mod messages;
pub(super) mod models;
pub(super) mod turns;
pub(super) mod users;
