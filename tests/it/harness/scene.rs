//! How most tests begin: a server in a world, people who are logged in there, and a provider. Each step gives back the
//! world and what it has added to it, in the order of their making.

use super::{Person, Provider, Server, World};

impl World {
    pub async fn with_server(self) -> (Self, Server) {
        let server = self.serve().await;
        (self, server)
    }

    /// With a server, and an account `ada` that nobody has logged in to.
    pub async fn with_account(self) -> (Self, Server) {
        let (world, server) = self.with_server().await;
        world.add_user("ada").await;
        (world, server)
    }

    /// With a server, and `ada`, logged in there.
    pub async fn with_ada(self) -> (Self, Server, Person) {
        let (world, server) = self.with_server().await;
        let ada = server.person("ada").await;
        (world, server, ada)
    }

    /// With a server, and `root`, an admin, logged in there.
    pub async fn with_root(self) -> (Self, Server, Person) {
        let (world, server) = self.with_server().await;
        let root = server.admin("root").await;
        (world, server, root)
    }

    /// With a server, and `root` and `ada`, logged in there.
    pub async fn with_people(self) -> (Self, Server, Person, Person) {
        let (world, server, root) = self.with_root().await;
        let ada = server.person("ada").await;
        (world, server, root, ada)
    }

    /// With a provider of its own, which `World::provider` makes known to it.
    pub async fn with_provider(self) -> (Self, Provider) {
        let provider = Provider::start().await;
        (self.provider(&provider), provider)
    }

    /// With a provider of its own, a server, and `ada`, logged in there.
    pub async fn with_provider_and_ada(self) -> (Self, Provider, Server, Person) {
        let (world, provider) = self.with_provider().await;
        let (world, server, ada) = world.with_ada().await;
        (world, provider, server, ada)
    }
}
