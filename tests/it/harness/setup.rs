//! The three ways to run mcpchat, and the macros that turn a claim into a test on each of them.

/// What a test's world is built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// SQLite alone. Needs nothing installed.
    Sqlite,
    /// PostgreSQL alone.
    Postgres,
    /// PostgreSQL and Redis.
    Redis,
}

/// Each claim is the name of an `async fn(Setup)` below; it becomes the tests `claim::sqlite`, `claim::postgres` and
/// `claim::redis`. The list stands first in a file and says what the file proves; a function left out of it is
/// unused, which the compiler tells.
macro_rules! on_every_setup {
    ($($claim:ident)+) => {$(
        mod $claim {
            a_test!(sqlite: super::$claim, Sqlite);
            a_test!(#[ignore = "needs PostgreSQL: tests/run starts one"] postgres: super::$claim, Postgres);
            a_test!(#[ignore = "needs PostgreSQL and Redis: tests/run starts them"] redis: super::$claim, Redis);
        }
    )+};
}

/// The same for what Redis has no part in.
macro_rules! on_both_databases {
    ($($claim:ident)+) => {$(
        mod $claim {
            a_test!(sqlite: super::$claim, Sqlite);
            a_test!(#[ignore = "needs PostgreSQL: tests/run starts one"] postgres: super::$claim, Postgres);
        }
    )+};
}

/// The same for what needs a database server.
macro_rules! on_database_servers {
    ($($claim:ident)+) => {$(
        mod $claim {
            a_test!(#[ignore = "needs PostgreSQL: tests/run starts one"] postgres: super::$claim, Postgres);
            a_test!(#[ignore = "needs PostgreSQL and Redis: tests/run starts them"] redis: super::$claim, Redis);
        }
    )+};
}

/// The same for what is PostgreSQL's alone.
macro_rules! on_postgres {
    ($($claim:ident)+) => {$(
        mod $claim {
            a_test!(#[ignore = "needs PostgreSQL: tests/run starts one"] postgres: super::$claim, Postgres);
        }
    )+};
}

/// The same for what needs Redis, such as several replicas.
macro_rules! on_redis {
    ($($claim:ident)+) => {$(
        mod $claim {
            a_test!(#[ignore = "needs PostgreSQL and Redis: tests/run starts them"] redis: super::$claim, Redis);
        }
    )+};
}

/// The same for what is no different on a server's database.
macro_rules! on_sqlite {
    ($($claim:ident)+) => {$(
        mod $claim {
            a_test!(sqlite: super::$claim, Sqlite);
        }
    )+};
}

macro_rules! a_test {
    ($(#[$attribute:meta])* $name:ident: $claim:path, $setup:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$attribute])*
        async fn $name() {
            $claim(crate::harness::Setup::$setup).await;
        }
    };
}
