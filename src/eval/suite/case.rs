//! Cases of a suite: the message, the expectations, and how many replies have to pass.

use std::{collections::HashSet, path::Path, time::Duration};

use serde_saphyr::Spanned;

use super::{
    SuiteOptions,
    file::{Part, SuiteFile},
    pieces::{Message, Role},
};
use crate::{
    app::{RawTurnRequest, TurnRequest},
    eval::{
        Template, Variables,
        expectations::{Check, Expectations, read_schema},
        is_name,
    },
    model::{Author, NanoUsd, ResponseFormat, Said, Sampling, without_bom},
};

/// A message to one model, and the expectations of its reply.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// `None`: the default one.
    pub model: Option<String>,
    pub tags: Vec<String>,
    pub ask: TurnRequest,
    pub expectations: Expectations,
    pub repair: bool,
    /// How often it is sent, and how many of the replies have to pass.
    pub repeat: usize,
    pub min_pass: usize,
}

/// A line, and what is wrong there.
type Wrong = (u64, String);

/// The system prompt, and the messages.
type Talk = (Option<String>, Vec<(Author, String)>);

/// Builds every case with every model; returns all mistakes too.
pub(super) fn all_of(file: &SuiteFile, beside: &Path, choice: &SuiteOptions) -> (Vec<Case>, Vec<Wrong>) {
    let (mut cases, mut wrong, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    let common = Part::default();
    let defaults = file.defaults.as_ref().map_or(&common, |defaults| &defaults.value);
    if let Some(part) = file.defaults.as_ref().filter(|part| part.value.asks_something()) {
        wrong.push((line(part), "`defaults` cannot have a `name`, `prompt`, `prompt_file` or `messages`".into()));
    }
    for part in &file.cases {
        let reading = CaseReader { file, defaults, part: &part.value, line: line(part), beside, choice };
        match reading.cases() {
            Ok(read) => {
                if read.first().is_some_and(|case| !names.insert(case.name.clone())) {
                    wrong.push((line(part), format!("there is another case `{}`", read[0].name)));
                }
                cases.extend(read);
            }
            Err(more) => wrong.extend(more),
        }
    }
    (cases, wrong)
}

impl Part {
    fn asks_something(&self) -> bool {
        self.name.is_some() || self.prompt.is_some() || self.prompt_file.is_some() || !self.messages.is_empty()
    }
}

fn line<T>(spanned: &Spanned<T>) -> u64 {
    spanned.referenced.line()
}

/// One case while it is read, with its context.
struct CaseReader<'a> {
    file: &'a SuiteFile,
    defaults: &'a Part,
    part: &'a Part,
    line: u64,
    beside: &'a Path,
    choice: &'a SuiteOptions,
}

impl CaseReader<'_> {
    fn cases(&self) -> Result<Vec<Case>, Vec<Wrong>> {
        let here = |what: String| vec![(self.line, what)];
        let name = self.part.name.clone().ok_or_else(|| here("a case needs a `name`".into()))?;
        let expectations = self.expectations()?;
        let (repeat, min_pass) = self.repeats()?;
        let raw = self.message(&expectations).map_err(here)?;
        let case = |model: Option<String>| {
            let ask = TurnRequest::try_from(RawTurnRequest { model: model.clone(), ..raw.clone() });
            let ask = ask.map_err(|wrong| wrong.iter().map(|one| (self.line, one.to_string())).collect::<Vec<_>>())?;
            Ok(Case {
                name: name.clone(),
                model,
                tags: self.tags(),
                ask,
                expectations: expectations.clone(),
                repair: self.part.repair.or(self.defaults.repair).unwrap_or(false),
                repeat,
                min_pass,
            })
        };
        self.models().into_iter().map(case).collect()
    }

    fn models(&self) -> Vec<Option<String>> {
        if let Some(model) = &self.choice.model {
            return vec![Some(model.clone())];
        }
        let lists = [&self.part.models, &self.defaults.models, &self.file.models];
        match lists.into_iter().find(|models| !models.is_empty()) {
            Some(models) => models.iter().cloned().map(Some).collect(),
            None => vec![None],
        }
    }

    fn tags(&self) -> Vec<String> {
        self.defaults.tags.iter().chain(&self.part.tags).cloned().collect()
    }

    fn repeats(&self) -> Result<(usize, usize), Vec<Wrong>> {
        let given = |case: &Option<Spanned<usize>>, common: &Option<Spanned<usize>>| case.clone().or(common.clone());
        let repeat = given(&self.part.repeat, &self.defaults.repeat);
        let min_pass = given(&self.part.min_pass, &self.defaults.min_pass);
        let times = self.choice.repeat.or(repeat.as_ref().map(|it| it.value)).unwrap_or(1);
        let needed = self.choice.min_pass.or(min_pass.as_ref().map(|it| it.value)).unwrap_or(times);
        let at = repeat.as_ref().or(min_pass.as_ref()).map_or(self.line, line);
        if times == 0 || times > 1000 {
            return Err(vec![(at, "`repeat` must be from 1 to 1000".into())]);
        }
        if needed > times {
            return Err(vec![(at, format!("`min_pass` ({needed}) is more than `repeat` ({times})"))]);
        }
        Ok((times, needed))
    }

    fn message(&self, expectations: &Expectations) -> Result<RawTurnRequest, String> {
        let variables = self.variables()?;
        let mut template = Template::new(&variables);
        let mut fill = |text: &str| template.fill(text);
        let (mut system, said) = self.said()?;
        system = system.or_else(|| self.part.system.clone()).or_else(|| self.defaults.system.clone());
        let system_prompt = system.as_deref().map(&mut fill).transpose()?;
        let mut history = Vec::new();
        for (role, text) in said {
            history.push(Said { role, content: fill(without_bom(&text))? });
        }
        let question = history.pop().filter(|said| said.role == Author::User);
        let content = question.ok_or("the last message must be the user's, for it is the question")?.content;
        let unused = template.unused();
        if let Some(name) = self.part.vars.keys().find(|name| unused.contains(&name.as_str())) {
            return Err(format!("nothing has a place for `{name}`: {{{{{name}}}}}"));
        }
        let form = expectations.schema.as_ref().map(|schema| ResponseFormat::json_schema(schema.schema().clone()));
        Ok(RawTurnRequest {
            content,
            system_prompt,
            sampling: Sampling {
                temperature: self.part.temperature.or(self.defaults.temperature),
                seed: self.part.seed.or(self.defaults.seed),
                ..Sampling::default()
            },
            max_tokens: self.part.max_tokens.or(self.defaults.max_tokens),
            response_format: form,
            history,
            ..RawTurnRequest::default()
        })
    }

    fn variables(&self) -> Result<Variables, String> {
        let layers = [&self.file.vars, &self.defaults.vars, &self.part.vars];
        let mut variables = Variables::new();
        for (name, value) in layers.into_iter().flatten() {
            if !is_name(name) {
                return Err(format!("`{name}` is no name of a variable; it has letters, digits, `_` and `-`"));
            }
            variables.insert(name.clone(), without_bom(value).to_owned());
        }
        variables.extend(self.choice.variables.clone());
        Ok(variables)
    }

    /// The system prompt and the messages, the prompt last.
    fn said(&self) -> Result<Talk, String> {
        let part = self.part;
        match (&part.prompt, &part.prompt_file, part.messages.as_slice()) {
            (Some(prompt), None, []) => Ok((None, vec![(Author::User, prompt.clone())])),
            (None, Some(file), []) => {
                let path = self.beside.join(file.trim_end_matches(['\r', '\n']));
                let text = std::fs::read_to_string(&path);
                let text = text.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                Ok((None, vec![(Author::User, without_bom(&text).trim_end_matches(['\r', '\n']).to_owned())]))
            }
            (None, None, messages) if !messages.is_empty() => talk(messages),
            _ => Err("a case needs one of `prompt`, `prompt_file` and `messages`".into()),
        }
    }

    fn expectations(&self) -> Result<Expectations, Vec<Wrong>> {
        let (mut wrong, mut checks) = (Vec::new(), Vec::new());
        for expected in self.defaults.expect.iter().chain(&self.part.expect) {
            match Check::new(&expected.value.kind, &expected.value.text, self.beside) {
                Ok(check) => checks.push(check),
                Err(why) => wrong.push((line(expected), why)),
            }
        }
        let schema = self.part.schema.as_ref().or(self.defaults.schema.as_ref());
        let path = |file: &Spanned<String>| self.beside.join(file.value.trim_end_matches(['\r', '\n']));
        let schema = schema.map(|file| read_schema(&path(file)).map_err(|why| (line(file), why)));
        let schema = schema.transpose().map_err(|one| wrong.push(one)).unwrap_or_default();
        let mut duration = |case: &Option<Spanned<String>>, common: &Option<Spanned<String>>| {
            let given = case.as_ref().or(common.as_ref())?;
            let parsed = humantime::parse_duration(&given.value);
            parsed.map_err(|why| wrong.push((line(given), format!("`{}` is no duration: {why}", given.value)))).ok()
        };
        let max_latency: Option<Duration> = duration(&self.part.max_latency, &self.defaults.max_latency);
        let max_first_token = duration(&self.part.max_first_token, &self.defaults.max_first_token);
        let max_cost = self.part.max_cost.as_ref().or(self.defaults.max_cost.as_ref());
        if let Some(cost) = max_cost.filter(|cost| !(0.0..=1e6).contains(&cost.value)) {
            wrong.push((line(cost), "`max_cost` must be from 0 to 1000000 dollars".into()));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Expectations {
            checks,
            schema,
            max_cost: max_cost.map(|cost| NanoUsd::from_usd(cost.value)),
            max_latency,
            max_first_token,
            max_output_tokens: self.part.max_output_tokens.or(self.defaults.max_output_tokens),
            allow_truncated: self.part.allow_truncated.or(self.defaults.allow_truncated).unwrap_or(false),
        })
    }
}

/// Splits off the system prompt, which comes first, and once.
fn talk(messages: &[Message]) -> Result<Talk, String> {
    let (system, rest) = match messages {
        [first, rest @ ..] if first.role == Role::System => (Some(first.content.clone()), rest),
        all => (None, all),
    };
    let said = rest.iter().map(|message| match message.role {
        Role::System => Err("only the first message can be the system's".to_owned()),
        Role::User => Ok((Author::User, message.content.clone())),
        Role::Assistant => Ok((Author::Assistant, message.content.clone())),
    });
    Ok((system, said.collect::<Result<_, _>>()?))
}
