//! `hardshell sign-in`: a new one-time link.

use crate::arguments::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use gateway::wire;

/// Prints a link, and how to reach it from another machine.
pub async fn run(common: &Common) -> Result<Exit, Problem> {
    let client = Client::of(&show::home(common)?);
    let link: wire::SignInLink = client.post("/api/v1/sign-in-links", &serde_json::json!({})).await?;
    if common.json {
        show::json(&link);
        return Ok(Exit::Done);
    }
    if client.get::<wire::Status>("/api/v1/status").await.is_ok_and(|status| status.lockdown) {
        show::note("lockdown is on: the page shows what happened, and nothing is done until it is released");
        show::note("releasing it takes every sign-in back, this one too");
    }
    let url = link.link.dangerous_reveal();
    show::line(&format!(
        "Open this in a browser on this machine, within ten minutes; it works once:\n\n  {url}\n"
    ));
    if let Some(tunnel) = tunnel(url) {
        show::line(&format!("From another machine, first run there:\n\n  {tunnel}\n"));
    }
    Ok(Exit::Done)
}

/// The SSH tunnel that makes the link work from afar.
pub fn tunnel(link: &str) -> Option<String> {
    let port: u16 = link.split_once("//")?.1.split('/').next()?.rsplit_once(':')?.1.parse().ok()?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let user = std::env::var("USER").unwrap_or_else(|_unset| "you".to_string());
    Some(format!("ssh -N -L {port}:127.0.0.1:{port} {user}@{host}"))
}
