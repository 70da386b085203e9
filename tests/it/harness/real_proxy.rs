//! nginx, HAProxy, Caddy and Apache before servers of a test, with a configuration of its own or one of the README's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use super::{eventually, process::Process};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Haproxy,
    Caddy,
    Apache,
}

impl Kind {
    /// The README's configuration: its addresses are `10.0.0.1:8080`, `10.0.0.2:8080` and the port 80.
    pub fn documented(self) -> String {
        let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
        let language = match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddyfile",
            Self::Apache => "apache",
        };
        let start = readme.find(&format!("```{language}\n")).expect("the README has it");
        let block = &readme[start..];
        let lines = block.lines().skip(1).take_while(|line| !line.starts_with("```"));
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// What its manual shows first, without anything of mcpchat's.
    pub fn plain(self) -> &'static str {
        match self {
            Self::Nginx => {
                "upstream a { server 10.0.0.1:8080; server 10.0.0.2:8080; }\n\
                 server { listen 80; location / { proxy_pass http://a; } }\n"
            }
            Self::Haproxy => {
                "defaults\n mode http\n timeout connect 5s\n timeout client 50s\n timeout server 50s\n\
                 frontend f\n bind :80\n default_backend b\n\
                 backend b\n server one 10.0.0.1:8080 check\n server two 10.0.0.2:8080 check\n"
            }
            Self::Caddy => ":80 {\n reverse_proxy 10.0.0.1:8080 10.0.0.2:8080 {\n  lb_try_duration 5s\n }\n}\n",
            Self::Apache => "ProxyPass / http://10.0.0.1:8080/\n",
        }
    }

    fn whole(self, configuration: &str, home: &Path, port: &str) -> String {
        let home = home.display();
        match self {
            Self::Nginx => format!(
                "worker_processes 1; daemon off; pid {home}/pid; error_log stderr;\nevents {{ worker_connections 512; }}\n\
                 http {{ access_log off; client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c; \
                 uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;\n{configuration}}}\n"
            ),
            Self::Haproxy => configuration.to_owned(),
            Self::Caddy => format!("{{\n admin off\n auto_https off\n}}\n{configuration}"),
            Self::Apache => {
                let modules = ["mpm_event", "authz_core", "proxy", "proxy_http", "proxy_wstunnel", "headers"];
                let load: String = modules
                    .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
                    .concat();
                let user = "User www-data\nGroup www-data\n";
                format!(
                    "Listen 127.0.0.1:{port}\nPidFile {home}/pid\nErrorLog /dev/stderr\nServerName a\n{load}{user}{configuration}"
                )
            }
        }
    }

    fn command(self, file: &Path, home: &Path) -> Command {
        let mut command = Command::new(match self {
            Self::Nginx => "/usr/sbin/nginx",
            Self::Haproxy => "/usr/sbin/haproxy",
            Self::Caddy => "caddy",
            Self::Apache => "/usr/sbin/apache2",
        });
        match self {
            Self::Nginx => command.arg("-c").arg(file).arg("-p").arg(home),
            Self::Haproxy => command.args(["-q", "-db", "-f"]).arg(file),
            Self::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file),
            Self::Apache => command.arg("-f").arg(file).arg("-DFOREGROUND"),
        };
        command.env("HOME", home).env("XDG_DATA_HOME", home).env("XDG_CONFIG_HOME", home);
        command
    }
}

pub struct RealProxy {
    address: String,
    _process: Process,
    _home: TempDir,
}

impl RealProxy {
    /// Starts one whose configuration's addresses are replaced by those of these servers and a free port.
    pub async fn start(kind: Kind, configuration: &str, servers: [&str; 2]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let port = address.rsplit(':').next().unwrap();
        let text = kind.whole(configuration, home.path(), port);
        let text = text.replace("10.0.0.1:8080", servers[0]).replace("10.0.0.2:8080", servers[1]);
        let text = text.replace("listen 80;", &format!("listen {address};"));
        let text = text.replace("bind :80\n", &format!("bind {address}\n"));
        let text = text.replace(":80 {", &format!("http://:{port} {{\n bind 127.0.0.1\n"));
        let file: PathBuf = home.path().join("configuration");
        fs::write(&file, text).unwrap();
        let process = Process::start(&format!("{kind:?}"), &mut kind.command(&file, home.path()));
        eventually("the proxy to listen", async || TcpStream::connect(&address).await.ok()).await;
        Self { address, _process: process, _home: home }
    }

    pub fn address(&self) -> &str {
        &self.address
    }
}
