//! Reads an expression: numbers, `"texts"`, `function(…)`, `+ - * /` and brackets.

use super::{ExpressionError, Function, Node};
use rust_decimal::Decimal;

/// The longest expression, in characters: several lines, more than a person checks.
const CHARACTERS_MAX: usize = 1_000;
/// How deep brackets nest.
const DEPTH_MAX: usize = 16;

pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    let mut reader = Reader { characters: text.chars().collect(), at: 0, depth: 0 };
    if reader.characters.len() > CHARACTERS_MAX {
        return Err(ExpressionError::Syntax {
            at: CHARACTERS_MAX,
            reason: "it is longer than 1,000 characters",
        });
    }
    let node = reader.sum()?;
    if reader.peek().is_some() {
        reader.fail("something follows that does not belong here")
    } else {
        Ok(node)
    }
}

struct Reader {
    characters: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn sum(&mut self) -> Result<Node, ExpressionError> {
        let mut left = self.product()?;
        loop {
            let function = match self.peek() {
                Some('+') => Function::Add,
                Some('-') => Function::Subtract,
                Some(_) | None => return Ok(left),
            };
            self.step();
            left = Node::Apply(function, vec![left, self.product()?]);
        }
    }

    fn product(&mut self) -> Result<Node, ExpressionError> {
        let mut left = self.atom()?;
        loop {
            let function = match self.peek() {
                Some('*') => Function::Multiply,
                Some('/') => Function::Divide,
                Some(_) | None => return Ok(left),
            };
            self.step();
            left = Node::Apply(function, vec![left, self.atom()?]);
        }
    }

    fn atom(&mut self) -> Result<Node, ExpressionError> {
        match self.peek() {
            Some('(') => {
                self.step();
                let inner = self.nested(Self::sum)?;
                self.expect(')')?;
                Ok(inner)
            }
            Some('"') => self.text().map(Node::Text),
            Some(c) if c.is_ascii_digit() => self.number().map(Node::Number),
            Some(c) if c.is_ascii_lowercase() => self.call(),
            Some(_) | None => self.fail("a number, a \"text\", a function or a bracket is wanted"),
        }
    }

    fn call(&mut self) -> Result<Node, ExpressionError> {
        let name = self.take_while(|c| c.is_ascii_lowercase() || c == '_');
        let Some((function, counts)) = function(&name) else { return self.fail("there is no such function") };
        self.expect('(')?;
        let arguments = self.nested(Self::arguments)?;
        self.expect(')')?;
        if counts.contains(&arguments.len()) {
            Ok(Node::Apply(function, arguments))
        } else {
            self.fail("the function takes another number of values")
        }
    }

    fn arguments(&mut self) -> Result<Vec<Node>, ExpressionError> {
        let mut found = Vec::new();
        if self.peek() == Some(')') {
            return Ok(found);
        }
        loop {
            found.push(self.sum()?);
            if self.peek() != Some(',') {
                return Ok(found);
            }
            self.step();
        }
    }

    fn nested<T>(&mut self, read: fn(&mut Self) -> Result<T, ExpressionError>) -> Result<T, ExpressionError> {
        if self.depth >= DEPTH_MAX {
            return self.fail("it nests more than 16 deep");
        }
        self.depth = self.depth.saturating_add(1);
        let found = read(self)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(found)
    }

    fn text(&mut self) -> Result<String, ExpressionError> {
        self.step();
        let mut found = String::new();
        loop {
            match self.characters.get(self.at).copied() {
                None => return self.fail("a text does not end"),
                Some('"') => {
                    self.at = self.at.saturating_add(1);
                    return Ok(found);
                }
                Some('\\') => {
                    self.at = self.at.saturating_add(1);
                    match self.characters.get(self.at).copied() {
                        Some(c @ ('"' | '\\')) => found.push(c),
                        Some(_) | None => return self.fail("only \\\" and \\\\ are escapes"),
                    }
                }
                Some(c) => found.push(c),
            }
            self.at = self.at.saturating_add(1);
        }
    }

    fn number(&mut self) -> Result<Decimal, ExpressionError> {
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '.');
        digits.parse().or_else(|_bad| self.fail("this is not a number"))
    }

    fn take_while(&mut self, wanted: fn(char) -> bool) -> String {
        let _skipped = self.peek();
        let mut found = String::new();
        while let Some(c) = self.characters.get(self.at).copied().filter(|c| wanted(*c)) {
            found.push(c);
            self.at = self.at.saturating_add(1);
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), ExpressionError> {
        if self.peek() == Some(wanted) {
            self.step();
            Ok(())
        } else {
            self.fail("a bracket or comma is missing")
        }
    }

    /// The next character that is no white space, not yet taken.
    fn peek(&mut self) -> Option<char> {
        while self.characters.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at = self.at.saturating_add(1);
        }
        self.characters.get(self.at).copied()
    }

    fn step(&mut self) {
        let _skipped = self.peek();
        self.at = self.at.saturating_add(1);
    }

    fn fail<T>(&self, reason: &'static str) -> Result<T, ExpressionError> {
        Err(ExpressionError::Syntax { at: self.at, reason })
    }
}

/// A function and how many values it takes.
fn function(name: &str) -> Option<(Function, &'static [usize])> {
    Some(match name {
        "rows" => (Function::Rows, &[2, 4, 6, 8]),
        "where" => (Function::Where, &[4]),
        "max" => (Function::Max, &[2]),
        "min" => (Function::Min, &[2]),
        "only" => (Function::Only, &[1]),
        "get" => (Function::Get, &[2]),
        "column" => (Function::Column, &[2]),
        "over" => (Function::Over, &[4]),
        "handles" => (Function::Handles, &[3]),
        "starting" => (Function::Starting, &[2]),
        "single" => (Function::Single, &[1]),
        "prefixed" => (Function::Prefixed, &[2]),
        "ranking" => (Function::Ranking, &[1]),
        "position" => (Function::Position, &[2]),
        "concat" => (Function::Concat, &[2, 3, 4, 5, 6, 7, 8]),
        "most_common" => (Function::MostCommon, &[1]),
        "unique" => (Function::Unique, &[1]),
        "minus" => (Function::Minus, &[2]),
        "count" => (Function::Count, &[1]),
        "sum" => (Function::Sum, &[1]),
        "argument" => (Function::Argument, &[1]),
        "plus_minutes" => (Function::PlusMinutes, &[2]),
        "round" => (Function::Round, &[2]),
        _ => return None,
    })
}
