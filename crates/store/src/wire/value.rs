//! A parsed value as JSON.

use domain::{CommandForm, CommandLine, Connector, Pipeline, Value};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WireValue {
    Text(String),
    Address(String),
    Path(String),
    Id { kind: String, id: String },
    Amount(String),
    Number(String),
    Date(String),
    Url(String),
    Host(String),
    Command { text: String, form: WireForm },
    Boolean(bool),
    Json(String),
    List(Vec<WireValue>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WireForm {
    Plain(Vec<WirePipeline>),
    Unfamiliar(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WirePipeline {
    connector: String,
    commands: Vec<Vec<String>>,
}

impl WireValue {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text.clone()),
            Value::Address(address) => Self::Address(address.to_string()),
            Value::Path(path) => Self::Path(path.clone()),
            Value::Id { kind, id } => Self::Id { kind: kind.clone(), id: id.clone() },
            Value::Amount(amount) => Self::Amount(amount.to_string()),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::Date(date) => Self::Date(date.clone()),
            Value::Url(url) => Self::Url(url.clone()),
            Value::Host(host) => Self::Host(host.to_string()),
            Value::Command(command) => {
                Self::Command { text: command.text.clone(), form: wire_form(&command.form) }
            }
            Value::Boolean(yes) => Self::Boolean(*yes),
            Value::Json(json) => Self::Json(json.clone()),
            Value::List(values) => Self::List(values.iter().map(Self::of).collect()),
        }
    }

    pub(super) fn value(self) -> Option<Value> {
        Some(match self {
            Self::Text(text) => Value::Text(text),
            Self::Address(address) => Value::Address(address.parse().ok()?),
            Self::Path(path) => Value::Path(path),
            Self::Id { kind, id } => Value::Id { kind, id },
            Self::Amount(amount) => Value::Amount(Decimal::from_str_exact(&amount).ok()?),
            Self::Number(number) => Value::Number(Decimal::from_str_exact(&number).ok()?),
            Self::Date(date) => Value::Date(date),
            Self::Url(url) => Value::Url(url),
            Self::Host(host) => Value::Host(host.parse().ok()?),
            Self::Command { text, form } => Value::Command(CommandLine { text, form: form_of(form)? }),
            Self::Boolean(yes) => Value::Boolean(yes),
            Self::Json(json) => Value::Json(json),
            Self::List(values) => Value::List(values.into_iter().map(Self::value).collect::<Option<_>>()?),
        })
    }
}

fn wire_form(form: &CommandForm) -> WireForm {
    match form {
        CommandForm::Unfamiliar { because } => WireForm::Unfamiliar(because.clone()),
        CommandForm::Plain(pipelines) => WireForm::Plain(
            pipelines
                .iter()
                .map(|pipeline| WirePipeline {
                    connector: connector_word(pipeline.connector).to_string(),
                    commands: pipeline.commands.clone(),
                })
                .collect(),
        ),
    }
}

fn form_of(wire: WireForm) -> Option<CommandForm> {
    Some(match wire {
        WireForm::Unfamiliar(because) => CommandForm::Unfamiliar { because },
        WireForm::Plain(pipelines) => CommandForm::Plain(
            pipelines
                .into_iter()
                .map(|pipeline| {
                    let all = [Connector::Always, Connector::OnSuccess, Connector::OnFailure];
                    let connector = all.into_iter().find(|one| connector_word(*one) == pipeline.connector)?;
                    Some(Pipeline { connector, commands: pipeline.commands })
                })
                .collect::<Option<_>>()?,
        ),
    })
}

fn connector_word(connector: Connector) -> &'static str {
    match connector {
        Connector::Always => "always",
        Connector::OnSuccess => "on_success",
        Connector::OnFailure => "on_failure",
    }
}
