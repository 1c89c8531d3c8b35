//! How a call is shown to the owner: every argument, every byte, nothing that a terminal or a reader could take for
//! something else.

use crate::manifest::{ArgumentSpec, Manifest};
use domain::{Call, CommandForm, CommandLine, Connector, Value};

/// The longest template line, in bytes.
const LINE_BYTES_MAX: usize = 500;

/// How an approval shows a call: lines in which `{argument}` stands for its value. A line whose arguments were all left
/// out is left out.
///
/// Invariant: every argument stands in it at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Vec<Piece>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Argument(String),
}

/// A template that would not show the whole call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// An argument is not shown.
    #[error("`show` leaves out the argument `{argument}`: what is not shown cannot be approved")]
    LeavesOut {
        /// The argument.
        argument: String,
    },
    /// Something in braces is no argument.
    #[error("`show` names `{name}`, which is no argument of the tool")]
    NoArgument {
        /// The name.
        name: String,
    },
    /// A line cannot be read.
    #[error("`show` has a line that is too long, or a brace without its other half")]
    Malformed,
}

impl Template {
    /// Reads a template; without lines, the tool's name and a line an argument.
    pub(crate) fn parse(
        lines: &[String],
        tool: &str,
        arguments: &[ArgumentSpec],
    ) -> Result<Self, TemplateError> {
        if lines.is_empty() {
            let mut made = vec![vec![Piece::Text(tool.to_string())]];
            made.extend(arguments.iter().map(|argument| {
                vec![Piece::Text(format!("{}: ", argument.name)), Piece::Argument(argument.name.clone())]
            }));
            return Ok(Self(made));
        }
        let read = lines.iter().map(|line| pieces(line)).collect::<Result<Vec<_>, _>>()?;
        let named: Vec<&str> = read.iter().flatten().filter_map(Piece::argument).collect();
        if let Some(unknown) =
            named.iter().find(|name| arguments.iter().all(|argument| argument.name != **name))
        {
            return Err(TemplateError::NoArgument { name: (*unknown).to_string() });
        }
        if let Some(argument) = arguments.iter().find(|argument| !named.contains(&argument.name.as_str())) {
            return Err(TemplateError::LeavesOut { argument: argument.name.clone() });
        }
        Ok(Self(read))
    }
}

impl Piece {
    fn argument(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Argument(name) => Some(name),
        }
    }
}

fn pieces(line: &str) -> Result<Vec<Piece>, TemplateError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(TemplateError::Malformed);
    }
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or(TemplateError::Malformed)?;
        pieces.push(Piece::Text(before.to_string()));
        pieces.push(Piece::Argument(name.to_string()));
        rest = tail;
    }
    if rest.contains('}')
        || pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains('}')))
    {
        return Err(TemplateError::Malformed);
    }
    pieces.push(Piece::Text(rest.to_string()));
    Ok(pieces)
}

impl Manifest {
    /// The call as a question shows it: lines of plain text, every argument whole, control, bidi and invisible
    /// characters made visible. Arguments the template does not know (there are none in a call that this catalog
    /// parsed) are added at the end.
    #[must_use]
    pub fn show(&self, call: &Call) -> String {
        let mut lines = Vec::new();
        for line in &self.template.0 {
            let names: Vec<&str> = line.iter().filter_map(Piece::argument).collect();
            if !names.is_empty() && names.iter().all(|name| call.value(name).is_none()) {
                continue;
            }
            let shown = line.iter().map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Argument(name) => call.value(name).map_or_else(|| "—".to_string(), show_value),
            });
            lines.push(shown.collect::<String>());
        }
        let unknown = call.arguments.iter().filter(|argument| self.argument(&argument.name).is_none());
        lines.extend(
            unknown.map(|argument| format!("{}: {}", visible(&argument.name), show_value(&argument.value))),
        );
        lines.join("\n")
    }
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Json(text) if text.contains('\n') => {
            let lines = text.split('\n').map(|line| format!("    │ {}", visible(line)));
            format!("\n{}", lines.collect::<Vec<_>>().join("\n"))
        }
        Value::List(values) => {
            let shown: Vec<String> = values.iter().map(show_value).collect();
            if shown.is_empty() { "none".to_string() } else { shown.join(", ") }
        }
        Value::Boolean(true) => "yes".to_string(),
        Value::Boolean(false) => "no".to_string(),
        Value::Command(command) => show_command(command),
        Value::Text(_)
        | Value::Address(_)
        | Value::Path(_)
        | Value::Id { .. }
        | Value::Amount(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::Url(_)
        | Value::Host(_)
        | Value::Json(_) => visible(&value.canonical()),
    }
}

/// The line as written and, where it runs without a shell, each program's words as they will be passed.
fn show_command(command: &CommandLine) -> String {
    let written = visible(&command.text);
    match &command.form {
        CommandForm::Unfamiliar { because } => {
            format!("{written}\n    runs under sh, because of: {}", visible(because))
        }
        CommandForm::Plain(pipelines) => {
            let mut shown = written;
            for pipeline in pipelines {
                let when = match pipeline.connector {
                    Connector::Always => "runs",
                    Connector::OnSuccess => "then, if that worked,",
                    Connector::OnFailure => "then, if that failed,",
                };
                let words = pipeline
                    .commands
                    .iter()
                    .map(|argv| crate::shell::quote(argv))
                    .collect::<Vec<_>>()
                    .join(" | ");
                shown.push_str(&format!("\n    {when} {}", visible(&words)));
            }
            shown
        }
    }
}

/// The text with everything that does not show, or that changes how the rest shows, written out as `\\u{…}`; no two
/// texts are shown alike.
///
/// Covered: control characters (C0, C1, DEL), bidirectional controls, zero-width and other invisible characters, tag
/// characters, variation selectors, line and paragraph separators, fillers, unusual spaces, private use. Line breaks
/// and tabs are shown as `␊`, `␍`, `␉`; white space at the end of the text is written out.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let end = text.trim_end_matches(' ').len();
    for (place, c) in text.char_indices() {
        let escapes_itself = c == '\\' && text.get(place..).is_some_and(|rest| rest.starts_with("\\u{"));
        match c {
            '\n' => shown.push('␊'),
            '\r' => shown.push('␍'),
            '\t' => shown.push('␉'),
            ' ' if place < end => shown.push(c),
            c if escapes_itself || c == ' ' || hides(c) => {
                shown.push_str(&format!("\\u{{{:x}}}", u32::from(c)))
            }
            c => shown.push(c),
        }
    }
    shown
}

fn hides(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '␊' | '␍' | '␉' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests;
