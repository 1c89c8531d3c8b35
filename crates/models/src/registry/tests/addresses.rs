//! The corpora of addresses and of hosts, against a model of each kind that is asked over the network.

use super::{ModelConfig, Registry, house_with, question};
use crate::ModelKind;
use domain::Host;
use egress::{Observer, Record, Resolve, Settings, Stage};
use futures_util::future::BoxFuture;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Every name has this address.
struct Named(IpAddr);

impl Resolve for Named {
    fn resolve<'a>(&'a self, _host: &'a Host) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![self.0]) })
    }
}

/// Remembers how far each attempt came.
#[derive(Default)]
struct Seen(Mutex<Vec<Stage>>);

impl Observer for Seen {
    fn observe(&self, record: &Record) {
        self.0.lock().unwrap().push(record.stage.clone());
    }
}

fn table(kind: ModelKind, url: &str, more: &str) -> String {
    let kind = kind.as_str();
    format!("[[models]]\nname = 'm'\nkind = '{kind}'\nmodel = 'm-1'\nurl = '{url}'\n{more}\n")
}

async fn asked(models: &str, address: IpAddr) -> Vec<Stage> {
    let seen = Arc::new(Seen::default());
    let settings = Settings { resolver: Arc::new(Named(address)), ..Settings::default() };
    house_with(models, settings, Arc::clone(&seen) as Arc<dyn Observer>).fail(&question("m")).await;
    std::mem::take(&mut *seen.0.lock().unwrap())
}

#[tokio::test]
async fn no_name_leads_a_model_to_an_address_that_nobody_opened() {
    for line in include_str!("../../../../egress/corpus/addresses.txt").lines() {
        let line = line.split('#').next().unwrap().trim();
        let Some((address, class)) = line.split_once(char::is_whitespace) else { continue };
        let (address, class) = (address.parse().unwrap(), class.trim());
        if class == "public" {
            continue;
        }
        for kind in [ModelKind::Anthropic, ModelKind::Openai, ModelKind::Ollama] {
            let cloud = asked(&table(kind, "https://name.example/v1", ""), address).await;
            assert!(matches!(cloud.as_slice(), [Stage::Refused { .. }]), "{address}: {cloud:?}");
            // A model of the house may be in its own network, and nowhere else.
            if !["loopback", "private"].contains(&class) {
                let local = asked(&table(kind, "https://name.example/v1", "local = true"), address).await;
                assert!(matches!(local.as_slice(), [Stage::Refused { .. }]), "{address}: {local:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_model_is_at_a_host_that_means_something_else_to_somebody() {
    let lines = include_str!("../../../../egress/corpus/hosts.txt").lines();
    let texts = lines.filter(|line| !line.starts_with("# ")).filter_map(|line| line.split_once('\t'));
    for (text, _why) in texts {
        let host = text.replace("\\0", "\0").replace("\\t", "\t").replace("\\r", "\r");
        for url in [format!("https://{host}/v1"), format!("http://{host}/v1")] {
            let config = ModelConfig {
                name: "m".to_string(),
                kind: ModelKind::Openai,
                url: Some(url.clone()),
                model: Some("m-1".to_string()),
                ..super::builtin_config()
            };
            if Registry::check(&[config]).is_err() {
                continue;
            }
            let stages = asked(&table(ModelKind::Openai, &url, ""), "93.184.216.34".parse().unwrap()).await;
            assert!(matches!(stages.as_slice(), [Stage::Refused { .. }]), "{url}: {stages:?}");
        }
    }
}
