//! `IngressRules`: which public name leads to which of the gateway's listeners.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::{Value, json};

use crate::model::InstanceId;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngressRules(BTreeMap<InstanceId, IngressRule>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressRule {
    pub host: String,
    pub target: SocketAddr,
}

impl IngressRules {
    pub fn set(&mut self, instance: InstanceId, rule: IngressRule) {
        self.0.insert(instance, rule);
    }

    pub fn remove(&mut self, instance: &InstanceId) {
        self.0.remove(instance);
    }

    pub fn retain(&mut self, keep: impl Fn(&InstanceId) -> bool) {
        self.0.retain(|instance, _| keep(instance));
    }

    /// The tunnel's configuration as the API takes it. The last rule has to match everything.
    pub fn config(&self) -> Value {
        let mut ingress: Vec<Value> = self
            .0
            .values()
            .map(|rule| {
                json!({
                    "hostname": rule.host,
                    "service": format!("http://{}", rule.target),
                })
            })
            .collect();
        ingress.push(json!({"service": "http_status:404"}));
        json!({"config": {"ingress": ingress}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_refuses_every_other_host() {
        let mut rules = IngressRules::default();
        let id: InstanceId = "0123456789ab".parse().unwrap();
        rules.set(
            id.clone(),
            IngressRule {
                host: "shop.example.com".to_owned(),
                target: "127.0.0.1:81".parse().unwrap(),
            },
        );
        let catch_all = json!({"service": "http_status:404"});
        let shop = json!({"hostname": "shop.example.com", "service": "http://127.0.0.1:81"});
        assert_eq!(
            rules.config(),
            json!({"config": {"ingress": [shop, catch_all]}})
        );
        rules.remove(&id);
        assert_eq!(rules.config(), json!({"config": {"ingress": [catch_all]}}));
    }
}
