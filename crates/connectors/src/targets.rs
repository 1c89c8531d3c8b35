//! What the arguments of a call lead to on this machine at this moment.

use crate::error::Error;
use crate::files::Files;
use crate::mail::SmtpServer;
use crate::shell::Shell;
use domain::{Call, Host, Target, Value};

/// The targets of `call`, in the order of its arguments: files, programs, hosts; a mail leads to the server that sends.
pub(crate) fn of(
    call: &Call,
    files: &Files,
    shell: &Shell,
    smtp: Option<&SmtpServer>,
) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    for value in call.arguments.iter().flat_map(|argument| argument.value.leaves()) {
        match value {
            Value::Path(path) => targets.push(files.target(path)?),
            Value::Command(command) => targets.extend(Shell::targets(command)?),
            Value::Url(url) => targets.extend(host_of(url)),
            Value::Host(host) => targets
                .extend(shell.ports(host).into_iter().map(|port| Target::Host { host: host.clone(), port })),
            Value::Text(_)
            | Value::Address(_)
            | Value::Id { .. }
            | Value::Amount(_)
            | Value::Number(_)
            | Value::Date(_)
            | Value::Boolean(_)
            | Value::Json(_)
            | Value::List(_) => {}
        }
    }
    if let ("mail.send", Some(server)) = (call.tool.as_str(), smtp) {
        targets.push(Target::Host { host: server.host.clone(), port: server.port });
    }
    Ok(targets)
}

/// The host of a URL that names one; an address literal is no host, and egress judges it.
fn host_of(url: &str) -> Option<Target> {
    let url = url::Url::parse(url).ok()?;
    let host: Host = url.host_str()?.parse().ok()?;
    Some(Target::Host { host, port: url.port_or_known_default()? })
}
