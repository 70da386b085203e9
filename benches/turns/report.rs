//! The results on stdout: a table for people, or one JSON document.

use std::{
    io::{self, Write},
    thread::available_parallelism,
};

use serde_json::{Map, Value, json};

use crate::{
    Result,
    numbers::{Number, Numbers},
    options::{Build, Options, Scenario},
};

const LEGEND: &str = "\
turns/s         turns ended in a second: each a new conversation, question and answer stored
whole           from the first byte of the question to the last of the answer
own share       the same without what the provider took (from the end of its request to its last write)
before call     from the question to the call of the provider: the metric mcpchat_overhead_seconds
CPU             user and system time; provider and clients are threads of this benchmark
SQL, Redis      statements carried out by PostgreSQL; reads from its clients by Redis (what is sent together counts once)
switches        how often mcpchat's threads left a core
deltas          pieces of text that the client got
memory          mcpchat's, resident: after the start, and the most while measuring
";

/// The result of one scenario.
pub type Line = (Scenario, Numbers);

pub fn print(lines: &[Line], options: &Options) -> Result<()> {
    let text = if options.json { json_of(lines, options)? } else { format!("{}\n{LEGEND}", table(lines)) };
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// A line that comes while the others are still running.
pub fn line((scenario, numbers): &Line) -> String {
    let told = numbers.iter().filter(|number| number.value.is_some());
    let told = told.map(|number| format!("{} {}", number.key, shown(number)));
    format!("{}: {}", name_of(*scenario), told.collect::<Vec<_>>().join(", "))
}

pub fn name_of(scenario: Scenario) -> String {
    format!(
        "{}{}, {}, {} clients",
        scenario.build.prefix(),
        scenario.setup.name(),
        scenario.reply.name(),
        scenario.clients
    )
}

fn json_of(lines: &[Line], options: &Options) -> Result<String> {
    let scenarios = lines.iter().map(|(scenario, numbers)| {
        let mut object = Map::new();
        object.insert("beside".into(), (scenario.build == Build::Beside).into());
        object.insert("setup".into(), scenario.setup.name().into());
        object.insert("reply".into(), scenario.reply.name().into());
        object.insert("clients".into(), scenario.clients.into());
        object.extend(
            numbers.iter().map(|number| (number.key.to_owned(), number.value.map_or(Value::Null, Value::from))),
        );
        Value::Object(object)
    });
    let scenarios: Vec<Value> = scenarios.collect();
    let cores = available_parallelism()?.get();
    let seconds = options.measured().as_secs_f64();
    let document = json!({"cores": cores, "seconds": seconds, "rounds": options.rounds, "scenarios": scenarios});
    Ok(serde_json::to_string_pretty(&document)?)
}

/// Two lines of heads; a group's name stands over its first column.
fn table(lines: &[Line]) -> String {
    let Some((_, first)) = lines.first() else { return String::new() };
    let mut groups = vec![String::new(); 3];
    let mut last = "";
    for number in first {
        groups.push(if number.group == last { String::new() } else { number.group.to_owned() });
        last = number.group;
    }
    let heads = ["set-up", "reply", "clients"].into_iter().chain(first.iter().map(|number| number.head));
    let mut rows = vec![heads.map(str::to_owned).collect::<Vec<_>>()];
    rows.extend(lines.iter().map(|(scenario, numbers)| {
        let setup = format!("{}{}", scenario.build.prefix(), scenario.setup.name());
        let name = [setup, scenario.reply.name().into(), scenario.clients.to_string()];
        name.into_iter().chain(numbers.iter().map(shown)).collect()
    }));
    let widths = widths(&groups, &rows);
    let rows = rows.iter().map(|row| aligned(row, &widths));
    format!("{}\n{}\n", over(&groups, &widths), rows.collect::<Vec<_>>().join("\n"))
}

/// Of each column; a group is as wide as its columns together at least.
fn widths(groups: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let mut widths: Vec<usize> = (0..groups.len()).map(width).collect();
    let starts: Vec<usize> = (0..groups.len()).filter(|&column| !groups[column].is_empty()).collect();
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(groups.len());
        let has = widths[start..end].iter().sum::<usize>() + 2 * (end - start - 1);
        widths[end - 1] += groups[start].chars().count().saturating_sub(has);
    }
    widths
}

/// The words of the set-up to the left, everything else to the right.
fn aligned(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate();
    let cells = cells
        .map(|(column, (cell, &width))| if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") });
    cells.collect::<Vec<_>>().join("  ")
}

/// The groups' names, each ending where its last column ends.
fn over(groups: &[String], widths: &[usize]) -> String {
    let (mut line, mut at) = (String::new(), 0);
    for (column, &width) in widths.iter().enumerate() {
        if !groups[column].is_empty() {
            let gap = at - line.chars().count();
            line += &format!("{}{}", " ".repeat(gap), groups[column]);
        }
        at += width + 2;
    }
    line
}

fn shown(number: &Number) -> String {
    number.value.map_or_else(|| "-".into(), |value| format!("{value:.*}", number.decimals))
}
