//! Evaluates an expression over facts.

use super::lists::{most_common, ranking, unique};
use super::{ExpressionError, Function, Node};
use crate::provenance::{Provenance, QueryResult, Record, Selection};
use domain::{Call, Value};
use rust_decimal::Decimal;

/// How many records one expression looks at.
const RECORDS_MAX: usize = 10_000;

#[derive(Clone, Debug)]
enum Found<'a> {
    Number(Decimal),
    Text(String),
    List(Vec<String>),
    Record(&'a Record),
    Records(Vec<&'a Record>),
}

type Outcome<'a> = Result<Found<'a>, ExpressionError>;

pub(super) fn values(root: &Node, known: &Provenance, call: &Call) -> Result<Vec<String>, ExpressionError> {
    match evaluate(root, known, call)? {
        Found::Number(number) => Ok(vec![number.normalize().to_string()]),
        Found::Text(text) => Ok(vec![text]),
        Found::List(texts) => Ok(texts),
        Found::Record(_) | Found::Records(_) => no_value("a record is no value; name one of its fields"),
    }
}

fn evaluate<'a>(node: &Node, known: &'a Provenance, call: &Call) -> Outcome<'a> {
    match node {
        Node::Number(number) => Ok(Found::Number(*number)),
        Node::Text(text) => Ok(Found::Text(text.clone())),
        Node::Apply(function, arguments) => {
            let given = arguments
                .iter()
                .map(|argument| evaluate(argument, known, call))
                .collect::<Result<Vec<_>, _>>()?;
            apply(*function, given, known, call)
        }
    }
}

fn apply<'a>(function: Function, given: Vec<Found<'a>>, known: &'a Provenance, call: &Call) -> Outcome<'a> {
    let mut given = given.into_iter();
    let mut next = || given.next().map_or_else(|| no_value("a value is missing"), Ok);
    match function {
        Function::Rows => {
            let (tool, list) = (text(next()?)?, text(next()?)?);
            let with = std::iter::from_fn(|| next().ok()).map(text).collect::<Result<Vec<_>, _>>()?;
            rows(known, &tool, &list, &with).map(Found::Records)
        }
        Function::Where => {
            let (records, field, operator) = (records(next()?)?, text(next()?)?, text(next()?)?);
            let wanted = scalar(next()?)?;
            filter(records, &field, &operator, &wanted).map(Found::Records)
        }
        Function::Max => extreme(&records(next()?)?, &text(next()?)?, Extreme::Largest).map(Found::Record),
        Function::Min => extreme(&records(next()?)?, &text(next()?)?, Extreme::Smallest).map(Found::Record),
        Function::Only => match records(next()?)?.as_slice() {
            [single] => Ok(Found::Record(single)),
            [] | [..] => no_value("there is not exactly one record"),
        },
        Function::Get => {
            let (record, field) = (next()?, text(next()?)?);
            let Found::Record(record) = record else { return no_value("a field is taken from one record") };
            record.fact(&field).map_or_else(|| no_value("the record has no such fact"), |value| Ok(of(value)))
        }
        Function::Column => column(&records(next()?)?, &text(next()?)?).map(Found::List),
        Function::Over => over(known, &text(next()?)?, &text(next()?)?, &text(next()?)?, &list(next()?)?)
            .map(Found::Records),
        Function::Handles => {
            handles(known, &text(next()?)?, &text(next()?)?, &text(next()?)?).map(Found::List)
        }
        Function::Starting => {
            let (from, start) = (list(next()?)?, text(next()?)?.to_lowercase());
            Ok(Found::List(from.into_iter().filter(|text| text.to_lowercase().starts_with(&start)).collect()))
        }
        Function::Single => match list(next()?)?.as_slice() {
            [single] => Ok(Found::Text(single.clone())),
            [] | [..] => no_value("there is not exactly one value"),
        },
        Function::Prefixed => {
            let (before, texts) = (text(next()?)?, list(next()?)?);
            Ok(Found::List(texts.into_iter().map(|text| format!("{before}{text}")).collect()))
        }
        Function::Ranking => Ok(Found::List(ranking(&list(next()?)?))),
        Function::Position => {
            let (among, wanted) = (list(next()?)?, scalar(next()?)?);
            let at = among.iter().position(|text| text.eq_ignore_ascii_case(&wanted));
            at.map_or_else(
                || no_value("the value is not in the list"),
                |at| Ok(Found::Number(Decimal::from(at.saturating_add(1)))),
            )
        }
        Function::Concat => {
            let parts = std::iter::from_fn(|| next().ok()).map(scalar).collect::<Result<Vec<_>, _>>()?;
            Ok(Found::Text(parts.concat()))
        }
        Function::MostCommon => most_common(&list(next()?)?).map(Found::Text),
        Function::Unique => Ok(Found::List(unique(list(next()?)?))),
        Function::Minus => {
            let (from, without) = (list(next()?)?, list(next()?)?);
            Ok(Found::List(from.into_iter().filter(|text| !without.contains(text)).collect()))
        }
        Function::Count => match next()? {
            Found::Records(records) => Ok(Found::Number(Decimal::from(records.len()))),
            Found::List(texts) => Ok(Found::Number(Decimal::from(texts.len()))),
            Found::Number(_) | Found::Text(_) | Found::Record(_) => {
                no_value("only records and lists are counted")
            }
        },
        Function::Sum => {
            let numbers =
                list(next()?)?.iter().map(|text| parse_number(text)).collect::<Result<Vec<_>, _>>()?;
            let sum = numbers.into_iter().try_fold(Decimal::ZERO, Decimal::checked_add);
            sum.map_or_else(|| no_value("the sum is too large"), |sum| Ok(Found::Number(sum)))
        }
        Function::Argument => {
            let name = text(next()?)?;
            call.value(&name).map_or_else(|| no_value("the call has no such argument"), |value| Ok(of(value)))
        }
        Function::PlusMinutes => {
            tools::plus_minutes(&text(next()?)?, number(next()?)?).or_else(no_value).map(Found::Text)
        }
        Function::Round => {
            let (value, places) = (number(next()?)?, number(next()?)?);
            let places =
                u32::try_from(places).map_or_else(|_| no_value("places are a small whole number"), Ok)?;
            let way = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
            Ok(Found::Number(value.round_dp_with_strategy(places.min(28), way)))
        }
        Function::Add => arithmetic(number(next()?)?, number(next()?)?, Decimal::checked_add),
        Function::Subtract => arithmetic(number(next()?)?, number(next()?)?, Decimal::checked_sub),
        Function::Multiply => arithmetic(number(next()?)?, number(next()?)?, Decimal::checked_mul),
        Function::Divide => arithmetic(number(next()?)?, number(next()?)?, Decimal::checked_div),
    }
}

fn arithmetic(
    left: Decimal,
    right: Decimal,
    combine: fn(Decimal, Decimal) -> Option<Decimal>,
) -> Outcome<'static> {
    let result = combine(left, right);
    result.map_or_else(
        || no_value("the number is too large, or divided by nothing"),
        |number| Ok(Found::Number(number)),
    )
}

/// The records of one list in the newest result of each query of `tool`. With arguments, of the queries that had
/// exactly these among theirs; without, of the queries that stood on trusted ground.
fn rows<'a>(
    known: &'a Provenance,
    tool: &str,
    list: &str,
    with: &[String],
) -> Result<Vec<&'a Record>, ExpressionError> {
    let fits = |result: &&QueryResult| {
        let named = with.as_chunks::<2>().0.iter().all(|[name, wanted]| {
            result
                .arguments
                .iter()
                .any(|given| given.name == *name && crate::mandate::means(&given.value, wanted))
        });
        let chosen = if with.is_empty() { result.selection == Selection::Grounded } else { named };
        result.tool.as_str() == tool && chosen
    };
    let mut newest: Vec<&QueryResult> = Vec::new();
    for result in known.results.iter().rev().filter(fits) {
        if !newest.iter().any(|newer| newer.arguments == result.arguments) {
            newest.push(result);
        }
    }
    if newest.is_empty() {
        return no_value("no such query has been made");
    }
    let found: Vec<&Record> = newest
        .into_iter()
        .rev()
        .flat_map(|result| &result.records)
        .filter(|record| record.list == list)
        .collect();
    if found.len() > RECORDS_MAX { no_value("there are more than 10,000 records") } else { Ok(found) }
}

/// The records of one list over the newest result of each query of `tool` whose `argument` is one of `domain`.
fn over<'a>(
    known: &'a Provenance,
    tool: &str,
    list: &str,
    argument: &str,
    domain: &[String],
) -> Result<Vec<&'a Record>, ExpressionError> {
    let mut found = Vec::new();
    for wanted in domain {
        let asked = |result: &&QueryResult| {
            result.tool.as_str() == tool
                && result
                    .arguments
                    .iter()
                    .any(|given| given.name == argument && crate::mandate::means(&given.value, wanted))
        };
        let Some(newest) = known.results.iter().rev().find(asked) else {
            return no_value("not everything has been asked for yet");
        };
        found.extend(newest.records.iter().filter(|record| record.list == list));
    }
    if found.len() > RECORDS_MAX { no_value("there are more than 10,000 records") } else { Ok(found) }
}

/// The ids and addresses in one field of everything that `tool` returned, whoever chose them.
fn handles(known: &Provenance, tool: &str, list: &str, field: &str) -> Result<Vec<String>, ExpressionError> {
    let records =
        known.results.iter().filter(|result| result.tool.as_str() == tool).flat_map(|result| &result.records);
    let values = records
        .filter(|record| record.list == list)
        .flat_map(|record| &record.fields)
        .filter(|found| found.path == field)
        .flat_map(|found| found.value.leaves())
        .filter(|value| matches!(value, Value::Id { .. } | Value::Address(_)));
    let found = unique(values.map(Value::canonical).collect());
    if found.is_empty() { no_value("no such query has returned a handle") } else { Ok(found) }
}

fn filter<'a>(
    records: Vec<&'a Record>,
    field: &str,
    operator: &str,
    wanted: &str,
) -> Result<Vec<&'a Record>, ExpressionError> {
    let mut found = Vec::new();
    for record in records {
        // What is no fact does not exist here: such a record is not chosen.
        let Some(value) = record.fact(field) else { continue };
        if compare(&value.canonical(), operator, wanted)? {
            found.push(record);
        }
    }
    Ok(found)
}

fn compare(value: &str, operator: &str, wanted: &str) -> Result<bool, ExpressionError> {
    let numbers = value.parse::<Decimal>().ok().zip(wanted.parse::<Decimal>().ok());
    let (fold, wanted_fold) = (value.to_lowercase(), wanted.to_lowercase());
    let order = numbers.map_or_else(|| fold.cmp(&wanted_fold), |(left, right)| left.cmp(&right));
    match operator {
        "=" => Ok(order.is_eq()),
        "!=" => Ok(order.is_ne()),
        "<" => Ok(order.is_lt()),
        "<=" => Ok(order.is_le()),
        ">" => Ok(order.is_gt()),
        ">=" => Ok(order.is_ge()),
        "starts" => Ok(fold.starts_with(&wanted_fold)),
        "contains" => Ok(fold.contains(&wanted_fold)),
        _ => no_value("records are compared by = != < <= > >= starts contains"),
    }
}

#[derive(Clone, Copy)]
enum Extreme {
    Largest,
    Smallest,
}

fn extreme<'a>(records: &[&'a Record], field: &str, which: Extreme) -> Result<&'a Record, ExpressionError> {
    let mut ranked = Vec::new();
    for record in records {
        let Some(value) = record.fact(field) else { return no_value("a record lacks the fact to compare") };
        ranked.push((rank(value), *record));
    }
    let best = match which {
        Extreme::Largest => ranked.iter().map(|(rank, _record)| rank).max(),
        Extreme::Smallest => ranked.iter().map(|(rank, _record)| rank).min(),
    };
    let best = best.cloned();
    let winners: Vec<&Record> = ranked
        .into_iter()
        .filter(|(rank, _)| Some(rank) == best.as_ref())
        .map(|(_, record)| record)
        .collect();
    match winners.as_slice() {
        [single] => Ok(single),
        [] | [..] => no_value("no record, or more than one, is first"),
    }
}

/// Numbers before texts, each in its own order.
fn rank(value: &Value) -> (bool, Decimal, String) {
    let text = value.canonical();
    text.parse::<Decimal>().map_or((true, Decimal::ZERO, text), |number| (false, number, String::new()))
}

fn column(records: &[&Record], field: &str) -> Result<Vec<String>, ExpressionError> {
    let mut found = Vec::new();
    for record in records {
        let before = found.len();
        found.extend(record.facts(field).map(Value::canonical));
        if found.len() == before && record.fields.iter().any(|other| other.path == field) {
            return no_value("the field is not a fact");
        }
    }
    Ok(found)
}

fn of(value: &Value) -> Found<'static> {
    match value {
        Value::Amount(number) | Value::Number(number) => Found::Number(*number),
        Value::List(values) => Found::List(values.iter().map(Value::canonical).collect()),
        Value::Text(_)
        | Value::Address(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Date(_)
        | Value::Url(_)
        | Value::Host(_)
        | Value::Command(_)
        | Value::Boolean(_)
        | Value::Json(_) => Found::Text(value.canonical()),
    }
}

fn text(found: Found<'_>) -> Result<String, ExpressionError> {
    match found {
        Found::Text(text) => Ok(text),
        Found::Number(_) | Found::List(_) | Found::Record(_) | Found::Records(_) => {
            no_value("a text is wanted here")
        }
    }
}

fn scalar(found: Found<'_>) -> Result<String, ExpressionError> {
    match found {
        Found::Text(text) => Ok(text),
        Found::Number(number) => Ok(number.normalize().to_string()),
        Found::List(_) | Found::Record(_) | Found::Records(_) => no_value("a single value is wanted here"),
    }
}

fn number(found: Found<'_>) -> Result<Decimal, ExpressionError> {
    match found {
        Found::Number(number) => Ok(number),
        Found::Text(text) => parse_number(&text),
        Found::List(_) | Found::Record(_) | Found::Records(_) => no_value("a number is wanted here"),
    }
}

fn parse_number(text: &str) -> Result<Decimal, ExpressionError> {
    text.parse().map_or_else(|_| no_value("this is not a number"), Ok)
}

fn list(found: Found<'_>) -> Result<Vec<String>, ExpressionError> {
    match found {
        Found::List(texts) => Ok(texts),
        Found::Number(_) | Found::Text(_) | Found::Record(_) | Found::Records(_) => {
            no_value("a list is wanted here")
        }
    }
}

fn records(found: Found<'_>) -> Result<Vec<&Record>, ExpressionError> {
    match found {
        Found::Records(records) => Ok(records),
        Found::Number(_) | Found::Text(_) | Found::List(_) | Found::Record(_) => {
            no_value("records are wanted here")
        }
    }
}

pub(super) fn no_value<T>(reason: &'static str) -> Result<T, ExpressionError> {
    Err(ExpressionError::NoValue { reason })
}
