//! Loading: flags, environment and file become one configuration, which is cross-checked.

use super::{
    CassetteMode, Config, Environment, Error, Loaded, Overrides, Redaction, cassettes, check,
    file::File,
    limits, models, providers,
    reader::{Read, Reader},
    section::{self, Section},
    sections,
    value::Context,
    variables,
};

/// Reads the environment and the first configuration file there is, and the files of secrets it names. The error holds
/// every independent mistake.
pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Loaded, Error> {
    let file = File::find(overrides, environment)?;
    let table = file.as_ref().map(File::parse).transpose()?;
    let base_dir = file.as_ref().and_then(|file| file.path.parent()).unwrap_or(&environment.current_dir);
    let replays = matches!(overrides.tape, Some(CassetteMode::Replay(_)));
    let context = Context { environment, base_dir, replays };

    let mut reader = Reader::new(context, file.as_ref(), variables::layers(overrides, environment));
    let read = section::read(&mut reader, String::new(), table.as_ref(), document);
    variables::refuse_unknown(&mut reader);
    let is_configured = reader.place("providers[0]").is_some();
    let read = read.map(|config| cassettes::insert(config, overrides.tape.as_ref(), is_configured));
    let complete = read.map(|config| complete(&mut reader, config));
    let written = std::mem::take(&mut reader.written_secrets);
    let warnings = std::mem::take(&mut reader.warnings);
    let (mut config, settings) = reader.finish(complete)?;
    config.secrets = Redaction::of_environment(environment).with_config(&config);
    let exposed = file.as_ref().map_or_else(Vec::new, |file| file.exposed(written));
    let ignored_file = File::ignored_file(overrides, environment);
    Ok(Loaded { config, settings, warnings, exposed, ignored_file, file: file.map(|file| file.path) })
}

/// Reads every key. Each table is read whatever is wrong in the others.
fn document(document: &mut Section<'_, '_>) -> Read<Config> {
    let server = document.table("server", sections::server);
    let database = document.table("database", sections::database);
    let redis = document.table("redis", sections::redis);
    let auth = document.table("auth", sections::auth);
    let audit = document.table("audit", sections::audit);
    let providers = providers::read(document);
    let models = models::read(document);
    let limits = limits::read(document);
    Ok(Config {
        server: server?,
        database: database?,
        redis: redis?,
        auth: auth?,
        audit: audit?,
        providers: providers?,
        models: models?,
        limits: limits?,
        secrets: Redaction::default(),
    })
}

/// Adds the built-in models, and runs the cross-checks.
fn complete(reader: &mut Reader<'_>, mut config: Config) -> Config {
    check::providers(reader, &config.providers);
    check::models(reader, &config.models, &config.providers);
    config.providers.iter().for_each(|provider| cassettes::add_recorded(&mut config.models, provider));
    if reader.context.replays && config.models.is_empty() {
        config.models.push(models::known("mock/echo", &config.providers[0].name, 128_000));
    }
    if reader.place("providers[0]").is_some() {
        check::idle_providers(reader, &config.models, &config.providers);
    } else if config.models.is_empty() {
        config.providers.iter().for_each(|provider| models::add_known(&mut config.models, provider));
    }
    models::add_echo(&mut config.models, &config.providers);
    check::checkpoints(reader, &config.audit, &config.database);
    check::limits(reader, &config.limits, &config.models, &config.providers);
    check::worst_cases(reader, &config.limits, &config.models);
    config
}
