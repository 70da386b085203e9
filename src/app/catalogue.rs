//! The models that may be used, each with its provider and its price.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Error, Result};
use crate::{
    config::{self, Config, Price},
    model::NanoUsd,
    provider::{Provider, Tokens},
    store::KnownModels,
    suggestions,
};

/// The model object of the API.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelInfo {
    pub name: String,
    pub provider: String,
    pub max_output_tokens: u32,
    pub context_window: u32,
}

/// Everything that is configured to answer questions.
pub(super) struct Catalogue {
    models: Vec<Entry>,
    providers: Vec<Provider>,
    /// The same, as the store takes them.
    pub(super) known: Arc<KnownModels>,
}

/// One model. Its place in the catalogue is its place in the configuration.
pub(super) struct Entry {
    pub(super) config: config::Model,
    provider: usize,
    /// The prices a cost was computed with, in words.
    pub(super) price_version: Option<Arc<str>>,
}

impl Catalogue {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let build =
            |provider| Provider::new(provider, &config.secrets).map_err(|error| Error::Setup(error.to_string()));
        let providers = config.providers.iter().map(build).collect::<Result<Vec<_>>>()?;
        let entry = |model: &config::Model| {
            let provider = config.providers.iter().position(|provider| provider.name == model.provider);
            let provider = provider.ok_or_else(|| Error::Setup(format!("model `{}` has no provider", model.name)))?;
            Ok(Entry { config: model.clone(), provider, price_version: model.price.map(|price| version(price).into()) })
        };
        Ok(Self {
            models: config.models.iter().map(entry).collect::<Result<_>>()?,
            providers,
            known: Arc::new(KnownModels {
                models: config.models.iter().map(|model| model.name.clone()).collect(),
                providers: config.models.iter().map(|model| model.provider.clone()).collect(),
            }),
        })
    }

    /// By name; without one the default, which is the first.
    pub(super) fn resolve(&self, name: Option<&str>) -> Result<&Entry> {
        let Some(name) = name else {
            return self.models.first().ok_or_else(|| Error::Setup("no model is configured".into()));
        };
        self.models.iter().find(|entry| entry.config.name == name).ok_or_else(|| Error::UnknownModel {
            name: name.to_owned(),
            near: suggestions::names(name, self.known.models.iter().map(String::as_str))
                .into_iter()
                .map(str::to_owned)
                .collect(),
        })
    }

    pub(super) fn provider(&self, entry: &Entry) -> &Provider {
        &self.providers[entry.provider]
    }

    pub(super) fn providers(&self) -> &[Provider] {
        &self.providers
    }

    pub(super) fn infos(&self) -> Vec<ModelInfo> {
        self.models.iter().map(|entry| ModelInfo::from(&entry.config)).collect()
    }
}

/// The models of a configuration, for a shell: no database is needed to list them. The first is the default.
pub fn configured_models(config: &Config) -> Vec<ModelInfo> {
    config.models.iter().map(ModelInfo::from).collect()
}

impl From<&config::Model> for ModelInfo {
    fn from(model: &config::Model) -> Self {
        Self {
            name: model.name.clone(),
            provider: model.provider.clone(),
            max_output_tokens: model.max_output_tokens,
            context_window: model.context_window,
        }
    }
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    /// What tokens cost; nothing where no price is configured.
    pub(super) fn cost(&self, tokens: Tokens) -> NanoUsd {
        let Some(price) = self.config.price else { return NanoUsd::default() };
        let cached = tokens.cached.min(tokens.input);
        let fresh = tokens.input - cached;
        // Dollars per million tokens are thousands of nano-dollars per token.
        let nano = fresh as f64 * price.input
            + cached as f64 * price.cached.unwrap_or(price.input)
            + tokens.output as f64 * price.output;
        NanoUsd((nano * 1e3).round() as i64)
    }

    /// What an output token costs in nano-dollars, rounded up: reservations are reckoned in whole ones.
    pub(super) fn output_token_price(&self) -> u64 {
        // Less than a thousandth is the error of floating point.
        self.config.price.map_or(0, |price| (price.output * 1e3 - 1e-3).ceil().max(0.0) as u64)
    }
}

fn version(price: Price) -> String {
    format!("{}/{}/{}", price.input, price.output, price.cached.unwrap_or(price.input))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_have_their_own_price() {
        let config = config::Model {
            name: "m".into(),
            provider: "p".into(),
            upstream_name: "m".into(),
            max_output_tokens: 1,
            context_window: 1,
            price: Some(Price { input: 3.0, output: 15.0, cached: Some(0.3) }),
            inline_reasoning: None,
            script: config::MockScript::default(),
        };
        let entry = Entry { config, provider: 0, price_version: None };
        let cost = entry.cost(Tokens { input: 1_000_000, output: 100_000, cached: 400_000 });
        assert_eq!(cost, NanoUsd::from_usd(1.8 + 0.12 + 1.5));
        assert_eq!(entry.cost(Tokens { input: 1, output: 0, cached: 0 }), NanoUsd(3_000));
    }
}
