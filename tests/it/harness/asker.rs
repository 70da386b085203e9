//! `mcpchat chat` in both its ways: in a process of its own, and at a server. What holds for one has to hold for the other.

use super::{Invocation, Output, Person, Provider, Server, Setup, World};

/// A world with a provider, a user `ada`, and a server.
pub struct Asker {
    pub world: World,
    pub provider: Provider,
    pub server: Server,
    ada: Person,
}

impl Asker {
    pub async fn new(setup: Setup) -> Self {
        Self::in_world(setup, |world| world).await
    }

    /// With more in its configuration.
    pub async fn in_world(setup: Setup, configured: impl FnOnce(World) -> World) -> Self {
        let provider = Provider::start().await;
        let world = configured(World::migrated(setup).await.provider(&provider));
        world.add_user("ada").await;
        let server = world.serve().await;
        let ada = server.login("ada").await;
        Self { world, provider, server, ada }
    }

    /// The command in its own process, and the same at the server.
    pub fn both(&self, arguments: &[&str]) -> [(&'static str, Invocation); 2] {
        [("here", self.here(arguments)), ("there", self.there(arguments))]
    }

    pub fn here(&self, arguments: &[&str]) -> Invocation {
        self.world.cli([&["chat", "--as", "ada"], arguments].concat())
    }

    pub fn there(&self, arguments: &[&str]) -> Invocation {
        let chat = self.world.cli([&["chat"], arguments].concat());
        chat.env("MCPCHAT_SERVER", &self.server.url()).env("MCPCHAT_TOKEN", self.ada.token())
    }

    /// Runs both ways, one after the other.
    pub async fn ask(&self, arguments: &[&str]) -> [(&'static str, Output); 2] {
        let [(here, first), (there, second)] = self.both(arguments);
        [(here, first.run().await), (there, second.run().await)]
    }

    pub fn ada(&self) -> &Person {
        &self.ada
    }

    /// A file in the directory that commands run in.
    pub fn file(&self, name: &str, text: &str) {
        std::fs::write(self.world.home().join(name), text).unwrap();
    }
}
