//! The test harness: a world of its own for each test (`World`), the real server in it (`Server`), people who use it
//! (`Person`), the API's description, which every response is held to, the command line (`Running`, `Output`), and a
//! scripted provider (`Provider`).

mod answer;
mod asker;
mod cluster;
mod command;
mod databases;
mod description;
mod dialect;
mod eventually;
pub mod frames;
mod gate;
mod held;
mod jwt;
mod load;
mod person;
mod pgbouncer;
mod postgres;
pub mod process;
mod provider;
mod proxy;
mod raw;
mod real_proxy;
mod redis;
mod reply;
mod scene;
mod sentinel;
mod server;
#[macro_use]
mod setup;
pub mod socket;
mod sse;
mod under_way;
mod wire;
mod world;

pub use answer::Answer;
pub use asker::Asker;
pub use cluster::Cluster;
pub use command::{Invocation, Output};
pub use databases::Database;
pub use description::{DESCRIPTION, Operation};
pub use eventually::{eventually, within};
pub use gate::Gate;
pub use held::Held;
pub use jwt::{Jwt, unix_now};
pub use load::{Load, Outcome};
pub use person::{PASSWORD, Person, Told};
pub use pgbouncer::PgBouncer;
pub use postgres::{Disk, Postgres};
pub use provider::{Call, Provider};
pub use proxy::Proxy;
pub use raw::Raw;
pub use real_proxy::{Kind, RealProxy};
pub use redis::Redis;
pub use reply::Reply;
pub use sentinel::Sentinels;
pub use server::Server;
pub use setup::Setup;
pub use socket::Socket;
pub use sse::{Event, Events, tells_no_word, told};
pub use under_way::UnderWay;
pub use wire::Wire;
pub use world::{JWT_SECRET, World};

/// The stream of events and the JSON of one reply, by the names the assertions use.
pub use serde_json::{Value, json};
